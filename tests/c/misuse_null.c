/* NULL for each pointer of each function: a status, or fine where the header says so. */
#include "misuse.h"

static int given_back; /* what is given is given back, also by a call that fails */

static void give_back(void *user_data) {
    (void)user_data;
    given_back++;
}

static int32_t no_app(void *user_data, wsgi_request request, const wsgi_environ *environ,
                      const wsgi_responder *responder) {
    (void)user_data, (void)request, (void)environ, (void)responder;
    return WSGI_DONE;
}

static void on_abort(void *user_data, wsgi_request request) {
    (void)user_data, (void)request;
}

static void texts_and_errors(void) {
    char buffer[8];
    wsgi_str rest = {"a=b", 3}, name = {"a", 1}, nothing = {NULL, 3}, value;
    NULL_GIVES(WSGI_E_NULL, wsgi_error_status(NULL));
    NULL_GIVES('\0', wsgi_error_message(NULL)[0]);
    NULL_GIVES(0, (wsgi_error_free(NULL), 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_option_info(0, NULL));

    NULL_GIVES(0, wsgi_percent_decode(NULL, 0, 0, NULL, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_percent_decode(NULL, 1, 0, buffer, sizeof buffer));
    NULL_GIVES(WSGI_E_NULL, wsgi_percent_decode("x", 1, 0, NULL, 1));
    CHECK_INT(wsgi_percent_decode("xyz", 3, 0, buffer, 2), WSGI_E_LENGTH);
    NULL_GIVES(WSGI_E_NULL, wsgi_query_next(NULL, &name, &value));
    NULL_GIVES(WSGI_E_NULL, wsgi_query_next(&rest, NULL, &value));
    NULL_GIVES(WSGI_E_NULL, wsgi_query_next(&rest, &name, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_query_next(&nothing, &name, &value));
    CHECK_INT(rest.len, 3);
    NULL_GIVES(WSGI_E_NULL, wsgi_cookie_get(rest, name, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_cookie_get(nothing, name, &value));
    NULL_GIVES(WSGI_E_NULL, wsgi_cookie_get(rest, nothing, &value));
}

static void servers(void) {
    wsgi_error *error = NULL;
    wsgi_handlers handlers = {0};
    wsgi_stats stats = {0};
    wsgi_histogram histogram;
    wsgi_worker_stats worker_stats = {0};
    wsgi_worker *worker = NULL;
    char buffer[64];
    int32_t number = 55;
    size_t length = 77;
    handlers.struct_size = sizeof handlers;
    stats.struct_size = sizeof stats;
    worker_stats.struct_size = sizeof worker_stats;
    given_back = 0;

    NULL_GIVES(WSGI_E_NULL, wsgi_server_new(NULL, no_app, NULL, give_back, NULL, &error));
    CHECK_INT(wsgi_error_status(error), WSGI_E_NULL);
    CHECK_CONTAINS(wsgi_error_message(error), "server");
    wsgi_error_free(error);
    CHECK_INT(given_back, 1);
    NULL_GIVES(WSGI_E_NULL, wsgi_server_set(NULL, "numthreads", "1", NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_get(NULL, "numthreads", buffer, sizeof buffer, &length));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_prepare(NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_serve(NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_start(NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_start_background(NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_stop(NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_signal_stop(NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_wait(NULL));
    NULL_GIVES(WSGI_OK, wsgi_server_free(NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_listen(NULL, "127.0.0.1:0", NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_listen_fd(NULL, 0, NULL));
    NULL_GIVES(0, wsgi_server_listener_count(NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_bound_addr(NULL, buffer, sizeof buffer, &length));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_bound_addr_at(NULL, 0, buffer, sizeof buffer, &length));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_set_handlers(NULL, &handlers, NULL, give_back, NULL));
    CHECK_INT(given_back, 2);
    NULL_GIVES(WSGI_E_NULL, wsgi_server_grow(NULL, 1, &length));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_shrink(NULL, 1, &length));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_threads(NULL, &length));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_idle(NULL, &length));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_qsize(NULL, &length));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_stats(NULL, &stats));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_worker_stats(NULL, 0, &worker_stats));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_clear_stats(NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_quiesce(NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_interrupt(NULL, 1));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_interrupt_code(NULL, &number));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_tick(NULL, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_event_fd(NULL, &number));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_ready(NULL));
    CHECK_INT(number, 55);
    NULL_GIVES(WSGI_E_NULL, wsgi_server_stats_text(NULL, buffer, sizeof buffer, &length));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_stats_json(NULL, buffer, sizeof buffer, &length));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_stats_prometheus(NULL, buffer, sizeof buffer, &length));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_histogram(NULL, WSGI_WRITE, &histogram));
    NULL_GIVES(WSGI_E_NULL, wsgi_worker_new(NULL, &worker, NULL));
    CHECK_INT(length, 77); /* outputs are written on success only */
    CHECK(worker == NULL);
}

static void arguments_of_a_server(void) {
    wsgi_handlers handlers = {0};
    wsgi_error *error = NULL;
    char buffer[64];
    size_t length = 77;
    site site = open_site();
    wsgi_server *server = new_server(no_app, NULL);
    given_back = 0;
    NULL_GIVES(WSGI_E_NULL, wsgi_server_set(server, NULL, "1", &error));
    CHECK_CONTAINS(wsgi_error_message(error), "name");
    wsgi_error_free(error);
    NULL_GIVES(WSGI_E_NULL, wsgi_server_set(server, "numthreads", NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_get(server, NULL, buffer, sizeof buffer, &length));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_get(server, "numthreads", NULL, 8, &length));
    CHECK_INT(length, 77);
    NULL_GIVES(WSGI_E_LENGTH, wsgi_server_get(server, "numthreads", NULL, 0, &length));
    CHECK_INT(length, 2); /* how much room is needed */
    NULL_GIVES(WSGI_OK, wsgi_server_get(server, "numthreads", buffer, sizeof buffer, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_listen(server, NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_set_handlers(server, NULL, NULL, give_back, NULL));
    CHECK_INT(given_back, 1);
    CHECK_INT(wsgi_server_set_handlers(server, &handlers, NULL, give_back, NULL), WSGI_E_STATE);
    CHECK_INT(given_back, 2);
    NULL_GIVES(WSGI_E_NULL, wsgi_server_threads(server, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_idle(server, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_qsize(server, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_stats(server, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_interrupt_code(server, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_event_fd(server, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_worker_stats(server, 0, NULL));
    NULL_GIVES(WSGI_E_LENGTH, wsgi_server_stats_text(server, NULL, 0, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_stats_text(server, NULL, 8, NULL));
    NULL_GIVES(WSGI_E_LENGTH, wsgi_server_stats_json(server, NULL, 0, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_stats_json(server, NULL, 8, NULL));
    NULL_GIVES(WSGI_E_LENGTH, wsgi_server_stats_prometheus(server, NULL, 0, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_stats_prometheus(server, NULL, 8, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_histogram(server, WSGI_WRITE, NULL));
    NULL_GIVES(WSGI_E_LENGTH, wsgi_server_bound_addr(site.server, NULL, 0, &length));
    CHECK_INT(length, strlen(site.address));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_bound_addr(site.server, NULL, 8, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_bound_addr_at(site.server, 0, NULL, 8, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_worker_new(site.server, NULL, NULL));
    NULL_GIVES(WSGI_OK, wsgi_server_stop(server, NULL));
    CHECK_INT(wsgi_server_start_background(server, NULL), WSGI_OK);
    NULL_GIVES(WSGI_OK, wsgi_server_grow(server, 1, NULL));
    NULL_GIVES(WSGI_OK, wsgi_server_shrink(server, 1, NULL));
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
    close_site(&site);
}

static void requests(void) {
    client client;
    site site = open_site();
    wsgi_server *server = site.server;
    wsgi_request request = ask(&site, &client);
    const wsgi_header *trailers = NULL;
    wsgi_header nameless = {{NULL, 1}, {"x", 1}}, valueless = {{"X", 1}, {NULL, 1}};
    wsgi_str nothing = {NULL, 3}, ok = str("200 OK"), value;
    wsgi_environ environ = {0};
    wsgi_view view = {0};
    wsgi_stream *stream = NULL;
    char buffer[64];
    size_t count = 77, length = 77;
    void *data = &data;
    given_back = 0;

    NULL_GIVES(WSGI_E_NULL, wsgi_request_environ(server, request, NULL));
    CHECK_INT(wsgi_request_environ(server, request, &environ), WSGI_E_STATE); /* no size */
    NULL_GIVES(WSGI_E_NULL, wsgi_request_view(server, request, NULL));
    CHECK_INT(wsgi_request_view(server, request, &view), WSGI_E_STATE);
    NULL_GIVES(WSGI_E_NULL, wsgi_request_read(server, request, NULL, 8, 0));
    NULL_GIVES(0, wsgi_request_read(server, request, NULL, 0, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_request_readline(server, request, NULL, 8));
    NULL_GIVES(0, wsgi_request_readline(server, request, NULL, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_request_trailers(server, request, NULL, &count));
    NULL_GIVES(WSGI_E_NULL, wsgi_request_trailers(server, request, &trailers, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_request_header(server, request, nothing, &value));
    NULL_GIVES(WSGI_E_NULL, wsgi_request_header(server, request, ok, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_request_get(server, request, WSGI_KEY_HTTP_HOST, NULL));
    CHECK_INT(wsgi_request_get(server, request, 0, &value), WSGI_E_OPTION);
    CHECK_INT(wsgi_request_get(server, request, UINT32_MAX, &value), WSGI_E_OPTION);
    NULL_GIVES(WSGI_E_NULL, wsgi_request_peer_addr(server, request, NULL, 8, &length));
    NULL_GIVES(WSGI_E_NULL, wsgi_request_local_addr(server, request, NULL, 8, &length));
    NULL_GIVES(WSGI_E_NULL, wsgi_request_id(server, request, NULL, 8, &length));
    CHECK_INT(length, 77);
    NULL_GIVES(WSGI_E_LENGTH, wsgi_request_id(server, request, NULL, 0, NULL));
    NULL_GIVES(WSGI_OK, wsgi_request_id(server, request, buffer, sizeof buffer, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_request_data(server, request, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_connection_data(server, request, NULL));
    NULL_GIVES(WSGI_OK, wsgi_request_set_data(server, request, NULL, NULL));
    NULL_GIVES(WSGI_OK, wsgi_connection_set_data(server, request, NULL, NULL));
    CHECK_INT(wsgi_request_data(server, request, &data), WSGI_OK);
    CHECK(data == NULL);
    NULL_GIVES(WSGI_E_NULL, wsgi_request_on_abort(server, request, NULL, NULL, give_back));
    CHECK_INT(given_back, 1);
    NULL_GIVES(WSGI_OK, wsgi_request_on_abort(server, request, on_abort, NULL, NULL));
    CHECK_INT(wsgi_request_set_deadline(server, request, -1), WSGI_E_STATE);
    NULL_GIVES(WSGI_E_NULL, wsgi_request_log(server, request, WSGI_LEVEL_INFO, NULL, 3));
    CHECK_INT(wsgi_request_log(server, request, 11, "x", 1), WSGI_E_OPTION);
    NULL_GIVES(WSGI_E_NULL, wsgi_request_hijack(server, request, 0, NULL));
    CHECK_INT(wsgi_request_hijack(server, request, 2, &stream), WSGI_E_STATE);
    CHECK(stream == NULL);

    NULL_GIVES(WSGI_E_NULL, wsgi_inform(server, request, nothing, NULL, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_inform(server, request, str("103 Early Hints"), NULL, 1));
    NULL_GIVES(WSGI_E_NULL, wsgi_start_response(server, request, nothing, NULL, 0, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_start_response(server, request, ok, NULL, 1, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_start_response(server, request, ok, &nameless, 1, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_start_response(server, request, ok, &valueless, 1, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_start_response_flat(server, request, NULL, 3, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_respond(server, request, nothing, NULL, 0, "x", 1));
    NULL_GIVES(WSGI_E_NULL, wsgi_respond(server, request, ok, NULL, 1, "x", 1));
    NULL_GIVES(WSGI_E_NULL, wsgi_respond(server, request, ok, &valueless, 1, "x", 1));
    NULL_GIVES(WSGI_E_NULL, wsgi_respond(server, request, ok, NULL, 0, NULL, 1));
    NULL_GIVES(WSGI_E_NULL, wsgi_respond_flat(server, request, NULL, 3, "x", 1));
    NULL_GIVES(WSGI_E_NULL, wsgi_respond_flat(server, request, "200 OK", 6, NULL, 1));
    CHECK_INT(wsgi_respond_flat(server, request, NULL, 0, "x", 1), WSGI_E_HEADER);
    CHECK_INT(wsgi_send_file(server, request, -1, 0, -2), WSGI_E_STATE);
    CHECK_INT(wsgi_send_file(server, request, -1, -1, -1), WSGI_E_STATE);

    CHECK_INT(wsgi_start_response(server, request, ok, NULL, 0, 0), WSGI_OK);
    CHECK_INT(wsgi_send_file(server, request, -1, 0, -1), WSGI_E_SYSTEM);
    NULL_GIVES(WSGI_E_NULL, wsgi_write(server, request, NULL, 1, 0));
    NULL_GIVES(WSGI_OK, wsgi_write(server, request, NULL, 0, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_writev(server, request, NULL, 1, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_writev(server, request, &nothing, 1, 0));
    NULL_GIVES(WSGI_OK, wsgi_writev(server, request, NULL, 0, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_write_owned(server, request, NULL, 1, give_back, NULL));
    CHECK_INT(given_back, 2);
    NULL_GIVES(WSGI_OK, wsgi_write_owned(server, request, NULL, 0, give_back, NULL));
    CHECK_INT(given_back, 3);
    NULL_GIVES(WSGI_OK, wsgi_write_owned(server, request, "x", 1, NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_add_trailer(server, request, nothing, ok));
    NULL_GIVES(WSGI_E_NULL, wsgi_add_trailer(server, request, ok, nothing));
    CHECK_INT(wsgi_finish(server, request), WSGI_OK);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 200);
    CHECK_STR(reply.body, "x"); /* of all that only this was an answer */
    reply_free(&reply);
    client_close(&client);
    close_site(&site);
}

/* NULL in the place of the server; misuse_requests.c has all functions once more. */
static void requests_without_a_server(void) {
    NULL_GIVES(WSGI_E_NULL, wsgi_abort(NULL, 1));
    NULL_GIVES(WSGI_E_NULL, wsgi_finish(NULL, 1));
    NULL_GIVES(WSGI_E_NULL, wsgi_flush(NULL, 1, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_request_aborted(NULL, 1));
    NULL_GIVES(WSGI_E_NULL, wsgi_request_watch(NULL, 1, WSGI_WATCH_ABORTED));
    NULL_GIVES(WSGI_E_NULL, wsgi_request_detach(NULL, 1));
    NULL_GIVES(WSGI_E_NULL, wsgi_request_set_deadline(NULL, 1, 1));
    NULL_GIVES(WSGI_E_NULL, wsgi_send_file(NULL, 1, 0, 0, -1));
}

static void workers_and_streams(void) {
    char buffer[8];
    site site = open_site();
    wsgi_event event = {0};
    event.struct_size = sizeof event;
    NULL_GIVES(WSGI_E_NULL, wsgi_worker_next(NULL, &event, 1, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_worker_next(site.worker, NULL, 1, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_worker_next(site.worker, &event, 0, 0));
    event.struct_size = 1;
    CHECK_INT(wsgi_worker_next(site.worker, &event, 1, 0), WSGI_E_STATE);
    NULL_GIVES(WSGI_E_NULL, wsgi_worker_wake(NULL));
    NULL_GIVES(WSGI_OK, wsgi_worker_free(NULL));
    close_site(&site);

    NULL_GIVES(WSGI_E_NULL, wsgi_stream_read(NULL, buffer, sizeof buffer, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_stream_write(NULL, "x", 1, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_stream_pending(NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_stream_shutdown(NULL, WSGI_STREAM_BOTH));
    NULL_GIVES(WSGI_E_NULL, wsgi_stream_set_deadline(NULL, WSGI_STREAM_BOTH, 0));
    NULL_GIVES(WSGI_E_NULL, wsgi_stream_cancel(NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_stream_fd(NULL));
    NULL_GIVES(WSGI_OK, wsgi_stream_free(NULL));
}

static void dispatchers(void) {
    wsgi_path_info_dispatcher *dispatcher = NULL;
    wsgi_error *error = NULL;
    wsgi_environ environ = {0};
    wsgi_responder responder = {0};
    given_back = 0;
    NULL_GIVES(WSGI_E_NULL, wsgi_path_info_dispatcher_new(NULL));
    NULL_GIVES(WSGI_E_NULL,
               wsgi_path_info_dispatcher_add(NULL, "/", no_app, NULL, give_back, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_path_info_dispatcher_remove(NULL, "/", NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_path_info_dispatcher_app(NULL, 1, &environ, &responder));
    NULL_GIVES(WSGI_E_NULL, wsgi_status_page(NULL, 1, NULL, &responder));
    NULL_GIVES(WSGI_E_NULL, wsgi_status_page(NULL, 1, &environ, NULL));
    NULL_GIVES(0, (wsgi_path_info_dispatcher_free(NULL), 0));

    CHECK_INT(wsgi_path_info_dispatcher_new(&dispatcher), WSGI_OK);
    NULL_GIVES(WSGI_E_NULL,
               wsgi_path_info_dispatcher_add(dispatcher, NULL, no_app, NULL, give_back, &error));
    CHECK_CONTAINS(wsgi_error_message(error), "prefix");
    wsgi_error_free(error);
    NULL_GIVES(WSGI_E_NULL,
               wsgi_path_info_dispatcher_add(dispatcher, "/", NULL, NULL, give_back, NULL));
    CHECK_INT(given_back, 3);
    NULL_GIVES(WSGI_E_NULL, wsgi_path_info_dispatcher_remove(dispatcher, NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_path_info_dispatcher_app(dispatcher, 1, NULL, &responder));
    NULL_GIVES(WSGI_E_NULL, wsgi_path_info_dispatcher_app(dispatcher, 1, &environ, NULL));
    /* nothing fits, and there is nobody to say so to */
    NULL_GIVES(WSGI_E_NULL, wsgi_path_info_dispatcher_app(dispatcher, 1, &environ, &responder));
    wsgi_path_info_dispatcher_free(dispatcher);
}

int main(void) {
    static const test tests[] = {
        {"texts and errors", texts_and_errors},
        {"servers", servers},
        {"arguments of a server", arguments_of_a_server},
        {"requests", requests},
        {"requests without a server", requests_without_a_server},
        {"workers and streams", workers_and_streams},
        {"dispatchers", dispatchers},
    };
    return run_tests(tests, COUNT(tests));
}
