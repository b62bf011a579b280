// TLS: an adapter of the library's, and one of the host's own through the table.
#include "test.hpp"

#include <cstdlib>
#include <fstream>
#include <memory>

namespace {

// Not TLS, but of its shape: a byte in each direction for the handshake, then all bytes are flipped.
class flip : public wsgi::ssl_session {
public:
    explicit flip(std::atomic<int>& alive) : alive_(alive) { ++alive_; }
    ~flip() override { --alive_; }

    std::size_t feed(std::string_view encrypted) override {
        std::size_t taken = 0;
        if (handshaking_ && !encrypted.empty()) {
            if (encrypted[0] != '\x16') throw std::runtime_error("no hello");
            handshaking_ = false;
            out_ += '\x16';
            taken = 1;
        }
        for (char byte : encrypted.substr(taken)) in_ += flipped(byte);
        return encrypted.size();
    }
    std::size_t take(char* buffer, std::size_t capacity) override {
        return move(out_, buffer, capacity);
    }
    bool is_handshaking() override { return handshaking_; }
    std::optional<std::size_t> read(char* buffer, std::size_t capacity) override {
        if (in_.empty()) return std::nullopt;
        return move(in_, buffer, capacity);
    }
    std::size_t write(std::string_view plaintext) override {
        // A piece at a time: the rest is given again.
        plaintext = plaintext.substr(0, 1000);
        for (char byte : plaintext) out_ += flipped(byte);
        return plaintext.size();
    }
    void close() override { out_ += flipped('\x04'); }
    void environ(const std::function<void(const std::string&, std::string_view)>& put) override {
        put("SSL_PROTOCOL", "flip");
        put("MY_OWN", std::string_view("a\0b", 3));
    }

    static char flipped(char byte) { return static_cast<char>(byte ^ 0x55); }
    static std::string flipped(std::string text) {
        for (char& byte : text) byte = flipped(byte);
        return text;
    }

private:
    static std::size_t move(std::string& from, char* to, std::size_t capacity) {
        std::size_t count = from.copy(to, capacity);
        from.erase(0, count);
        return count;
    }

    std::atomic<int>& alive_;
    bool handshaking_ = true;
    std::string in_, out_;
};

class flipping : public wsgi::ssl_factory {
public:
    explicit flipping(std::atomic<int>& alive) : alive_(alive) { ++alive_; }
    ~flipping() override { --alive_; }
    std::unique_ptr<wsgi::ssl_session> wrap() override { return std::make_unique<flip>(alive_); }
    void reload() override {
        if (++reloads_ > 1) throw std::runtime_error("only once");
    }

private:
    std::atomic<int>& alive_;
    int reloads_ = 0;
};

void a_host_of_its_own() {
    std::atomic<int> alive{0};
    std::string large(300000, 'x');
    {
        wsgi::server server("127.0.0.1:0", [&](wsgi::request& request) {
            if (request["PATH_INFO"] == "/large") return request.respond("200 OK", {}, large);
            std::string text;
            for (const char* key : {"wsgi.url_scheme", "HTTPS", "SSL_PROTOCOL", "MY_OWN"})
                text += std::string(request[key]) + ";";
            request.respond("200 OK", {}, text + request.peer_certificate());
        });
        server.register_ssl_adapter("Flip", std::make_unique<flipping>(alive));
        server.get_ssl_adapter_class("FLIP");
        CHECK_THROWS(WSGI_E_OPTION, server.get_ssl_adapter_class("flop"));
        server.set_ssl_adapter(wsgi::ssl_adapter("unused", "", "", "flip", server.native()));
        server.start_background();
        CHECK_EQUAL(alive, 1);
        client one(server.bound_addr());
        std::string request = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
        // The handshake, and two requests in one piece behind it.
        one.send("\x16" + flip::flipped(request + "GET /large HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"));
        std::string all = one.take_all();
        CHECK_EQUAL(all[0], '\x16');
        all = flip::flipped(all.substr(1));
        CHECK(contains(all, std::string("https;on;flip;a\0b;HTTP/1.1 200 OK", 33)));
        CHECK(contains(all, large + "\x04"));
        CHECK_EQUAL(all.back(), '\x04');
        // Who is no client of it is closed, and others are served.
        client other(server.bound_addr());
        other.send("\x17");
        CHECK_EQUAL(other.take_all(), "");
        // Plain HTTP is told so, whoever speaks TLS.
        client plain(server.bound_addr());
        plain.get("/");
        CHECK_EQUAL(plain.answer().status, 400);
        server.reload_ssl();
        CHECK_THROWS(WSGI_E_SSL, server.reload_ssl());
        server.stop();
    }
    CHECK_EQUAL(alive, 0);
}

void adapters_of_the_library() {
    char folder[] = "/tmp/wsgiserver-cpp-XXXXXX";
    CHECK(mkdtemp(folder) != nullptr);
    std::string certificate = std::string(folder) + "/cert.pem", key = std::string(folder) + "/key.pem";
    std::string command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2"
                          " -subj /CN=localhost -passout pass:secret -keyout " +
                          key + " -out " + certificate + " 2>/dev/null";
    CHECK_EQUAL(std::system(command.c_str()), 0);
    wsgi::server server("127.0.0.1:0", [](wsgi::request& request) {
        request.respond("200 OK", {}, std::string(request["SSL_PROTOCOL"]));
    });
    std::atomic<int> asked{0};
    {
        wsgi::ssl_adapter adapter(certificate, key);
        CHECK_THROWS(WSGI_E_SSL, server.set_ssl_adapter(adapter));
        CHECK_THROWS(WSGI_E_OPTION, adapter.set("client_auth", "maybe"));
        adapter.set("minimum_tls_version", "1.3").set_password([&](const std::string& file) {
            CHECK_EQUAL(file, key);
            ++asked;
            return std::optional<std::string>("secret");
        });
        adapter.add_sni("other.test", certificate, key);
        server.set_ssl_adapter(adapter);
        CHECK_THROWS(WSGI_E_STATE, adapter.set("ciphers", ""));
        server.start_background();
        adapter.reload();
    }
    CHECK(asked >= 4);
    std::string fetch = "curl -s --cacert " + certificate + " --resolve localhost:" +
                        server.bound_addr().substr(server.bound_addr().rfind(':') + 1) +
                        ":127.0.0.1 https://localhost:" +
                        server.bound_addr().substr(server.bound_addr().rfind(':') + 1) + "/";
    FILE* pipe = popen(fetch.c_str(), "r");
    CHECK(pipe != nullptr);
    char text[64] = {};
    CHECK(fgets(text, sizeof text, pipe) != nullptr);
    CHECK_EQUAL(pclose(pipe), 0);
    CHECK_EQUAL(std::string(text), "TLSv1.3");
    std::ofstream(certificate) << "no certificate";
    CHECK_THROWS(WSGI_E_SSL, server.reload_ssl());
    CHECK_EQUAL(std::system((fetch + " >/dev/null --insecure").c_str()), 0);
    server.stop();
    for (const std::string& file : {certificate, key}) CHECK_EQUAL(std::remove(file.c_str()), 0);
    CHECK_EQUAL(rmdir(folder), 0);
}

}  // namespace

int main() {
    const test tests[] = {{"a_host_of_its_own", a_host_of_its_own},
                          {"adapters_of_the_library", adapters_of_the_library}};
    return run_tests(tests);
}
