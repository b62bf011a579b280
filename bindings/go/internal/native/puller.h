/* What Go needs of libwsgiserver beside the header: requests come in batches, each with its head in
 * one block of memory, so that a batch costs one call from Go. */
#ifndef PULLER_H
#define PULLER_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <wsgiserver.h>

/* What a record is about: an event's kind, or one of these. */
enum { RECORD_OPENED = 100, RECORD_CLOSED = 101 };

/* One field of a request's head. The name is in the text only if key_id is 0. */
typedef struct field {
    uint32_t key_id;
    uint32_t name;
    uint32_t value;
} field;

/* One event. Behind it stand its fields, and behind these its text: of a request its method, its
 * target, and each field's name and value; of a connection that has opened the client's address and
 * the server's; of a message of the error log the message. All sizes are in bytes. */
typedef struct record {
    uint64_t size; /* of all of it; a multiple of 8 */
    uint64_t request;
    uint64_t connection; /* a number of its own for each connection of the server */
    int64_t content_length;
    uint32_t kind;
    int32_t code; /* of the event; of a message its level */
    uint32_t minor;
    uint32_t first, second; /* the sizes of method and target, or of the two addresses */
    uint32_t fields;        /* how many */
    uint32_t text;          /* of the text as a whole */
    uint32_t padding;
} record;

/* Which connections of a server have closed; shared by its pullers. */
typedef struct connections connections;

typedef struct puller {
    wsgi_worker *worker;
    connections *connections;
    char *buffer; /* the records of the last batch */
    size_t used, capacity;
} puller;

/* 1: all closed connections are told at once; 0: with the next batch. NULL: no memory. */
connections *connections_new(int32_t tell_at_once);
void connections_free(connections *connections);

wsgi_status puller_new(const wsgi_server *server, connections *connections, puller **made,
                       wsgi_error **error);
wsgi_status puller_free(puller *puller);

/* wsgi_worker_next; what it gives stands in puller->buffer as records. */
int32_t puller_next(const wsgi_server *server, puller *puller, int32_t timeout_ms);

#endif
