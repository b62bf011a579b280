/* What the parts of the extension share.
 *
 * Threads of Python fetch requests (worker.c), each of which becomes an environ (environ.c), a
 * start_response (exchange.c) and, if it has a body, an input (input.c). The application's result
 * is gathered (answer.c) and sent after the GIL is released, together with the wait for the next
 * request: so the GIL is taken once for a request. */
#ifndef HOST_H
#define HOST_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <wsgiserver.h>

enum {
    KEY_LIMIT = 128,        /* numbers of well-known keys are below this */
    OWNED_FROM = 64 * 1024, /* a body from here on is lent to the library, not copied */
};

#if PY_VERSION_HEX < 0x030A0000
#define Py_NewRef(object) (Py_INCREF(object), (PyObject *)(object))
#define Py_XNewRef(object) (Py_XINCREF(object), (PyObject *)(object))
#endif
#ifndef Py_BEGIN_CRITICAL_SECTION
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#endif

/* handle.c: a server of the library, alive as long as somebody uses it. Not a Python object, so
 * that what an application keeps of a request is no cycle. */
typedef struct given_back given_back;
typedef struct handle {
    wsgi_server *server;
    long users;
    long lent; /* buffers that the library has */
    given_back *returned; /* buffers that the library is done with */
} handle;

handle *handle_new(const char *bind_addr, wsgi_error **error);
handle *handle_use(handle *handle);
void handle_drop(handle *handle); /* with the GIL; may release it */
/* Lends a buffer to wsgi_write_owned: release and its argument. NULL: no memory. */
void *handle_lend(handle *handle, PyObject *object, const void **data, size_t *length);
void handle_release(void *lent);         /* a wsgi_free_fn, without the GIL */
void handle_take_returned(handle *used); /* with the GIL */
int handle_has_lent(const handle *used);

/* errors.c */
extern PyObject *MaxSizeExceeded, *ServerError, *ClientGone, *RequestGone, *ApplicationError,
    *BadRequestBody;
int errors_init(PyObject *module);
/* Sets the exception for a status and returns NULL. what: like "read the request body". */
void *fail_with(wsgi_status status, const char *what);
/* The same with the library's text, which is freed. */
void *fail_with_error(wsgi_status status, wsgi_error *error);

/* server.c: what a server needs at each request. */
typedef struct Server {
    PyObject_HEAD
    handle *handle;
    PyObject *owner;   /* the HTTPServer: told of failures, messages and interrupts */
    PyObject *app;     /* the WSGI application */
    PyObject *environ; /* the environ's template */
    PyObject *respond; /* in the application's place: called with the exchange, or NULL */
    int unicode;       /* environs of WSGI u.0 */
    int grows;         /* the pool is told when the last idle thread gets a request */
} Server;
extern PyTypeObject ServerType;

/* head.c: status and headers, checked, as the library takes them. */
typedef struct head {
    PyObject *status;
    wsgi_str status_text;
    wsgi_header *headers; /* room for one more */
    size_t count;
    PyObject **objects; /* which they point into, in the same block */
    size_t held;
    int64_t content_length; /* -1: none was given */
} head;
void head_init(void);
int head_set(head *self, PyObject *status, PyObject *headers);
void head_clear(head *self);
/* Adds a Content-Length, whose text is kept by the caller. */
void head_add_length(head *self, size_t length, char *text, size_t capacity);
int head_is_bodiless(const head *self); /* 101, 204, 304 */
int head_is_interim(const head *self);  /* 1xx, but for 101 */

/* exchange.c: one request and its answer; an application sees it as start_response. */
typedef struct Exchange {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    handle *handle;
    wsgi_request request;
    head head;
    char started; /* start_response was called */
    char sent;    /* the head has gone to the library */
    char ended;   /* the request is over for the application */
    char taken;   /* its connection was handed over */
    char is_head; /* HEAD: no body is sent */
    double half_closed_at; /* when the client was first seen so, of the monotonic clock; 0: not yet */
    struct exchange_spare *spare; /* of the thread that called the application, during the call */
} Exchange;
extern PyTypeObject ExchangeType;
/* For the next request of a thread: the one of its last request with its two functions, if nobody
 * has kept any of them. */
typedef struct exchange_spare {
    Exchange *exchange;
    PyObject *write, *early_hints;
} exchange_spare;
Exchange *exchange_take(exchange_spare *spare, handle *handle, wsgi_request request);
void exchange_spare_clear(exchange_spare *spare);
/* Sends a piece of the body, and before it the head. An empty one sends the head and looks whether the
 * client is still there. -1: an exception is set. */
int exchange_write(Exchange *self, PyObject *data);
PyObject *exchange_early_hints(Exchange *self);

/* input.c */
extern PyTypeObject InputType;
PyObject *input_new(handle *handle, wsgi_request request, int64_t length);
int input_init(void);
extern PyObject *no_input; /* wsgi.input of a request without a body */

/* file_wrapper.c */
typedef struct FileWrapper {
    PyObject_HEAD
    PyObject *file;
    Py_ssize_t block_size;
} FileWrapper;
extern PyTypeObject FileWrapperType;
/* The next block, at most so many bytes of it (-1: any number); NULL at the end, or with an exception. */
PyObject *file_wrapper_read(FileWrapper *self, int64_t most);

/* stream.c: a connection that was taken over, with the methods of a socket. */
extern PyTypeObject StreamType;
/* now: the connection is taken over at once, else with the first use. */
PyObject *stream_new(Exchange *exchange, int now);

/* environ.c */
typedef struct cached {
    PyObject *value;
    size_t length;
} cached;
typedef struct environ_cache {
    cached values[KEY_LIMIT];
} environ_cache;
int environ_init(void);
/* cache: of the calling thread, or NULL. The exchange is told what it has to know. */
PyObject *environ_build(PyObject *template, environ_cache *cache, const wsgi_environ *environ,
                        int unicode, Exchange *exchange);
void environ_cache_clear(environ_cache *cache);

/* answer.c: what is sent once the GIL is released. */
typedef enum answer_kind {
    ANSWER_NONE,  /* sent already, or not by this side */
    ANSWER_WHOLE, /* by one call */
    ANSWER_OWNED, /* a large one, lent to the library or written from where it is */
    ANSWER_END,   /* all but the end was sent */
    ANSWER_ABORT, /* it failed */
} answer_kind;
typedef struct answer {
    answer_kind kind;
    Exchange *exchange;
    wsgi_str *parts;
    PyObject **held;
    size_t count, capacity;
    size_t length;
    void *lent;
    char length_text[24];
} answer;
/* Gathers the answer from what the application has returned. -1: an exception is set. */
int answer_gather(answer *answer, Exchange *exchange, PyObject *result);
/* Without the GIL. */
wsgi_status answer_send(answer *answer);
/* With the GIL: lets go of what was sent. */
void answer_clear(answer *answer);
void answer_free(answer *answer);

/* ssl_context.c: makes TLS of Python's own known to the server, by this name. new_session is called
 * for each connection. */
wsgi_status ssl_context_register(const wsgi_server *server, const char *name, PyObject *new_session,
                                 wsgi_error **error);

/* worker.c */
enum { WORKER_STOPPED = 0, WORKER_WOKEN = 1 }; /* what its run returns */
extern PyTypeObject WorkerType;

#endif
