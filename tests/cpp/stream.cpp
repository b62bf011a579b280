// Connections that were taken over.
#include "test.hpp"

namespace {

void echo() {
    auto server = serving([](wsgi::request& request) {
        request.start_response("101 Switching Protocols",
                               {{"Connection", "Upgrade"}, {"Upgrade", "echo"}});
        wsgi::stream stream = request.hijack();
        CHECK(stream);
        CHECK(stream.fd() >= 0);
        char buffer[1000];
        while (std::size_t got = stream.read(buffer, sizeof buffer))
            stream.write(std::string_view(buffer, got));
        stream.shutdown(wsgi::direction::write);
    });
    client one(server.bound_addr());
    one.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly ");
    CHECK(contains(one.take_to("\r\n\r\n"), "101 Switching Protocols"));
    one.send("late");
    one.half_close();
    CHECK_EQUAL(one.take_all(), "early late");
}

// An application that takes connections over for the test.
class taking {
public:
    void operator()(wsgi::request& request) {
        std::lock_guard<std::mutex> guard(lock_);
        place_ = request.hijack();
    }
    wsgi::stream take(client& one) {
        one.get("/");
        WAIT_FOR((std::lock_guard<std::mutex>(lock_), bool(place_)));
        return std::move(place_);
    }

private:
    std::mutex lock_;
    wsgi::stream place_;
};

void moves_and_ends() {
    taking app;
    auto server = serving([&](wsgi::request& request) { app(request); });
    client one(server.bound_addr()), two(server.bound_addr());
    wsgi::stream first = app.take(one);
    wsgi::stream second = app.take(two);
    CHECK_EQUAL(first.pending(), 0U);
    first = std::move(second);
    CHECK(!second);
    CHECK_EQUAL(one.take_all(), "");
    // It outlives its server.
    server = wsgi::server("127.0.0.1:0");
    first.write("still here");
    first.close();
    first.close();
    CHECK_EQUAL(two.take_all(), "still here");
    char buffer[10];
    CHECK_THROWS(WSGI_E_NULL, first.read(buffer, sizeof buffer));
    CHECK_THROWS(WSGI_E_NULL, first.write("x"));
    CHECK(first.fd() < 0);
}

void deadlines_and_cancel() {
    taking app;
    auto server = serving([&](wsgi::request& request) { app(request); });
    client one(server.bound_addr());
    wsgi::stream stream = app.take(one);
    char buffer[10];
    CHECK_EQUAL(stream.try_read(buffer, sizeof buffer, WSGI_NONBLOCK), WSGI_AGAIN);
    stream.set_deadline(wsgi::direction::read, std::chrono::milliseconds(10));
    CHECK_THROWS(WSGI_E_TIMEOUT, stream.read(buffer, sizeof buffer));
    stream.set_deadline(wsgi::direction::both);
    std::atomic<bool> ended{false};
    std::thread reader([&] {
        CHECK_THROWS(WSGI_E_CANCELLED, stream.read(buffer, sizeof buffer));
        ended = true;
    });
    stream.cancel();
    reader.join();
    CHECK(ended);
    CHECK_THROWS(WSGI_E_CANCELLED, stream.write("x"));
}

const test tests[] = {{"echo", echo},
                      {"moves_and_ends", moves_and_ends},
                      {"deadlines_and_cancel", deadlines_and_cancel}};

}  // namespace

int main() { return run_tests(tests); }
