// Starts one of two applications on 127.0.0.1; the same as examples/c/serve.c, which says more.
//
//     serve hello|fixture PORT [--bind ADDR ...] [--name VALUE ...]
#include "fixture.hpp"
#include "signals.hpp"

#include <iostream>

namespace {

enum { FAILED = 1, USAGE = 2 };

// 13 bytes the WSGI way.
void hello(wsgi::request& request) {
    auto write = request.start_response(
        "200 OK", {{"Content-Type", "text/plain"}, {"Content-Length", "13"}});
    write("Hello, world!");
}

int usage(const std::string& what) {
    std::cerr << "serve: " << what << "\n"
              << "usage: serve hello|fixture PORT [--bind ADDR ...] [--name VALUE ...]\noptions:\n";
    for (const wsgi::option& it : wsgi::server::options())
        std::cerr << "  " << it.name << ": " << it.help << " (default: " << it.default_value
                  << ")\n";
    return USAGE;
}

// "--max-threads" is the option "max_threads".
std::string option_name(std::string_view argument) {
    if (argument == "--threads") return "numthreads";
    std::string name(argument.substr(2));
    for (char& c : name)
        if (c == '-') c = '_';
    return name;
}

void configure(wsgi::server& server, const std::vector<std::string>& arguments) {
    bool bound = false;
    for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
        std::string name = option_name(arguments[i]);
        if (name != "bind") {
            server.set(name, arguments[i + 1]);
        } else if (bound) {
            server.listen(arguments[i + 1]);
        } else {
            server.set("bind_addr", arguments[i + 1]);
            bound = true;
        }
    }
}

wsgi::server made(const std::string& application, const std::string& address, fixture& fixture) {
    if (application == "hello") return wsgi::server(address, hello);
    return wsgi::server(address, std::ref(fixture));
}

void run(wsgi::server& server) {
    stopping_on_signals signals(server);
    server.start_background();
    for (const std::string& address : server.bound_addrs()) {
        // A UNIX socket has no URL: its address says what it is.
        bool is_unix = address[0] == '@' || address.rfind("unix:", 0) == 0;
        const char* scheme = server.get("certificate").empty() ? "http://" : "https://";
        std::cout << "listening on " << (is_unix ? "" : scheme) << address << std::endl;
    }
    server.wait();
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() < 2) return usage("an application and a port are needed");
    if (arguments[0] != "hello" && arguments[0] != "fixture")
        return usage("unknown application '" + arguments[0] + "'");
    std::vector<std::string> options(arguments.begin() + 2, arguments.end());
    if (options.size() % 2 != 0) return usage(options.back() + " needs a value");
    for (std::size_t i = 0; i < options.size(); i += 2)
        if (options[i].size() < 3 || options[i].rfind("--", 0) != 0)
            return usage("unknown argument '" + options[i] + "'");

    // The fixture's threads may use the server as long as there is one.
    fixture fixture;
    try {
        wsgi::server server = made(arguments[0], "127.0.0.1:" + arguments[1], fixture);
        // The library itself prints nothing.
        server.set_error_log([](std::int32_t level, std::uint32_t code, std::string_view text) {
            std::cerr << "serve: level " + std::to_string(level) + ", code " +
                             std::to_string(code) + ": " + std::string(text) + "\n";
        });
        try {
            configure(server, options);
        } catch (const wsgi::error& error) {
            return usage(error.what());
        }
        run(server);
        fixture.finish();
        return 0;
    } catch (const wsgi::error& error) {
        // An application that asks for the end gets a normal one.
        if (error.status() == WSGI_E_INTERRUPTED) return 0;
        std::cerr << "serve: " << error.what() << std::endl;
        return FAILED;
    }
}
