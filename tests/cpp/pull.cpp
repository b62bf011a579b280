// Workers of the program's own.
#include "test.hpp"

#include <poll.h>

namespace {

using std::chrono::milliseconds;

wsgi::server prepared() {
    wsgi::server server("127.0.0.1:0");
    server.prepare();
    return server;
}

void one_by_one() {
    auto server = prepared();
    wsgi::worker worker(server);
    CHECK(!worker.next(milliseconds(0)));
    CHECK(!worker.stopped());
    client one(server.bound_addr());
    one.get("/pulled");
    auto request = worker.next(milliseconds(FACT_DEADLINE * 1000));
    CHECK(request.has_value());
    CHECK_EQUAL(request->view().path(), "/pulled");
    request->respond("200 OK", {}, "by hand");
    CHECK_EQUAL(one.answer().body, "by hand");
    one.get("/dropped");
    request = worker.next(milliseconds(FACT_DEADLINE * 1000));
    CHECK(request.has_value());
    request.reset();
    CHECK_EQUAL(one.answer().status, 500);
}

void as_an_application() {
    auto server = prepared();
    std::vector<wsgi::detached> waiting;
    std::thread works([&] {
        wsgi::worker made(server);
        wsgi::worker worker(std::move(made));
        auto app = [&](wsgi::request& request) {
            std::string_view path = request["PATH_INFO"];
            if (path == "/throw") throw std::runtime_error("pulled");
            if (path == "/none") return;
            if (path == "/later") return waiting.push_back(request.detach());
            request.start_response("200 OK")(path);
        };
        while (worker.serve_one(app)) {
        }
        CHECK(worker.stopped());
    });
    CHECK_EQUAL(fetch(server, "/written").body, "/written");
    CHECK_EQUAL(fetch(server, "/throw").status, 500);
    CHECK_EQUAL(fetch(server, "/none").status, 500);
    client one(server.bound_addr());
    one.get("/later");
    CHECK_EQUAL(fetch(server, "/more").body, "/more");
    server.signal_stop();
    works.join();
    CHECK_EQUAL(waiting.size(), 1U);
}

void events() {
    auto server = prepared();
    wsgi::worker worker(server);
    wsgi::event some[4];
    pollfd ready = {server.event_fd(), POLLIN, 0};
    {
        client one(server.bound_addr());
        one.get("/");
        std::size_t count = 0;
        while (count == 0) {
            CHECK(poll(&ready, 1, FACT_DEADLINE * 1000) == 1);
            count = worker.next(some, 4, milliseconds(0));
        }
        CHECK_EQUAL(count, 1U);
        CHECK_EQUAL(some[0].kind, static_cast<std::uint32_t>(WSGI_EVENT_REQUEST));
    }
    wsgi::detached request = worker.take(some[0]);
    request.watch(WSGI_WATCH_ABORTED);
    CHECK_EQUAL(worker.next(some, 4, milliseconds(FACT_DEADLINE * 1000)), 1U);
    CHECK_EQUAL(some[0].kind, static_cast<std::uint32_t>(WSGI_EVENT_ABORTED));
    CHECK_EQUAL(worker.about(some[0]).id(), request.id());
}

void woken_and_stopped() {
    auto server = prepared();
    wsgi::worker worker(server);
    std::thread wakes([&] { worker.wake(); });
    CHECK(!worker.next());
    CHECK(!worker.stopped());
    wakes.join();
    server.stop();
    CHECK(!worker.next());
    CHECK(worker.stopped());
    // A worker may be the last.
    server = wsgi::server("127.0.0.1:0");
    CHECK(!worker.next());
}

const test tests[] = {{"one_by_one", one_by_one},
                      {"as_an_application", as_an_application},
                      {"events", events},
                      {"woken_and_stopped", woken_and_stopped}};

}  // namespace

int main() { return run_tests(tests); }
