/* One server, run after run: what belongs to one run is not taken for the next. */
#include "check.h"

#include "client.h"
#include "host.h"

#include <pthread.h>

static int entered;
static wsgi_request waiting;

static void reset(void) {
    entered = 0;
}

static void count(int *fact) {
    __atomic_fetch_add(fact, 1, __ATOMIC_SEQ_CST);
}

static int has(int *fact) {
    return __atomic_load_n(fact, __ATOMIC_SEQ_CST) > 0;
}

static int32_t answer(void *user_data, wsgi_request request, const wsgi_environ *environ,
                      const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    if (path_is(environ, "/later")) {
        wsgi_status status = wsgi_request_detach(environ->server, request);
        waiting = request;
        count(&entered);
        return status < 0 ? status : WSGI_DETACHED;
    }
    return say(environ->server, request, "served");
}

/* Its number may not be another's as long as the server lives. */
static void a_request_of_an_earlier_run_is_gone(void) {
    wsgi_server *server = new_server(answer, NULL);
    wsgi_request earlier[3];
    set(server, "shutdown_timeout", "0");
    for (size_t run = 0; run < COUNT(earlier); run++) {
        host host = start_host(server);
        client client = client_open(host.address);
        uint32_t cut = 0;
        reset();
        client_get(&client, "/later");
        WAIT_FOR(has(&entered));
        for (size_t i = 0; i < run; i++)
            CHECK_INT(say(server, earlier[i], "another's"), WSGI_GONE);
        earlier[run] = waiting;
        CHECK_INT(wsgi_server_stop(server, &cut), WSGI_OK);
        CHECK_INT(cut, 1);
        CHECK_INT(say(server, waiting, "too late"), WSGI_GONE);
        client_close(&client);
    }
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

int main(void) {
    static const test tests[] = {
        {"a request of an earlier run is gone", a_request_of_an_earlier_run_is_gone},
    };
    return run_tests(tests, COUNT(tests));
}
