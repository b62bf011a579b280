// Who owns what: moves, the order of destruction, late uses, threads.
#include "test.hpp"

#include <stdexcept>
#include <type_traits>

#include <sys/wait.h>

namespace {

static_assert(!std::is_copy_constructible_v<wsgi::server>);
static_assert(!std::is_copy_constructible_v<wsgi::detached>);
static_assert(!std::is_copy_constructible_v<wsgi::stream>);
static_assert(!std::is_copy_constructible_v<wsgi::worker>);
static_assert(!std::is_copy_constructible_v<wsgi::request>);
static_assert(!std::is_move_constructible_v<wsgi::request>);
static_assert(!std::is_copy_constructible_v<wsgi::path_info_dispatcher>);
static_assert(std::is_nothrow_move_constructible_v<wsgi::server>);
static_assert(std::is_nothrow_move_assignable_v<wsgi::detached>);
static_assert(std::is_nothrow_move_constructible_v<wsgi::stream>);
static_assert(std::is_trivially_copyable_v<wsgi::exchange>);

// Detached requests that another thread is to answer; to be declared after the server.
class later {
public:
    void add(wsgi::detached one) {
        std::lock_guard<std::mutex> lock(lock_);
        waiting_.push_back(std::move(one));
    }
    std::size_t size() {
        std::lock_guard<std::mutex> lock(lock_);
        return waiting_.size();
    }
    wsgi::detached take() {
        std::lock_guard<std::mutex> lock(lock_);
        wsgi::detached last = std::move(waiting_.back());
        waiting_.pop_back();
        return last;
    }

private:
    std::mutex lock_;
    std::vector<wsgi::detached> waiting_;
};

void server_moves() {
    std::atomic<int> alive{0};
    auto app = [life = counted(alive)](wsgi::request& request) {
        request.respond("200 OK", {}, "here");
    };
    CHECK_EQUAL(alive, 1);
    {
        wsgi::server first = serving(app);
        CHECK_EQUAL(alive, 2);
        wsgi::server second = std::move(first);
        CHECK(first.native() == nullptr);
        CHECK_EQUAL(fetch(second, "/").body, "here");
        CHECK_THROWS(WSGI_E_NULL, first.stop());
        CHECK_THROWS(WSGI_E_NULL, first.get("numthreads"));
        wsgi::server third = serving(app);
        CHECK_EQUAL(alive, 3);
        third = std::move(second);
        CHECK_EQUAL(alive, 2);
        wsgi::server& itself = third;
        third = std::move(itself);
        CHECK_EQUAL(fetch(third, "/").body, "here");
    }
    CHECK_EQUAL(alive, 1);
}

void use_after_stop() {
    auto server = serving([](wsgi::request& request) { request.respond("200 OK", {}, "here"); });
    CHECK_EQUAL(fetch(server, "/").body, "here");
    CHECK_EQUAL(server.stop(), 0U);
    CHECK_EQUAL(server.stop(), 0U);
    server.signal_stop();
    server.wait();
    CHECK(!server.bound_addr().empty());
    CHECK_EQUAL(server.threads(), 0U);
    CHECK_THROWS(WSGI_E_STATE, server.grow(1));
}

// What the application uses may be destroyed right after the server.
void server_waits_for_applications() {
    std::atomic<bool> inside{false}, finished{false}, go_on{false};
    std::thread opens;
    {
        auto server = serving([&](wsgi::request&) {
            inside = true;
            WAIT_FOR(go_on);
            finished = true;
        });
        server.set("shutdown_timeout", 0);
        client one(server.bound_addr());
        one.get("/");
        WAIT_FOR(inside);
        opens = std::thread([&, native = server.native()] {
            size_t threads = 1;
            // The stop has begun, and has left the thread behind.
            WAIT_FOR(wsgi_server_threads(native, &threads) < 0 || threads == 0);
            go_on = true;
        });
    }
    CHECK(finished);
    opens.join();
}

// It is stopped, and its handle stays good.
void server_destroyed_by_its_application() {
    std::unique_ptr<wsgi::server> owner;
    std::atomic<bool> there{false};
    owner = std::make_unique<wsgi::server>(serving([&](wsgi::request& request) {
        WAIT_FOR(there);
        owner.reset();
        request.respond("200 OK");
    }));
    wsgi_server* native = owner->native();
    client one(owner->bound_addr());
    one.get("/");
    there = true;
    CHECK_EQUAL(one.answer().status, 200);
    CHECK_EQUAL(wsgi_server_wait(native), WSGI_OK);
    CHECK_EQUAL(wsgi_server_free(native), WSGI_OK);
}

void late_uses() {
    std::atomic<wsgi_request> id{0};
    auto server = serving([&](wsgi::request& request) {
        id = request.id();
        request.respond("200 OK");
        CHECK_THROWS(WSGI_E_STATE, request.respond("200 OK"));
    });
    CHECK_EQUAL(fetch(server, "/").status, 200);
    wsgi::exchange late(server.native(), id);
    WAIT_FOR(late.try_log(WSGI_LEVEL_DEBUG, "?") == WSGI_GONE);
    char buffer[10];
    CHECK_EQUAL(late.try_respond("200 OK"), WSGI_GONE);
    CHECK_EQUAL(late.try_read(buffer, sizeof buffer), WSGI_GONE);
    CHECK_EQUAL(late.try_write("x"), WSGI_GONE);
    CHECK_EQUAL(late.abort(), WSGI_GONE);
    CHECK_THROWS(WSGI_GONE, late.view());
    CHECK_THROWS(WSGI_GONE, late.environ());
    CHECK_THROWS(WSGI_GONE, late.header("Host"));
    CHECK_THROWS(WSGI_GONE, late.peer_addr());
    CHECK_THROWS(WSGI_GONE, late.hijack());
    CHECK_THROWS(WSGI_GONE, late.set_data(std::make_unique<int>(1)));
    CHECK_THROWS(WSGI_GONE, late.on_abort([](wsgi::exchange) {}));
    CHECK_THROWS(WSGI_GONE, late.write_owned(std::string("x")));
    CHECK_THROWS(WSGI_E_NULL, wsgi::exchange().finish());
}

void answered_later() {
    later waiting;
    auto server = serving([&](wsgi::request& request) { waiting.add(request.detach()); });
    client one(server.bound_addr());
    one.get("/first");
    WAIT_FOR(waiting.size() == 1);
    std::thread([&] {
        wsgi::detached taken = waiting.take();
        CHECK(taken);
        CHECK_EQUAL(taken.view().path(), "/first");
        taken.start_response("200 OK");
        taken.write("later, ");
        taken.write("from a thread");
        taken.finish();
        CHECK_THROWS(WSGI_GONE, taken.finish());
    }).join();
    CHECK_EQUAL(one.answer().body, "later, from a thread");

    // Dropped without an answer, and replaced.
    one.get("/second");
    WAIT_FOR(waiting.size() == 1);
    waiting.take();
    CHECK_EQUAL(one.answer().status, 500);
    client two(server.bound_addr());
    two.get("/third");
    WAIT_FOR(waiting.size() == 1);
    wsgi::detached taken = waiting.take();
    taken = wsgi::detached();
    CHECK(!taken);
    CHECK_EQUAL(two.answer().status, 500);
}

// The list is gone before the server: declared after it.
void detached_at_the_end() {
    later* place = nullptr;
    std::atomic<int> count{0};
    wsgi::server server("127.0.0.1:0", [&](wsgi::request& request) {
        place->add(request.detach());
        count++;
    });
    later waiting;
    place = &waiting;
    server.set("shutdown_timeout", 0);
    server.start_background();
    client one(server.bound_addr());
    one.get("/");
    WAIT_FOR(count == 1);
    CHECK_EQUAL(server.stop(), 1U);
    wsgi::detached taken = waiting.take();
    CHECK_EQUAL(taken.try_respond("200 OK"), WSGI_GONE);
}

void released() {
    wsgi::exchange plain;
    std::atomic<bool> told{false};
    auto server = serving([&](wsgi::request& request) {
        plain = request.detach().release();
        CHECK_THROWS(WSGI_E_STATE, (void)request.detach());
        told = true;
    });
    client one(server.bound_addr());
    one.get("/");
    WAIT_FOR(told);
    plain.respond("200 OK", {}, "plain");
    CHECK_EQUAL(one.answer().body, "plain");
}

void in_a_loop() {
    wsgi::server server("127.0.0.1:0", [](wsgi::request& request) {
        request.respond("200 OK", {}, "ticked");
    });
    server.set("numthreads", 0);
    server.prepare();
    CHECK_EQUAL(*server.tick(std::chrono::milliseconds(0)), 0U);
    CHECK(server.ready());
    CHECK(server.event_fd() >= 0);
    CHECK(!server.interrupt_code());
    std::thread asks([&] { CHECK_EQUAL(fetch(server, "/").body, "ticked"); });
    while (*server.tick() == 0) {
    }
    asks.join();
    server.quiesce();
    server.interrupt(7);
    CHECK_THROWS(WSGI_E_INTERRUPTED, [&] { while (server.tick()) {} }());
    CHECK_EQUAL(*server.interrupt_code(), 7);
    CHECK(!server.ready());
    server.prepare();
    server.stop();
    CHECK(!server.tick());
}

// Waits for the child's end; its exit status.
int status_of(pid_t child) {
    int status = 0;
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

// The child of a fork in a handler leaves it without _exit: it must not serve beside its parent.
void forked_child_leaves_its_handler() {
    std::atomic<int> ended{0};
    auto server = serving([&ended](wsgi::request& request) {
        std::string path(request["PATH_INFO"]);
        pid_t child = path == "/" ? -1 : fork();
        if (child == 0) {
            alarm(TEST_DEADLINE);
            if (path == "/throws") throw std::runtime_error("in the child");
            if (path == "/answers") request.respond("200 OK", {}, "child");
            return;
        }
        if (child > 0) {
            CHECK_EQUAL(status_of(child), WSGI_EXIT_FORKED);
            ++ended;
        }
        request.respond("200 OK", {}, "parent");
    });
    for (const char* path : {"/returns", "/throws", "/answers"}) {
        CHECK_EQUAL(fetch(server, path).body, "parent");
        for (int i = 0; i < 60; i++) CHECK_EQUAL(fetch(server, "/").body, "parent");
    }
    CHECK_EQUAL(ended, 3);
}

void forked_child_returns_from_tick() {
    pid_t parent = getpid(), child = -1;
    wsgi::server server("127.0.0.1:0", [&child](wsgi::request& request) {
        child = fork();
        if (child != 0) request.respond("200 OK", {}, "parent");
    });
    server.set("numthreads", 0);
    server.prepare();
    client one(server.bound_addr());
    one.get("/");
    try {
        while (*server.tick() == 0) {
        }
    } catch (const wsgi::error& error) {
        if (getpid() != parent) _exit(error.status() == WSGI_E_FORKED ? 0 : 1);
        throw;
    }
    if (getpid() != parent) _exit(2);
    CHECK_EQUAL(status_of(child), 0);
    CHECK_EQUAL(one.answer().body, "parent");
    server.stop();
}

void many_servers() {
    std::atomic<int> alive{0};
    for (int i = 0; i < 50; i++) {
        auto server = serving([life = counted(alive)](wsgi::request& request) {
            request.respond("200 OK", {}, "one of many");
        });
        CHECK_EQUAL(fetch(server, "/").body, "one of many");
        CHECK_EQUAL(alive, 1);
    }
    CHECK_EQUAL(alive, 0);
}

const test tests[] = {{"server_moves", server_moves},
                      {"use_after_stop", use_after_stop},
                      {"server_waits_for_applications", server_waits_for_applications},
                      {"server_destroyed_by_its_application", server_destroyed_by_its_application},
                      {"late_uses", late_uses},
                      {"answered_later", answered_later},
                      {"detached_at_the_end", detached_at_the_end},
                      {"released", released},
                      {"in_a_loop", in_a_loop},
                      {"forked_child_leaves_its_handler", forked_child_leaves_its_handler},
                      {"forked_child_returns_from_tick", forked_child_returns_from_tick},
                      {"many_servers", many_servers}};

}  // namespace

int main() { return run_tests(tests); }
