/* Statistics from C: exact figures, by number and by the seed's names. */
#include "client.h"
#include "host.h"

#include <math.h>

enum { REQUESTS = 10, BODY = 100000 };

static char body[BODY + 1];

static int32_t app(void *user_data, wsgi_request request, const wsgi_environ *environ,
                   const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    if (path_is(environ, "/fail")) return -1;
    return say(environ->server, request, path_is(environ, "/long") ? body : "ok");
}

static wsgi_stats stats_of(const wsgi_server *server) {
    wsgi_stats stats = {0};
    stats.struct_size = sizeof stats;
    CHECK_INT(wsgi_server_stats(server, &stats), WSGI_OK);
    CHECK_INT(stats.struct_size, sizeof stats);
    return stats;
}

/* Sends a request on a new connection that ends with it; returns how many bytes came back. */
static uint64_t traffic(const char *address, const char *request) {
    client client = client_open(address);
    client_send(&client, request, strlen(request));
    while (client_receive(&client) > 0) {
    }
    uint64_t received = client.length;
    client_close(&client);
    return received;
}

static void the_figures_are_those_of_the_clients(void) {
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
        "GET /long HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
        "GET /fail HTTP/1.1\r\nHost: test\r\n\r\n",
        "no request\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody",
    };
    uint64_t sent = 0, received = 0;
    wsgi_server *server = new_server(app, NULL);
    set(server, "statistics", "1");
    set(server, "numthreads", "2");
    host host = start_host(server);
    for (int i = 0; i < REQUESTS; i++) {
        const char *request = requests[i % COUNT(requests)];
        sent += strlen(request);
        received += traffic(host.address, request);
    }
    WAIT_FOR(stats_of(server).connections == 0);
    wsgi_stats stats = stats_of(server);
    CHECK_INT(stats.enabled, 1);
    CHECK_INT(stats.accepts, REQUESTS);
    CHECK_INT(stats.requests, REQUESTS);
    CHECK_INT(stats.bytes_read, sent);
    CHECK_INT(stats.bytes_written, received);
    CHECK_INT(stats.socket_errors, 0);
    CHECK_INT(stats.requests_in_work + stats.queue, 0);
    CHECK_INT(stats.threads, 2);
    CHECK(stats.run_time > 0 && stats.work_time > 0 && stats.accepts_per_second > 0);
    CHECK(stats.read_throughput > 0 && stats.write_throughput > stats.read_throughput);

    uint64_t calls = 0;
    wsgi_worker_stats worker = {0};
    worker.struct_size = sizeof worker;
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(wsgi_server_worker_stats(server, i, &worker), WSGI_OK);
        CHECK_INT(worker.number, i + 1);
        calls += worker.requests;
    }
    CHECK_INT(calls, REQUESTS - REQUESTS / COUNT(requests)); /* one of five was none of theirs */
    CHECK_INT(wsgi_server_worker_stats(server, 2, &worker), WSGI_GONE);

    wsgi_histogram histogram = {0};
    histogram.struct_size = sizeof histogram;
    for (int32_t which = WSGI_QUEUE_WAIT; which <= WSGI_WRITE; which++) {
        uint64_t counted = 0;
        CHECK_INT(wsgi_server_histogram(server, which, &histogram), WSGI_OK);
        for (size_t i = 0; i < COUNT(histogram.buckets); i++) counted += histogram.buckets[i];
        CHECK_INT(histogram.count, calls);
        CHECK_INT(counted, calls);
        CHECK(histogram.p50 <= histogram.p90 && histogram.p99 <= histogram.p999);
        if (which == WSGI_APPLICATION) {
            CHECK(histogram.p50 > 0 && fabs(histogram.sum - stats.work_time) < 1e-9);
        }
    }

    CHECK_INT(wsgi_server_clear_stats(server), WSGI_OK);
    CHECK_INT(wsgi_server_histogram(server, WSGI_APPLICATION, &histogram), WSGI_OK);
    CHECK(histogram.count == 0 && histogram.sum == 0 && histogram.p999 == 0);
    stats = stats_of(server);
    CHECK_INT(stats.accepts + stats.requests + stats.bytes_read + stats.bytes_written, 0);
    set(server, "statistics", "0");
    traffic(host.address, requests[0]);
    WAIT_FOR(stats_of(server).connections == 0);
    stats = stats_of(server);
    CHECK_INT(stats.enabled, 0);
    CHECK_INT(stats.accepts + stats.requests + stats.bytes_read + stats.bytes_written, 0);
    end_host(&host);
}

static void the_text_has_the_seeds_names(void) {
    char text[4096] = "", small[16] = "as it was";
    size_t length = 0, again = 0;
    host host = new_host(app, NULL, "1");
    expect(host.address, "/", 200, "ok");
    CHECK_INT(wsgi_server_stats_text(host.server, text, sizeof text, &length), WSGI_OK);
    CHECK_INT(length, strlen(text));
    CHECK_CONTAINS(text, "Enabled: 0\n");
    CHECK_CONTAINS(text, host.address);
    CHECK_CONTAINS(text, "\nRequests: -1\n");
    /* The worker may not be done with a request whose answer is here already. */
    WAIT_FOR(stats_of(host.server).connections == 0);
    set(host.server, "statistics", "1");
    CHECK_INT(wsgi_server_stats_text(host.server, text, sizeof text, NULL), WSGI_OK);
    CHECK_CONTAINS(text, "\nRequests: 0\n");
    CHECK_CONTAINS(text, "\nWSGI Worker 1 Bytes Read: 0\n");
    char more[16384] = "";
    CHECK_INT(wsgi_server_stats_json(host.server, more, sizeof more, &length), WSGI_OK);
    CHECK_INT(length, strlen(more));
    CHECK_CONTAINS(more, "{\"enabled\":true,\"bind_addr\":\"");
    CHECK_CONTAINS(more, "\"queue_wait\":{\"count\":0,");
    CHECK_INT(wsgi_server_stats_prometheus(host.server, more, sizeof more, &length), WSGI_OK);
    CHECK_INT(length, strlen(more));
    CHECK_CONTAINS(more, "\nwsgiserver_threads 1\n");
    CHECK_CONTAINS(more, "\nwsgiserver_write_seconds_bucket{le=\"+Inf\"} 0\n");
    CHECK_INT(wsgi_server_stats_text(host.server, small, sizeof small, &again), WSGI_E_LENGTH);
    CHECK(again > sizeof small);
    CHECK_STR(small, "as it was");
    end_host(&host);
}

static void expect_page(const char *address, const char *path, const char *contains) {
    reply reply = fetch(address, path);
    CHECK_INT(reply.status, 200);
    CHECK_CONTAINS(reply.body, contains);
    CHECK(reply_has(&reply, "Cache-Control", "no-store"));
    reply_free(&reply);
}

/* Of the server itself, and of another one. */
static void the_page_is_an_application(void) {
    wsgi_server *watcher = NULL;
    char watching[64] = "";
    host host = new_host(app, NULL, "1");
    CHECK_INT(wsgi_server_new("127.0.0.1:0", wsgi_status_page, host.server, NULL, &watcher, NULL),
              WSGI_OK);
    set(watcher, "numthreads", "1");
    set(watcher, "status_path", "/own");
    CHECK_INT(wsgi_server_start_background(watcher, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_bound_addr(watcher, watching, sizeof watching, NULL), WSGI_OK);
    expect_page(watching, "/?format=text", host.address);
    expect_page(watching, "/own?format=text", watching);
    CHECK_INT(wsgi_server_stop(watcher, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_free(watcher), WSGI_OK);
    end_host(&host);
}

static void the_buckets_have_bounds(void) {
    const size_t last = COUNT(((wsgi_histogram *)NULL)->buckets) - 1;
    CHECK(wsgi_histogram_bound(0) == 1e-6 && wsgi_histogram_bound(1) == 1.5e-6);
    CHECK(wsgi_histogram_bound(last - 1) == 100.0);
    CHECK(isinf(wsgi_histogram_bound(last)) && isinf(wsgi_histogram_bound(SIZE_MAX)));
    for (size_t i = 1; i <= last; i++) {
        CHECK(wsgi_histogram_bound(i) > wsgi_histogram_bound(i - 1));
    }
}

static void what_is_not_possible_has_a_status(void) {
    wsgi_histogram histogram = {0};
    wsgi_stats stats = {0};
    wsgi_worker_stats worker = {0};
    wsgi_server *server = new_server(app, NULL);
    CHECK_INT(wsgi_server_stats(NULL, &stats), WSGI_E_NULL);
    CHECK_INT(wsgi_server_stats(server, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_stats(server, &stats), WSGI_E_STATE);
    CHECK_INT(wsgi_server_worker_stats(server, 0, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_worker_stats(server, 0, &worker), WSGI_E_STATE);
    worker.struct_size = sizeof worker;
    CHECK_INT(wsgi_server_worker_stats(server, 0, &worker), WSGI_GONE);
    CHECK_INT(wsgi_server_clear_stats(NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_clear_stats(server), WSGI_OK);
    CHECK_INT(wsgi_server_stats_text(NULL, NULL, 0, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_histogram(server, WSGI_WRITE, &histogram), WSGI_E_STATE);
    histogram.struct_size = sizeof histogram;
    CHECK_INT(wsgi_server_histogram(server, WSGI_WRITE, &histogram), WSGI_OK);
    CHECK_INT(wsgi_server_histogram(server, WSGI_WRITE + 1, &histogram), WSGI_GONE);
    CHECK_INT(wsgi_server_histogram(server, -1, &histogram), WSGI_GONE);
    CHECK_INT(stats_of(server).threads, 0);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

int main(void) {
    static const test tests[] = {
        {"the figures are those of the clients", the_figures_are_those_of_the_clients},
        {"the page is an application", the_page_is_an_application},
        {"the buckets have bounds", the_buckets_have_bounds},
        {"the text has the seed's names", the_text_has_the_seeds_names},
        {"what is not possible has a status", what_is_not_possible_has_a_status},
    };
    memset(body, 'b', BODY);
    return run_tests(tests, COUNT(tests));
}
