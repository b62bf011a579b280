// The handler table, made of a class of the program's own.
//
//     struct handlers {
//         database thread_start(std::uint32_t index);       // on each worker, at its beginning
//         void thread_stop(std::uint32_t index, database&); // and at its end
//         void app(wsgi::request&, database&);              // or without the second
//         void gateway(wsgi::request&, database&);          // in its place: no environ is built
//         void request_done(wsgi::exchange, std::uint32_t how);
//         void error_log(std::int32_t level, std::uint32_t code, std::string_view text);
//         void access_log(const wsgi::access_record&);
//     };
//     server.set_handlers(handlers{});
//
// Each member may be missing. What thread_start returns, if anything, is kept for its thread and
// destroyed after thread_stop; what it throws makes the server's start fail with that text. All but
// thread_start and thread_stop of one thread may be called on several threads at once.
#ifndef WSGISERVER_HANDLERS_HPP
#define WSGISERVER_HANDLERS_HPP

#include "request.hpp"

#include <chrono>
#include <cstring>
#include <functional>

namespace wsgi {

// What access_log is told; lent for the call.
class access_record {
public:
    explicit access_record(const wsgi_access_record& raw) noexcept : raw_(&raw) {}

    // 0 if it did not reach the application.
    wsgi_request request() const noexcept { return raw_->request; }
    std::string_view remote_addr() const noexcept { return detail::text_of(raw_->remote_addr); }
    unsigned remote_port() const noexcept { return raw_->remote_port; }
    std::string_view method() const noexcept { return detail::text_of(raw_->method); }
    std::string_view target() const noexcept { return detail::text_of(raw_->target); }
    std::string_view protocol() const noexcept { return detail::text_of(raw_->protocol); }
    std::string_view user_agent() const noexcept { return detail::text_of(raw_->user_agent); }
    std::string_view referer() const noexcept { return detail::text_of(raw_->referer); }
    // 0 if no answer was begun.
    int status() const noexcept { return raw_->status; }
    // Bytes.
    std::uint64_t sent() const noexcept { return raw_->sent; }
    std::uint64_t received() const noexcept { return raw_->received; }
    std::chrono::system_clock::time_point arrived() const noexcept {
        using clock = std::chrono::system_clock;
        auto since_1970 = nanoseconds(raw_->arrived_ns);
        return clock::time_point(std::chrono::duration_cast<clock::duration>(since_1970));
    }
    std::chrono::nanoseconds duration() const noexcept { return nanoseconds(raw_->duration_ns); }
    bool keep_alive() const noexcept { return raw_->keep_alive != 0; }
    // A WSGI_ENDED_... .
    std::uint32_t ended() const noexcept { return raw_->ended; }

    const wsgi_access_record& native() const noexcept { return *raw_; }

private:
    static std::chrono::nanoseconds nanoseconds(std::uint64_t count) noexcept {
        return std::chrono::nanoseconds(static_cast<std::int64_t>(count));
    }

    const wsgi_access_record* raw_;
};

}  // namespace wsgi

namespace wsgi::detail {

template <class H>
struct plain_handlers {
    using type = H;
};
template <class H>
struct plain_handlers<std::reference_wrapper<H>> {
    using type = H;
};

struct nothing {};

// The type of what thread_start returns.
template <class H, class = void>
struct thread_data_of {
    using type = nothing;
    static constexpr bool starts = false;
};
template <class H>
struct thread_data_of<H, std::void_t<decltype(std::declval<H&>().thread_start(0U))>> {
    using returned = decltype(std::declval<H&>().thread_start(0U));
    using type = std::conditional_t<std::is_void_v<returned>, nothing, std::decay_t<returned>>;
    static constexpr bool starts = true;
};

#define WSGISERVER_HANDLER(NAME)                                                                   \
    template <class H, class... Args>                                                              \
    struct has_##NAME {                                                                            \
        template <class T>                                                                         \
        static auto look(int)                                                                      \
            -> decltype(std::declval<T&>().NAME(std::declval<Args>()...), std::true_type());       \
        template <class T>                                                                         \
        static std::false_type look(...);                                                          \
        static constexpr bool value = decltype(look<H>(0))::value;                                 \
    };                                                                                             \
    template <class H, class = void>                                                               \
    inline constexpr bool is_named_##NAME = false;                                                 \
    template <class H>                                                                             \
    inline constexpr bool is_named_##NAME<H, std::void_t<decltype(&H::NAME)>> = true;
WSGISERVER_HANDLER(thread_start)
WSGISERVER_HANDLER(thread_stop)
WSGISERVER_HANDLER(app)
WSGISERVER_HANDLER(gateway)
WSGISERVER_HANDLER(request_done)
WSGISERVER_HANDLER(error_log)
WSGISERVER_HANDLER(access_log)
#undef WSGISERVER_HANDLER

// The C functions of handlers whose user data is the H. Held is H or a reference to one.
template <class Held>
class handler_table {
    using H = typename plain_handlers<Held>::type;
    using Data = typename thread_data_of<H>::type;
    static constexpr bool with_data = !std::is_same_v<Data, nothing>;
    static constexpr bool stops = has_thread_stop<H, std::uint32_t, Data&>::value;
    static constexpr bool stops_bare = has_thread_stop<H, std::uint32_t>::value;
    static constexpr bool app_data = with_data && has_app<H, request&, Data&>::value;
    static constexpr bool app_bare = has_app<H, request&>::value;
    static constexpr bool gateway_data = with_data && has_gateway<H, request&, Data&>::value;
    static constexpr bool gateway_bare = has_gateway<H, request&>::value;
    static constexpr bool logs =
        has_error_log<H, std::int32_t, std::uint32_t, std::string_view>::value;
    static constexpr bool hears_ends = has_request_done<H, exchange, std::uint32_t>::value;
    static constexpr bool logs_access = has_access_log<H, const access_record&>::value;

    // A handler that could not be called as it is declared would never be called.
    static_assert(thread_data_of<H>::starts || !is_named_thread_start<H>,
                  "thread_start(std::uint32_t)");
    static_assert((with_data && stops) || stops_bare || !is_named_thread_stop<H>,
                  "thread_stop(std::uint32_t[, T&]), where T is what thread_start returns");
    static_assert(app_data || app_bare || !is_named_app<H>, "app(wsgi::request&[, T&])");
    static_assert(gateway_data || gateway_bare || !is_named_gateway<H>,
                  "gateway(wsgi::request&[, T&])");
    static_assert(logs || !is_named_error_log<H>,
                  "error_log(std::int32_t, std::uint32_t, std::string_view)");
    static_assert(hears_ends || !is_named_request_done<H>,
                  "request_done(wsgi::exchange, std::uint32_t)");
    static_assert(logs_access || !is_named_access_log<H>,
                  "access_log(const wsgi::access_record&)");

public:
    static wsgi_handlers make() noexcept {
        wsgi_handlers table{};
        table.struct_size = sizeof table;
        if constexpr (thread_data_of<H>::starts) table.thread_start = thread_start;
        if constexpr (with_data || stops_bare) table.thread_stop = thread_stop;
        if constexpr (app_data || app_bare) table.app = app;
        if constexpr (gateway_data || gateway_bare) table.gateway = gateway;
        if constexpr (logs) table.error_log = error_log;
        if constexpr (hears_ends) table.request_done = request_done;
        if constexpr (logs_access) table.access_log = access_log;
        return table;
    }

private:
    static H& handlers(void* held) noexcept { return *static_cast<Held*>(held); }

    static std::int32_t thread_start(void* held, std::uint32_t index, void** data, char* reason,
                                     std::size_t capacity) noexcept {
        try {
            if constexpr (with_data)
                *data = new Data(handlers(held).thread_start(index));
            else
                handlers(held).thread_start(index);
            return 0;
        } catch (const std::exception& exception) {
            say(exception.what(), reason, capacity);
        } catch (...) {
            say("thread_start threw no std::exception", reason, capacity);
        }
        return 1;
    }

    static void say(const char* what, char* reason, std::size_t capacity) noexcept {
        if (capacity == 0) return;
        std::strncpy(reason, what, capacity - 1);
        reason[capacity - 1] = '\0';
    }

    // There is nobody to tell what it throws.
    static void thread_stop(void* held, std::uint32_t index, void* data) noexcept {
        std::unique_ptr<Data> owned(static_cast<Data*>(data));
        (void)held, (void)index;
        try {
            if constexpr (with_data && stops)
                handlers(held).thread_stop(index, *owned);
            else if constexpr (stops_bare)
                handlers(held).thread_stop(index);
        } catch (...) {
        }
    }

    static std::int32_t app(void* held, wsgi_request id, const wsgi_environ* environ,
                            const wsgi_responder* responder) noexcept {
        request with(id, environ, responder);
        return guarded(with, [&] {
            if constexpr (app_data)
                handlers(held).app(with, with.template thread_data<Data>());
            else
                handlers(held).app(with);
        });
    }

    static std::int32_t gateway(void* held, void* data, wsgi_server* server,
                                wsgi_request id) noexcept {
        request with(server, id, data);
        return guarded(with, [&] {
            if constexpr (gateway_data)
                handlers(held).gateway(with, with.template thread_data<Data>());
            else
                handlers(held).gateway(with);
        });
    }

    static void request_done(void* held, wsgi_server* server, wsgi_request id,
                             std::uint32_t how) noexcept {
        try {
            handlers(held).request_done(exchange(server, id), how);
        } catch (...) {
        }
    }

    static void access_log(void* held, const wsgi_access_record* record) noexcept {
        try {
            handlers(held).access_log(access_record(*record));
        } catch (...) {
        }
    }

    // What these three throw has no log to go to.
    static void error_log(void* held, std::int32_t level, std::uint32_t code, const char* text,
                          std::size_t length) noexcept {
        try {
            handlers(held).error_log(level, code, std::string_view(text, length));
        } catch (...) {
        }
    }
};

// A function as the only handler.
template <class Log>
struct only_error_log {
    Log log;
    void error_log(std::int32_t level, std::uint32_t code, std::string_view text) {
        log(level, code, text);
    }
};

}  // namespace wsgi::detail

#endif
