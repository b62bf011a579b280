// What an application sees of a request, and how it answers.
#include "test.hpp"

#include <fcntl.h>

namespace {

void answer(wsgi::request& request, std::string_view text) {
    request.respond("200 OK", {{"Content-Type", "text/plain"}}, text);
}

void wsgi_way() {
    auto server = serving([](wsgi::request& request) {
        auto write = request.start_response("200 OK", {{"X-One", "1"}, {"X-Two", "2"}});
        write("Hello, ");
        request.write(request["PATH_INFO"]);
    });
    reply it = fetch(server, "/you");
    CHECK_EQUAL(it.status, 200);
    CHECK_EQUAL(it.body, "Hello, /you");
    CHECK(contains(it.head, "X-One: 1\r\nX-Two: 2\r\n"));
    CHECK(it.complete);
}

void environ_and_view() {
    auto server = serving([](wsgi::request& request) {
        bool found = false;
        std::size_t count = 0;
        for (auto [key, value, key_id] : request.environ()) {
            count++;
            if (key == "HTTP_HOST") found = value == "test" && key_id == WSGI_KEY_HTTP_HOST;
        }
        CHECK(found);
        CHECK_EQUAL(count, request.environ().size());
        CHECK_EQUAL(request["REQUEST_METHOD"], "GET");
        CHECK_EQUAL(request["NO_SUCH_KEY"], "");
        CHECK(!request.environ().find("NO_SUCH_KEY"));
        CHECK_EQUAL(*request.get(WSGI_KEY_QUERY_STRING), "a=1&b=x+y%21");
        CHECK_EQUAL(*request.header("host"), "test");
        CHECK(!request.header("Cookie"));
        CHECK_THROWS(WSGI_E_OPTION, request.get(99999));

        wsgi::request_view view = request.view();
        CHECK_EQUAL(view.method(), "GET");
        CHECK_EQUAL(view.target(), "/a%20b?a=1&b=x+y%21");
        CHECK_EQUAL(view.path(), "/a b");
        CHECK_EQUAL(view.query(), "a=1&b=x+y%21");
        CHECK_EQUAL(view.protocol(), "HTTP/1.1");
        CHECK_EQUAL(view.fields().size(), 1U);
        CHECK_EQUAL(view.fields()[0].key, "Host");
        CHECK_EQUAL(*view.content_length(), 0U);
        CHECK_EQUAL(view.version_minor(), 1U);
        CHECK_EQUAL(*wsgi::query(view.query()).get("b"), "x y!");

        CHECK(contains(request.peer_addr(), "127.0.0.1:"));
        CHECK(contains(request.local_addr(), "127.0.0.1:"));
        CHECK(!request.name().empty());
        answer(request, "fine");
    });
    CHECK_EQUAL(fetch(server, "/a%20b?a=1&b=x+y%21").body, "fine");
}

void bodies() {
    auto server = serving([](wsgi::request& request) {
        std::string line, text;
        if (request["PATH_INFO"] == "/lines") {
            while (request.readline(line)) text += "<" + line + ">";
        } else if (request["PATH_INFO"] == "/short") {
            CHECK_THROWS(WSGI_E_MAX_SIZE_EXCEEDED, request.read_all(10));
        } else if (request["PATH_INFO"] == "/long-line") {
            CHECK_THROWS(WSGI_E_MAX_SIZE_EXCEEDED, request.readline(line, 10));
        } else {
            text = request.read_all();
            char more[10];
            CHECK_EQUAL(request.read(more, sizeof more), 0U);
            for (auto [name, value] : request.trailers()) {
                text += name;
                text += value;
            }
        }
        answer(request, text);
    });
    std::string large(300000, 'x');
    client one(server.bound_addr());
    one.post("/", large);
    CHECK(one.answer().body == large);
    one.post("/lines", "one\ntwo\n" + std::string(2000, 'y'));
    CHECK_EQUAL(one.answer().body, "<one\n><two\n><" + std::string(2000, 'y') + ">");
    one.post("/short", "twelve bytes");
    CHECK_EQUAL(one.answer().status, 200);
    one.post("/long-line", "twelve bytes");
    CHECK_EQUAL(one.answer().status, 200);
    one.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
             "3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n");
    CHECK_EQUAL(one.answer().body, "abcX-Sum6");
}

void ways_to_answer() {
    auto server = serving([](wsgi::request& request) {
        std::string_view path = request["PATH_INFO"];
        if (path == "/flat") {
            request.respond_flat("201 Created\r\nX-Flat: yes", "flat");
        } else if (path == "/flat-start") {
            request.start_response_flat("200 OK\r\nX-Flat: yes\r\n");
            request.write("started");
        } else if (path == "/restart") {
            request.start_response("200 OK", {{"X-First", "1"}});
            request.restart_response("503 Service Unavailable")("later");
        } else if (path == "/parts") {
            request.start_response("200 OK");
            request.writev({"one ", "two ", "three"});
            std::vector<std::string_view> many(40, "x");
            request.writev(many.data(), many.size());
            request.flush();
        } else if (path == "/trailers") {
            request.inform("103 Early Hints", {{"Link", "</x>; rel=preload"}});
            request.start_response("200 OK")("sum");
            request.add_trailer("X-Sum", "3");
        } else if (path == "/file") {
            int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
            request.start_response("200 OK");
            request.send_file(fd, 1, 3);
            close(fd);
        } else {
            std::vector<wsgi::header> several = {{"X-A", "a"}, {"X-B", "b"}};
            request.respond("204 No Content", several);
        }
    });
    CHECK(contains(fetch(server, "/flat").head, "201 Created\r\nX-Flat: yes\r\n"));
    CHECK_EQUAL(fetch(server, "/flat-start").body, "started");
    reply it = fetch(server, "/restart");
    CHECK_EQUAL(it.status, 503);
    CHECK(!contains(it.head, "X-First"));
    CHECK_EQUAL(fetch(server, "/parts").body, "one two three" + std::string(40, 'x'));
    it = fetch(server, "/trailers");
    CHECK(contains(it.head, "103 Early Hints\r\nLink: </x>; rel=preload"));
    CHECK(contains(it.head, "X-Sum: 3"));
    CHECK_EQUAL(fetch(server, "/file").body, "ELF");
    client one(server.bound_addr());
    one.get("/else");
    CHECK(contains(one.take_to("\r\n\r\n"), "X-A: a\r\nX-B: b\r\n"));
}

// Has data() and size(), and tells when it is destroyed.
struct buffer {
    std::string text;
    counted life;
    const char* data() const { return text.data(); }
    std::size_t size() const { return text.size(); }
};

void owned_buffers() {
    std::atomic<int> alive{0};
    std::string large(3000000, 'z');
    auto server = serving([&](wsgi::request& request) {
        buffer refused{"refused", counted(alive)};
        CHECK_THROWS(WSGI_E_STATE, request.write_owned(std::move(refused)));
        CHECK_EQUAL(alive, 0);
        request.start_response("200 OK");
        request.write_owned(std::string("short"));
        request.write_owned(std::vector<char>{'-', '-'});
        request.write_owned(std::make_shared<const std::string>("shared"));
        request.write_static(" static ");
        request.write_owned(buffer{large, counted(alive)});
    });
    reply it = fetch(server, "/");
    CHECK(it.body == "short--shared static " + large);
    WAIT_FOR(alive == 0);
}

void data_of_requests() {
    std::atomic<int> alive{0};
    auto server = serving([&](wsgi::request& request) {
        CHECK(request.data<counted>() == nullptr);
        request.set_data(std::make_unique<counted>(alive));
        CHECK(request.data<counted>() != nullptr);
        if (request.connection_data<int>() == nullptr)
            request.set_connection_data(std::make_unique<int>(0));
        int number = ++*request.connection_data<int>();
        CHECK_EQUAL(alive, 1);
        answer(request, std::to_string(number));
    });
    client one(server.bound_addr());
    for (const char* number : {"1", "2", "3"}) {
        one.get("/");
        CHECK_EQUAL(one.answer().body, number);
        WAIT_FOR(alive == 0);
    }
}

void deadlines() {
    std::atomic<bool> gone{false};
    auto server = serving([&](wsgi::request& request) {
        request.set_deadline(std::chrono::milliseconds(20));
        WAIT_FOR(request.try_log(WSGI_LEVEL_DEBUG, "still here") == WSGI_GONE);
        gone = true;
    });
    CHECK_EQUAL(fetch(server, "/").status, 503);
    WAIT_FOR(gone);
}

void texts() {
    CHECK_EQUAL(wsgi::percent_decode("a%20b+c"), "a b+c");
    CHECK_EQUAL(wsgi::percent_decode("a%20b+c", true), "a b c");
    CHECK_EQUAL(wsgi::percent_decode(""), "");
    std::string all;
    for (auto [name, value] : wsgi::query("a=1&&b&c=")) {
        all += name;
        all += value.data() == nullptr ? "!" : "=";
        all += value;
    }
    CHECK_EQUAL(all, "a=1b!c=");
    CHECK(wsgi::query("").begin() == wsgi::query("").end());
    CHECK(!wsgi::query("a=1").get("b"));
    CHECK_EQUAL(*wsgi::cookie("a=1; session=\"x y\"", "session"), "x y");
    CHECK(!wsgi::cookie("a=1", "b"));
    CHECK_EQUAL(std::string(wsgi::key_name(WSGI_KEY_HTTP_HOST)), "HTTP_HOST");
    CHECK(wsgi::key_name(9999) == nullptr);
    CHECK(std::strlen(wsgi::version()) > 0);
    CHECK(wsgi::abi_version() > 0);
}

void dispatchers() {
    std::atomic<int> alive{0};
    wsgi::path_info_dispatcher inner;
    inner.add("/deep", [](wsgi::request& request) {
        answer(request, "deep " + std::string(request["SCRIPT_NAME"]));
    });
    wsgi::path_info_dispatcher outer;
    auto blog = [life = counted(alive)](wsgi::request& request) {
        answer(request, "blog " + std::string(request["PATH_INFO"]));
    };
    outer.add("/in", std::move(inner)).add("/blog", std::move(blog));
    CHECK_THROWS(WSGI_E_OPTION, outer.add("blog", [](wsgi::request&) {}));
    CHECK_THROWS(WSGI_E_OPTION, outer.remove("/none"));
    {
        auto server = serving(std::ref(outer));
        CHECK_EQUAL(fetch(server, "/blog/new").body, "blog /new");
        CHECK_EQUAL(fetch(server, "/in/deep/x").body, "deep /in/deep");
        CHECK_EQUAL(fetch(server, "/else").status, 404);
        outer.remove("/blog");
        WAIT_FOR(alive == 0);
        CHECK_EQUAL(fetch(server, "/blog/new").status, 404);
    }
    auto server = serving(std::move(outer));
    CHECK_EQUAL(fetch(server, "/in/deep").body, "deep /in/deep");
}

// Adds a header, and sends everything twice.
class twice : public wsgi::middleware {
public:
    using middleware::middleware;
    void start_response(std::string_view status, wsgi::headers fields, bool restart) override {
        std::vector<wsgi_header> more(fields.data(), fields.data() + fields.size());
        more.push_back(wsgi::header("X-Twice", "yes"));
        middleware::start_response(status, more, restart);
    }
    void write(std::string_view data) override {
        if (data == "bad") throw std::out_of_range("twice bad");
        outer_.write(data);
        outer_.write(data);
    }
};

void middleware() {
    std::mutex lock;
    wsgi::detached kept;
    auto app = [&](wsgi::request& request) {
        std::string_view path = request["PATH_INFO"];
        if (path == "/later") {
            std::lock_guard<std::mutex> guard(lock);
            kept = request.detach();
            return;
        }
        auto write = request.start_response("200 OK", {{"X-One", "1"}});
        CHECK_THROWS(WSGI_E_STATE, write("bad"));
        if (path != "/bad") write("two ");
    };
    std::atomic<bool> thrown{false};
    auto server = serving([&](wsgi::request& request) {
        try {
            twice outer(request);
            outer.call([&](wsgi::request& inner) { twice(inner).call(app); });
        } catch (const std::out_of_range&) {
            thrown = true;
        }
    });
    reply it = fetch(server, "/");
    CHECK(contains(it.head, "X-One: 1\r\nX-Twice: yes\r\nX-Twice: yes\r\n"));
    CHECK_EQUAL(it.body, "two two two two ");
    CHECK(thrown);
    client one(server.bound_addr());
    one.get("/later");
    WAIT_FOR((std::lock_guard<std::mutex>(lock), bool(kept)));
    kept.respond("200 OK", {}, "later");
    CHECK_EQUAL(one.answer().body, "later");
}

void looking_in() {
    auto server = serving(
        [](wsgi::request& request) {
            if (request["PATH_INFO"] == "/status") return request.status_page();
            answer(request, "x");
        },
        3);
    CHECK_EQUAL(server.get("numthreads"), "3");
    CHECK_EQUAL(server.threads(), 3U);
    CHECK_EQUAL(server.grow(1), 1U);
    CHECK_EQUAL(server.shrink(1), 1U);
    server.set("statistics", true);
    CHECK_EQUAL(fetch(server, "/").status, 200);
    CHECK_EQUAL(server.stats().enabled, 1);
    WAIT_FOR(server.stats().requests == 1U);
    CHECK(server.worker_stats(0).has_value());
    CHECK(!server.worker_stats(1000).has_value());
    CHECK(contains(server.stats_text(), "Bytes Read: "));
    CHECK(contains(server.stats_json(), "\"bytes_read\":"));
    CHECK(contains(server.stats_prometheus(), "\nwsgiserver_read_bytes_total "));
    CHECK(server.histogram(WSGI_APPLICATION).count == server.histogram(WSGI_QUEUE_WAIT).count);
    CHECK(server.histogram_bound(0) > 0);
    reply page = fetch(server, "/status?format=json");
    CHECK_EQUAL(page.status, 200);
    CHECK(contains(page.body, "\"enabled\":true"));
    WAIT_FOR(server.stats().requests == 2U);
    server.clear_stats();
    CHECK_EQUAL(server.stats().requests, 0U);
    CHECK_EQUAL(server.qsize(), 0U);
    CHECK_EQUAL(server.listener_count(), 1U);
    CHECK_EQUAL(server.bound_addrs()[0], server.bound_addr());
    CHECK(wsgi::server::options().size() > 10U);
}

void options() {
    wsgi::server server("127.0.0.1:0");
    server.set("timeout", std::chrono::milliseconds(1500)).set("nodelay", false).set("max", 20L);
    server.set("shutdown_timeout", 0.25).set("server_name", "here");
    CHECK_EQUAL(server.get("timeout"), "1.5");
    CHECK_EQUAL(server.get("max"), "20");
    CHECK_EQUAL(server.get("shutdown_timeout"), "0.25");
    server.set("server_name", std::string(500, 'n'));
    CHECK_EQUAL(server.get("server_name"), std::string(500, 'n'));
    try {
        server.set("numthreads", "many");
        FAIL("many threads were taken");
    } catch (const wsgi::error& error) {
        CHECK_EQUAL(error.status(), WSGI_E_OPTION);
        CHECK_EQUAL(std::string(error.name()), "WSGI_E_OPTION");
        CHECK(contains(error.what(), "numthreads"));
    }
}

const test tests[] = {{"wsgi_way", wsgi_way},
                      {"environ_and_view", environ_and_view},
                      {"bodies", bodies},
                      {"ways_to_answer", ways_to_answer},
                      {"owned_buffers", owned_buffers},
                      {"data_of_requests", data_of_requests},
                      {"deadlines", deadlines},
                      {"texts", texts},
                      {"dispatchers", dispatchers},
                      {"middleware", middleware},
                      {"looking_in", looking_in},
                      {"options", options}};

}  // namespace

int main() { return run_tests(tests); }
