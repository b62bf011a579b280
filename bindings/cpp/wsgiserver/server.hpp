// The server.
#ifndef WSGISERVER_SERVER_HPP
#define WSGISERVER_SERVER_HPP

#include "handlers.hpp"
#include "request.hpp"
#include "ssl.hpp"

#include <chrono>
#include <locale>
#include <sstream>
#include <thread>
#include <vector>

namespace wsgi {

// An option as the documentation has it.
struct option {
    std::string_view name;
    std::string_view type;
    std::string_view default_value;
    std::string_view accepts;
    std::string_view help;
};

namespace detail {

// Without a time: any time.
inline std::int32_t in_range(std::optional<std::chrono::milliseconds> timeout) noexcept {
    if (!timeout) return -1;
    auto count = timeout->count();
    return count < 0 ? 0 : count > INT32_MAX ? INT32_MAX : static_cast<std::int32_t>(count);
}

}  // namespace detail

// All but moving and destroying may be called from any thread.
class server {
public:
    // Calls the application. An address is "HOST:PORT", "[IPV6]:PORT", "unix:/path", "@name"; port
    // 0 is a free one; "" leaves it to listen. It is looked at when the server is prepared.
    template <class App>
    server(const std::string& bind_addr, App app) {
        static_assert(detail::is_app<App>, "to be called, as const, with a wsgi::request&");
        auto box = std::make_unique<App>(std::move(app));
        detail::error_slot error;
        error.check(wsgi_server_new(bind_addr.c_str(), detail::app_entry<App>, box.release(),
                                    detail::delete_it<App>, &handle_, error.out()),
                    "wsgi_server_new");
    }

    // Without an application: for workers (worker.hpp), or handlers that have one.
    explicit server(const std::string& bind_addr) {
        detail::error_slot error;
        error.check(
            wsgi_server_new(bind_addr.c_str(), nullptr, nullptr, nullptr, &handle_, error.out()),
            "wsgi_server_new");
    }

    server(server&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    server& operator=(server&& other) noexcept {
        if (this != &other) {
            close();
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    // Stops it, and waits for applications that are still in a call: they may use what this
    // program destroys next. Not in an application: then it only asks for the stop, and nothing is
    // freed.
    ~server() { close(); }

    // ---- Before it is prepared.

    server& set(const std::string& name, const std::string& value) {
        detail::error_slot error;
        error.check(wsgi_server_set(handle_, name.c_str(), value.c_str(), error.out()),
                    "wsgi_server_set");
        return *this;
    }
    server& set(const std::string& name, const char* value) {
        return set(name, std::string(value));
    }
    template <class Number, std::enable_if_t<std::is_arithmetic_v<Number>, int> = 0>
    server& set(const std::string& name, Number value) {
        if constexpr (std::is_same_v<Number, bool>)
            return set(name, value ? "1" : "0");
        else
            return set(name, number(value));
    }
    // Seconds.
    template <class Rep, class Period>
    server& set(const std::string& name, std::chrono::duration<Rep, Period> value) {
        return set(name, std::chrono::duration<double>(value).count());
    }

    std::string get(const std::string& name) const {
        auto write = [&](char* to, std::size_t room, std::size_t* got) {
            return wsgi_server_get(handle_, name.c_str(), to, room, got);
        };
        return detail::written("wsgi_server_get", write);
    }

    static std::vector<option> options() {
        std::vector<option> all;
        wsgi_option_info info{};
        info.struct_size = sizeof info;
        for (std::size_t i = 0; i < wsgi_server_option_count(); i++) {
            detail::check(wsgi_server_option_info(i, &info), "wsgi_server_option_info");
            all.push_back({info.name, info.type, info.default_value, info.accepts, info.help});
        }
        return all;
    }

    // One address more.
    server& listen(const std::string& addr) {
        detail::error_slot error;
        error.check(wsgi_server_listen(handle_, addr.c_str(), error.out()), "wsgi_server_listen");
        return *this;
    }
    // A socket that listens already, for one run; it is the server's if this does not throw.
    server& listen_fd(int fd) {
        detail::error_slot error;
        error.check(wsgi_server_listen_fd(handle_, fd, error.out()), "wsgi_server_listen_fd");
        return *this;
    }

    // The server speaks TLS with the adapter, whose files are read here.
    server& set_ssl_adapter(const ssl_adapter& adapter) {
        detail::error_slot error;
        error.check(wsgi_server_set_ssl_adapter(handle_, adapter.native(), error.out()),
                    "wsgi_server_set_ssl_adapter");
        return *this;
    }

    // TLS of the host's own, under a name for ssl_adapter and for the option ssl_adapter.
    server& register_ssl_adapter(const std::string& name, std::unique_ptr<ssl_factory> factory) {
        wsgi_ssl_table table = detail::tls_table();
        detail::error_slot error;
        error.check(wsgi_ssl_adapter_register(handle_, name.c_str(), &table, factory.release(),
                                              detail::tls_free_factory, error.out()),
                    "wsgi_ssl_adapter_register");
        return *this;
    }

    // Throws if there is no such kind of adapter, and says which there are.
    void get_ssl_adapter_class(const std::string& name) const {
        detail::error_slot error;
        error.check(wsgi_get_ssl_adapter_class(handle_, name.c_str(), error.out()),
                    "wsgi_get_ssl_adapter_class");
    }

    // Reads the certificates of the running server again.
    void reload_ssl() const {
        detail::error_slot error;
        error.check(wsgi_server_reload_ssl(handle_, error.out()), "wsgi_server_reload_ssl");
    }

    // Handlers as handlers.hpp describes them, in the place of those that were set before; with
    // std::ref they stay where they are.
    template <class Handlers>
    server& set_handlers(Handlers handlers) {
        auto box = std::make_unique<Handlers>(std::move(handlers));
        wsgi_handlers table = detail::handler_table<Handlers>::make();
        detail::error_slot error;
        error.check(wsgi_server_set_handlers(handle_, &table, box.release(),
                                             detail::delete_it<Handlers>, error.out()),
                    "wsgi_server_set_handlers");
        return *this;
    }

    // The same with a function (level, code, text) as the only handler.
    template <class Log>
    server& set_error_log(Log log) {
        return set_handlers(detail::only_error_log<Log>{std::move(log)});
    }

    // ---- Its life.

    void prepare() { call("wsgi_server_prepare", wsgi_server_prepare); }
    void serve() { call("wsgi_server_serve", wsgi_server_serve); }
    // Serves until it is stopped.
    void start() { call("wsgi_server_start", wsgi_server_start); }
    // The same on a thread of the library's; this returns when it accepts.
    void start_background() {
        call("wsgi_server_start_background", wsgi_server_start_background);
    }

    // Returns how many requests were cut.
    std::uint32_t stop() {
        std::uint32_t cut = 0;
        detail::check(wsgi_server_stop(handle_, &cut), "wsgi_server_stop");
        return cut;
    }
    // Only asks for it. May be called in a signal handler that is changed before the server goes.
    void signal_stop() noexcept { wsgi_server_signal_stop(handle_); }
    void wait() { detail::check(wsgi_server_wait(handle_), "wsgi_server_wait"); }
    // Takes no more connections and goes on with those that are there.
    void quiesce() { detail::check(wsgi_server_quiesce(handle_), "wsgi_server_quiesce"); }

    // Asks for the stop: what serves ends with WSGI_E_INTERRUPTED.
    void interrupt(std::int32_t code) {
        detail::check(wsgi_server_interrupt(handle_, code), "wsgi_server_interrupt");
    }
    // Of the present or last run; none if it was not interrupted.
    std::optional<std::int32_t> interrupt_code() const {
        std::int32_t code = 0;
        wsgi_status status = wsgi_server_interrupt_code(handle_, &code);
        if (status == WSGI_E_STATE) return std::nullopt;
        detail::check(status, "wsgi_server_interrupt_code");
        return code;
    }

    // One turn in a loop of the program's own, for a server that is prepared: how many requests it
    // was, none at all once the server has stopped. Without a time it waits for ever.
    std::optional<std::size_t> tick(
        std::optional<std::chrono::milliseconds> timeout = std::nullopt) {
        std::int32_t requests = wsgi_server_tick(handle_, detail::in_range(timeout));
        if (requests == WSGI_E_STOPPING) return std::nullopt;
        return detail::count(requests, "wsgi_server_tick");
    }

    // ---- Looking in.

    // Whether connections are accepted and served.
    bool ready() const {
        return detail::count(wsgi_server_ready(handle_), "wsgi_server_ready") == 1;
    }
    std::size_t listener_count() const noexcept { return wsgi_server_listener_count(handle_); }
    // Where it listens, with the real port.
    std::string bound_addr(std::size_t index = 0) const {
        auto write = [&](char* to, std::size_t room, std::size_t* got) {
            return wsgi_server_bound_addr_at(handle_, index, to, room, got);
        };
        return detail::written("wsgi_server_bound_addr", write);
    }
    std::vector<std::string> bound_addrs() const {
        std::vector<std::string> all;
        for (std::size_t i = 0; i < listener_count(); i++) all.push_back(bound_addr(i));
        return all;
    }

    wsgi_stats stats() const {
        wsgi_stats stats{};
        stats.struct_size = sizeof stats;
        detail::check(wsgi_server_stats(handle_, &stats), "wsgi_server_stats");
        return stats;
    }
    // Of one worker; nothing if no worker has this index.
    std::optional<wsgi_worker_stats> worker_stats(std::size_t index) const {
        wsgi_worker_stats stats{};
        stats.struct_size = sizeof stats;
        wsgi_status status = wsgi_server_worker_stats(handle_, index, &stats);
        if (status == WSGI_GONE) return std::nullopt;
        detail::check(status, "wsgi_server_worker_stats");
        return stats;
    }
    void clear_stats() {
        detail::check(wsgi_server_clear_stats(handle_), "wsgi_server_clear_stats");
    }
    std::string stats_text() const {
        auto write = [&](char* to, std::size_t room, std::size_t* got) {
            return wsgi_server_stats_text(handle_, to, room, got);
        };
        return detail::written("wsgi_server_stats_text", write);
    }
    std::string stats_json() const {
        auto write = [&](char* to, std::size_t room, std::size_t* got) {
            return wsgi_server_stats_json(handle_, to, room, got);
        };
        return detail::written("wsgi_server_stats_json", write);
    }
    // In the text format of Prometheus.
    std::string stats_prometheus() const {
        auto write = [&](char* to, std::size_t room, std::size_t* got) {
            return wsgi_server_stats_prometheus(handle_, to, room, got);
        };
        return detail::written("wsgi_server_stats_prometheus", write);
    }
    // How long something took: WSGI_QUEUE_WAIT, WSGI_APPLICATION or WSGI_WRITE.
    wsgi_histogram histogram(std::int32_t which) const {
        wsgi_histogram histogram{};
        histogram.struct_size = sizeof histogram;
        detail::check(wsgi_server_histogram(handle_, which, &histogram), "wsgi_server_histogram");
        return histogram;
    }
    // The seconds that a bucket ends with; infinite for the last one and beyond.
    static double histogram_bound(std::size_t bucket) noexcept {
        return wsgi_histogram_bound(bucket);
    }

    // ---- The pool; how many threads came, or go.

    std::size_t grow(std::size_t amount) {
        return counted("wsgi_server_grow", wsgi_server_grow, amount);
    }
    std::size_t shrink(std::size_t amount) {
        return counted("wsgi_server_shrink", wsgi_server_shrink, amount);
    }
    std::size_t threads() const { return counted("wsgi_server_threads", wsgi_server_threads); }
    std::size_t idle() const { return counted("wsgi_server_idle", wsgi_server_idle); }
    std::size_t qsize() const { return counted("wsgi_server_qsize", wsgi_server_qsize); }

    // A descriptor that is readable while tick, or a pull server's worker, has something to do.
    int event_fd() const {
        std::int32_t fd = -1;
        detail::check(wsgi_server_event_fd(handle_, &fd), "wsgi_server_event_fd");
        return fd;
    }

    wsgi_server* native() const noexcept { return handle_; }

private:
    template <class Function>
    void call(const char* name, Function function) {
        detail::error_slot error;
        error.check(function(handle_, error.out()), name);
    }

    template <class Function, class... Args>
    std::size_t counted(const char* name, Function function, Args... args) const {
        std::size_t count = 0;
        detail::check(function(handle_, args..., &count), name);
        return count;
    }

    // As the library reads it, whatever the program's locale is.
    template <class Number>
    static std::string number(Number value) {
        std::ostringstream text;
        text.imbue(std::locale::classic());
        text.precision(15);
        text << value;
        return text.str();
    }

    void close() noexcept {
        wsgi_server* handle = std::exchange(handle_, nullptr);
        auto pause = std::chrono::microseconds(100);
        while (wsgi_server_free(handle) == WSGI_BUSY) {
            // A thread is in an application: another one, which comes back, or this one.
            if (wsgi_server_wait(handle) == WSGI_BUSY) {
                wsgi_server_signal_stop(handle);
                return;
            }
            std::this_thread::sleep_for(pause);
            if (pause < std::chrono::milliseconds(20)) pause *= 2;
        }
    }

    wsgi_server* handle_ = nullptr;
};

}  // namespace wsgi

#endif
