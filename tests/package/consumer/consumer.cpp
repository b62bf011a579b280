// Starts a server, asks it for a page, and stops it; exits with 0 if all went well.
#include <wsgiserver.hpp>

#include <iostream>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static std::string ask(const std::string& address) {
    std::string_view question = "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
    std::string answer;
    char buffer[4096];
    sockaddr_in to{};
    to.sin_family = AF_INET;
    int port = std::stoi(address.substr(address.rfind(':') + 1));
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    if (client < 0 || connect(client, reinterpret_cast<sockaddr*>(&to), sizeof to) < 0 ||
        write(client, question.data(), question.size()) < 0)
        return answer;
    for (ssize_t got; (got = read(client, buffer, sizeof buffer)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(got));
    close(client);
    return answer;
}

int main() {
    try {
        wsgi::server server("127.0.0.1:0", [](wsgi::request& request) {
            request.respond("200 OK", {}, "Hello!");
        });
        server.start_background();
        std::string answer = ask(server.bound_addr());
        if (answer.rfind("HTTP/1.1 200 OK\r\n", 0) == 0 &&
            answer.find("\r\n\r\nHello!") != std::string::npos) {
            std::cout << "wsgiserver " << wsgi::version() << " answered C++" << std::endl;
            return 0;
        }
        std::cerr << "consumer: unexpected: " << answer << std::endl;
    } catch (const std::exception& error) {
        std::cerr << "consumer: " << error.what() << std::endl;
    }
    return 1;
}
