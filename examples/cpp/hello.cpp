// The smallest server in C++. Ctrl-C ends it.
//
//     hello [PORT]
#include "signals.hpp"

#include <wsgiserver.hpp>

#include <iostream>

int main(int argc, char** argv) {
    try {
        std::string port = argc > 1 ? argv[1] : "8070";
        wsgi::server server("127.0.0.1:" + port, [](wsgi::request& request) {
            auto write = request.start_response("200 OK", {{"Content-Type", "text/plain"}});
            write("Hello world!\n");
        });
        server.prepare();
        stopping_on_signals signals(server);
        std::cout << "Serving on http://" << server.bound_addr() << "/" << std::endl;
        server.serve();
        return 0;
    } catch (const wsgi::error& error) {
        std::cerr << "hello: " << error.what() << std::endl;
        return 1;
    }
}
