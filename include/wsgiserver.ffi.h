// libwsgiserver: a thread-pooled HTTP/1.1 server to embed.
//
// Conventions (docs/c-api.md has them at length). A call that can fail returns a wsgi_status, 0 or
// negative; where text helps there is a last parameter `error`, which may be NULL. Outputs are
// written on success only. Names, addresses and option values are C strings; bytes from or to the
// wire are pointer and length. What is passed in is copied, what is given out is lent until the
// request ends, unless said otherwise. NULL, a wrong state and a second call are errors with a name;
// passing a handle that was freed is the caller's fault. Any call may also return WSGI_E_PANIC. What
// the library calls must end by returning: no longjmp, no exception, no pthread_exit may leave it. So
// C++ puts try and catch (...) around it, Lua lua_pcall, Ruby rb_protect, a C library that jumps
// (libpng, PostgreSQL) its setjmp inside, Python's cffi an onerror, Go recover, Rust catch_unwind, and
// each returns a negative status instead.
//
// After fork, while a server runs (from wsgi_server_prepare to the end of its stop), its threads are
// in the parent: in the child every function that takes this server, one of its workers or a
// responder returns WSGI_E_FORKED and does nothing, a count is 0, and nothing is freed. A server that
// does not run is as good in the child as in the parent. A wsgi_stream is in both, like any socket.
// A child forked in a function that the library calls should end there, by _exit or exec. If it
// returns, the library ends it with the status WSGI_EXIT_FORKED, so that it does not serve the
// parent's clients; on a thread of the host's the call it is in returns WSGI_E_FORKED instead.
//
// No function prints, changes a signal
// handler, or keeps global state. A function that does not say `Since` is there since 0.1.
//
// Generated from src/ffi by `./dev bless`: change it there.

// The exit status of a child that was forked in a function that the library called on a thread of its
// own, and that returned from it. The library ends such a child by _exit: it has the listeners and the
// clients of its parent, and nowhere to return to.
enum { WSGI_EXIT_FORKED = 70 };

// A flag of calls that could wait: WSGI_AGAIN instead.
enum { WSGI_NONBLOCK = 1 };

// An application returns: answered.
enum { WSGI_DONE = 0 };

// An application returns: will be answered later, from any thread.
enum { WSGI_DETACHED = 1 };

// An application returns: answered, and the server is to stop.
enum { WSGI_INTERRUPT = 2 };

// The event is a request.
enum { WSGI_EVENT_REQUEST = 1 };

// A read with WSGI_NONBLOCK said WSGI_AGAIN, and may go on: there is something, or the end, or an
// error.
enum { WSGI_EVENT_READABLE = 2 };

// A write with WSGI_NONBLOCK said WSGI_AGAIN, and may go on: there is room, or an error.
enum { WSGI_EVENT_WRITABLE = 3 };

// Asked for by WSGI_WATCH_ABORTED. The code tells: 1 the client has half-closed its connection (it
// may still read), 2 it has left, 3 the server is about to stop and cuts what is not answered in
// time.
enum { WSGI_EVENT_ABORTED = 4 };

// Asked for by WSGI_WATCH_RELEASED: the request has ended, and nothing of it is kept any more. The
// code is 0 if the last byte of its answer was sent, else WSGI_E_CLIENT: it was cut.
enum { WSGI_EVENT_RELEASED = 5 };

// A message of the error log; they come with the option log_events. The code is WSGI_LOG_SERVER or
// another one.
enum { WSGI_EVENT_LOG = 6 };

// For wsgi_request_watch: an event when the client half-closes or leaves, or the server stops.
enum { WSGI_WATCH_ABORTED = 1 };

// For wsgi_request_watch: an event when the request has ended and its answer was sent.
enum { WSGI_WATCH_RELEASED = 2 };

// All of the answer was given to the kernel.
enum { WSGI_ENDED_SENT = 0 };

// The answer was cut by this side: the application failed in the middle, or the server was stopped.
enum { WSGI_ENDED_CUT = 1 };

// The client left.
enum { WSGI_ENDED_ABORTED = 2 };

// The client took nothing for too long.
enum { WSGI_ENDED_TIMED_OUT = 3 };

// The connection went to the application (wsgi_request_hijack).
enum { WSGI_ENDED_HANDED_OVER = 4 };

// A log level: of interest to whoever looks for an error.
enum { WSGI_LEVEL_DEBUG = 10 };

// A log level: all is well.
enum { WSGI_LEVEL_INFO = 20 };

// A log level: not as it should be, and the server goes on.
enum { WSGI_LEVEL_WARNING = 30 };

// A log level: something was not done.
enum { WSGI_LEVEL_ERROR = 40 };

// The application's own words (wsgi_request_log).
enum { WSGI_LOG_APPLICATION = 1 };

// The application failed: its client got 500 or was cut.
enum { WSGI_LOG_APPLICATION_FAILED = 2 };

// The application returned without an answer.
enum { WSGI_LOG_NO_ANSWER = 3 };

// The response body is longer than its Content-Length.
enum { WSGI_LOG_BODY_TOO_LONG = 4 };

// The response body is shorter than its Content-Length.
enum { WSGI_LOG_BODY_TOO_SHORT = 5 };

// A file could not be sent to its end.
enum { WSGI_LOG_FILE = 6 };

// The application gave a response header that belongs to the connection, like Keep-Alive or
// Transfer-Encoding: it was left out. A warning, once for each name while the server runs.
enum { WSGI_LOG_HEADER_LEFT_OUT = 7 };

// The server itself answered a request, like 400, 408, 431 or 503: the client's address and the reason,
// with the option of a limit and the name of a field, never its value. Of each kind one is a warning
// at most every ten seconds, with the number left out; the others are debug messages.
enum { WSGI_LOG_REFUSED = 10 };

// No descriptors or no memory for another connection.
enum { WSGI_LOG_ACCEPT = 20 };

// A connection could not be taken in or kept.
enum { WSGI_LOG_CONNECTION = 21 };

// A system call failed that should not.
enum { WSGI_LOG_SYSTEM = 22 };

// A client's TLS handshake failed, with the reason.
enum { WSGI_LOG_HANDSHAKE = 23 };

// A certificate was read again, or could not be.
enum { WSGI_LOG_CERTIFICATE = 24 };

// A header of the PROXY protocol was not in order, did not come, or came from nobody's proxy.
enum { WSGI_LOG_PROXY_HEADER = 25 };

// A worker thread could not be started, or its thread_start failed.
enum { WSGI_LOG_THREAD = 30 };

// Threads are still in the host's code after a stop.
enum { WSGI_LOG_STUCK = 31 };

// The library panicked; what it was about was given up.
enum { WSGI_LOG_PANIC = 32 };

// A request has held a thread for longer than slow_request_after: a warning, again as it goes on, and
// an info when the thread is back.
enum { WSGI_LOG_SLOW_REQUEST = 33 };

// The life of the server.
enum { WSGI_LOG_SERVER = 40 };

// The access log (option access_log) cannot be written, or lines of it are dropped.
enum { WSGI_LOG_ACCESS_LOG = 41 };

// The key ACTUAL_SERVER_PROTOCOL.
enum { WSGI_KEY_ACTUAL_SERVER_PROTOCOL = 1 };

// The key SCRIPT_NAME.
enum { WSGI_KEY_SCRIPT_NAME = 2 };

// The key SERVER_NAME.
enum { WSGI_KEY_SERVER_NAME = 3 };

// The key SERVER_PORT.
enum { WSGI_KEY_SERVER_PORT = 4 };

// The key SERVER_SOFTWARE.
enum { WSGI_KEY_SERVER_SOFTWARE = 5 };

// The key wsgi.input_terminated.
enum { WSGI_KEY_WSGI_INPUT_TERMINATED = 6 };

// The key wsgi.multiprocess.
enum { WSGI_KEY_WSGI_MULTIPROCESS = 7 };

// The key wsgi.multithread.
enum { WSGI_KEY_WSGI_MULTITHREAD = 8 };

// The key wsgi.run_once.
enum { WSGI_KEY_WSGI_RUN_ONCE = 9 };

// The key wsgi.url_scheme.
enum { WSGI_KEY_WSGI_URL_SCHEME = 10 };

// The key wsgi.version.
enum { WSGI_KEY_WSGI_VERSION = 11 };

// The key REMOTE_ADDR.
enum { WSGI_KEY_REMOTE_ADDR = 12 };

// The key REMOTE_PORT.
enum { WSGI_KEY_REMOTE_PORT = 13 };

// The key PATH_INFO.
enum { WSGI_KEY_PATH_INFO = 14 };

// The key QUERY_STRING.
enum { WSGI_KEY_QUERY_STRING = 15 };

// The key REQUEST_METHOD.
enum { WSGI_KEY_REQUEST_METHOD = 16 };

// The key REQUEST_URI.
enum { WSGI_KEY_REQUEST_URI = 17 };

// The key SERVER_PROTOCOL.
enum { WSGI_KEY_SERVER_PROTOCOL = 18 };

// The key wsgi.url_encoding.
enum { WSGI_KEY_WSGI_URL_ENCODING = 19 };

// The key CONTENT_TYPE.
enum { WSGI_KEY_CONTENT_TYPE = 20 };

// The key CONTENT_LENGTH.
enum { WSGI_KEY_CONTENT_LENGTH = 21 };

// The key HTTP_ACCEPT; of a raw field: Accept.
enum { WSGI_KEY_HTTP_ACCEPT = 22 };

// The key HTTP_ACCEPT_CHARSET; of a raw field: Accept-Charset.
enum { WSGI_KEY_HTTP_ACCEPT_CHARSET = 23 };

// The key HTTP_ACCEPT_ENCODING; of a raw field: Accept-Encoding.
enum { WSGI_KEY_HTTP_ACCEPT_ENCODING = 24 };

// The key HTTP_ACCEPT_LANGUAGE; of a raw field: Accept-Language.
enum { WSGI_KEY_HTTP_ACCEPT_LANGUAGE = 25 };

// The key HTTP_ACCESS_CONTROL_REQUEST_HEADERS; of a raw field: Access-Control-Request-Headers.
enum { WSGI_KEY_HTTP_ACCESS_CONTROL_REQUEST_HEADERS = 26 };

// The key HTTP_ACCESS_CONTROL_REQUEST_METHOD; of a raw field: Access-Control-Request-Method.
enum { WSGI_KEY_HTTP_ACCESS_CONTROL_REQUEST_METHOD = 27 };

// The key HTTP_AUTHORIZATION; of a raw field: Authorization.
enum { WSGI_KEY_HTTP_AUTHORIZATION = 28 };

// The key HTTP_CACHE_CONTROL; of a raw field: Cache-Control.
enum { WSGI_KEY_HTTP_CACHE_CONTROL = 29 };

// The key HTTP_CONNECTION; of a raw field: Connection.
enum { WSGI_KEY_HTTP_CONNECTION = 30 };

// The key HTTP_CONTENT_ENCODING; of a raw field: Content-Encoding.
enum { WSGI_KEY_HTTP_CONTENT_ENCODING = 31 };

// The key HTTP_CONTENT_RANGE; of a raw field: Content-Range.
enum { WSGI_KEY_HTTP_CONTENT_RANGE = 32 };

// The key HTTP_COOKIE; of a raw field: Cookie.
enum { WSGI_KEY_HTTP_COOKIE = 33 };

// The key HTTP_DATE; of a raw field: Date.
enum { WSGI_KEY_HTTP_DATE = 34 };

// The key HTTP_DNT; of a raw field: Dnt.
enum { WSGI_KEY_HTTP_DNT = 35 };

// The key HTTP_EXPECT; of a raw field: Expect.
enum { WSGI_KEY_HTTP_EXPECT = 36 };

// The key HTTP_FORWARDED; of a raw field: Forwarded.
enum { WSGI_KEY_HTTP_FORWARDED = 37 };

// The key HTTP_FROM; of a raw field: From.
enum { WSGI_KEY_HTTP_FROM = 38 };

// The key HTTP_HOST; of a raw field: Host.
enum { WSGI_KEY_HTTP_HOST = 39 };

// The key HTTP_IF_MATCH; of a raw field: If-Match.
enum { WSGI_KEY_HTTP_IF_MATCH = 40 };

// The key HTTP_IF_MODIFIED_SINCE; of a raw field: If-Modified-Since.
enum { WSGI_KEY_HTTP_IF_MODIFIED_SINCE = 41 };

// The key HTTP_IF_NONE_MATCH; of a raw field: If-None-Match.
enum { WSGI_KEY_HTTP_IF_NONE_MATCH = 42 };

// The key HTTP_IF_RANGE; of a raw field: If-Range.
enum { WSGI_KEY_HTTP_IF_RANGE = 43 };

// The key HTTP_IF_UNMODIFIED_SINCE; of a raw field: If-Unmodified-Since.
enum { WSGI_KEY_HTTP_IF_UNMODIFIED_SINCE = 44 };

// The key HTTP_KEEP_ALIVE; of a raw field: Keep-Alive.
enum { WSGI_KEY_HTTP_KEEP_ALIVE = 45 };

// The key HTTP_MAX_FORWARDS; of a raw field: Max-Forwards.
enum { WSGI_KEY_HTTP_MAX_FORWARDS = 46 };

// The key HTTP_ORIGIN; of a raw field: Origin.
enum { WSGI_KEY_HTTP_ORIGIN = 47 };

// The key HTTP_PRAGMA; of a raw field: Pragma.
enum { WSGI_KEY_HTTP_PRAGMA = 48 };

// The key HTTP_PRIORITY; of a raw field: Priority.
enum { WSGI_KEY_HTTP_PRIORITY = 49 };

// The key HTTP_PROXY_AUTHORIZATION; of a raw field: Proxy-Authorization.
enum { WSGI_KEY_HTTP_PROXY_AUTHORIZATION = 50 };

// The key HTTP_PROXY_CONNECTION; of a raw field: Proxy-Connection.
enum { WSGI_KEY_HTTP_PROXY_CONNECTION = 51 };

// The key HTTP_RANGE; of a raw field: Range.
enum { WSGI_KEY_HTTP_RANGE = 52 };

// The key HTTP_REFERER; of a raw field: Referer.
enum { WSGI_KEY_HTTP_REFERER = 53 };

// The key HTTP_SEC_CH_UA; of a raw field: Sec-Ch-Ua.
enum { WSGI_KEY_HTTP_SEC_CH_UA = 54 };

// The key HTTP_SEC_CH_UA_MOBILE; of a raw field: Sec-Ch-Ua-Mobile.
enum { WSGI_KEY_HTTP_SEC_CH_UA_MOBILE = 55 };

// The key HTTP_SEC_CH_UA_PLATFORM; of a raw field: Sec-Ch-Ua-Platform.
enum { WSGI_KEY_HTTP_SEC_CH_UA_PLATFORM = 56 };

// The key HTTP_SEC_FETCH_DEST; of a raw field: Sec-Fetch-Dest.
enum { WSGI_KEY_HTTP_SEC_FETCH_DEST = 57 };

// The key HTTP_SEC_FETCH_MODE; of a raw field: Sec-Fetch-Mode.
enum { WSGI_KEY_HTTP_SEC_FETCH_MODE = 58 };

// The key HTTP_SEC_FETCH_SITE; of a raw field: Sec-Fetch-Site.
enum { WSGI_KEY_HTTP_SEC_FETCH_SITE = 59 };

// The key HTTP_SEC_FETCH_USER; of a raw field: Sec-Fetch-User.
enum { WSGI_KEY_HTTP_SEC_FETCH_USER = 60 };

// The key HTTP_SEC_GPC; of a raw field: Sec-Gpc.
enum { WSGI_KEY_HTTP_SEC_GPC = 61 };

// The key HTTP_SEC_WEBSOCKET_EXTENSIONS; of a raw field: Sec-Websocket-Extensions.
enum { WSGI_KEY_HTTP_SEC_WEBSOCKET_EXTENSIONS = 62 };

// The key HTTP_SEC_WEBSOCKET_KEY; of a raw field: Sec-Websocket-Key.
enum { WSGI_KEY_HTTP_SEC_WEBSOCKET_KEY = 63 };

// The key HTTP_SEC_WEBSOCKET_PROTOCOL; of a raw field: Sec-Websocket-Protocol.
enum { WSGI_KEY_HTTP_SEC_WEBSOCKET_PROTOCOL = 64 };

// The key HTTP_SEC_WEBSOCKET_VERSION; of a raw field: Sec-Websocket-Version.
enum { WSGI_KEY_HTTP_SEC_WEBSOCKET_VERSION = 65 };

// The key HTTP_TE; of a raw field: Te.
enum { WSGI_KEY_HTTP_TE = 66 };

// The key HTTP_TRACEPARENT; of a raw field: Traceparent.
enum { WSGI_KEY_HTTP_TRACEPARENT = 67 };

// The key HTTP_TRAILER; of a raw field: Trailer.
enum { WSGI_KEY_HTTP_TRAILER = 68 };

// The key HTTP_TRANSFER_ENCODING; of a raw field: Transfer-Encoding.
enum { WSGI_KEY_HTTP_TRANSFER_ENCODING = 69 };

// The key HTTP_UPGRADE; of a raw field: Upgrade.
enum { WSGI_KEY_HTTP_UPGRADE = 70 };

// The key HTTP_UPGRADE_INSECURE_REQUESTS; of a raw field: Upgrade-Insecure-Requests.
enum { WSGI_KEY_HTTP_UPGRADE_INSECURE_REQUESTS = 71 };

// The key HTTP_USER_AGENT; of a raw field: User-Agent.
enum { WSGI_KEY_HTTP_USER_AGENT = 72 };

// The key HTTP_VIA; of a raw field: Via.
enum { WSGI_KEY_HTTP_VIA = 73 };

// The key HTTP_X_FORWARDED_FOR; of a raw field: X-Forwarded-For.
enum { WSGI_KEY_HTTP_X_FORWARDED_FOR = 74 };

// The key HTTP_X_FORWARDED_HOST; of a raw field: X-Forwarded-Host.
enum { WSGI_KEY_HTTP_X_FORWARDED_HOST = 75 };

// The key HTTP_X_FORWARDED_PORT; of a raw field: X-Forwarded-Port.
enum { WSGI_KEY_HTTP_X_FORWARDED_PORT = 76 };

// The key HTTP_X_FORWARDED_PROTO; of a raw field: X-Forwarded-Proto.
enum { WSGI_KEY_HTTP_X_FORWARDED_PROTO = 77 };

// The key HTTP_X_REAL_IP; of a raw field: X-Real-Ip.
enum { WSGI_KEY_HTTP_X_REAL_IP = 78 };

// The key HTTP_X_REQUEST_ID; of a raw field: X-Request-Id.
enum { WSGI_KEY_HTTP_X_REQUEST_ID = 79 };

// The key HTTP_X_REQUESTED_WITH; of a raw field: X-Requested-With.
enum { WSGI_KEY_HTTP_X_REQUESTED_WITH = 80 };

// The key X_REMOTE_PID.
enum { WSGI_KEY_X_REMOTE_PID = 81 };

// The key X_REMOTE_UID.
enum { WSGI_KEY_X_REMOTE_UID = 82 };

// The key X_REMOTE_GID.
enum { WSGI_KEY_X_REMOTE_GID = 83 };

// The key X_REMOTE_USER.
enum { WSGI_KEY_X_REMOTE_USER = 84 };

// The key X_REMOTE_GROUP.
enum { WSGI_KEY_X_REMOTE_GROUP = 85 };

// The key REMOTE_USER.
enum { WSGI_KEY_REMOTE_USER = 86 };

// For wsgi_stream_shutdown and wsgi_stream_set_deadline: what comes from the client.
enum { WSGI_STREAM_READ = 0 };

// What goes to the client.
enum { WSGI_STREAM_WRITE = 1 };

// Both.
enum { WSGI_STREAM_BOTH = 2 };

// For wsgi_server_histogram: how long requests were here before the application was called; 0 for
// those that were called at once. One for each call.
enum { WSGI_QUEUE_WAIT = 0 };

// For wsgi_server_histogram: how long the application's calls took. One for each call.
enum { WSGI_APPLICATION = 1 };

// For wsgi_server_histogram: how long complete answers were here before the system had taken their
// last byte, or the connection ended; 0 for those that it took at once. One for each answer.
enum { WSGI_WRITE = 2 };

// An error with its text. Opaque.
typedef struct wsgi_error wsgi_error;

// A dispatcher. Opaque; its functions may be called from any thread.
typedef struct wsgi_path_info_dispatcher wsgi_path_info_dispatcher;

// A server. Opaque; its functions may be called from any thread.
typedef struct wsgi_server wsgi_server;

// An SSL adapter (the seed's SSLAdapter): certificates, a key, and who speaks TLS with them. Opaque;
// its functions may be called from any thread. Several servers may have the same one.
typedef struct wsgi_ssl_adapter wsgi_ssl_adapter;

// A connection that was taken out of its server. Opaque. One thread may read while another writes;
// all other functions of it may be called from any thread at any time.
typedef struct wsgi_stream wsgi_stream;

// A worker of the host's. Opaque.
typedef struct wsgi_worker wsgi_worker;

// What a call returns: 0 or negative. `wsgi_worker_next` and `wsgi_request_read` return counts as
// well.
typedef int32_t wsgi_status;

// Names one request of a server. It is never the name of another one, at least not for the next
// 2^40 requests on the same connection slot; a late use is WSGI_GONE.
typedef uint64_t wsgi_request;

// Bytes that are lent; whose they are and for how long is said where one is given.
typedef struct wsgi_str {
    const char *ptr;
    size_t len;
} wsgi_str;

// One key and value of an environ; each is followed by a NUL. key_id is the number of a well-known
// key, the same in every version, or 0.
typedef struct wsgi_pair {
    struct wsgi_str key;
    struct wsgi_str value;
    uint32_t key_id;
} wsgi_pair;

// The environ of a request (PEP 3333). The pairs are lent until the request ends.
typedef struct wsgi_environ {
    // The size of this struct; it grows at the end only.
    size_t struct_size;
    // For the functions that take a request.
    struct wsgi_server *server;
    const struct wsgi_pair *pairs;
    size_t count;
    // The first so many pairs are the same for the whole server.
    size_t server_count;
    // The next so many are the same for the connection.
    size_t connection_count;
    // What thread_start gave for the worker thread that calls the application; else NULL.
    void *thread_data;
} wsgi_environ;

// One response header.
typedef struct wsgi_header {
    struct wsgi_str name;
    struct wsgi_str value;
} wsgi_header;

// WSGI's start_response and write. Middleware calls the application that it wraps with a responder
// of its own: its struct_size is the size that the middleware knows, its context whatever the
// middleware wants to get back, its functions call those of the responder that it was given. It
// sees what goes through the responder, not what the application does with the request's number
// (wsgi_respond, wsgi_write, wsgi_request_hijack).
typedef struct wsgi_responder {
    // The size of this struct; it grows at the end only.
    size_t struct_size;
    // To be passed to the functions.
    void *context;
    // Begins the answer: `200 OK` and the headers. A restart other than 0 is WSGI's exc_info: it
    // replaces what was set before, and is an error once the head was sent.
    wsgi_status (*start_response)(void *context,
                                  struct wsgi_str status,
                                  const struct wsgi_header *headers,
                                  size_t count,
                                  int32_t restart);
    // Sends a piece of the body. Waits while the client does not take it.
    wsgi_status (*write)(void *context, const void *data, size_t length);
} wsgi_responder;

// WSGI's application. Called on worker threads, several at once; it may block. It returns
// WSGI_DONE, WSGI_DETACHED, WSGI_INTERRUPT, or a negative value for a failure: 500 if nothing was
// sent, else the connection is cut. Environ and responder are lent for the call. It must not throw
// or longjmp out of the call.
typedef int32_t (*wsgi_app_fn)(void *user_data,
                               wsgi_request request,
                               const struct wsgi_environ *environ,
                               const struct wsgi_responder *responder);

// Gives user data back; called exactly once.
typedef void (*wsgi_free_fn)(void *user_data);

// What wsgi_server_option_info tells. All strings live as long as the library.
typedef struct wsgi_option_info {
    // Set by the caller: the size of this struct.
    size_t struct_size;
    const char *name;
    // "number", "seconds", "flag", "text", "mode" or "choice".
    const char *type;
    const char *default_value;
    // What values it takes, in words.
    const char *accepts;
    const char *help;
    // Of "number" and "seconds": the smallest value.
    double minimum;
    // The same: the largest value, infinity if there is none.
    double maximum;
    // 1: may be set while the server runs; 0: only before it is prepared.
    int32_t while_running;
} wsgi_option_info;

// Asked for the password of the encrypted private key in file: writes it into buffer and returns
// its length, at most capacity; 0: there is none. It is called where files are read: by
// wsgi_server_set_ssl_adapter and the functions that reload, on their threads.
typedef size_t (*wsgi_password_fn)(void *user_data, const char *file, char *buffer, size_t capacity);

// What wsgi_ssl_table.environ calls for each pair.
typedef void (*wsgi_ssl_put_fn)(void *context, const char *key, const void *value, size_t length);

// TLS of the host's own. It does no input and output: encrypted bytes are fed to a session and
// taken from it, so any thread of the library may drive it, one at a time. None of these may wait,
// throw or longjmp out of the call. A status that is none of those named ends the connection.
typedef struct wsgi_ssl_table {
    // Set by the caller: the size of this struct. It grows at the end only.
    size_t struct_size;
    // The seed's bind. Accepted, and not called: listeners are the library's.
    wsgi_status (*bind)(void *user_data);
    // Makes a session for a connection (the seed's wrap). Required.
    wsgi_status (*wrap)(void *user_data, void **session);
    // Takes encrypted bytes of the client, goes on with the handshake, and says how many it took:
    // all, unless plaintext has to be read first. WSGI_E_FATAL_SSL_ALERT: it is broken; what take
    // still gives, an alert, is sent. Required.
    wsgi_status (*feed)(void *session, const void *data, size_t length, size_t *taken);
    // Gives encrypted bytes for the client, 0 if there are none. Required.
    wsgi_status (*take)(void *session, void *buffer, size_t capacity, size_t *count);
    // Whether the handshake is not complete. Required.
    int32_t (*is_handshaking)(void *session);
    // Gives plaintext of the client: 0 when it has ended its side, WSGI_AGAIN if there is none now.
    // Required.
    wsgi_status (*read)(void *session, void *buffer, size_t capacity, size_t *count);
    // Encrypts plaintext, and says how much of it. Required.
    wsgi_status (*write)(void *session, const void *data, size_t length, size_t *taken);
    // Says goodbye to the client.
    void (*close)(void *session);
    // Tells the variables for the environ, like SSL_PROTOCOL, by calling put with context for each.
    // Once for a connection. HTTPS and wsgi.url_scheme are there without it. From SSL_SERVER_CERT
    // and SSL_CLIENT_CERT, certificates in PEM, the library makes the other variables of the
    // certificate, like SSL_CLIENT_S_DN, unless they are put as well; of the client's only if
    // SSL_CLIENT_VERIFY is SUCCESS. wsgi_request_peer_certificate then has that certificate.
    void (*environ)(void *session, wsgi_ssl_put_fn put, void *context);
    // Frees a session. Required.
    void (*free)(void *session);
    // Reads certificates again (wsgi_server_reload_ssl).
    wsgi_status (*reload)(void *user_data);
} wsgi_ssl_table;

// What access_log is told; lent for the call. The strings are not followed by a NUL; they are what
// the client sent, so they may hold any byte but CR, LF and NUL.
typedef struct wsgi_access_record {
    // The size of this struct; it grows at the end only.
    size_t struct_size;
    // The request, 0 if it did not reach the application.
    wsgi_request request;
    // The client's address, like 127.0.0.1; empty for a UNIX socket.
    struct wsgi_str remote_addr;
    // Empty, like the next four, if the head was refused or did not come.
    struct wsgi_str method;
    // As it was sent.
    struct wsgi_str target;
    // Like HTTP/1.1.
    struct wsgi_str protocol;
    // Empty if there is none.
    struct wsgi_str user_agent;
    // Empty if there is none.
    struct wsgi_str referer;
    // Bytes of the response body, without head and chunk sizes; of an answer that was not sent to
    // its end those that the kernel took, give or take chunk sizes.
    uint64_t sent;
    // Bytes of the request, head and body, that were read before the answer was complete.
    uint64_t received;
    // When the head was complete (without a head: when the request was refused), in nanoseconds
    // since 1970.
    uint64_t arrived_ns;
    // From then until the last byte of the answer was given to the kernel, in nanoseconds.
    uint64_t duration_ns;
    // The client's port.
    uint16_t remote_port;
    // Of the answer; 0 if none was begun.
    uint16_t status;
    // Whether the connection is kept for another request: 1 or 0.
    uint32_t keep_alive;
    // How the answer ended, a WSGI_ENDED_... .
    uint32_t ended;
} wsgi_access_record;

// What a server calls; NULL: not called. None of these may throw or longjmp out of the call, and no
// lock of the library is held during one. user_data is the one of wsgi_server_set_handlers.
typedef struct wsgi_handlers {
    // Set by the caller: the size of this struct. It grows at the end only; what is missing counts
    // as NULL.
    size_t struct_size;
    // On each worker thread before its first request; index is from 0 on, the lowest that no other
    // thread of the pool has. What it writes to thread_data (NULL before) is in the environ and
    // given to gateway and thread_stop. 0: fine. Anything else: the thread cannot work, for the
    // reason that may be written to reason, a text with a NUL, at most capacity bytes.
    // wsgi_server_prepare then fails with it (WSGI_E_THREAD_START) when all other threads have had
    // their thread_stop; a thread that was to come later makes a warning in the error log.
    int32_t (*thread_start)(void *user_data,
                            uint32_t index,
                            void **thread_data,
                            char *reason,
                            size_t capacity);
    // On the same thread after its last request, once for each thread_start that returned 0: when
    // the server stops, the pool shrinks, or the thread has come back from an application that the
    // stop has left it behind in.
    void (*thread_stop)(void *user_data, uint32_t index, void *thread_data);
    // The application, in the place of the one that wsgi_server_new was given. On worker threads.
    wsgi_app_fn app;
    // The same without WSGI: no environ is built, and the answer comes by wsgi_respond and its like
    // (the seed's Gateway). It returns what an application returns. Not together with app. On
    // worker threads; thread_data is theirs.
    int32_t (*gateway)(void *user_data,
                       void *thread_data,
                       struct wsgi_server *server,
                       wsgi_request request);
    // A message for the error log: level is a WSGI_LEVEL_..., code a WSGI_LOG_...; the text has
    // length bytes and a NUL behind them, is lent for the call, and has usually one line without an
    // end. On any thread that calls the library and any of its own, several at once. It may call
    // everything but what waits for the server (wsgi_server_stop, _wait, _free); the request that
    // is worked on is WSGI_BUSY meanwhile.
    void (*error_log)(void *user_data, int32_t level, uint32_t code, const char *text, size_t length);
    // A request that reached the application is done with: exactly once for each, after the last
    // byte of its answer was given to the kernel or the connection was cut. The place to free what
    // is kept for it; calls with it are WSGI_GONE. how is a WSGI_ENDED_... . On the thread that
    // finished it: a worker, the listening thread, or one of the host's inside a call. To be short,
    // as clients wait meanwhile; it must not wait for the server. An application that still runs
    // after a stop has cut its request may end later than this.
    void (*request_done)(void *user_data,
                         struct wsgi_server *server,
                         wsgi_request request,
                         uint32_t how);
    // A line for the access log: for each request that was answered, by the server itself too (like
    // 400, 408, 503), and each that was cut; before its request_done, and like that.
    void (*access_log)(void *user_data, const struct wsgi_access_record *record);
} wsgi_handlers;

// A request as it was sent. All strings are lent until the request ends, each is followed by a NUL.
typedef struct wsgi_view {
    // Set by the caller: the size of this struct; it grows at the end only.
    size_t struct_size;
    // Like "GET"; the case is the client's.
    struct wsgi_str method;
    // The target as it was sent, in whichever form.
    struct wsgi_str target;
    // The target's path, percent-decoded once, but for %2F.
    struct wsgi_str path;
    // What is behind the target's first `?`, as it was sent.
    struct wsgi_str query;
    // Like "HTTP/1.1".
    struct wsgi_str protocol;
    // "http".
    struct wsgi_str scheme;
    // All fields in order: the key is the name in the client's case, and key_id the number of the
    // environ key that it becomes (WSGI_KEY_HTTP_HOST), or 0. Where the target names a host, that
    // is the value of Host (RFC 9112, 3.2.2); an Upgrade of HTTP/1.0 is not there (RFC 9110, 7.8).
    const struct wsgi_pair *fields;
    size_t count;
    // The length of the body, -1: it is chunked, even where the environ has its CONTENT_LENGTH.
    int64_t content_length;
    // By whose rules the client is answered: 0 or 1, of HTTP/1.
    uint32_t version_minor;
} wsgi_view;

// What wsgi_request_on_abort calls.
typedef void (*wsgi_abort_fn)(void *user_data, wsgi_request request);

// What wsgi_worker_next gives.
typedef struct wsgi_event {
    // Set by the caller in the first event: the size of this struct.
    size_t struct_size;
    // WSGI_EVENT_REQUEST or one of the others.
    uint32_t kind;
    // What there is to say beside the kind; 0 for most.
    int32_t code;
    // The request that has come, or that this is about; 0 for a message.
    wsgi_request request;
    // Of WSGI_EVENT_LOG: the message, with a NUL behind it, lent until the next call of
    // wsgi_worker_next with this worker.
    struct wsgi_str text;
    // Of WSGI_EVENT_LOG: how much it matters, WSGI_LEVEL_ERROR or another.
    int32_t level;
} wsgi_event;

// What wsgi_server_stats tells. Counted is only while the option statistics is on, over all runs
// of the server since wsgi_server_clear_stats; the figures from queue on are those of the moment.
// While requests are in work the figures of one request may be told at different moments; with
// nothing in work they are exact. Times are in seconds, rates are per second.
typedef struct wsgi_stats {
    // Set by the caller: the size of this struct.
    size_t struct_size;
    // 1 if the option statistics is on.
    int32_t enabled;
    // Connections taken in.
    uint64_t accepts;
    // Accepts, reads and writes that failed.
    uint64_t socket_errors;
    // Requests that the application was called with and came back from, and requests that the
    // server answered by itself.
    uint64_t requests;
    // Bytes that clients sent, whatever became of them; not those of hijacked connections.
    uint64_t bytes_read;
    // Bytes that the system took for clients; not those of hijacked connections.
    uint64_t bytes_written;
    // How long the server has served.
    double run_time;
    // Time in the application, of all workers together.
    double work_time;
    // Of run time.
    double accepts_per_second;
    // Bytes read per second of work time.
    double read_throughput;
    // Bytes written per second of work time.
    double write_throughput;
    // Complete requests that wait for a worker.
    size_t queue;
    // Worker threads; of a pull server, workers.
    size_t threads;
    // Of these, the ones that wait for something to do.
    size_t threads_idle;
    // Connections that are open.
    size_t connections;
    // Requests that are at the application, detached ones among them.
    size_t requests_in_work;
    // Lines that the access log (the option access_log) has lost; counted in any case.
    uint64_t access_log_dropped;
} wsgi_stats;

// What wsgi_server_worker_stats tells of one worker. What is read and written while no worker has
// the request (a slow head, the rest of a long answer, what a detached request is sent), and the
// greater part of a long stream, is in the server's sums alone.
typedef struct wsgi_worker_stats {
    // Set by the caller: the size of this struct.
    size_t struct_size;
    // The number in the name of its thread, "WSGI Worker 3". Once it has left, another one may get
    // it.
    size_t number;
    // The application's calls that ended.
    uint64_t requests;
    // Bytes of their requests.
    uint64_t bytes_read;
    // Bytes of their answers.
    uint64_t bytes_written;
    // Time in the application.
    double work_time;
    // Bytes read per second of work time.
    double read_throughput;
    // Bytes written per second of work time.
    double write_throughput;
    // The number of its thread to the system.
    int64_t thread;
    // How long it has been in the application's call that it is in; below 0: in none.
    double busy;
    // 1 if that call has waited for its client for more than a second.
    int32_t waits_for_client;
    // The request's method and target as they were sent, and the client's address and port, each with a
    // NUL behind it; what is too long is cut. Empty if they cannot be told: the request is over and its
    // call goes on, or the call is in another one of the library just now.
    char method[32];
    // See method.
    char target[512];
    // Empty for a UNIX socket too.
    char remote[64];
} wsgi_worker_stats;

// What wsgi_server_histogram tells. Times are in seconds; the quantiles are as exact as the
// buckets, which divide each power of ten into 18.
typedef struct wsgi_histogram {
    // Set by the caller: the size of this struct.
    size_t struct_size;
    // How many times it happened.
    uint64_t count;
    // How long it took, all times together.
    double sum;
    // The time that half of them did not exceed.
    double p50;
    // The time that nine of ten did not exceed.
    double p90;
    // The time that 99 of 100 did not exceed.
    double p99;
    // The time that 999 of 1000 did not exceed.
    double p999;
    // How many times are in each bucket: longer than the bound of the one before, and not longer
    // than wsgi_histogram_bound says of this one.
    uint64_t buckets[146];
} wsgi_histogram;

// Done.
enum { WSGI_OK = 0 };

// Nothing now: the time is up.
enum { WSGI_AGAIN = -1 };

// The request has ended, or the handle was never one.
enum { WSGI_GONE = -2 };

// Another thread is inside a call on it; for a server: a thread of it is still in the host.
enum { WSGI_BUSY = -3 };

// A pointer that is required is NULL.
enum { WSGI_E_NULL = -10 };

// Not possible in this state: started twice, written before start_response.
enum { WSGI_E_STATE = -11 };

// An option that does not exist, or a value that it does not take.
enum { WSGI_E_OPTION = -12 };

// The address cannot be listened on.
enum { WSGI_E_BIND = -13 };

// A system call failed; the message says which.
enum { WSGI_E_SYSTEM = -14 };

// A status or header that cannot be sent: CR, LF, NUL, wrong shape.
enum { WSGI_E_HEADER = -15 };

// More body than Content-Length declares.
enum { WSGI_E_LENGTH = -16 };

// The client is gone, too slow, or cut its request short.
enum { WSGI_E_CLIENT = -17 };

// The request body is larger than max_request_body_size.
enum { WSGI_E_MAX_SIZE_EXCEEDED = -18 };

// The request body is malformed.
enum { WSGI_E_BODY = -19 };

// The library panicked; the call did not finish.
enum { WSGI_E_PANIC = -20 };

// This process is a forked child; the server's threads are in the parent.
enum { WSGI_E_FORKED = -21 };

// The server has stopped.
enum { WSGI_E_STOPPING = -22 };

// The application asked for the server to stop.
enum { WSGI_E_INTERRUPTED = -23 };

// The deadline has passed.
enum { WSGI_E_TIMEOUT = -24 };

// The stream was cancelled.
enum { WSGI_E_CANCELLED = -25 };

// The thread_start of a worker thread failed.
enum { WSGI_E_THREAD_START = -26 };

// A certificate, a key or another thing of TLS is not in order.
enum { WSGI_E_SSL = -27 };

// The client speaks plain HTTP where TLS is spoken (the seed's NoSSLError).
enum { WSGI_E_NO_SSL = -28 };

// A TLS session is broken (the seed's FatalSSLAlert).
enum { WSGI_E_FATAL_SSL_ALERT = -29 };

// The version of the library that is running, like "0.1.0". It lives as long as the library. Any
// thread, no errors.
const char *wsgi_version(void);

// The version of the binary interface. A program made for one number works with every library that
// says the same. Any thread, no errors.
uint32_t wsgi_abi_version(void);

// The name of a status, like "WSGI_E_BIND"; "unknown status" for a number that is none. It lives
// as long as the library. Any thread, no errors.
const char *wsgi_status_name(wsgi_status status);

// The status that the call returned. WSGI_E_NULL for NULL. Any thread.
wsgi_status wsgi_error_status(const struct wsgi_error *error);

// The text, one line. It belongs to the error and lives as long; "" for NULL. Any thread, no
// errors.
const char *wsgi_error_message(const struct wsgi_error *error);

// Frees an error. NULL is fine. Any thread, one at a time; no errors.
void wsgi_error_free(struct wsgi_error *error);

// Makes a server for bind_addr: "HOST:PORT" or "[IPV6]:PORT" (port 0 takes a free one; "[::]" is
// IPv4 too), "unix:/path" or "/path", "@name" (an abstract UNIX socket). NULL or "": it listens on
// what wsgi_server_listen and wsgi_server_listen_fd add. It is looked at when the server is
// prepared. A path that is a socket on which nobody answers is replaced, anything else there is an
// error; it is removed when the server stops, unless another has taken its place. The environ of a
// UNIX socket's client has an empty SERVER_PORT, REMOTE_ADDR and REMOTE_PORT. Without an
// application (NULL) it is a pull server, whose requests are taken by wsgi_worker_next.
// free_user_data, if any, is called exactly once when the server is done with user_data, also when
// this call fails. The server is to be freed with wsgi_server_free; error, if it is not NULL and
// the call fails, with wsgi_error_free. Any thread. Errors: WSGI_E_NULL, WSGI_E_OPTION,
// WSGI_E_SYSTEM.
wsgi_status wsgi_server_new(const char *bind_addr,
                            wsgi_app_fn app,
                            void *user_data,
                            wsgi_free_fn free_user_data,
                            struct wsgi_server **server,
                            struct wsgi_error **error);

// Sets an option by its name, like "numthreads" to "10". Before the server is prepared; time-outs,
// limits and some more (those with a mark in docs/options.md) also later, when a time-out counts
// from the next wait on and a limit from the next request. Any thread. Errors: WSGI_E_NULL,
// WSGI_E_OPTION (the text names the option and what it takes), WSGI_E_STATE, WSGI_E_SYSTEM.
wsgi_status wsgi_server_set(const struct wsgi_server *server,
                            const char *name,
                            const char *value,
                            struct wsgi_error **error);

// Writes the value of an option into buffer, with a NUL behind it, and its length into length
// (which may be NULL). If buffer is too small, or NULL with capacity 0, only the length is written
// and the call returns WSGI_E_LENGTH. Any thread. Errors: WSGI_E_NULL, WSGI_E_OPTION.
wsgi_status wsgi_server_get(const struct wsgi_server *server,
                            const char *name,
                            char *buffer,
                            size_t capacity,
                            size_t *length);

// How many options there are. Any thread, no errors.
size_t wsgi_server_option_count(void);

// Tells about the option with this index, from 0 on, in the order of the documentation.
// info->struct_size is to be set before. Any thread. Errors: WSGI_E_NULL, WSGI_E_OPTION (no such
// index), WSGI_E_STATE (the struct is too small).
wsgi_status wsgi_server_option_info(size_t index, struct wsgi_option_info *info);

// Binds, listens, and starts the worker threads: on all addresses, or on none. Connections wait
// until wsgi_server_serve; a pull server serves from here on. Any thread. Errors: WSGI_E_NULL,
// WSGI_E_BIND, WSGI_E_STATE, WSGI_E_SYSTEM, WSGI_E_THREAD_START.
wsgi_status wsgi_server_prepare(const struct wsgi_server *server, struct wsgi_error **error);

// Accepts and serves until the server is stopped; the calling thread is its listening thread. Any
// thread. Errors: WSGI_E_NULL, WSGI_E_STATE, WSGI_E_FORKED, WSGI_E_INTERRUPTED (the application or
// wsgi_server_interrupt asked for the end).
wsgi_status wsgi_server_serve(const struct wsgi_server *server, struct wsgi_error **error);

// wsgi_server_prepare and wsgi_server_serve, with the errors of both. Any thread.
wsgi_status wsgi_server_start(const struct wsgi_server *server, struct wsgi_error **error);

// wsgi_server_start with a listening thread of the library's own: returns when the server accepts
// connections. Any thread. Errors as there.
wsgi_status wsgi_server_start_background(const struct wsgi_server *server,
                                         struct wsgi_error **error);

// Stops: no new connections, the option shutdown_timeout (seconds) for the requests in work, then
// the rest is cut; requests_cut, if not NULL, is told how many. Requests in work can know of it by
// wsgi_request_aborted and wsgi_request_on_abort. From a worker thread of the server, or inside
// wsgi_server_tick, it only asks for the stop. A server that does not run is left as it is. Any
// thread. Errors: WSGI_E_NULL, WSGI_E_FORKED.
wsgi_status wsgi_server_stop(const struct wsgi_server *server, uint32_t *requests_cut);

// Asks for the stop and returns at once: wsgi_server_serve drains and returns WSGI_OK. May be
// called in a signal handler, as long as there is the server: change the handler before
// wsgi_server_free, as a second signal can come at any time. Any thread. Errors: WSGI_E_NULL.
wsgi_status wsgi_server_signal_stop(const struct wsgi_server *server);

// Waits until the server has stopped; returns at once if it does not run. Any thread but a worker.
// Errors: WSGI_E_NULL, WSGI_BUSY (called from a worker thread, which would wait for itself),
// WSGI_E_FORKED.
wsgi_status wsgi_server_wait(const struct wsgi_server *server);

// Stops the server if it runs, and frees it; the handle must not be used any more. NULL is fine.
// WSGI_BUSY: the call comes from a worker thread, or a worker is still in the application after
// the stop; then nothing is freed and the handle is good for another try. WSGI_E_FORKED: this is a
// forked child of the process that runs the server; nothing is freed here either. Any thread but a
// worker, while no other uses the handle.
wsgi_status wsgi_server_free(struct wsgi_server *server);

// Whether connections are accepted and served: 1 or 0; or a negative status. Any thread. Errors:
// WSGI_E_NULL.
int32_t wsgi_server_ready(const struct wsgi_server *server);

// Takes no more connections: the listeners are closed, clients that come find nobody. Connections
// that are there are served on, each until its next answer, which says Connection: close, or until
// it has been idle for keep_alive_timeout. The server goes on until it is stopped. A second time it
// does nothing. Any thread, a worker's too. Errors: WSGI_E_NULL, WSGI_E_STATE (it does not serve),
// WSGI_E_FORKED.
wsgi_status wsgi_server_quiesce(const struct wsgi_server *server);

// Asks for the stop and returns at once: wsgi_server_serve, wsgi_server_start or wsgi_server_tick
// ends with WSGI_E_INTERRUPTED, and wsgi_server_interrupt_code gives code, any number that means
// something to the host. The first code counts. Any thread, a worker's too; not from a signal
// handler. Errors: WSGI_E_NULL, WSGI_E_STATE (it does not serve), WSGI_E_FORKED.
wsgi_status wsgi_server_interrupt(const struct wsgi_server *server, int32_t code);

// Tells the code that the present or last run was interrupted with; 0 if an application returned
// WSGI_INTERRUPT. Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE (it was not interrupted).
wsgi_status wsgi_server_interrupt_code(const struct wsgi_server *server, int32_t *code);

// One turn of a server that runs inside the host's own loop: waits for something to do, at most
// timeout_ms milliseconds (-1: no limit, 0: not at all), does what is there on the calling thread,
// the calls of the application included, and returns how many requests that were. The server is to
// be prepared; it begins to serve with the first tick. With the option numthreads 0 the application
// is called on no other thread; else the caller is one more worker. The hooks of worker threads are
// not called for this thread. Errors: WSGI_E_NULL, WSGI_E_STATE (not prepared, or a pull server),
// WSGI_BUSY (a thread is inside tick, maybe this one), WSGI_E_STOPPING (the server has stopped),
// WSGI_E_INTERRUPTED (it has, as wsgi_server_interrupt or the application wanted), WSGI_E_SYSTEM,
// WSGI_E_FORKED.
int32_t wsgi_server_tick(const struct wsgi_server *server, int32_t timeout_ms);

// Gives a descriptor for a host's own loop, of a server that is prepared: it is readable while
// wsgi_server_tick with a timeout of 0 has something to do, or wsgi_worker_next of a pull server.
// From here on the server relies on the host to come; it begins to serve with this. The descriptor
// stays the server's: only to be polled, and to be taken out of the loop before the server is freed.
// Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE (not prepared, or it has threads of its own:
// numthreads is not 0), WSGI_E_STOPPING, WSGI_E_INTERRUPTED, WSGI_E_FORKED.
wsgi_status wsgi_server_event_fd(const struct wsgi_server *server,
                                 int32_t *fd);

// Adds an address to listen on beside bind_addr, in the same forms. Before the server is prepared,
// which is when names are resolved and sockets made: all of them, or none. Any thread. Errors:
// WSGI_E_NULL, WSGI_E_BIND (it has none of the forms, or there are more than 13 listeners),
// WSGI_E_STATE (the server runs).
wsgi_status wsgi_server_listen(const struct wsgi_server *server,
                               const char *addr,
                               struct wsgi_error **error);

// Adds a socket that listens already, beside bind_addr (NULL or "" at wsgi_server_new: only the
// descriptor is served). On success fd is the server's, which may give it another number; it is
// made close-on-exec, and non-blocking when the server is prepared. It is for one run: the server
// closes it when it stops listening (wsgi_server_quiesce, or the beginning of a stop), and clients
// are refused from then on, unless the host or another process has a descriptor for the same
// socket, which goes on listening, as the server never shuts it down. A server that is started
// again listens without it; give it another descriptor. A path that it has is not removed. On
// failure fd is the caller's as before. Before the server is prepared. Any thread. Errors: WSGI_E_NULL, WSGI_E_BIND (closed, no socket, not a
// stream socket of IP or UNIX, does not listen, or too many; the text says which), WSGI_E_SYSTEM,
// WSGI_E_STATE (the server runs).
wsgi_status wsgi_server_listen_fd(const struct wsgi_server *server,
                                  int fd,
                                  struct wsgi_error **error);

// How many listeners the server has: those of wsgi_server_bound_addr_at. 0 before it was prepared,
// for NULL, and in a forked child. Any thread, no errors.
size_t wsgi_server_listener_count(const struct wsgi_server *server);

// Writes the address that is listened on, with the real port, in a form that bind_addr takes:
// "127.0.0.1:39123", "[::1]:39123", "unix:/run/app.sock", "@name". With several listeners it is
// the first one's. After a stop it is that of the last run. The rest as for wsgi_server_get. Any
// thread. Errors: WSGI_E_NULL, WSGI_E_LENGTH, WSGI_E_STATE (not prepared yet).
wsgi_status wsgi_server_bound_addr(const struct wsgi_server *server,
                                   char *buffer,
                                   size_t capacity,
                                   size_t *length);

// wsgi_server_bound_addr for each listener: bind_addr's is 0, the others follow in the order they
// were added. Any thread. Errors as there, and WSGI_E_OPTION (no such index).
wsgi_status wsgi_server_bound_addr_at(const struct wsgi_server *server,
                                      size_t index,
                                      char *buffer,
                                      size_t capacity,
                                      size_t *length);

// Whether there is this kind of SSL adapter (the seed's function of this name): "builtin" (rustls),
// "pyopenssl" or "openssl" (OpenSSL), or what wsgi_ssl_adapter_register has added to the server,
// which may be NULL; names ignore case. Any thread. Errors: WSGI_E_NULL, WSGI_E_OPTION (the text
// lists the known ones, and names one that was not compiled in), WSGI_E_FORKED.
wsgi_status wsgi_get_ssl_adapter_class(const struct wsgi_server *server,
                                       const char *name,
                                       struct wsgi_error **error);

// Makes an adapter of the kind name (NULL: "builtin"; see wsgi_get_ssl_adapter_class) for a
// certificate and its private key, names of PEM files. private_key NULL: it is in the certificate's
// file. certificate_chain, which may be NULL, is sent behind the certificate. The files are read
// when the adapter is given to a server. server may be NULL unless the kind was registered with it.
// To be freed with wsgi_ssl_adapter_free. For one certificate the server's options certificate and
// private_key do the same without an adapter. Any thread. Errors: WSGI_E_NULL, WSGI_E_OPTION (no
// such kind), WSGI_E_FORKED.
wsgi_status wsgi_ssl_adapter_new(const struct wsgi_server *server,
                                 const char *name,
                                 const char *certificate,
                                 const char *private_key,
                                 const char *certificate_chain,
                                 struct wsgi_ssl_adapter **adapter,
                                 struct wsgi_error **error);

// Sets one of private_key_password, minimum_tls_version, ciphers, client_auth, client_ca,
// client_crl, session_tickets, or another of the server's options for TLS. Before the adapter is
// given to a server. Any thread. Errors: WSGI_E_NULL, WSGI_E_OPTION (the text says what is taken),
// WSGI_E_STATE.
wsgi_status wsgi_ssl_adapter_set(const struct wsgi_ssl_adapter *adapter,
                                 const char *name,
                                 const char *value,
                                 struct wsgi_error **error);

// Sets a function that is asked for the password of an encrypted private key. free_user_data, if
// any, is called exactly once when user_data is needed no more, also when this call fails. Before
// the adapter is given to a server. Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE.
wsgi_status wsgi_ssl_adapter_set_password(const struct wsgi_ssl_adapter *adapter,
                                          wsgi_password_fn ask,
                                          void *user_data,
                                          wsgi_free_fn free_user_data);

// Adds a certificate for clients that ask for another name (SNI). name may be a host name or
// *.DOMAIN; NULL: the names that the certificate is for. The files are as in wsgi_ssl_adapter_new.
// Before the adapter is given to a server. Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE.
wsgi_status wsgi_ssl_adapter_add_sni(const struct wsgi_ssl_adapter *adapter,
                                     const char *name,
                                     const char *certificate,
                                     const char *private_key,
                                     const char *certificate_chain,
                                     struct wsgi_error **error);

// Reads the adapter's files again, for connections that begin later. If they are not in order
// everything stays as it was, and the text says why. Any thread, also while servers run. Errors:
// WSGI_E_NULL, WSGI_E_STATE (no server was given the adapter yet), WSGI_E_SSL.
wsgi_status wsgi_ssl_adapter_reload(const struct wsgi_ssl_adapter *adapter,
                                    struct wsgi_error **error);

// Frees an adapter; servers that have it go on with it. NULL is fine. Any thread, while no other
// uses the handle. No errors.
void wsgi_ssl_adapter_free(struct wsgi_ssl_adapter *adapter);

// Lets the server speak TLS with this adapter (the seed's server.ssl_adapter); NULL: as its options
// say. The adapter's files are read here. Before the server is prepared. Any thread. Errors:
// WSGI_E_NULL, WSGI_E_SSL (the text names the file, and what is wrong with it), WSGI_E_OPTION (a
// cipher), WSGI_E_STATE (the server runs).
wsgi_status wsgi_server_set_ssl_adapter(const struct wsgi_server *server,
                                        const struct wsgi_ssl_adapter *adapter,
                                        struct wsgi_error **error);

// Reads the certificates of the running server again, whether they are an adapter's or the
// options'; like wsgi_ssl_adapter_reload. Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE (it does
// not run, or not with TLS), WSGI_E_SSL.
wsgi_status wsgi_server_reload_ssl(const struct wsgi_server *server, struct wsgi_error **error);

// Copies a certificate that the client has shown, as DER, into buffer, and its length into length
// (which may be NULL): index 0 is its own, those behind it lead to an authority. If buffer is too
// small, or NULL with capacity 0, only the length is written, and the call returns WSGI_E_LENGTH.
// Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_STATE (there is none with this
// index, or no TLS).
wsgi_status wsgi_request_peer_certificate(const struct wsgi_server *server,
                                          wsgi_request request,
                                          size_t index,
                                          void *buffer,
                                          size_t capacity,
                                          size_t *length);

// Adds a kind of adapter to those that the server knows, for wsgi_ssl_adapter_new and the option
// ssl_adapter; one that has the name already is replaced. free_user_data, if any, is called exactly
// once when user_data is needed no more, also when this call fails. Any thread. Errors:
// WSGI_E_NULL, WSGI_E_OPTION (an empty name, or a function is missing), WSGI_E_STATE (the table is
// too small).
wsgi_status wsgi_ssl_adapter_register(const struct wsgi_server *server,
                                      const char *name,
                                      const struct wsgi_ssl_table *table,
                                      void *user_data,
                                      wsgi_free_fn free_user_data,
                                      struct wsgi_error **error);

// Sets the handlers, in the place of those that were set before. handlers is copied. Before the
// server is prepared, or after it has stopped. free_user_data, if any, is called exactly once:
// when other handlers are set, when the server is freed (with workers of a pull server, when the
// last of these is), or when this call fails. Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE (the
// server runs; app and gateway together; struct_size is not set).
wsgi_status wsgi_server_set_handlers(const struct wsgi_server *server,
                                     const struct wsgi_handlers *handlers,
                                     void *user_data,
                                     wsgi_free_fn free_user_data,
                                     struct wsgi_error **error);

// WSGI's wsgi.errors: says something in the server's error log, with the code WSGI_LOG_APPLICATION
// and a WSGI_LEVEL_... . What is no UTF-8 in it is replaced. Any thread. Errors: WSGI_E_NULL,
// WSGI_GONE, WSGI_BUSY, WSGI_E_OPTION (no such level).
wsgi_status wsgi_request_log(const struct wsgi_server *server,
                             wsgi_request request,
                             int32_t level,
                             const char *text,
                             size_t length);

// Fills environ with the request's environ; its strings are lent until the request ends.
// environ->struct_size is to be set before. Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE (the
// struct is too small), WSGI_GONE, WSGI_BUSY.
wsgi_status wsgi_request_environ(const struct wsgi_server *server,
                                 wsgi_request request,
                                 struct wsgi_environ *environ);

// Reads the request's body: the number of bytes, 0 at its end, or a negative status. Waits for the
// client at most the option body_timeout; with WSGI_NONBLOCK in flags (else 0) it does not wait but
// returns WSGI_AGAIN. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_CLIENT (it
// left, is too slow, or cut its body short), WSGI_E_BODY, WSGI_E_STATE, WSGI_E_MAX_SIZE_EXCEEDED,
// WSGI_E_STOPPING, WSGI_E_OPTION (an unknown flag).
int64_t wsgi_request_read(const struct wsgi_server *server,
                          wsgi_request request,
                          void *buffer,
                          size_t capacity,
                          uint32_t flags);

// Lets the request live on after the application's call, which then returns WSGI_DETACHED. The
// answer may come from any thread and ends with wsgi_finish, wsgi_respond or wsgi_abort; after the
// option detached_timeout, if it is set, the client gets 503 and the request is gone. To be called
// in the application's call, before the handle is given to another thread. For a pulled request it
// says that the answer will take a while. What was lent of the request before (environ, view) is
// good until the application's call returns, of a pulled request until this one does: the memory is
// given back, and what is needed later has to be asked for again. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_STATE (detached already).
wsgi_status wsgi_request_detach(const struct wsgi_server *server,
                                wsgi_request request);

// Whether the client is still there: 0 it is, 1 it has half-closed, 2 it has left, 3 it is there but
// the server is stopping, and what takes long should come to an end; or a negative status. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY.
int32_t wsgi_request_aborted(const struct wsgi_server *server,
                             wsgi_request request);

// Fills view with the request as it was sent; view->struct_size is to be set before. Nothing is
// put together as for an environ, so this is the cheaper way for who needs none. A dispatcher changes
// nothing here. Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE (the struct is too small), WSGI_GONE,
// WSGI_BUSY.
wsgi_status wsgi_request_view(const struct wsgi_server *server,
                              wsgi_request request,
                              struct wsgi_view *view);

// The value of the first field of this name, in whatever case, as a string that is lent until the
// request ends; value.ptr is NULL if the request has none. Any thread. Errors: WSGI_E_NULL,
// WSGI_GONE, WSGI_BUSY.
wsgi_status wsgi_request_header(const struct wsgi_server *server,
                                wsgi_request request,
                                struct wsgi_str name,
                                struct wsgi_str *value);

// What the environ has under the key of this number (WSGI_KEY_REQUEST_METHOD, WSGI_KEY_HTTP_HOST),
// as a string that is lent until the request ends; value.ptr is NULL if it has none. Fields, the
// method and the query come without an environ being built; other keys, fields that came several
// times, and the length of a chunked body have it built. Any thread. Errors: WSGI_E_NULL, WSGI_E_OPTION (no key has this number),
// WSGI_GONE, WSGI_BUSY.
wsgi_status wsgi_request_get(const struct wsgi_server *server,
                             wsgi_request request,
                             uint32_t key_id,
                             struct wsgi_str *value);

// The key that has this number, like "HTTP_HOST" for WSGI_KEY_HTTP_HOST; NULL for a number that
// none has. It lives as long as the library. Numbers stay the same; new keys get new ones. Any
// thread, no errors.
const char *wsgi_key_name(uint32_t key_id);

// Writes the client's address and port to the buffer, like "192.0.2.1:50000" or "[2001:db8::1]:80",
// with a NUL, and its length to length if that is not NULL; "" for a UNIX socket. Any thread.
// Errors: WSGI_E_NULL, WSGI_E_LENGTH (the buffer is too small), WSGI_GONE, WSGI_BUSY.
wsgi_status wsgi_request_peer_addr(const struct wsgi_server *server,
                                   wsgi_request request,
                                   char *buffer,
                                   size_t capacity,
                                   size_t *length);

// The same for the server's end of the connection: where the client has reached it. Any thread.
// Errors: those of wsgi_request_peer_addr.
wsgi_status wsgi_request_local_addr(const struct wsgi_server *server,
                                    wsgi_request request,
                                    char *buffer,
                                    size_t capacity,
                                    size_t *length);

// Writes a short text that names the request among all of this server, for logs: the connection
// and the number of the request in it, like "2000010-1". Any thread. Errors: those of
// wsgi_request_peer_addr.
wsgi_status wsgi_request_id(const struct wsgi_server *server,
                            wsgi_request request,
                            char *buffer,
                            size_t capacity,
                            size_t *length);

// Reads a line of the request's body with its LF, or as much of it as fits: the number of bytes, 0
// at the body's end, or a negative status. Only the last line may lack its LF. Waits as
// wsgi_request_read does. Any thread. Errors: those of wsgi_request_read.
int64_t wsgi_request_readline(const struct wsgi_server *server,
                              wsgi_request request,
                              void *buffer,
                              size_t capacity);

// Gives the fields behind a chunked body, count of them, in order; none if the body is not chunked.
// They are there once a read has returned 0, the body's end. They are lent until the request ends,
// each name and value is followed by a NUL. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY,
// WSGI_E_STATE (the body has not been read to its end).
wsgi_status wsgi_request_trailers(const struct wsgi_server *server,
                                  wsgi_request request,
                                  const struct wsgi_header **trailers,
                                  size_t *count);

// Keeps a pointer with the request. free_data, if any, is called with it exactly once: when the
// request has ended, when another pointer takes its place, or before this returns if it fails. It
// is called on some thread of the library (of a pull server: or in wsgi_worker_next), without any
// lock, and has to be short. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY.
wsgi_status wsgi_request_set_data(const struct wsgi_server *server,
                                  wsgi_request request,
                                  void *data,
                                  wsgi_free_fn free_data);

// Gives the pointer that wsgi_request_set_data has kept, NULL if there is none. Any thread. Errors:
// WSGI_E_NULL, WSGI_GONE, WSGI_BUSY.
wsgi_status wsgi_request_data(const struct wsgi_server *server, wsgi_request request, void **data);

// wsgi_request_set_data for all requests of the connection that this one came on: free_data is
// called when the connection has closed. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY.
wsgi_status wsgi_connection_set_data(const struct wsgi_server *server,
                                     wsgi_request request,
                                     void *data,
                                     wsgi_free_fn free_data);

// Gives the pointer that wsgi_connection_set_data has kept, also for an earlier request of the same
// connection; NULL if there is none. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY.
wsgi_status wsgi_connection_data(const struct wsgi_server *server,
                                 wsgi_request request,
                                 void **data);

// Bounds the request: so many milliseconds from now (0: no deadline any more) it is over, wherever
// it is: detached, pulled, or with its application still in the call. The client gets 503 if
// nothing was sent, else its connection is cut; every later call on the request is WSGI_GONE, and a
// call that waits for the client ends with that. What was lent until the request ends must not be
// used any more, unless the application's call is still running: then it is good until that
// returns. A second call moves the deadline. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY,
// WSGI_E_STATE (the answer is complete, or milliseconds is negative).
wsgi_status wsgi_request_set_deadline(const struct wsgi_server *server,
                                      wsgi_request request,
                                      int64_t milliseconds);

// Has callback called when the client leaves or half-closes its connection before the request has
// ended, or has done so already: once, on some thread of the library (of a pull server: or in
// wsgi_worker_next). It has to be short, and may call any function. wsgi_request_aborted tells which it was.
// free_user_data, if any, is called exactly once when callback will not be called (any more), also
// if this fails. A second call takes the place of the first. Any thread. Errors: WSGI_E_NULL,
// WSGI_GONE, WSGI_BUSY, WSGI_E_STATE (the answer is complete).
wsgi_status wsgi_request_on_abort(const struct wsgi_server *server,
                                  wsgi_request request,
                                  wsgi_abort_fn callback,
                                  void *user_data,
                                  wsgi_free_fn free_user_data);

// Begins the answer, as the responder's start_response does. Any thread. Errors: WSGI_E_NULL,
// WSGI_GONE, WSGI_BUSY, WSGI_E_HEADER, WSGI_E_STATE.
wsgi_status wsgi_start_response(const struct wsgi_server *server,
                                wsgi_request request,
                                struct wsgi_str status,
                                const struct wsgi_header *headers,
                                size_t count,
                                int32_t restart);

// Sends a piece of the body; waits while the client does not take it, at most the option
// write_timeout without progress. With WSGI_NONBLOCK in flags (else 0) it does not wait: the piece
// is taken as a whole, and what of it the client does not take at once is copied; but while a part
// of an earlier piece is kept so, nothing is taken and the call returns WSGI_AGAIN. Any thread.
// Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_STATE, WSGI_E_LENGTH, WSGI_E_CLIENT,
// WSGI_E_STOPPING, WSGI_E_OPTION (an unknown flag).
wsgi_status wsgi_write(const struct wsgi_server *server,
                       wsgi_request request,
                       const void *data,
                       size_t length,
                       uint32_t flags);

// Sends the body, or the rest of one, from a file; the answer is complete with that. Comes after
// wsgi_start_response. The part begins at offset and has length bytes, -1: to the end of the file.
// If nothing was written before, Content-Length is added. Never waits for the client, and needs no
// memory for what the client does not take at once: the library keeps a descriptor of its own, so
// the host may close fd when this returns, but must not make the file shorter until it is sent,
// else the connection is cut. What is no regular file (a pipe; offset 0) is read here to its end,
// or length bytes of it, and sent as by wsgi_write. Any thread. Errors: WSGI_E_NULL, WSGI_GONE,
// WSGI_BUSY; WSGI_E_SYSTEM (no descriptor, a directory, not open for reading, an offset in a
// pipe), WSGI_E_STATE (start_response is missing, a negative offset or length, the file ends
// before the part does): nothing was sent by this call, and if nothing was written before, another
// answer is possible; WSGI_E_LENGTH (longer than the Content-Length of the application). For a pipe
// also those of wsgi_write, and WSGI_E_SYSTEM with the connection cut if it ends before length.
wsgi_status wsgi_send_file(const struct wsgi_server *server,
                           wsgi_request request,
                           int32_t fd,
                           int64_t offset,
                           int64_t length);

// Says that the answer is complete. A detached or pulled request ends here. Any thread. Errors:
// WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_STATE (nothing was started: the client gets 500).
wsgi_status wsgi_finish(const struct wsgi_server *server, wsgi_request request);

// A whole answer in one call; Content-Length is added. Never waits for the client. Any thread.
// Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_HEADER, WSGI_E_STATE, WSGI_E_LENGTH.
wsgi_status wsgi_respond(const struct wsgi_server *server,
                         wsgi_request request,
                         struct wsgi_str status,
                         const struct wsgi_header *headers,
                         size_t count,
                         const void *body,
                         size_t length);

// Gives the request up: the client gets 500 if nothing was sent, else its connection is cut. Any
// thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY.
wsgi_status wsgi_abort(const struct wsgi_server *server, wsgi_request request);

// Takes the request's connection out of the server and gives it to the host, for WebSocket or any
// protocol of its own. The request has ended with that: later calls on it are WSGI_GONE, and what
// the application returns does not matter. Either nothing of an answer has begun, and the host
// writes its own on the stream; or start_response was called with "101 Switching Protocols" and the
// headers Connection: Upgrade and Upgrade, and this sends that head. Earlier answers on the
// connection have gone out before: for that it waits as wsgi_write does, or with WSGI_NONBLOCK
// returns WSGI_AGAIN. What was read from the client and not taken comes first from the stream: the
// rest of the request's body as it came, then what follows it. In the application's call the
// environ is good until it returns; that of a detached or pulled request ends here. A thread that
// stays in the application to serve the stream is missing among the server's workers. The stream is
// the host's: a stop neither waits for it nor closes it, it may outlive the server, and
// wsgi_stream_free ends it. Any thread that has the request. Errors, after which the request is as
// it was: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_STATE (an answer has begun, unknown flags),
// WSGI_E_CLIENT, WSGI_E_STOPPING.
wsgi_status wsgi_request_hijack(const struct wsgi_server *server,
                                wsgi_request request,
                                uint32_t flags,
                                struct wsgi_stream **stream);

// Reads: the number of bytes, 0 at the end of what the client sends (and for capacity 0), or a
// negative status. Waits until there is something, at most until the deadline; with WSGI_NONBLOCK
// it returns WSGI_AGAIN instead. Any thread, one at a time. Errors: WSGI_E_NULL, WSGI_BUSY (another
// thread reads), WSGI_E_TIMEOUT, WSGI_E_CANCELLED, WSGI_E_CLIENT (the connection is broken),
// WSGI_E_STATE (unknown flags), WSGI_E_SYSTEM (no memory to wait).
int64_t wsgi_stream_read(const struct wsgi_stream *stream,
                         void *buffer,
                         size_t capacity,
                         uint32_t flags);

// Writes: the number of bytes, or a negative status. Waits until the client has taken them all, at
// most until the deadline: a smaller number means that something ended the call in the middle, and
// the next call tells what. With WSGI_NONBLOCK it writes what is taken now, and returns WSGI_AGAIN
// if that is nothing. Any thread, one at a time. Errors: WSGI_E_NULL, WSGI_BUSY (another thread
// writes), WSGI_E_TIMEOUT, WSGI_E_CANCELLED, WSGI_E_CLIENT (it has left), WSGI_E_STATE (after a
// shutdown of this direction; unknown flags), WSGI_E_SYSTEM.
int64_t wsgi_stream_write(const struct wsgi_stream *stream,
                          const void *data,
                          size_t length,
                          uint32_t flags);

// How many bytes wsgi_stream_read has at hand that are not in the descriptor any more: a host that
// waits for the descriptor by itself takes these first. Any thread. Errors: WSGI_E_NULL.
int64_t wsgi_stream_pending(const struct wsgi_stream *stream);

// Ends one direction, WSGI_STREAM_READ or WSGI_STREAM_WRITE, or WSGI_STREAM_BOTH. After
// WSGI_STREAM_WRITE the client sees the end of what it reads and may still send; after
// WSGI_STREAM_READ reading gives 0. A call that waits in that direction returns. Any thread.
// Errors: WSGI_E_NULL, WSGI_E_STATE (no such direction).
wsgi_status wsgi_stream_shutdown(const struct wsgi_stream *stream, int32_t direction);

// In so many milliseconds from now calls of the direction end with WSGI_E_TIMEOUT, also those that
// wait now; 0: at once, negative: never, as in the beginning. It holds until another one is set.
// Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE (no such direction).
wsgi_status wsgi_stream_set_deadline(const struct wsgi_stream *stream,
                                     int32_t direction,
                                     int64_t timeout_ms);

// Ends the connection: calls that wait, and later ones, return WSGI_E_CANCELLED, and the client
// sees the end. The stream is still to be freed. Any thread, also while others are in calls.
// Errors: WSGI_E_NULL.
wsgi_status wsgi_stream_cancel(const struct wsgi_stream *stream);

// The descriptor, for waiting in a loop of the host's own; it stays the stream's. It does not wait
// itself (O_NONBLOCK), is closed on exec, and does not show what is pending. The bytes in it are
// the client's, so a host may also read and write it past the stream, from a duplicate even after
// wsgi_stream_free, once it has taken what is pending. Any thread. Errors: WSGI_E_NULL.
int32_t wsgi_stream_fd(const struct wsgi_stream *stream);

// Closes the descriptor and frees the stream; NULL is fine. That ends the connection, unless the
// host has duplicated the descriptor or forked with it. What was written still goes out, but a
// client that was sending may lose it: to end gently, shut down WSGI_STREAM_WRITE and read to the
// end first. WSGI_BUSY: a thread is in a call that reads or writes (wsgi_stream_cancel ends it);
// nothing is freed.
wsgi_status wsgi_stream_free(struct wsgi_stream *stream);

// wsgi_write of one piece that lies in count parts: together they are one chunk, and go out by one
// system call as far as the socket takes them. Flags and errors: those of wsgi_write. Any thread.
wsgi_status wsgi_writev(const struct wsgi_server *server,
                        wsgi_request request,
                        const struct wsgi_str *parts,
                        size_t count,
                        uint32_t flags);

// Sends now what is held back: the head, if nothing was written yet, and what the library has
// kept for the client to take. wsgi_write holds nothing back by itself, but for the last piece of
// a declared length when the client has sent its next request already. Waits as wsgi_write does;
// with WSGI_NONBLOCK it returns WSGI_AGAIN while something is still kept. Any thread. Errors: those
// of wsgi_write.
wsgi_status wsgi_flush(const struct wsgi_server *server, wsgi_request request, uint32_t flags);

// wsgi_write of a buffer that is given away. What the client does not take at once stays in it,
// uncopied, and is sent when it does (a small buffer may be copied); this call goes on, and the
// next one that writes waits until it has gone. The buffer must stay as it is until release(user_data)
// is called: exactly once, also when this call fails, on this or any other thread, without any lock.
// It has to be short. A release of NULL is for bytes that stay for ever. Any thread. Errors: those of
// wsgi_write.
wsgi_status wsgi_write_owned(const struct wsgi_server *server,
                             wsgi_request request,
                             const void *data,
                             size_t length,
                             wsgi_free_fn release,
                             void *user_data);

// wsgi_respond with the status and the headers as one text, "200 OK\r\nName: value\r\n...". The
// last line end may be missing; an empty line is only taken at the end. Checked like any other
// head. Any thread. Errors: those of wsgi_respond.
wsgi_status wsgi_respond_flat(const struct wsgi_server *server,
                              wsgi_request request,
                              const char *head,
                              size_t head_length,
                              const void *body,
                              size_t length);

// wsgi_start_response with the head as one text, as in wsgi_respond_flat. Any thread. Errors: those
// of wsgi_start_response.
wsgi_status wsgi_start_response_flat(const struct wsgi_server *server,
                                     wsgi_request request,
                                     const char *head,
                                     size_t head_length,
                                     int32_t restart);

// Sends an interim answer now: `103 Early Hints` with its headers, `102 Processing`, `100
// Continue`; any number of them, before the head of the final answer. Left out, with WSGI_OK, for
// a client of HTTP/1.0, and a 100 also where the client does not wait for it (any more): reading
// the body sends it by itself. Waits as wsgi_write does. Any thread. Errors: WSGI_E_NULL,
// WSGI_GONE, WSGI_BUSY, WSGI_E_HEADER (not 1xx, 101, a header that cannot be sent here),
// WSGI_E_STATE (the final head was sent), WSGI_E_CLIENT, WSGI_E_STOPPING.
wsgi_status wsgi_inform(const struct wsgi_server *server,
                        wsgi_request request,
                        struct wsgi_str status,
                        const struct wsgi_header *headers,
                        size_t count);

// Adds a field behind the body, between wsgi_start_response and the answer's end. It is sent where
// the body is chunked: no Content-Length, a client of HTTP/1.1, not HEAD. Else it is left out, with
// WSGI_OK. A header `Trailer` that announces it is the application's business. Any thread. Errors:
// WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_HEADER (a character that cannot be sent, or a name that
// means nothing behind a body: Content-Length, Set-Cookie and the like), WSGI_E_STATE.
wsgi_status wsgi_add_trailer(const struct wsgi_server *server,
                             wsgi_request request,
                             struct wsgi_str name,
                             struct wsgi_str value);

// Makes a worker for a pull server that is prepared. Used by one thread at a time, which need not
// always be the same. To be freed with wsgi_worker_free. Errors: WSGI_E_NULL, WSGI_E_STATE,
// WSGI_E_FORKED.
wsgi_status wsgi_worker_new(const struct wsgi_server *server,
                            struct wsgi_worker **worker,
                            struct wsgi_error **error);

// Works for the server (it accepts, reads and parses here) until there are requests or other
// events: their number, at most capacity. Waits at most timeout_ms milliseconds, -1: any time. A
// request that is given out is not tied to the worker or the thread. Events about it, which only
// come if they were asked for, go to whichever worker comes first; of each kind there is one at a
// time for a request. Texts of events are lent until this worker's next call. The events stand
// events[0].struct_size bytes apart. WSGI_AGAIN: the time is
// up, or somebody called wsgi_worker_wake. Errors: WSGI_E_STOPPING (the server has stopped, and
// there are no more events), WSGI_E_NULL, WSGI_BUSY (another thread is in next with this worker),
// WSGI_E_STATE (events[0].struct_size is too small), WSGI_E_FORKED.
int32_t wsgi_worker_next(const struct wsgi_worker *worker,
                         struct wsgi_event *events,
                         size_t capacity,
                         int32_t timeout_ms);

// Asks for events about a request of a pull server: what is WSGI_WATCH_ABORTED, WSGI_WATCH_RELEASED
// or both. Each comes once; to hear of a client that half-closed and then leaves, ask again. What
// happened before is told as well. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY,
// WSGI_E_STATE (the server calls its application), WSGI_E_OPTION (what is something else).
wsgi_status wsgi_request_watch(const struct wsgi_server *server,
                               wsgi_request request,
                               uint32_t what);

// Makes wsgi_worker_next of this worker return soon with WSGI_AGAIN, now or when it is called the
// next time. Any thread. Errors: WSGI_E_NULL, WSGI_E_FORKED.
wsgi_status wsgi_worker_wake(const struct wsgi_worker *worker);

// Frees a worker; requests that it gave out live on. NULL is fine. WSGI_BUSY: a thread is in
// wsgi_worker_next with it; nothing is freed. WSGI_E_FORKED: this is a forked child, where it is not
// freed either.
wsgi_status wsgi_worker_free(struct wsgi_worker *worker);

// Makes a dispatcher without applications: every request gets 404. It becomes a server's, or
// another dispatcher's, application as wsgi_path_info_dispatcher_app with the dispatcher as
// user_data and wsgi_path_info_dispatcher_free as free_user_data. Any thread. Errors: WSGI_E_NULL.
wsgi_status wsgi_path_info_dispatcher_new(struct wsgi_path_info_dispatcher **dispatcher);

// Adds an application for the paths that begin with prefix: "/blog" is for /blog and /blog/new,
// not for /blogs; "/" is for every path. The longest prefix that fits wins. Also while a server
// serves. free_user_data, if any, is called exactly once: when the application was removed or the
// dispatcher freed and its last call has returned, or when this call fails. Any thread. Errors:
// WSGI_E_NULL, WSGI_E_OPTION (the prefix does not begin with '/', or is there already, as "/blog/"
// is if "/blog" is; the text names it).
wsgi_status wsgi_path_info_dispatcher_add(const struct wsgi_path_info_dispatcher *dispatcher,
                                          const char *prefix,
                                          wsgi_app_fn app,
                                          void *user_data,
                                          wsgi_free_fn free_user_data,
                                          struct wsgi_error **error);

// Takes an application out. Also while a server serves: calls that are under way go on, and its
// user_data is given back when the last one has returned, maybe on its thread. Any thread. Errors:
// WSGI_E_NULL, WSGI_E_OPTION (no application has this prefix).
wsgi_status wsgi_path_info_dispatcher_remove(const struct wsgi_path_info_dispatcher *dispatcher,
                                             const char *prefix,
                                             struct wsgi_error **error);

// The application that a dispatcher is: a wsgi_app_fn, whose user_data is the dispatcher. It calls
// the application whose prefix the environ's PATH_INFO begins with, and shows it an environ in
// which the prefix has moved to the end of SCRIPT_NAME; wsgi_request_environ shows the same from
// then on. Where no prefix fits the answer is 404. It returns what the application returns, or a
// negative status. Middleware may call it with an environ and a responder of its own. Any thread
// that has the request. Errors: WSGI_E_NULL, and those of wsgi_respond_flat.
int32_t wsgi_path_info_dispatcher_app(void *dispatcher,
                                      wsgi_request request,
                                      const struct wsgi_environ *environ,
                                      const struct wsgi_responder *responder);

// Frees a dispatcher and gives back the user_data of its applications. No call of
// wsgi_path_info_dispatcher_app may be under way. NULL is fine. It takes any pointer so that it
// can be a free_user_data. Any thread, while no other uses the handle; no errors.
void wsgi_path_info_dispatcher_free(void *dispatcher);

// Starts up to amount more worker threads, not above the option max if that is set; they stay until
// the pool is shrunk. started, if not NULL, is told how many were. From any thread, a worker's too.
// Errors: WSGI_E_NULL, WSGI_E_STATE (not prepared, stopped, or a pull server, whose threads are the
// host's), WSGI_E_STOPPING, WSGI_E_FORKED, WSGI_E_SYSTEM (the system gave not a single one; if it
// gives fewer, that is no error).
wsgi_status wsgi_server_grow(const struct wsgi_server *server, size_t amount, size_t *started);

// Sends up to amount worker threads away, not below the option numthreads: idle ones at once, one
// that is in the application when it is done with its request. leaving, if not NULL, is told how
// many go; they are not waited for. From any thread, a worker's too. Errors: WSGI_E_NULL,
// WSGI_E_STATE, WSGI_E_STOPPING, WSGI_E_FORKED, as for wsgi_server_grow.
wsgi_status wsgi_server_shrink(const struct wsgi_server *server, size_t amount, size_t *leaving);

// How many worker threads there are; of a pull server, workers. 0 if it does not run. The bounds
// are the options numthreads and max. From any thread. Errors: WSGI_E_NULL.
wsgi_status wsgi_server_threads(const struct wsgi_server *server, size_t *count);

// How many of the threads wait for something to do. 0 if it does not run. From any thread. Errors:
// WSGI_E_NULL.
wsgi_status wsgi_server_idle(const struct wsgi_server *server, size_t *count);

// How many complete requests wait for a worker. 0 if it does not run. From any thread. Errors:
// WSGI_E_NULL.
wsgi_status wsgi_server_qsize(const struct wsgi_server *server, size_t *count);

// Tells what the server has counted and what it is doing. stats->struct_size is to be set before.
// From any thread, before, while and after the server runs. Errors: WSGI_E_NULL, WSGI_E_STATE (the
// struct is too small).
wsgi_status wsgi_server_stats(const struct wsgi_server *server, struct wsgi_stats *stats);

// Tells what the worker with this index has counted and is doing, from 0 on; which worker has which index may
// change when one leaves. stats->struct_size is to be set before. From any thread. Errors:
// WSGI_E_NULL, WSGI_E_STATE (the struct is too small), WSGI_GONE (no worker has this index).
wsgi_status wsgi_server_worker_stats(const struct wsgi_server *server,
                                     size_t index,
                                     struct wsgi_worker_stats *stats);

// Tells how long something took: which is WSGI_QUEUE_WAIT, WSGI_APPLICATION or WSGI_WRITE. Counted as
// for wsgi_server_stats. histogram->struct_size is to be set before. From any thread. Errors:
// WSGI_E_NULL, WSGI_E_STATE (the struct is too small), WSGI_GONE (there is no such histogram).
wsgi_status wsgi_server_histogram(const struct wsgi_server *server,
                                  int32_t which,
                                  struct wsgi_histogram *histogram);

// The bound of a histogram's bucket in seconds; infinity for the last one, and beyond it. Any
// thread, no errors.
double wsgi_histogram_bound(size_t bucket);

// A status page as an application: a wsgi_app_fn, to be given to wsgi_server_new or a dispatcher.
// user_data is the wsgi_server that it tells of, which has to outlive the one that it is mounted on;
// NULL: the one that the request came to. It answers with one HTML page that keeps itself up to date,
// or as the query says: format=json, format=prometheus, format=text. Of requests it shows
// numbers, and method and path of those in work; it is not for everybody: mount it behind a check, or on a server of its own, which
// also answers when all threads of the other one are stuck. The option status_path does the same
// without an application. It returns WSGI_DONE or a negative status. Any thread that has the
// request. Errors: WSGI_E_NULL, and those of wsgi_respond.
int32_t wsgi_status_page(void *server,
                         wsgi_request request,
                         const struct wsgi_environ *environ,
                         const struct wsgi_responder *_responder);

// Counts from zero on, the run time too. From any thread. Errors: WSGI_E_NULL.
wsgi_status wsgi_server_clear_stats(const struct wsgi_server *server);

// Writes the statistics as lines of "Name: value" by the seed's names, like "Bytes Read: 1234",
// the workers' with the names of their threads in front; what is counted is -1 while the option
// statistics is off. A NUL stands behind the text. The rest as for wsgi_server_get. From any thread.
// Errors: WSGI_E_NULL, WSGI_E_LENGTH.
wsgi_status wsgi_server_stats_text(const struct wsgi_server *server,
                                   char *buffer,
                                   size_t capacity,
                                   size_t *length);

// Writes the statistics as a JSON object. Its members have the names of wsgi_stats' fields, and
// bind_addr. queue_wait, application and write are histograms: count, sum, p50, p90, p99, p999, and
// buckets, pairs of a bound (null: any time) and how many times lay between the one before and it;
// only those that are not 0. workers has what wsgi_server_worker_stats tells of each. Times are in
// seconds. The rest, and the errors, as for
// wsgi_server_stats_text. From any thread.
wsgi_status wsgi_server_stats_json(const struct wsgi_server *server,
                                   char *buffer,
                                   size_t capacity,
                                   size_t *length);

// Writes the statistics in the text format of Prometheus, to be sent as text/plain; version=0.0.4.
// The rest, and the errors, as for
// wsgi_server_stats_text. From any thread.
wsgi_status wsgi_server_stats_prometheus(const struct wsgi_server *server,
                                         char *buffer,
                                         size_t capacity,
                                         size_t *length);

// Decodes %XX, and + to a space if plus is not 0 (queries and forms), from text to buffer: the
// length, which is at most that of the text, or a negative status. The buffer may be the text
// itself. What is no escape stays as it is. Any thread. Errors: WSGI_E_NULL, WSGI_E_LENGTH
// (capacity is smaller than length).
int64_t wsgi_percent_decode(const char *text,
                            size_t length,
                            int32_t plus,
                            void *buffer,
                            size_t capacity);

// Takes the next pair off the front of rest, a query or an urlencoded form: 1 with name and value
// set, 0 at the end, or a negative status. Both are slices of the text, as they were sent:
// wsgi_percent_decode with plus decodes them. value.ptr is NULL where there was no `=`. Empty
// pairs are passed over. Any thread. Errors: WSGI_E_NULL.
int32_t wsgi_query_next(struct wsgi_str *rest, struct wsgi_str *name, struct wsgi_str *value);

// The value of the first cookie of this name (its case counts) in the value of a Cookie header, as
// a slice of that: without the quotes around it, else as it was sent. value.ptr is NULL if there
// is none. Any thread. Errors: WSGI_E_NULL.
wsgi_status wsgi_cookie_get(struct wsgi_str header, struct wsgi_str name, struct wsgi_str *value);
