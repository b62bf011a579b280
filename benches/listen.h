/* Shared by the bench's own servers: a listening socket on 127.0.0.1 and the line that says so. */
#ifndef BENCH_LISTEN_H
#define BENCH_LISTEN_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Listens on 127.0.0.1:PORT (0: any free port), prints the URL, returns the descriptor. */
static int listen_on(const char *port_text, int socket_flags) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int yes = 1;
    char *end = NULL;
    long port = strtol(port_text, &end, 10);
    int listener;

    if (end == port_text || *end != '\0' || port < 0 || port > 65535) {
        fprintf(stderr, "not a port: %s\n", port_text);
        exit(2);
    }
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | socket_flags, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0
        || bind(listener, (struct sockaddr *)&address, sizeof address) != 0
        || listen(listener, 4096) != 0
        || getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        perror("listen");
        exit(1);
    }
    printf("listening on http://127.0.0.1:%d\n", (int)ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

#endif
