#include "puller.h"

#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 64,
    FIRST_CAPACITY = 64 * 1024,
    KEPT_CAPACITY = 1024 * 1024, /* a larger buffer is not kept for the next batch */
    ADDRESS = 128,
};

struct connections {
    pthread_mutex_t lock;
    uint64_t last;
    uint64_t *closed;
    size_t count, capacity;
    int32_t tell_at_once;
    wsgi_worker *to_wake; /* the puller that is told of closed connections */
    size_t in_use;        /* connections that are open, and one for the server */
    int ended;
};

/* What the library keeps with a connection. */
typedef struct connection {
    connections *all;
    uint64_t number;
} connection;

static void connection_closed(void *data);
static void release(connections *all);
static int append(const wsgi_server *server, puller *puller, const wsgi_event *event);
static int append_closed(puller *puller);

connections *connections_new(int32_t tell_at_once) {
    connections *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    pthread_mutex_init(&made->lock, NULL);
    made->tell_at_once = tell_at_once;
    made->in_use = 1;
    return made;
}

void connections_free(connections *connections) {
    pthread_mutex_lock(&connections->lock);
    connections->ended = 1;
    release(connections);
}

wsgi_status puller_new(const wsgi_server *server, connections *connections, puller **made,
                       wsgi_error **error) {
    puller *puller = calloc(1, sizeof *puller);
    if (puller == NULL) return WSGI_E_SYSTEM;
    wsgi_status status = wsgi_worker_new(server, &puller->worker, error);
    if (status < 0) {
        free(puller);
        return status;
    }
    puller->connections = connections;
    pthread_mutex_lock(&connections->lock);
    if (connections->to_wake == NULL) connections->to_wake = puller->worker;
    pthread_mutex_unlock(&connections->lock);
    *made = puller;
    return WSGI_OK;
}

wsgi_status puller_free(puller *puller) {
    pthread_mutex_lock(&puller->connections->lock);
    if (puller->connections->to_wake == puller->worker) puller->connections->to_wake = NULL;
    pthread_mutex_unlock(&puller->connections->lock);
    wsgi_status status = wsgi_worker_free(puller->worker);
    if (status < 0) return status;
    free(puller->buffer);
    free(puller);
    return WSGI_OK;
}

int32_t puller_next(const wsgi_server *server, puller *puller, int32_t timeout_ms) {
    wsgi_event events[BATCH];
    events[0].struct_size = sizeof events[0];
    puller->used = 0;
    if (puller->capacity > KEPT_CAPACITY) {
        free(puller->buffer);
        puller->buffer = NULL;
        puller->capacity = 0;
    }
    int32_t count = wsgi_worker_next(puller->worker, events, BATCH, timeout_ms);
    for (int32_t i = 0; i < count; i++)
        if (!append(server, puller, &events[i]) && events[i].kind == WSGI_EVENT_REQUEST)
            wsgi_abort(server, events[i].request); /* no memory; or it has ended already */
    append_closed(puller);
    return count;
}

/* Room for one more record of so many bytes, all of it 0; NULL if there is no memory. */
static record *add(puller *puller, size_t size) {
    size = (size + 7) & ~(size_t)7;
    if (puller->capacity - puller->used < size) {
        size_t capacity = puller->capacity ? puller->capacity * 2 : FIRST_CAPACITY;
        while (capacity - puller->used < size) capacity *= 2;
        char *buffer = realloc(puller->buffer, capacity);
        if (buffer == NULL) return NULL;
        puller->buffer = buffer;
        puller->capacity = capacity;
    }
    record *record = (struct record *)(puller->buffer + puller->used);
    memset(record, 0, sizeof *record);
    record->size = size;
    puller->used += size;
    return record;
}

static char *put(char *to, const char *from, size_t length) {
    if (length > 0) memcpy(to, from, length);
    return to + length;
}

/* Tells of a connection before its first request. */
static int append_opened(const wsgi_server *server, puller *puller, wsgi_request request,
                         uint64_t number) {
    char peer[ADDRESS], local[ADDRESS];
    size_t peer_length = 0, local_length = 0;
    if (wsgi_request_peer_addr(server, request, peer, sizeof peer, &peer_length) < 0 ||
        wsgi_request_local_addr(server, request, local, sizeof local, &local_length) < 0)
        peer_length = local_length = 0; /* it has gone meanwhile */
    record *record = add(puller, sizeof *record + peer_length + local_length);
    if (record == NULL) return 0;
    record->kind = RECORD_OPENED;
    record->connection = number;
    record->first = (uint32_t)peer_length;
    record->second = (uint32_t)local_length;
    record->text = record->first + record->second;
    char *text = put((char *)(record + 1), peer, peer_length);
    put(text, local, local_length);
    return 1;
}

/* The number of the request's connection. 0: no memory, or it has gone. */
static uint64_t identify(const wsgi_server *server, puller *puller, wsgi_request request) {
    connections *all = puller->connections;
    void *data = NULL;
    if (wsgi_connection_data(server, request, &data) < 0) return 0;
    connection *connection = data;
    if (connection != NULL) return connection->number;
    connection = malloc(sizeof *connection);
    if (connection == NULL) return 0;
    pthread_mutex_lock(&all->lock);
    uint64_t number = ++all->last;
    all->in_use++;
    pthread_mutex_unlock(&all->lock);
    connection->all = all;
    connection->number = number;
    /* first told, since it may have closed before the next call returns */
    int told = append_opened(server, puller, request, number);
    if (wsgi_connection_set_data(server, request, connection, connection_closed) < 0) return 0;
    return told ? number : 0;
}

static int append_request(const wsgi_server *server, puller *puller, wsgi_request request) {
    wsgi_view view;
    view.struct_size = sizeof view;
    uint64_t connection = identify(server, puller, request);
    if (connection == 0 || wsgi_request_view(server, request, &view) < 0) return 0;
    size_t text = view.method.len + view.target.len;
    for (size_t i = 0; i < view.count; i++)
        text += view.fields[i].value.len + (view.fields[i].key_id ? 0 : view.fields[i].key.len);
    record *record = add(puller, sizeof *record + view.count * sizeof(field) + text);
    if (record == NULL) return 0;
    record->request = request;
    record->connection = connection;
    record->kind = WSGI_EVENT_REQUEST;
    record->content_length = view.content_length;
    record->minor = view.version_minor;
    record->first = (uint32_t)view.method.len;
    record->second = (uint32_t)view.target.len;
    record->fields = (uint32_t)view.count;
    record->text = (uint32_t)text;
    field *fields = (field *)(record + 1);
    char *at = (char *)(fields + view.count);
    at = put(at, view.method.ptr, view.method.len);
    at = put(at, view.target.ptr, view.target.len);
    for (size_t i = 0; i < view.count; i++) {
        const wsgi_pair *pair = &view.fields[i];
        field field = {pair->key_id, pair->key_id ? 0 : (uint32_t)pair->key.len,
                       (uint32_t)pair->value.len};
        fields[i] = field;
        at = put(at, pair->key.ptr, field.name);
        at = put(at, pair->value.ptr, field.value);
    }
    return 1;
}

static int append(const wsgi_server *server, puller *puller, const wsgi_event *event) {
    if (event->kind == WSGI_EVENT_REQUEST) return append_request(server, puller, event->request);
    record *record = add(puller, sizeof *record + event->text.len);
    if (record == NULL) return 0;
    record->request = event->request;
    record->kind = event->kind;
    record->code = event->code;
    record->text = (uint32_t)event->text.len;
    put((char *)(record + 1), event->text.ptr, event->text.len);
    return 1;
}

static int append_closed(puller *puller) {
    connections *all = puller->connections;
    int done = 1;
    pthread_mutex_lock(&all->lock);
    while (all->count > 0) {
        record *record = add(puller, sizeof *record);
        if (record == NULL) {
            done = 0;
            break;
        }
        record->kind = RECORD_CLOSED;
        record->connection = all->closed[--all->count];
    }
    pthread_mutex_unlock(&all->lock);
    return done;
}

/* On any thread of the library. */
static void connection_closed(void *data) {
    enum { MANY = 256 };
    connection *connection = data;
    connections *all = connection->all;
    pthread_mutex_lock(&all->lock);
    if (!all->ended && all->count == all->capacity) {
        size_t capacity = all->capacity ? all->capacity * 2 : MANY;
        uint64_t *closed = realloc(all->closed, capacity * sizeof *closed);
        if (closed != NULL) {
            all->closed = closed;
            all->capacity = capacity;
        }
    }
    if (!all->ended && all->count < all->capacity) all->closed[all->count++] = connection->number;
    if (all->to_wake != NULL && (all->tell_at_once || all->count == MANY))
        wsgi_worker_wake(all->to_wake);
    free(connection);
    release(all);
}

/* With the lock held, which it gives back. */
static void release(connections *all) {
    size_t left = --all->in_use;
    pthread_mutex_unlock(&all->lock);
    if (left > 0) return;
    pthread_mutex_destroy(&all->lock);
    free(all->closed);
    free(all);
}
