/* The fixed answer that the bench's own servers send: 13 bytes of text/plain, a Date that is
   renewed each second, and a Server as long as the one of the server it stands beside. */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <stdio.h>
#include <string.h>
#include <time.h>

struct answer {
    char bytes[512];
    size_t length;
    time_t second;
};

static void answer_renew(struct answer *answer, const char *server_name) {
    time_t now = time(NULL);
    struct tm utc;
    char date[40];

    if (answer->length != 0 && answer->second == now) {
        return;
    }
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    answer->length = (size_t)snprintf(answer->bytes, sizeof answer->bytes,
                                      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                      "Content-Length: 13\r\nDate: %s\r\nServer: %.100s\r\n\r\n"
                                      "Hello, world!",
                                      date, server_name);
    answer->second = now;
}

#endif
