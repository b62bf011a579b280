// What callbacks throw stays on this side; what calls return as a status is thrown.
#include "test.hpp"

namespace {

// The server's error log, as one text.
class log_book {
public:
    void add(std::int32_t level, std::uint32_t code, std::string_view text) {
        std::lock_guard<std::mutex> lock(lock_);
        text_ += std::to_string(level) + "/" + std::to_string(code) + " ";
        text_ += text;
        text_ += "\n";
    }
    bool has(const std::string& part) {
        std::lock_guard<std::mutex> lock(lock_);
        return contains(text_, part);
    }

private:
    std::mutex lock_;
    std::string text_;
};

template <class App>
wsgi::server logged(log_book& book, App app) {
    wsgi::server server("127.0.0.1:0", std::move(app));
    server.set_error_log([&book](std::int32_t level, std::uint32_t code, std::string_view text) {
        book.add(level, code, text);
    });
    server.start_background();
    return server;
}

void in_applications() {
    log_book book;
    auto server = logged(book, [](wsgi::request& request) {
        std::string_view path = request["PATH_INFO"];
        if (path == "/std") throw std::runtime_error("something of mine");
        if (path == "/int") throw 7;
        if (path == "/state") request.write("too early");
        if (path == "/header") request.respond("200 OK", {{"X-Split", "a\r\nb: c"}});
        if (path == "/middle") {
            request.start_response("200 OK", {{"Content-Length", "10"}})("begun");
            throw std::runtime_error("in the middle");
        }
        request.respond("200 OK", {}, "fine");
        if (path == "/after") throw std::runtime_error("after the end");
    });
    for (const char* path : {"/std", "/int", "/state", "/header"})
        CHECK_EQUAL(fetch(server, path).status, 500);
    reply it = fetch(server, "/middle");
    CHECK_EQUAL(it.body, "begun");
    CHECK(!it.complete);
    CHECK_EQUAL(fetch(server, "/after").body, "fine");
    CHECK_EQUAL(fetch(server, "/fine").body, "fine");
    WAIT_FOR(book.has("40/1 something of mine"));
    WAIT_FOR(book.has("40/1 the application threw no std::exception"));
    WAIT_FOR(book.has("40/1 wsgi_write: WSGI_E_STATE"));
    WAIT_FOR(book.has("40/1 wsgi_respond: WSGI_E_HEADER"));
    WAIT_FOR(book.has("40/1 in the middle"));
    WAIT_FOR(book.has("40/1 after the end"));
}

// A client that leaves makes the application's writes throw, and that is no news.
void of_clients_that_leave() {
    log_book book;
    std::atomic<bool> failed{false};
    auto server = logged(book, [&](wsgi::request& request) {
        request.start_response("200 OK");
        std::string piece(100000, 'x');
        try {
            for (;;) request.write(piece);
        } catch (const wsgi::error& error) {
            CHECK(error.is_end());
            CHECK_THROWS(WSGI_E_CLIENT, request.write(piece));
            failed = true;
            throw;
        }
    });
    {
        client one(server.bound_addr());
        one.get("/");
        CHECK(one.receive());
    }
    WAIT_FOR(failed);
    server.stop();
    CHECK(!book.has("wsgi_write"));
    CHECK(!book.has("40/"));
}

// The same for a body that ends too early.
void of_clients_that_leave_within_their_bodies() {
    log_book book;
    std::atomic<bool> begun{false}, failed{false};
    auto server = logged(book, [&](wsgi::request& request) {
        begun = true;
        char window[4096];
        try {
            while (request.read(window, sizeof window) > 0) {
            }
        } catch (const wsgi::error& error) {
            CHECK(error.is_end());
            failed = true;
            throw;
        }
    });
    {
        client one(server.bound_addr());
        // More than is read before the application is called.
        one.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" +
                 std::string(70000, 'x'));
        WAIT_FOR(begun);
    }
    WAIT_FOR(failed);
    server.stop();
    CHECK(!book.has("40/"));
}

void after_detach() {
    log_book book;
    std::mutex lock;
    wsgi::detached kept;
    auto server = logged(book, [&](wsgi::request& request) {
        wsgi::detached later = request.detach();
        if (request["PATH_INFO"] == "/keep") {
            std::lock_guard<std::mutex> guard(lock);
            kept = std::move(later);
        }
        throw std::runtime_error("after detach");
    });
    CHECK_EQUAL(fetch(server, "/drop").status, 500);
    client one(server.bound_addr());
    one.get("/keep");
    WAIT_FOR((std::lock_guard<std::mutex>(lock), bool(kept)));
    kept.respond("200 OK", {}, "kept");
    CHECK(!kept);
    CHECK_EQUAL(one.answer().body, "kept");
    WAIT_FOR(book.has("40/1 after detach"));
}

struct throws_everywhere {
    std::atomic<int>* stopped;
    int thread_start(std::uint32_t index) { return static_cast<int>(index); }
    void thread_stop(std::uint32_t, int&) {
        ++*stopped;
        throw std::runtime_error("thread_stop");
    }
    void gateway(wsgi::request&) { throw std::runtime_error("gateway"); }
    void error_log(std::int32_t, std::uint32_t, std::string_view) { throw 1; }
};

void in_handlers() {
    std::atomic<int> stopped{0};
    {
        wsgi::server server("127.0.0.1:0");
        server.set("numthreads", 2).set_handlers(throws_everywhere{&stopped});
        server.start_background();
        CHECK_EQUAL(fetch(server, "/").status, 500);
    }
    CHECK_EQUAL(stopped, 2);
}

struct fails_to_start {
    bool with_reason;
    std::string thread_start(std::uint32_t) {
        if (with_reason) throw std::runtime_error("no database here");
        throw 1;
    }
    void app(wsgi::request&) {}
};

void in_thread_start() {
    for (bool with_reason : {true, false}) {
        wsgi::server server("127.0.0.1:0");
        server.set_handlers(fails_to_start{with_reason});
        try {
            server.start_background();
            FAIL("it started");
        } catch (const wsgi::error& error) {
            CHECK_EQUAL(error.status(), WSGI_E_THREAD_START);
            CHECK(contains(error.what(), with_reason ? "no database here" : "no std::exception"));
        }
    }
}

void in_on_abort() {
    log_book book;
    std::atomic<int> alive{0};
    auto server = logged(book, [&](wsgi::request& request) {
        request.on_abort([life = counted(alive)](wsgi::exchange about) {
            CHECK(about.client_state() != wsgi::client::there);
            throw std::runtime_error("on_abort threw");
        });
        request.detach().release();
    });
    {
        client one(server.bound_addr());
        one.get("/");
        WAIT_FOR(alive == 1);
    }
    WAIT_FOR(book.has("on_abort threw"));
    server.stop();
    WAIT_FOR(alive == 0);
}

void in_dispatchers() {
    log_book book;
    wsgi::path_info_dispatcher routes;
    routes.add("/throw", [](wsgi::request&) { throw std::runtime_error("from below"); });
    auto server = logged(book, std::move(routes));
    CHECK_EQUAL(fetch(server, "/throw").status, 500);
    WAIT_FOR(book.has("from below"));
}

void statuses_on_the_way_out() {
    std::atomic<int> alive{0};
    wsgi::server busy("127.0.0.1:0");
    busy.prepare();
    {
        wsgi::server server(busy.bound_addr(), [life = counted(alive)](wsgi::request&) {});
        CHECK_EQUAL(alive, 1);
        CHECK_THROWS(WSGI_E_STATE, server.bound_addr());
        CHECK_THROWS(WSGI_E_BIND, server.start());
        CHECK_THROWS(WSGI_E_OPTION, server.set("no_such_option", 1));
        CHECK_THROWS(WSGI_E_OPTION, server.get("no_such_option"));
        CHECK_THROWS(WSGI_E_BIND, server.listen("nonsense"));
        CHECK_THROWS(WSGI_E_BIND, server.listen_fd(-1));
        CHECK_THROWS(WSGI_E_STATE, wsgi::worker(server));
        try {
            server.start();
        } catch (const std::runtime_error& error) {
            CHECK(contains(error.what(), busy.bound_addr()));
        }
    }
    CHECK_EQUAL(alive, 0);
}

void interrupted() {
    auto server = serving([](wsgi::request& request) {
        request.respond("200 OK", {}, "the last");
        request.interrupt();
    });
    CHECK_EQUAL(fetch(server, "/").body, "the last");
    wsgi::server other("127.0.0.1:0", [](wsgi::request& request) {
        request.respond("200 OK");
        request.interrupt();
    });
    other.prepare();
    std::thread asks([&] { fetch(other, "/"); });
    CHECK_THROWS(WSGI_E_INTERRUPTED, other.serve());
    asks.join();
}

const test tests[] = {{"in_applications", in_applications},
                      {"of_clients_that_leave", of_clients_that_leave},
                      {"of_clients_that_leave_within_their_bodies",
                       of_clients_that_leave_within_their_bodies},
                      {"after_detach", after_detach},
                      {"in_handlers", in_handlers},
                      {"in_thread_start", in_thread_start},
                      {"in_on_abort", in_on_abort},
                      {"in_dispatchers", in_dispatchers},
                      {"statuses_on_the_way_out", statuses_on_the_way_out},
                      {"interrupted", interrupted}};

}  // namespace

int main() { return run_tests(tests); }
