// A guestbook: routes, forms, a cookie, and readers that wait for news without holding a thread.
//
//     guestbook [PORT]
//
// GET / is the page, POST / signs it (an urlencoded form: name, text), GET /news waits for the next
// entry and answers with it.
#include "signals.hpp"

#include <wsgiserver.hpp>

#include <iostream>
#include <mutex>
#include <vector>

namespace {

std::string escaped(std::string_view text) {
    std::string safe;
    for (char c : text) {
        if (c == '<') safe += "&lt;";
        else if (c == '>') safe += "&gt;";
        else if (c == '&') safe += "&amp;";
        else if (c == '"') safe += "&quot;";
        else safe += c;
    }
    return safe;
}

// Called on several threads at once. It is to be gone before its server, as the requests that wait
// in it are the server's.
class guestbook {
public:
    void page(wsgi::request& request) {
        if (request["REQUEST_METHOD"] == "POST") return sign(request);
        // Who has signed before needs not write the name again.
        auto name = wsgi::cookie(request["HTTP_COOKIE"], "name");
        std::string body = "<!DOCTYPE html><title>Guestbook</title><ul>\n";
        {
            std::lock_guard<std::mutex> lock(lock_);
            for (const std::string& entry : entries_) body += "<li>" + escaped(entry) + "\n";
        }
        body += "</ul><form method=post><input name=name value=\"" +
                escaped(wsgi::percent_decode(name.value_or(""))) +
                "\"><input name=text><button>Sign</button></form>\n";
        request.respond("200 OK", {{"Content-Type", "text/html; charset=utf-8"}}, body);
    }

    void news(wsgi::request& request) {
        request.set_deadline(std::chrono::minutes(5));
        std::lock_guard<std::mutex> lock(lock_);
        waiting_.push_back(request.detach());
    }

    // Lets all go that wait: their clients get 500.
    void close() {
        std::vector<wsgi::detached> waiting;
        std::lock_guard<std::mutex> lock(lock_);
        waiting.swap(waiting_);
    }

private:
    void sign(wsgi::request& request) {
        std::string form = request.read_all(10000);
        std::string name = wsgi::query(form).get("name").value_or("");
        std::string text = wsgi::query(form).get("text").value_or("");
        if (name.empty() || text.empty())
            return request.respond("400 Bad Request", {{"Content-Type", "text/plain"}},
                                   "A name and a text, please.\n");
        std::string entry = name + ": " + text;
        std::vector<wsgi::detached> waiting;
        {
            std::lock_guard<std::mutex> lock(lock_);
            entries_.push_back(entry);
            waiting.swap(waiting_);
        }
        // Nothing is locked while the library is called. Who has left meanwhile is WSGI_GONE.
        for (wsgi::detached& one : waiting)
            one.try_respond("200 OK", {{"Content-Type", "text/plain; charset=utf-8"}}, entry);
        request.respond("303 See Other",
                        {{"Location", "/"}, {"Set-Cookie", "name=" + encoded(name)}});
    }

    static std::string encoded(std::string_view text) {
        static const char digits[] = "0123456789ABCDEF";
        std::string safe;
        for (unsigned char c : text) {
            safe += '%';
            safe += digits[c >> 4];
            safe += digits[c & 15];
        }
        return safe;
    }

    std::mutex lock_;
    std::vector<std::string> entries_;
    std::vector<wsgi::detached> waiting_;
};

}  // namespace

int main(int argc, char** argv) {
    try {
        guestbook book;
        wsgi::path_info_dispatcher routes;
        routes.add("/", [&](wsgi::request& request) { book.page(request); })
            .add("/news", [&](wsgi::request& request) { book.news(request); });

        wsgi::server server("127.0.0.1:" + std::string(argc > 1 ? argv[1] : "8070"),
                            std::move(routes));
        server.set("numthreads", 4).set("shutdown_timeout", 0.5);
        server.set_error_log([](std::int32_t level, std::uint32_t, std::string_view text) {
            if (level >= WSGI_LEVEL_WARNING) std::cerr << "guestbook: " << text << std::endl;
        });
        server.prepare();
        stopping_on_signals signals(server);
        std::cout << "Serving on http://" << server.bound_addr() << "/" << std::endl;
        server.serve();
        book.close();
        return 0;
    } catch (const wsgi::error& error) {
        std::cerr << "guestbook: " << error.what() << std::endl;
        return 1;
    }
}
