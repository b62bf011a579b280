/* Starts a server, asks it for a page, and stops it; exits with 0 if all went well. */
#define _POSIX_C_SOURCE 200809L
#include <wsgiserver.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int32_t application(void *user_data, wsgi_request request, const wsgi_environ *environ,
                           const wsgi_responder *responder) {
    wsgi_str status = {"200 OK", 6};
    (void)user_data, (void)responder;
    return wsgi_respond(environ->server, request, status, NULL, 0, "Hello!", 6);
}

static int ask(unsigned short port, char *answer, size_t capacity) {
    static const char question[] = "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
    struct sockaddr_in address;
    size_t length = 0;
    ssize_t got;
    int client = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (client < 0 || connect(client, (struct sockaddr *)&address, sizeof address) < 0 ||
        write(client, question, sizeof question - 1) < 0)
        return -1;
    while ((got = read(client, answer + length, capacity - 1 - length)) > 0) length += (size_t)got;
    answer[length] = 0;
    close(client);
    return 0;
}

int main(void) {
    wsgi_server *server = NULL;
    wsgi_error *error = NULL;
    char address[64], answer[4096];
    if (wsgi_server_new("127.0.0.1:0", application, NULL, NULL, &server, &error) < 0 ||
        wsgi_server_start_background(server, &error) < 0) {
        fprintf(stderr, "consumer: %s\n", wsgi_error_message(error));
        return 1;
    }
    if (wsgi_server_bound_addr(server, address, sizeof address, NULL) < 0) return 1;
    if (ask((unsigned short)atoi(strrchr(address, ':') + 1), answer, sizeof answer) < 0) return 1;
    if (strncmp(answer, "HTTP/1.1 200 OK\r\n", 17) || !strstr(answer, "\r\n\r\nHello!")) {
        fprintf(stderr, "consumer: unexpected: %s\n", answer);
        return 1;
    }
    printf("wsgiserver %s answered\n", wsgi_version());
    if (wsgi_server_stop(server, NULL) < 0) return 1;
    return wsgi_server_free(server) < 0;
}
