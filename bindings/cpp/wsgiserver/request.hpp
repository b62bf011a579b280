// What an application is called with, and requests that are answered later.
#ifndef WSGISERVER_REQUEST_HPP
#define WSGISERVER_REQUEST_HPP

#include "exchange.hpp"

#include <exception>
#include <type_traits>

namespace wsgi {

class request;

// A request that is answered later, by whoever has this, from any thread. If it is dropped without
// an answer the client gets 500, or is cut if the answer has begun. After a stop all its calls fail
// with WSGI_GONE. One that is not answered must be gone before the server is: declare what holds it
// after the server.
class detached : public exchange {
public:
    detached() noexcept = default;
    // Takes a request over that was detached, or given out by a worker.
    explicit detached(exchange taken) noexcept : exchange(taken), open_(true) {}
    detached(detached&& other) noexcept
        : exchange(other), open_(std::exchange(other.open_, false)) {}
    detached& operator=(detached&& other) noexcept {
        if (this != &other) {
            drop();
            static_cast<exchange&>(*this) = other;
            open_ = std::exchange(other.open_, false);
        }
        return *this;
    }
    ~detached() { drop(); }

    // Whether it is ours to answer.
    explicit operator bool() const noexcept { return open_; }

    // Gives it up: somebody else answers now.
    exchange release() noexcept {
        open_ = false;
        return *this;
    }

    // Those that end it.

    void respond(std::string_view status, headers fields = {}, std::string_view body = {}) {
        detail::check(try_respond(status, fields, body), "wsgi_respond");
    }
    wsgi_status try_respond(std::string_view status, headers fields = {},
                            std::string_view body = {}) noexcept {
        return ended(exchange::try_respond(status, fields, body));
    }
    void respond_flat(std::string_view head, std::string_view body = {}) {
        detail::check(try_respond_flat(head, body), "wsgi_respond_flat");
    }
    wsgi_status try_respond_flat(std::string_view head, std::string_view body = {}) noexcept {
        return ended(exchange::try_respond_flat(head, body));
    }
    void finish() { detail::check(try_finish(), "wsgi_finish"); }
    wsgi_status try_finish() noexcept { return ended(exchange::try_finish()); }
    wsgi_status abort() noexcept { return ended(exchange::abort()); }
    stream hijack(std::uint32_t flags = 0) {
        stream taken = exchange::hijack(flags);
        if (taken) open_ = false;
        return taken;
    }

private:
    wsgi_status ended(wsgi_status status) noexcept {
        if (status >= 0 || status == WSGI_GONE) open_ = false;
        return status;
    }
    // WSGI_GONE where it has ended in another way.
    void drop() noexcept {
        if (open_) exchange::abort();
    }

    bool open_ = false;
};

// start_response gives it, as WSGI's write.
class writer {
public:
    explicit writer(request& to) noexcept : to_(&to) {}
    inline void operator()(std::string_view data) const;

private:
    request* to_;
};

// The request that an application or a gateway was called with; good for the call.
class request : public exchange {
public:
    request(wsgi_server* server, wsgi_request id, void* thread_data = nullptr) noexcept
        : exchange(server, id), thread_data_(thread_data) {}
    request(wsgi_request id, const wsgi_environ* environ, const wsgi_responder* responder) noexcept
        : exchange(environ->server, id), environ_(environ), responder_(responder),
          thread_data_(environ->thread_data) {}
    request(const request&) = delete;
    request& operator=(const request&) = delete;

    environment environ() const {
        return environ_ ? environment(*environ_) : exchange::environ();
    }
    // A value of the environ, "" for what is not there.
    std::string_view operator[](std::string_view key) const { return environ()[key]; }

    // WSGI's start_response and write, through the middleware that there is.
    writer start_response(std::string_view status, headers fields = {}) {
        detail::check(try_start_response(status, fields), "wsgi_start_response");
        return writer(*this);
    }
    writer restart_response(std::string_view status, headers fields = {}) {
        detail::check(try_start_response(status, fields, 1), "wsgi_start_response");
        return writer(*this);
    }
    wsgi_status try_start_response(std::string_view status, headers fields = {},
                                   std::int32_t restart = 0) noexcept {
        if (responder_ == nullptr) return exchange::try_start_response(status, fields, restart);
        return responder_->start_response(responder_->context, detail::lend(status), fields.data(),
                                          fields.size(), restart);
    }
    void write(std::string_view data) { detail::check(try_write(data), "wsgi_write"); }
    // With flags it goes past the middleware, which has no way to say WSGI_AGAIN.
    wsgi_status try_write(std::string_view data, std::uint32_t flags = 0) noexcept {
        if (responder_ == nullptr || flags != 0) return exchange::try_write(data, flags);
        return responder_->write(responder_->context, data.data(), data.size());
    }

    // Answers with the page of numbers: of this server, or of another one by its native().
    void status_page(wsgi_server* of = nullptr) {
        detail::check(wsgi_status_page(of != nullptr ? of : server_, id_, environ_, responder_),
                      "wsgi_status_page");
    }

    // The answer will come later, by what this returns. To be called before another thread is told
    // of the request.
    [[nodiscard]] wsgi::detached detach() {
        detail::check(wsgi_request_detach(server_, id_), "wsgi_request_detach");
        result_ = WSGI_DETACHED;
        return wsgi::detached(*this);
    }

    // Asks for the server's stop, after this request: what serves it throws WSGI_E_INTERRUPTED.
    void interrupt() noexcept { result_ = WSGI_INTERRUPT; }

    // What thread_start returned for this thread (handlers.hpp).
    template <class T>
    T& thread_data() const noexcept {
        return *static_cast<T*>(thread_data_);
    }

    const wsgi_environ* native_environ() const noexcept { return environ_; }
    const wsgi_responder* native_responder() const noexcept { return responder_; }
    // What the library will be told; for those who call C functions with the request.
    std::int32_t result() const noexcept { return result_; }
    void set_result(std::int32_t result) noexcept { result_ = result; }

private:
    const wsgi_environ* environ_ = nullptr;
    const wsgi_responder* responder_ = nullptr;
    void* thread_data_ = nullptr;
    std::int32_t result_ = WSGI_DONE;
};

inline void writer::operator()(std::string_view data) const { to_->write(data); }

namespace detail {

// What the library is told of an application that threw. Clients that leave are no news.
inline std::int32_t failed(request& about, const char* what, const error* known) noexcept {
    if (known == nullptr || !known->is_end()) about.try_log(WSGI_LEVEL_ERROR, what);
    // Who has the detached request, or had it while the exception passed, has seen to it.
    if (about.result() == WSGI_DETACHED) return WSGI_DETACHED;
    return known ? known->status() : WSGI_E_STATE;
}

// Calls an application; nothing that it throws gets out.
template <class Call>
std::int32_t guarded(request& with, Call&& call) noexcept {
    try {
        call();
        return with.result();
    } catch (const error& known) {
        return failed(with, known.what(), &known);
    } catch (const std::exception& unknown) {
        return failed(with, unknown.what(), nullptr);
    } catch (...) {
        return failed(with, "the application threw no std::exception", nullptr);
    }
}

template <class App>
inline constexpr bool is_app = std::is_invocable_v<const App&, request&>;

// The C function of an application whose user data is the App.
template <class App>
std::int32_t app_entry(void* app, wsgi_request id, const wsgi_environ* environ,
                       const wsgi_responder* responder) noexcept {
    request with(id, environ, responder);
    return guarded(with, [&] { (*static_cast<const App*>(app))(with); });
}

}  // namespace detail

}  // namespace wsgi

#endif
