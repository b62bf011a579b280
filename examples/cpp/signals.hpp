// Ctrl-C and SIGTERM end a server as long as this lives, which has to be shorter than the server:
// no handler may use one that is freed. Both are ignored from then on, as the program is about to end.
// The library installs no signal handlers by itself.
#pragma once

#include <wsgiserver.hpp>

#include <csignal>

class stopping_on_signals {
public:
    explicit stopping_on_signals(wsgi::server& server) {
        running() = server.native();
        // This one call of the library is safe inside a handler.
        handle([](int) { wsgi_server_signal_stop(running()); });
    }
    ~stopping_on_signals() { handle(SIG_IGN); }
    stopping_on_signals(const stopping_on_signals&) = delete;
    stopping_on_signals& operator=(const stopping_on_signals&) = delete;

private:
    static wsgi_server*& running() {
        static wsgi_server* server;
        return server;
    }

    static void handle(void (*handler)(int)) {
        std::signal(SIGINT, handler);
        std::signal(SIGTERM, handler);
    }
};
