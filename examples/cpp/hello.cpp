// The smallest server in C++. Ctrl-C ends it.
//
//     hello [PORT]
#include <wsgiserver.hpp>

#include <csignal>
#include <iostream>

static wsgi_server* running;

int main(int argc, char** argv) {
    try {
        std::string port = argc > 1 ? argv[1] : "8070";
        wsgi::server server("127.0.0.1:" + port, [](wsgi::request& request) {
            auto write = request.start_response("200 OK", {{"Content-Type", "text/plain"}});
            write("Hello world!\n");
        });
        server.prepare();
        running = server.native();
        // The library installs no signal handlers. This one call is safe inside a handler.
        std::signal(SIGINT, [](int) { wsgi_server_signal_stop(running); });
        std::signal(SIGTERM, [](int) { wsgi_server_signal_stop(running); });
        std::cout << "Serving on http://" << server.bound_addr() << "/" << std::endl;
        server.serve();
        return 0;
    } catch (const wsgi::error& error) {
        std::cerr << "hello: " << error.what() << std::endl;
        return 1;
    }
}
