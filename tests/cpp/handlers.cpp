// The handler table, made of classes.
#include "test.hpp"

#include <set>

namespace {

// What a thread keeps; it can be neither copied nor moved.
struct per_thread {
    std::uint32_t index;
    int calls = 0;
    counted life;
    per_thread(std::uint32_t its_index, std::atomic<int>& alive) : index(its_index), life(alive) {}
    per_thread(const per_thread&) = delete;
};

struct with_data {
    std::atomic<int>& alive;
    std::atomic<int>& stopped;
    per_thread thread_start(std::uint32_t index) { return per_thread(index, alive); }
    void thread_stop(std::uint32_t index, per_thread& mine) {
        CHECK_EQUAL(index, mine.index);
        ++stopped;
    }
    void app(wsgi::request& request, per_thread& mine) {
        CHECK(&request.thread_data<per_thread>() == &mine);
        mine.calls++;
        request.start_response("200 OK")(std::to_string(mine.calls));
    }
};

void data_of_threads() {
    std::atomic<int> alive{0}, stopped{0};
    {
        wsgi::server server("127.0.0.1:0");
        server.set("numthreads", 1).set_handlers(with_data{alive, stopped});
        server.start_background();
        CHECK_EQUAL(alive, 1);
        CHECK_EQUAL(fetch(server, "/").body, "1");
        CHECK_EQUAL(fetch(server, "/").body, "2");
        server.stop();
        CHECK_EQUAL(alive, 0);
        CHECK_EQUAL(stopped, 1);
        server.start_background();
        CHECK_EQUAL(fetch(server, "/").body, "1");
    }
    CHECK_EQUAL(alive, 0);
    CHECK_EQUAL(stopped, 2);
}

// Kept by the program, with hooks that have no data.
struct gateway_and_hooks {
    std::mutex lock;
    std::set<std::uint32_t> running;
    void thread_start(std::uint32_t index) {
        std::lock_guard<std::mutex> guard(lock);
        running.insert(index);
    }
    void thread_stop(std::uint32_t index) {
        std::lock_guard<std::mutex> guard(lock);
        running.erase(index);
    }
    void gateway(wsgi::request& request) {
        CHECK(request.native_environ() == nullptr);
        CHECK_EQUAL(request["PATH_INFO"], "/asked for");
        request.start_response("200 OK")(*request.get(WSGI_KEY_REQUEST_METHOD));
    }
};

void by_reference() {
    gateway_and_hooks kept;
    wsgi::server server("127.0.0.1:0");
    server.set("numthreads", 3).set_handlers(std::ref(kept));
    server.start_background();
    CHECK_EQUAL(kept.running.size(), 3U);
    CHECK_EQUAL(fetch(server, "/asked%20for").body, "GET");
    server.stop();
    CHECK_EQUAL(kept.running.size(), 0U);
}

struct only_data {
    std::atomic<int>& alive;
    counted thread_start(std::uint32_t) { return counted(alive); }
    void app(wsgi::request& request) { request.respond("200 OK", {}, "app"); }
};

void replaced() {
    std::atomic<int> alive{0};
    wsgi::server server("127.0.0.1:0", [](wsgi::request& request) {
        request.log(WSGI_LEVEL_INFO, "said by the application");
        request.respond("200 OK", {}, "first");
    });
    std::atomic<bool> said{false};
    server.set_error_log([&](std::int32_t level, std::uint32_t code, std::string_view text) {
        if (level == WSGI_LEVEL_INFO && code == WSGI_LOG_APPLICATION)
            said = text == "said by the application";
    });
    server.start_background();
    CHECK_EQUAL(fetch(server, "/").body, "first");
    CHECK(said);
    CHECK_THROWS(WSGI_E_STATE, server.set_handlers(only_data{alive}));
    server.stop();
    server.set_handlers(only_data{alive});
    server.start_background();
    CHECK_EQUAL(fetch(server, "/").body, "app");
    CHECK(alive > 0);
    server.stop();
    CHECK_EQUAL(alive, 0);
}

struct access {
    std::atomic<int>& done;
    std::mutex& lock;
    std::string& text;
    void app(wsgi::request& request) { request.respond("200 OK", {}, "twelve bytes"); }
    void request_done(wsgi::exchange about, std::uint32_t how) {
        CHECK_EQUAL(how, static_cast<std::uint32_t>(WSGI_ENDED_SENT));
        CHECK_EQUAL(about.try_respond("200 OK"), WSGI_GONE);
        done++;
        throw 1;
    }
    void access_log(const wsgi::access_record& record) {
        CHECK(std::chrono::system_clock::now() - record.arrived() < std::chrono::hours(1));
        CHECK(record.duration().count() >= 0);
        CHECK_EQUAL(record.ended(), static_cast<std::uint32_t>(WSGI_ENDED_SENT));
        std::lock_guard<std::mutex> guard(lock);
        text += std::string(record.remote_addr()) + " " + std::string(record.method()) + " " +
                std::string(record.target()) + " " + std::to_string(record.status()) + " " +
                std::to_string(record.sent()) + "\n";
        throw std::runtime_error("the disk is full");
    }
};

void access_log() {
    std::atomic<int> done{0};
    std::mutex lock;
    std::string text;
    wsgi::server server("127.0.0.1:0");
    server.set_handlers(access{done, lock, text});
    server.start_background();
    CHECK_EQUAL(fetch(server, "/one").status, 200);
    WAIT_FOR(done == 1);
    CHECK_EQUAL(text, "127.0.0.1 GET /one 200 12\n");
    client bad(server.bound_addr());
    bad.send("nonsense\r\n\r\n");
    CHECK_EQUAL(bad.answer().status, 400);
    WAIT_FOR((std::lock_guard<std::mutex>(lock), contains(text, " 400 ")));
    CHECK_EQUAL(done, 1);
}

const test tests[] = {{"data_of_threads", data_of_threads},
                      {"by_reference", by_reference},
                      {"replaced", replaced},
                      {"access_log", access_log}};

}  // namespace

int main() { return run_tests(tests); }
