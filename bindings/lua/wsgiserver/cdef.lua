-- What wsgiserver.ffi needs of wsgiserver.ffi.h, word for word (a test compares them).
return [[
typedef struct wsgi_error wsgi_error;
typedef struct wsgi_server wsgi_server;
typedef struct wsgi_worker wsgi_worker;
typedef int32_t wsgi_status;
typedef uint64_t wsgi_request;
typedef struct wsgi_str {
    const char *ptr;
    size_t len;
} wsgi_str;
typedef struct wsgi_pair {
    struct wsgi_str key;
    struct wsgi_str value;
    uint32_t key_id;
} wsgi_pair;
typedef struct wsgi_environ {
    size_t struct_size;
    struct wsgi_server *server;
    const struct wsgi_pair *pairs;
    size_t count;
    size_t server_count;
    size_t connection_count;
    void *thread_data;
} wsgi_environ;
typedef struct wsgi_header {
    struct wsgi_str name;
    struct wsgi_str value;
} wsgi_header;
typedef struct wsgi_responder {
    size_t struct_size;
    void *context;
    wsgi_status (*start_response)(void *context,
                                  struct wsgi_str status,
                                  const struct wsgi_header *headers,
                                  size_t count,
                                  int32_t restart);
    wsgi_status (*write)(void *context, const void *data, size_t length);
} wsgi_responder;
typedef int32_t (*wsgi_app_fn)(void *user_data,
                               wsgi_request request,
                               const struct wsgi_environ *environ,
                               const struct wsgi_responder *responder);
typedef void (*wsgi_free_fn)(void *user_data);
typedef struct wsgi_event {
    size_t struct_size;
    uint32_t kind;
    int32_t code;
    wsgi_request request;
    struct wsgi_str text;
    int32_t level;
} wsgi_event;
const char *wsgi_version(void);
const char *wsgi_status_name(wsgi_status status);
wsgi_status wsgi_error_status(const struct wsgi_error *error);
const char *wsgi_error_message(const struct wsgi_error *error);
void wsgi_error_free(struct wsgi_error *error);
wsgi_status wsgi_server_new(const char *bind_addr,
                            wsgi_app_fn app,
                            void *user_data,
                            wsgi_free_fn free_user_data,
                            struct wsgi_server **server,
                            struct wsgi_error **error);
wsgi_status wsgi_server_set(const struct wsgi_server *server,
                            const char *name,
                            const char *value,
                            struct wsgi_error **error);
wsgi_status wsgi_server_prepare(const struct wsgi_server *server, struct wsgi_error **error);
wsgi_status wsgi_server_stop(const struct wsgi_server *server, uint32_t *requests_cut);
wsgi_status wsgi_server_free(struct wsgi_server *server);
wsgi_status wsgi_server_listen(const struct wsgi_server *server,
                               const char *addr,
                               struct wsgi_error **error);
wsgi_status wsgi_server_bound_addr(const struct wsgi_server *server,
                                   char *buffer,
                                   size_t capacity,
                                   size_t *length);
wsgi_status wsgi_request_environ(const struct wsgi_server *server,
                                 wsgi_request request,
                                 struct wsgi_environ *environ);
int64_t wsgi_request_read(const struct wsgi_server *server,
                          wsgi_request request,
                          void *buffer,
                          size_t capacity,
                          uint32_t flags);
wsgi_status wsgi_request_detach(const struct wsgi_server *server,
                                wsgi_request request);
int32_t wsgi_request_aborted(const struct wsgi_server *server,
                             wsgi_request request);
wsgi_status wsgi_request_header(const struct wsgi_server *server,
                                wsgi_request request,
                                struct wsgi_str name,
                                struct wsgi_str *value);
wsgi_status wsgi_request_get(const struct wsgi_server *server,
                             wsgi_request request,
                             uint32_t key_id,
                             struct wsgi_str *value);
const char *wsgi_key_name(uint32_t key_id);
int64_t wsgi_request_readline(const struct wsgi_server *server,
                              wsgi_request request,
                              void *buffer,
                              size_t capacity);
wsgi_status wsgi_request_set_deadline(const struct wsgi_server *server,
                                      wsgi_request request,
                                      int64_t milliseconds);
wsgi_status wsgi_start_response(const struct wsgi_server *server,
                                wsgi_request request,
                                struct wsgi_str status,
                                const struct wsgi_header *headers,
                                size_t count,
                                int32_t restart);
wsgi_status wsgi_write(const struct wsgi_server *server,
                       wsgi_request request,
                       const void *data,
                       size_t length,
                       uint32_t flags);
wsgi_status wsgi_send_file(const struct wsgi_server *server,
                           wsgi_request request,
                           int32_t fd,
                           int64_t offset,
                           int64_t length);
wsgi_status wsgi_finish(const struct wsgi_server *server, wsgi_request request);
wsgi_status wsgi_respond(const struct wsgi_server *server,
                         wsgi_request request,
                         struct wsgi_str status,
                         const struct wsgi_header *headers,
                         size_t count,
                         const void *body,
                         size_t length);
wsgi_status wsgi_abort(const struct wsgi_server *server, wsgi_request request);
wsgi_status wsgi_worker_new(const struct wsgi_server *server,
                            struct wsgi_worker **worker,
                            struct wsgi_error **error);
int32_t wsgi_worker_next(const struct wsgi_worker *worker,
                         struct wsgi_event *events,
                         size_t capacity,
                         int32_t timeout_ms);
wsgi_status wsgi_worker_free(struct wsgi_worker *worker);
]]
