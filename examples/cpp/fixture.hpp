// The application that wire tests talk to: what examples/c/fixture.c says of each path.
#ifndef FIXTURE_HPP
#define FIXTURE_HPP

#include <wsgiserver.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>

// It has a thread for each detached request. finish() ends them; to be called before the server is
// gone.
class fixture {
public:
    ~fixture() { finish(); }

    inline void operator()(wsgi::request& request);

    void finish() {
        std::unique_lock<std::mutex> lock(lock_);
        finishing_ = true;
        changed_.notify_all();
        changed_.wait(lock, [&] { return running_ == 0; });
    }

private:
    static constexpr std::size_t window = 64 * 1024;
    static constexpr unsigned long largest = 1UL << 30;

    struct route {
        std::string_view path;
        void (fixture::*handle)(wsgi::request&);
    };
    struct numbered_route {
        std::string_view path;
        void (fixture::*handle)(wsgi::request&, unsigned long);
    };
    static const route routes[];
    static const numbered_route numbered_routes[];

    static std::optional<unsigned long> number_behind(std::string_view path,
                                                      std::string_view route) {
        if (path.substr(0, route.size()) != route) return std::nullopt;
        path.remove_prefix(route.size());
        if (path.empty() || path.size() > 10) return std::nullopt;
        unsigned long number = 0;
        for (char c : path) {
            if (c < '0' || c > '9') return std::nullopt;
            number = number * 10 + static_cast<unsigned long>(c - '0');
        }
        if (number > largest) return std::nullopt;
        return number;
    }

    static void answer(wsgi::exchange& to, std::string_view body) {
        to.respond("200 OK", {{"Content-Type", "text/plain"}}, body);
    }

    // A body that fits in the window is answered in one piece; a longer one as it is read.
    void echo_body(wsgi::request& request) {
        char buffer[window];
        std::size_t filled = 0, got = 1;
        while (filled < window && got > 0)
            filled += got = request.read(buffer + filled, window - filled);
        if (filled == 0) return answer(request, request["REQUEST_METHOD"] == "POST" ? "" : "OK");
        if (filled < window) return answer(request, {buffer, filled});
        auto write = start(request);
        do write({buffer, filled});
        while ((filled = request.read(buffer, window)) > 0);
    }

    void echo_headers(wsgi::request& request) {
        char rest[4096];
        while (request.read(rest, sizeof rest) > 0) {
        }
        std::string lines;
        for (auto [key, value, id] : request.environ()) {
            if (key.substr(0, 5) == "HTTP_") key.remove_prefix(5);
            else if (key.substr(0, 8) != "CONTENT_") continue;
            lines += name_of(key) + ": " + std::string(value) + "\n";
        }
        answer(request, lines);
    }

    // "X_FORWARDED_FOR" is written as "X-Forwarded-For".
    static std::string name_of(std::string_view key) {
        std::string name;
        for (char c : key) {
            bool first = name.empty() || name.back() == '-';
            if (c == '_') name += '-';
            else name += !first && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
        return name;
    }

    void show_environ(wsgi::request& request) {
        std::string lines;
        for (auto [key, value, id] : request.environ())
            lines += std::string(key) + ": " + std::string(value) + "\n";
        answer(request, lines);
    }

    void sleep(wsgi::request& request, unsigned long milliseconds) {
        std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
        answer(request, "OK");
    }
    void large(wsgi::request& request, unsigned long size) {
        answer(request, std::string(size, 'x'));
    }
    void stream(wsgi::request& request, unsigned long pieces) {
        std::string piece(1024, 'x');
        auto write = start(request);
        while (pieces-- > 0) write(piece);
    }

    void detach(wsgi::request& request, unsigned long milliseconds) {
        auto due = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
        wsgi::detached later = request.detach();
        std::lock_guard<std::mutex> guard(lock_);
        std::thread thread([this, due, later = std::move(later)]() mutable {
            std::unique_lock<std::mutex> lock(lock_);
            changed_.wait_until(lock, due, [&] { return finishing_; });
            lock.unlock();
            // WSGI_GONE if the client has left or the server has stopped meanwhile.
            later.try_respond("200 OK", {{"Content-Type", "text/plain"}}, "OK");
            later.release();
            lock.lock();
            running_--;
            changed_.notify_all();
        });
        running_++;
        thread.detach();
    }

    void no_content(wsgi::request& request) { request.respond("204 No Content"); }
    void not_modified(wsgi::request& request) {
        request.respond("304 Not Modified", {{"ETag", "\"fixture\""}});
    }
    void close(wsgi::request& request) {
        request.respond("200 OK", {{"Content-Type", "text/plain"}, {"Connection", "close"}}, "OK");
    }
    void restart(wsgi::request& request) {
        request.start_response("200 OK", {{"X-First", "1"}});
        request.restart_response("503 Service Unavailable", {{"X-Second", "2"}})("later");
    }
    void inform(wsgi::request& request) {
        request.inform("100 Continue");
        request.inform("103 Early Hints", {{"Link", "</style.css>; rel=preload"}});
        answer(request, "OK");
    }
    void trailers(wsgi::request& request) {
        start(request)("sum");
        request.add_trailer("X-Sum", "3");
    }
    void interrupt(wsgi::request& request) { request.interrupt(); }

    // ---- Ways to break the rules.

    static wsgi::writer start(wsgi::request& request) {
        return request.start_response("200 OK", {{"Content-Type", "text/plain"}});
    }
    static wsgi::writer start(wsgi::request& request, wsgi::header header) {
        return request.start_response("200 OK", {{"Content-Type", "text/plain"}, header});
    }
    [[noreturn]] static void fail() { throw std::runtime_error("the fixture fails"); }

    void fail_at_once(wsgi::request&) { fail(); }
    void fail_after_head(wsgi::request& request) {
        start(request)("begun");
        fail();
    }
    void fail_after_end(wsgi::request& request) {
        answer(request, "ended");
        fail();
    }
    void too_short(wsgi::request& request) { start(request, {"Content-Length", "10"})("four"); }
    void too_long(wsgi::request& request) { start(request, {"Content-Length", "4"})("fourandten"); }
    void bad_header(wsgi::request& request) {
        request.start_response("200 OK", {{"X-Split", "one\r\nX-Injected: two"}})("accepted");
    }
    void hop_by_hop(wsgi::request& request) {
        request.start_response("200 OK", {{"Transfer-Encoding", "gzip"},
                                          {"Connection", "keep-alive"},
                                          {"Keep-Alive", "timeout=99"}})("accepted");
    }
    void start_twice(wsgi::request& request) {
        start(request);
        start(request);
    }
    void never_start(wsgi::request&) {}
    void write_first(wsgi::request& request) { request.write("too early"); }

    std::mutex lock_;
    std::condition_variable changed_;
    std::size_t running_ = 0;
    bool finishing_ = false;
};

inline const fixture::route fixture::routes[] = {
    {"/echo", &fixture::echo_headers},
    {"/204", &fixture::no_content},
    {"/304", &fixture::not_modified},
    {"/environ", &fixture::show_environ},
    {"/close", &fixture::close},
    {"/restart", &fixture::restart},
    {"/inform", &fixture::inform},
    {"/trailers", &fixture::trailers},
    {"/interrupt", &fixture::interrupt},
    {"/error", &fixture::fail_at_once},
    {"/error-after-head", &fixture::fail_after_head},
    {"/error-after-end", &fixture::fail_after_end},
    {"/short", &fixture::too_short},
    {"/long", &fixture::too_long},
    {"/bad-header", &fixture::bad_header},
    {"/hop-by-hop", &fixture::hop_by_hop},
    {"/twice", &fixture::start_twice},
    {"/none", &fixture::never_start},
    {"/write-first", &fixture::write_first},
};

inline const fixture::numbered_route fixture::numbered_routes[] = {
    {"/sleep/", &fixture::sleep},
    {"/detach/", &fixture::detach},
    {"/large/", &fixture::large},
    {"/stream/", &fixture::stream},
};

inline void fixture::operator()(wsgi::request& request) {
    std::string_view path = request["HTTP_X_FIXTURE"];
    if (path.empty()) path = request["PATH_INFO"];
    for (const route& it : routes)
        if (path == it.path) return (this->*it.handle)(request);
    for (const numbered_route& it : numbered_routes)
        if (auto number = number_behind(path, it.path)) return (this->*it.handle)(request, *number);
    echo_body(request);
}

#endif
