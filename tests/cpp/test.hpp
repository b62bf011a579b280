// What every test program here begins with: checks, and a small blocking client. A failed check
// prints where and ends the program with 1; a program that hangs is ended by its deadline.
#ifndef TEST_HPP
#define TEST_HPP

#include <wsgiserver.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

// Seconds that one test may take, and that one fact may be waited for.
enum { TEST_DEADLINE = 60, FACT_DEADLINE = 20 };

#define FAIL(TEXT)                                                                                 \
    do {                                                                                           \
        std::cerr << __FILE__ << ":" << __LINE__ << ": " << TEXT << std::endl;                     \
        std::_Exit(1);                                                                             \
    } while (0)

#define CHECK(CONDITION)                                                                           \
    do {                                                                                           \
        if (!(CONDITION)) FAIL("not so: " #CONDITION);                                             \
    } while (0)

// Through a function, so that what the expressions return lives long enough.
#define CHECK_EQUAL(ACTUAL, EXPECTED) check_equal((ACTUAL), (EXPECTED), #ACTUAL, __FILE__, __LINE__)

#define CHECK_THROWS(STATUS, EXPRESSION)                                                           \
    do {                                                                                           \
        wsgi_status status_ = WSGI_OK;                                                             \
        try {                                                                                      \
            (void)(EXPRESSION);                                                                    \
        } catch (const wsgi::error& error) {                                                       \
            status_ = error.status();                                                              \
        }                                                                                          \
        if (status_ != (STATUS))                                                                   \
            FAIL(#EXPRESSION " gave " << wsgi_status_name(status_) << ", expected " #STATUS);      \
    } while (0)

// Waits for a fact that another thread or the kernel brings about.
#define WAIT_FOR(CONDITION)                                                                        \
    do {                                                                                           \
        auto until_ = std::chrono::steady_clock::now() + std::chrono::seconds(FACT_DEADLINE);      \
        while (!(CONDITION)) {                                                                     \
            if (std::chrono::steady_clock::now() > until_) FAIL("never came about: " #CONDITION);  \
            std::this_thread::sleep_for(std::chrono::milliseconds(1));                             \
        }                                                                                          \
    } while (0)

template <class Actual, class Expected>
void check_equal(const Actual& actual, const Expected& expected, const char* what, const char* file,
                 int line) {
    if (actual == expected) return;
    std::cerr << file << ":" << line << ": " << what << " is \"" << actual << "\", expected \""
              << expected << "\"" << std::endl;
    std::_Exit(1);
}

struct test {
    const char* name;
    void (*run)();
};

template <std::size_t N>
int run_tests(const test (&tests)[N]) {
    for (const test& one : tests) {
        std::cerr << "  " << one.name << std::endl;
        alarm(TEST_DEADLINE);
        one.run();
    }
    return 0;
}

inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

struct reply {
    int status = 0;  // 0: the connection ended before a whole head came
    std::string head;
    std::string body;
    bool complete = false;
};

// A connection to "127.0.0.1:PORT".
class client {
public:
    explicit client(const std::string& address) {
        sockaddr_in to{};
        timeval deadline = {FACT_DEADLINE, 0};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int port = std::stoi(address.substr(address.rfind(':') + 1));
        to.sin_port = htons(static_cast<std::uint16_t>(port));
        fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline) == 0);
        if (connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) < 0)
            FAIL("cannot connect to " << address << ": " << std::strerror(errno));
    }
    client(const client&) = delete;
    client& operator=(const client&) = delete;
    ~client() { close(fd_); }

    void send(std::string_view data) {
        while (!data.empty()) {
            ssize_t sent = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
            CHECK(sent > 0);
            data.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    void get(const std::string& path) { send("GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n"); }

    void post(const std::string& path, const std::string& body) {
        send("POST " + path + " HTTP/1.1\r\nHost: test\r\nContent-Length: " +
             std::to_string(body.size()) + "\r\n\r\n" + body);
    }

    // No more from this side.
    void half_close() { shutdown(fd_, SHUT_WR); }

    // False at the end of the connection.
    bool receive() {
        char buffer[65536];
        ssize_t got;
        do {
            got = recv(fd_, buffer, sizeof buffer, 0);
        } while (got < 0 && errno == EINTR);  // a child has ended
        if (got < 0 && errno == EAGAIN) FAIL("nothing came from the server");
        if (got <= 0) return false;
        received_.append(buffer, static_cast<std::size_t>(got));
        return true;
    }

    std::string take(std::size_t length) {
        while (received_.size() < length && receive()) {
        }
        std::string taken = received_.substr(0, length);
        received_.erase(0, taken.size());
        return taken;
    }

    // With its end; without one if the connection ended before.
    std::string take_to(const char* end) {
        std::size_t at;
        while ((at = received_.find(end)) == std::string::npos)
            if (!receive()) return take(received_.size());
        return take(at + std::strlen(end));
    }

    std::string take_all() {
        while (receive()) {
        }
        return take(received_.size());
    }

    // The next answer; interim ones are left in front of its head.
    reply answer() {
        reply it;
        do {
            std::string head = take_to("\r\n\r\n");
            if (head.size() < 13) return it;
            it.status = std::stoi(head.substr(9, 3));
            it.head += head;
        } while (it.status / 100 == 1);
        std::size_t length = it.head.find("Content-Length: ");
        if (contains(it.head, "Transfer-Encoding: chunked")) {
            read_chunks(it);
        } else if (length != std::string::npos) {
            std::size_t size = std::stoul(it.head.substr(length + 16));
            it.body = take(size);
            it.complete = it.body.size() == size;
        } else {
            it.body = take_all();
            it.complete = true;
        }
        return it;
    }

private:
    // Trailers are appended to the head.
    void read_chunks(reply& it) {
        for (;;) {
            std::string line = take_to("\r\n");
            if (line.empty()) return;
            std::size_t size = std::stoul(line, nullptr, 16);
            std::string data = take(size);
            it.body += data;
            if (data.size() < size) return;
            if (size > 0) {
                take(2);
                continue;
            }
            while ((line = take_to("\r\n")) != "\r\n" && !line.empty()) it.head += line;
            it.complete = line == "\r\n";
            return;
        }
    }

    int fd_ = -1;
    std::string received_;
};

inline reply fetch(const wsgi::server& server, const std::string& path) {
    client one(server.bound_addr());
    one.get(path);
    return one.answer();
}

// A server on a free port with so many threads, which serves.
template <class App>
wsgi::server serving(App app, int threads = 2) {
    wsgi::server server("127.0.0.1:0", std::move(app));
    server.set("numthreads", threads);
    server.start_background();
    return server;
}

// Counts how many of its kind live; moved ones don't.
class counted {
public:
    explicit counted(std::atomic<int>& count) : count_(&count) { ++count; }
    counted(counted&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    counted(const counted& other) : count_(other.count_) {
        if (count_) ++*count_;
    }
    counted& operator=(counted other) noexcept {
        std::swap(count_, other.count_);
        return *this;
    }
    ~counted() {
        if (count_) --*count_;
    }

private:
    std::atomic<int>* count_;
};

#endif
