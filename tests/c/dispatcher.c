/* The dispatcher in C: who is called with what, what comes and goes while it serves, whose user
 * data is given back when; and the example `dispatcher`. */
#define _GNU_SOURCE
#define main dispatcher_main
#include "../../examples/c/dispatcher.c"
#undef main

#include "client.h"
#include "host.h"
#include "program.h"

#include <pthread.h>

/* An application's user data: its name, and how often it was given back. */
typedef struct owned {
    const char *name;
    volatile int freed;
} owned;

static void give_back(void *user_data) {
    owned *owned = user_data;
    __atomic_add_fetch(&owned->freed, 1, __ATOMIC_SEQ_CST);
}

static int given_back(owned *owned) {
    return __atomic_load_n(&owned->freed, __ATOMIC_SEQ_CST);
}

static size_t describe(char *text, size_t capacity, const char *name, const wsgi_environ *environ) {
    wsgi_str script_name = find(environ, "SCRIPT_NAME"), path_info = find(environ, "PATH_INFO");
    CHECK(script_name.ptr[script_name.len] == '\0' && path_info.ptr[path_info.len] == '\0');
    return (size_t)snprintf(text, capacity, "%s '%s' '%s'", name, script_name.ptr, path_info.ptr);
}

/* Answers with its name and what it is seen, which is the same wherever it looks. */
static int32_t named(void *user_data, wsgi_request request, const wsgi_environ *environ,
                     const wsgi_responder *responder) {
    owned *owned = user_data;
    char seen[512], again[512];
    wsgi_environ request_environ = {0};
    (void)responder;
    CHECK_INT(given_back(owned), 0);
    describe(seen, sizeof seen, owned->name, environ);
    request_environ.struct_size = sizeof request_environ;
    CHECK_INT(wsgi_request_environ(environ->server, request, &request_environ), WSGI_OK);
    describe(again, sizeof again, owned->name, &request_environ);
    CHECK_STR(again, seen);
    CHECK_INT(request_environ.count, environ->count);
    for (size_t i = 0; i < environ->count; i++) {
        CHECK_STR(request_environ.pairs[i].key.ptr, environ->pairs[i].key.ptr);
        CHECK_STR(request_environ.pairs[i].value.ptr, environ->pairs[i].value.ptr);
        CHECK_INT(request_environ.pairs[i].key_id, environ->pairs[i].key_id);
    }
    return say(environ->server, request, seen);
}

static wsgi_path_info_dispatcher *new_dispatcher(void) {
    wsgi_path_info_dispatcher *made = NULL;
    CHECK_INT(wsgi_path_info_dispatcher_new(&made), WSGI_OK);
    CHECK(made != NULL);
    return made;
}

static void add(wsgi_path_info_dispatcher *to, const char *prefix, owned *owned) {
    wsgi_error *error = NULL;
    if (wsgi_path_info_dispatcher_add(to, prefix, named, owned, give_back, &error) != WSGI_OK)
        FAIL("%s: %s", prefix, wsgi_error_message(error));
}

static host serve_dispatcher(wsgi_path_info_dispatcher *dispatcher) {
    wsgi_server *server = NULL;
    CHECK_INT(wsgi_server_new("127.0.0.1:0", wsgi_path_info_dispatcher_app, dispatcher,
                              wsgi_path_info_dispatcher_free, &server, NULL),
              WSGI_OK);
    set(server, "numthreads", "2");
    return start_host(server);
}

static void ask(client *client, const char *path, const char *seen) {
    reply reply = client_fetch(client, path);
    CHECK_INT(reply.status, 200);
    CHECK_STR(reply.body, seen);
    reply_free(&reply);
}

static void the_prefix_moves_to_script_name(void) {
    owned root = {"root", 0}, blog = {"blog", 0}, deep = {"deep", 0};
    wsgi_path_info_dispatcher *dispatcher = new_dispatcher();
    add(dispatcher, "/", &root);
    add(dispatcher, "/blog", &blog);
    add(dispatcher, "/blog/deep/", &deep);
    host host = serve_dispatcher(dispatcher);
    client client = client_open(host.address); /* one connection: nothing is left of the last */
    for (int i = 0; i < 2; i++) {
        ask(&client, "/", "root '' '/'");
        ask(&client, "/blog", "blog '/blog' ''");
        ask(&client, "/blogs", "root '' '/blogs'");
        ask(&client, "/blog/new?x", "blog '/blog' '/new'");
        ask(&client, "/blog/deep/er", "deep '/blog/deep' '/er'");
    }
    client_close(&client);
    CHECK_INT(given_back(&root) + given_back(&blog) + given_back(&deep), 0);
    end_host(&host);
    CHECK_INT(given_back(&root), 1);
    CHECK_INT(given_back(&blog), 1);
    CHECK_INT(given_back(&deep), 1);
}

static void nothing_fits_is_404(void) {
    owned blog = {"blog", 0};
    wsgi_path_info_dispatcher *dispatcher = new_dispatcher();
    add(dispatcher, "/blog", &blog);
    host host = serve_dispatcher(dispatcher);
    client client = client_open(host.address);
    reply reply = client_fetch(&client, "/blo");
    CHECK_INT(reply.status, 404);
    CHECK_CONTAINS(reply.head, "HTTP/1.1 404 Not Found\r\n");
    CHECK(reply_has(&reply, "Content-Type", "text/plain"));
    CHECK(reply_has(&reply, "Content-Length", "0"));
    reply_free(&reply);
    ask(&client, "/blog", "blog '/blog' ''"); /* the connection lives on */
    client_close(&client);
    end_host(&host);
}

static void dispatchers_nest_and_own_each_other(void) {
    owned root = {"root", 0}, blog = {"blog", 0}, inside = {"inside", 0};
    wsgi_path_info_dispatcher *outer = new_dispatcher(), *inner = new_dispatcher();
    add(outer, "/", &root);
    add(inner, "/", &blog);
    add(inner, "/inside", &inside);
    CHECK_INT(wsgi_path_info_dispatcher_add(outer, "/blog", wsgi_path_info_dispatcher_app, inner,
                                            wsgi_path_info_dispatcher_free, NULL),
              WSGI_OK);
    host host = serve_dispatcher(outer);
    client client = client_open(host.address);
    ask(&client, "/blog/inside/1", "inside '/blog/inside' '/1'");
    ask(&client, "/blog", "blog '/blog' '/'");
    ask(&client, "/blog/2", "blog '/blog' '/2'");
    ask(&client, "/inside", "root '' '/inside'");
    client_close(&client);
    end_host(&host);
    CHECK_INT(given_back(&root) + given_back(&blog) + given_back(&inside), 3);
}

static void check_refused(wsgi_path_info_dispatcher *dispatcher, const char *prefix) {
    owned refused = {"refused", 0};
    wsgi_error *error = NULL;
    char quoted[64];
    CHECK_INT(wsgi_path_info_dispatcher_add(dispatcher, prefix, named, &refused, give_back, &error),
              WSGI_E_OPTION);
    CHECK_INT(wsgi_error_status(error), WSGI_E_OPTION);
    snprintf(quoted, sizeof quoted, "'%s'", prefix);
    CHECK_CONTAINS(wsgi_error_message(error), quoted);
    wsgi_error_free(error);
    CHECK_INT(given_back(&refused), 1);
}

static void prefixes_that_cannot_be_are_named(void) {
    owned blog = {"blog", 0}, root = {"root", 0};
    wsgi_path_info_dispatcher *dispatcher = new_dispatcher();
    wsgi_error *error = NULL;
    add(dispatcher, "/blog", &blog);
    add(dispatcher, "/", &root);
    check_refused(dispatcher, "/blog");
    check_refused(dispatcher, "/blog/");
    check_refused(dispatcher, "/");
    check_refused(dispatcher, "//");
    check_refused(dispatcher, "blog");
    check_refused(dispatcher, "");
    CHECK_INT(wsgi_path_info_dispatcher_remove(dispatcher, "/none", &error), WSGI_E_OPTION);
    CHECK_CONTAINS(wsgi_error_message(error), "'/none'");
    wsgi_error_free(error);
    CHECK_INT(wsgi_path_info_dispatcher_remove(dispatcher, "blog", NULL), WSGI_E_OPTION);
    CHECK_INT(given_back(&blog), 0);
    CHECK_INT(wsgi_path_info_dispatcher_remove(dispatcher, "/blog/", NULL), WSGI_OK);
    CHECK_INT(given_back(&blog), 1);
    CHECK_INT(wsgi_path_info_dispatcher_remove(dispatcher, "/blog", NULL), WSGI_E_OPTION);
    wsgi_path_info_dispatcher_free(dispatcher);
    CHECK_INT(given_back(&blog), 1);
    CHECK_INT(given_back(&root), 1);
}

static void what_fails_gives_user_data_back(void) {
    owned without = {"without", 0};
    wsgi_path_info_dispatcher *dispatcher = new_dispatcher();
    CHECK_INT(wsgi_path_info_dispatcher_add(NULL, "/", named, &without, give_back, NULL),
              WSGI_E_NULL);
    CHECK_INT(given_back(&without), 1);
    CHECK_INT(wsgi_path_info_dispatcher_add(dispatcher, NULL, named, &without, give_back, NULL),
              WSGI_E_NULL);
    CHECK_INT(given_back(&without), 2);
    CHECK_INT(wsgi_path_info_dispatcher_add(dispatcher, "/", NULL, &without, give_back, NULL),
              WSGI_E_NULL);
    CHECK_INT(given_back(&without), 3);
    wsgi_path_info_dispatcher_free(dispatcher);
    CHECK_INT(given_back(&without), 3);
}

static volatile int inside, may_leave;

static int32_t slow(void *user_data, wsgi_request request, const wsgi_environ *environ,
                    const wsgi_responder *responder) {
    inside = 1;
    WAIT_FOR(may_leave);
    return named(user_data, request, environ, responder);
}

static void an_application_is_removed_while_it_is_called(void) {
    owned first = {"first", 0}, second = {"second", 0};
    wsgi_path_info_dispatcher *dispatcher = new_dispatcher();
    inside = may_leave = 0;
    CHECK_INT(wsgi_path_info_dispatcher_add(dispatcher, "/a", slow, &first, give_back, NULL),
              WSGI_OK);
    host host = serve_dispatcher(dispatcher);
    client client = client_open(host.address);
    client_get(&client, "/a/1");
    WAIT_FOR(inside);
    CHECK_INT(wsgi_path_info_dispatcher_remove(dispatcher, "/a", NULL), WSGI_OK);
    add(dispatcher, "/a", &second);
    expect(host.address, "/a/2", 200, "second '/a' '/2'");
    CHECK_INT(given_back(&first), 0);
    may_leave = 1;
    reply reply = client_reply(&client, 0);
    CHECK_STR(reply.body, "first '/a' '/1'");
    reply_free(&reply);
    WAIT_FOR(given_back(&first) == 1);
    client_close(&client);
    end_host(&host);
    CHECK_INT(given_back(&first), 1);
    CHECK_INT(given_back(&second), 1);
}

enum { ROUNDS = 300 };

static void *add_and_remove(void *dispatcher) {
    static owned guests[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        guests[i].name = "guest";
        add(dispatcher, "/guest", &guests[i]);
        give_way();
        CHECK_INT(wsgi_path_info_dispatcher_remove(dispatcher, "/guest", NULL), WSGI_OK);
    }
    for (int i = 0; i < ROUNDS; i++) WAIT_FOR(given_back(&guests[i]) == 1);
    return NULL;
}

static void applications_come_and_go_under_load(void) {
    owned root = {"root", 0};
    pthread_t thread;
    wsgi_path_info_dispatcher *dispatcher = new_dispatcher();
    add(dispatcher, "/", &root);
    host host = serve_dispatcher(dispatcher);
    CHECK_INT(pthread_create(&thread, NULL, add_and_remove, dispatcher), 0);
    client client = client_open(host.address);
    for (int i = 0; i < 5 * ROUNDS; i++) {
        reply reply = client_fetch(&client, "/guest/1");
        if (strcmp(reply.body, "guest '/guest' '/1'") != 0)
            CHECK_STR(reply.body, "root '' '/guest/1'");
        reply_free(&reply);
    }
    CHECK_INT(pthread_join(thread, NULL), 0);
    client_close(&client);
    end_host(&host);
}

/* Middleware: the dispatcher goes by the environ that it is given, and passes all of it on. */
static int32_t middleware(void *dispatcher, wsgi_request request, const wsgi_environ *environ,
                          const wsgi_responder *responder) {
    wsgi_pair pairs[64];
    wsgi_environ own = *environ;
    char before[256], after[256];
    CHECK(environ->count + 1 <= COUNT(pairs));
    memcpy(pairs, environ->pairs, environ->count * sizeof *pairs);
    for (size_t i = 0; i < environ->count; i++)
        if (strcmp(pairs[i].key.ptr, "PATH_INFO") == 0) pairs[i].value = str("/blog/rewritten");
    pairs[own.count].key = str("my.key");
    pairs[own.count].value = str("my value");
    pairs[own.count++].key_id = 0;
    own.pairs = pairs;
    describe(before, sizeof before, "own", &own);
    int32_t result = wsgi_path_info_dispatcher_app(dispatcher, request, &own, responder);
    describe(after, sizeof after, "own", &own);
    CHECK_STR(after, before); /* its own environ is not the application's */
    return result;
}

static int32_t below_middleware(void *user_data, wsgi_request request, const wsgi_environ *environ,
                                const wsgi_responder *responder) {
    char seen[256];
    wsgi_str status = str("200 OK");
    (void)request;
    CHECK_STR(find(environ, "my.key").ptr, "my value");
    /* what is counted as common to the server has not changed */
    for (size_t i = 0; i < environ->server_count; i++)
        CHECK(strcmp(environ->pairs[i].key.ptr, "SCRIPT_NAME") != 0);
    size_t length = describe(seen, sizeof seen, user_data, environ);
    if (responder->start_response(responder->context, status, NULL, 0, 0) < 0) return -1;
    return responder->write(responder->context, seen, length);
}

static void middleware_may_stand_before_it(void) {
    wsgi_path_info_dispatcher *dispatcher = new_dispatcher();
    CHECK_INT(wsgi_path_info_dispatcher_add(dispatcher, "/blog", below_middleware, "below", NULL,
                                            NULL),
              WSGI_OK);
    host host = new_host(middleware, dispatcher, "2");
    expect(host.address, "/whatever", 200, "below '/blog' '/rewritten'");
    end_host(&host);
    wsgi_path_info_dispatcher_free(dispatcher);
}

static wsgi_request detached_request;
static wsgi_server *detached_server;
static const char *detached_path;
static volatile int detached;

static int32_t detach(void *user_data, wsgi_request request, const wsgi_environ *environ,
                      const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    detached_request = request;
    detached_server = environ->server;
    detached_path = find(environ, "PATH_INFO").ptr; /* lent until the request ends */
    CHECK_INT(wsgi_request_detach(environ->server, request), WSGI_OK);
    detached = 1;
    return WSGI_DETACHED;
}

static void a_detached_request_keeps_its_names(void) {
    wsgi_path_info_dispatcher *dispatcher = new_dispatcher();
    wsgi_environ environ = {0};
    char seen[256];
    CHECK_INT(wsgi_path_info_dispatcher_add(dispatcher, "/d", detach, NULL, NULL, NULL), WSGI_OK);
    host host = serve_dispatcher(dispatcher);
    client client = client_open(host.address);
    client_get(&client, "/d/late");
    WAIT_FOR(detached);
    environ.struct_size = sizeof environ;
    wsgi_status status;
    WAIT_FOR((status = wsgi_request_environ(detached_server, detached_request, &environ)) !=
             WSGI_BUSY);
    CHECK_INT(status, WSGI_OK);
    describe(seen, sizeof seen, "late", &environ);
    CHECK_STR(seen, "late '/d' '/late'");
    CHECK_STR(detached_path, "/late");
    CHECK_INT(say(detached_server, detached_request, seen), WSGI_OK);
    reply reply = client_reply(&client, 0);
    CHECK_STR(reply.body, seen);
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
}

static void the_example_has_two_applications(void) {
    const char *const arguments[] = {"--port", "0", NULL};
    const char *const unknown[] = {"--porte", "0", NULL}, *const no_port[] = {"--port", "x", NULL};
    program program = program_serve(dispatcher_main, arguments, NULL);
    expect(program.address, "/", 200, "This is home. SCRIPT_NAME is '', PATH_INFO is '/'.\n");
    expect(program.address, "/blog", 200,
           "This is the blog. SCRIPT_NAME is '/blog', PATH_INFO is ''.\n");
    expect(program.address, "/blog/new?x=y", 200,
           "This is the blog. SCRIPT_NAME is '/blog', PATH_INFO is '/new'.\n");
    expect(program.address, "/blogs", 200,
           "This is home. SCRIPT_NAME is '', PATH_INFO is '/blogs'.\n");
    program_end(&program);
    program_refuses(dispatcher_main, unknown, 2, "usage: dispatcher");
    program_refuses(dispatcher_main, no_port, 1, "127.0.0.1:x");
}

int main(void) {
    static const test tests[] = {
        {"the example has two applications", the_example_has_two_applications},
        {"the prefix moves to SCRIPT_NAME", the_prefix_moves_to_script_name},
        {"nothing fits is 404", nothing_fits_is_404},
        {"dispatchers nest and own each other", dispatchers_nest_and_own_each_other},
        {"prefixes that cannot be are named", prefixes_that_cannot_be_are_named},
        {"what fails gives user data back", what_fails_gives_user_data_back},
        {"an application is removed while it is called",
         an_application_is_removed_while_it_is_called},
        {"applications come and go under load", applications_come_and_go_under_load},
        {"middleware may stand before it", middleware_may_stand_before_it},
        {"a detached request keeps its names", a_detached_request_keeps_its_names},
    };
    return run_tests(tests, COUNT(tests));
}
