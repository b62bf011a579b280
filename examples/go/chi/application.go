package main

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// application is one for chi and net/http; nothing in it knows what it is served by.
func application() http.Handler {
	articles := &store{titles: map[string]string{"1": "Hello"}}
	r := chi.NewRouter()
	r.Use(middleware.RequestID, middleware.RealIP, middleware.Recoverer, middleware.Compress(5, "application/json"))
	r.Use(middleware.Timeout(10 * time.Second))
	r.Get("/", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("welcome")) })
	r.Get("/panic", func(w http.ResponseWriter, r *http.Request) { panic("as it was asked to") })
	r.Route("/articles", func(r chi.Router) {
		r.Get("/", articles.list)
		r.Route("/{id}", func(r chi.Router) {
			r.Get("/", articles.get)
			r.With(middleware.AllowContentType("application/json")).Put("/", articles.put)
		})
	})
	return r
}

type store struct {
	mu     sync.Mutex
	titles map[string]string
}

type article struct {
	Title string `json:"title"`
}

func (s *store) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply(w, s.titles)
}

func (s *store) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	title, ok := s.titles[chi.URLParam(r, "id")]
	if !ok {
		http.Error(w, http.StatusText(http.StatusNotFound), http.StatusNotFound)
		return
	}
	reply(w, article{title})
}

func (s *store) put(w http.ResponseWriter, r *http.Request) {
	var found article
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1000)).Decode(&found); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.titles[chi.URLParam(r, "id")] = found.Title
	w.WriteHeader(http.StatusNoContent)
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(value)
}
