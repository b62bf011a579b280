// A worker of the program's own, for a server that has no application.
#ifndef WSGISERVER_WORKER_HPP
#define WSGISERVER_WORKER_HPP

#include "request.hpp"
#include "server.hpp"

namespace wsgi {

// What a worker gives: kind is a WSGI_EVENT_..., code what there is to say beside it.
struct event : wsgi_event {
    event() noexcept : wsgi_event{} { struct_size = sizeof(wsgi_event); }
};
static_assert(sizeof(event) == sizeof(wsgi_event), "an array of one is an array of the other");

// Used by one thread at a time; wake may be called from any.
class worker {
public:
    using milliseconds = std::chrono::milliseconds;

    // The server is prepared.
    explicit worker(const server& of) : server_(of.native()) {
        detail::error_slot error;
        error.check(wsgi_worker_new(server_, &handle_, error.out()), "wsgi_worker_new");
    }
    worker(worker&& other) noexcept
        : handle_(std::exchange(other.handle_, nullptr)), server_(other.server_),
          stopped_(other.stopped_) {}
    worker& operator=(worker&& other) noexcept {
        std::swap(handle_, other.handle_);
        std::swap(server_, other.server_);
        std::swap(stopped_, other.stopped_);
        return *this;
    }
    ~worker() { wsgi_worker_free(handle_); }

    // Works for the server until there are events, and fills so many. 0: the time is up, somebody
    // called wake, or the server has stopped; stopped() tells. Without a time it waits for ever.
    std::size_t next(event* events, std::size_t capacity,
                     std::optional<milliseconds> timeout = std::nullopt) {
        std::int32_t got = wsgi_worker_next(handle_, events, capacity, detail::in_range(timeout));
        stopped_ = got == WSGI_E_STOPPING;
        if (got == WSGI_AGAIN || stopped_) return 0;
        return detail::count(got, "wsgi_worker_next");
    }

    // One request, whose client gets 500 unless it is answered; events of other kinds are passed
    // over. None: as above.
    std::optional<detached> next(std::optional<milliseconds> timeout = std::nullopt) {
        event one;
        while (next(&one, 1, timeout) == 1)
            if (one.kind == WSGI_EVENT_REQUEST) return take(one);
        return std::nullopt;
    }

    // Runs an application as a server with callbacks does. False: as above.
    template <class App>
    bool serve_one(App&& app, std::optional<milliseconds> timeout = std::nullopt) {
        std::optional<detached> taken = next(timeout);
        if (!taken) return false;
        request with(server_, taken->id());
        std::int32_t result = detail::guarded(with, [&] { app(with); });
        if (result == WSGI_INTERRUPT) wsgi_server_signal_stop(server_);
        if (result >= 0) taken->release();
        // Says WSGI_GONE where the answer is complete already.
        if (result == WSGI_DONE || result == WSGI_INTERRUPT) with.try_finish();
        return true;
    }

    // The request of an event: one that has come and is ours now, or one to look at.
    detached take(const wsgi_event& event) const noexcept { return detached(about(event)); }
    exchange about(const wsgi_event& event) const noexcept { return {server_, event.request}; }

    // Makes next return soon. Any thread.
    void wake() noexcept { wsgi_worker_wake(handle_); }

    bool stopped() const noexcept { return stopped_; }
    wsgi_worker* native() const noexcept { return handle_; }

private:
    wsgi_worker* handle_ = nullptr;
    wsgi_server* server_ = nullptr;
    bool stopped_ = false;
};

}  // namespace wsgi

#endif
