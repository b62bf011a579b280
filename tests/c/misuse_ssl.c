/* What the functions of TLS say to NULL, too early, too late, and twice. */
#include "certificate.h"
#include "misuse.h"

static int32_t answer(void *user_data, wsgi_request request, const wsgi_environ *environ,
                      const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    return say(environ->server, request, "served");
}

static int given_back;

static void give_back(void *user_data) {
    (void)user_data;
    given_back++;
}

static size_t no_password(void *user_data, const char *file, char *buffer, size_t capacity) {
    (void)user_data, (void)file, (void)buffer, (void)capacity;
    return 0;
}

/* A table of the host's whose sessions never begin. */
static wsgi_status no_wrap(void *user_data, void **session) {
    (void)user_data, (void)session;
    return WSGI_E_SSL;
}
static wsgi_status no_give(void *session, const void *data, size_t length, size_t *count) {
    (void)session, (void)data, (void)length, (void)count;
    return WSGI_E_STATE;
}
static wsgi_status no_get(void *session, void *buffer, size_t capacity, size_t *count) {
    (void)session, (void)buffer, (void)capacity, (void)count;
    return WSGI_E_STATE;
}
static int32_t no_handshake(void *session) {
    (void)session;
    return 1;
}
static void no_session(void *session) { (void)session; }

static wsgi_ssl_table no_table(void) {
    wsgi_ssl_table table = {0};
    table.struct_size = sizeof table;
    table.wrap = no_wrap;
    table.feed = table.write = no_give;
    table.take = table.read = no_get;
    table.is_handshaking = no_handshake;
    table.free = no_session;
    return table;
}

static void null(void) {
    wsgi_ssl_adapter *adapter = NULL;
    wsgi_ssl_table table = no_table();
    wsgi_error *error = NULL;
    size_t length = 77;
    char buffer[8];
    wsgi_server *server = new_server(answer, NULL);
    given_back = 0;
    NULL_GIVES(WSGI_E_NULL, wsgi_get_ssl_adapter_class(NULL, NULL, &error));
    CHECK_CONTAINS(wsgi_error_message(error), "name");
    wsgi_error_free(error);
    NULL_GIVES(WSGI_E_NULL, wsgi_ssl_adapter_new(NULL, NULL, "a", "b", NULL, NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_ssl_adapter_new(NULL, NULL, NULL, "b", NULL, &adapter, NULL));
    CHECK(adapter == NULL);
    CHECK_INT(wsgi_ssl_adapter_new(NULL, NULL, "a", NULL, NULL, &adapter, NULL), WSGI_OK);
    NULL_GIVES(WSGI_E_NULL, wsgi_ssl_adapter_set(NULL, "ciphers", "", NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_ssl_adapter_set(adapter, NULL, "", NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_ssl_adapter_set(adapter, "ciphers", NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_ssl_adapter_set_password(NULL, no_password, NULL, give_back));
    NULL_GIVES(WSGI_E_NULL, wsgi_ssl_adapter_set_password(adapter, NULL, NULL, give_back));
    CHECK_INT(given_back, 2);
    NULL_GIVES(WSGI_E_NULL, wsgi_ssl_adapter_add_sni(NULL, "a", "b", "c", NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_ssl_adapter_add_sni(adapter, NULL, NULL, NULL, NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_ssl_adapter_reload(NULL, NULL));
    NULL_GIVES(WSGI_OK, (wsgi_ssl_adapter_free(NULL), WSGI_OK));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_set_ssl_adapter(NULL, adapter, NULL));
    NULL_GIVES(WSGI_OK, wsgi_server_set_ssl_adapter(server, NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_server_reload_ssl(NULL, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_ssl_adapter_register(NULL, "a", &table, NULL, give_back, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_ssl_adapter_register(server, NULL, &table, NULL, give_back, NULL));
    NULL_GIVES(WSGI_E_NULL, wsgi_ssl_adapter_register(server, "a", NULL, NULL, give_back, NULL));
    CHECK_INT(given_back, 5);
    NULL_GIVES(WSGI_E_NULL, wsgi_request_peer_certificate(NULL, 1, 0, buffer, 8, &length));
    CHECK_INT(length, 77);
    wsgi_ssl_adapter_free(adapter);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

/* Settings are taken until a server has the adapter. */
static wsgi_ssl_adapter *adapter;
static wsgi_server *server;

static int64_t do_wsgi_get_ssl_adapter_class(void) {
    wsgi_error *error = NULL;
    CHECK_INT(wsgi_get_ssl_adapter_class(server, "gnutls", &error), WSGI_E_OPTION);
    CHECK_CONTAINS(wsgi_error_message(error), "builtin");
    wsgi_error_free(error);
    return wsgi_get_ssl_adapter_class(server, "BuiltIn", NULL);
}
static int64_t do_wsgi_ssl_adapter_set(void) {
    CHECK_INT(wsgi_ssl_adapter_set(adapter, "numthreads", "1", NULL) < 0, 1);
    return wsgi_ssl_adapter_set(adapter, "minimum_tls_version", "1.2", NULL);
}
static int64_t do_wsgi_ssl_adapter_set_password(void) {
    return wsgi_ssl_adapter_set_password(adapter, no_password, NULL, NULL);
}
static int64_t do_wsgi_ssl_adapter_add_sni(void) {
    certificate made = make_certificate();
    wsgi_status status =
        wsgi_ssl_adapter_add_sni(adapter, "other.test", made.file, made.key, NULL, NULL);
    if (status == WSGI_OK) {
        /* Read later: the files have to be there then. */
        CHECK_INT(wsgi_server_set_ssl_adapter(server, adapter, NULL), WSGI_OK);
        CHECK_INT(wsgi_server_set_ssl_adapter(server, NULL, NULL), WSGI_OK);
    }
    remove_certificate(&made);
    return status;
}
static int64_t do_wsgi_ssl_adapter_reload(void) { return wsgi_ssl_adapter_reload(adapter, NULL); }
static int64_t do_wsgi_server_reload_ssl(void) { return wsgi_server_reload_ssl(server, NULL); }
static int64_t do_wsgi_server_set_ssl_adapter(void) {
    return wsgi_server_set_ssl_adapter(server, adapter, NULL);
}
static int64_t do_wsgi_ssl_adapter_register(void) {
    wsgi_ssl_table table = no_table();
    wsgi_error *error = NULL;
    table.struct_size = 8;
    CHECK_INT(wsgi_ssl_adapter_register(server, "a", &table, NULL, NULL, NULL), WSGI_E_STATE);
    table = no_table();
    table.feed = NULL;
    CHECK_INT(wsgi_ssl_adapter_register(server, "a", &table, NULL, NULL, &error), WSGI_E_OPTION);
    CHECK_CONTAINS(wsgi_error_message(error), "feed");
    wsgi_error_free(error);
    table = no_table();
    CHECK_INT(wsgi_ssl_adapter_register(server, "", &table, NULL, NULL, NULL), WSGI_E_OPTION);
    return wsgi_ssl_adapter_register(server, "mine", &table, NULL, NULL, NULL);
}
static int64_t do_wsgi_ssl_adapter_new(void) {
    wsgi_ssl_adapter *made = NULL;
    CHECK_INT(wsgi_ssl_adapter_new(server, "none", "a", "b", NULL, &made, NULL), WSGI_E_OPTION);
    wsgi_status status = wsgi_ssl_adapter_new(server, NULL, "a", "b", "c", &made, NULL);
    wsgi_ssl_adapter_free(made);
    return status;
}
static int64_t do_wsgi_ssl_adapter_free(void) {
    wsgi_ssl_adapter *made = NULL;
    CHECK_INT(wsgi_ssl_adapter_new(NULL, NULL, "a", NULL, NULL, &made, NULL), WSGI_OK);
    wsgi_ssl_adapter_free(made);
    return WSGI_OK;
}

#define OK WSGI_OK
#define STATE WSGI_E_STATE

static const struct ssl_row {
    const char *function;
    int64_t (*call)(void);
    int64_t says[2];
} SSL_ROWS[] = {
    /*                                  the adapter is new, and served */
    ROW(wsgi_get_ssl_adapter_class,     OK,    OK),
    ROW(wsgi_ssl_adapter_set,           OK,    STATE),
    ROW(wsgi_ssl_adapter_set_password,  OK,    STATE),
    ROW(wsgi_ssl_adapter_reload,        STATE, OK),
    ROW(wsgi_server_reload_ssl,         STATE, OK),
    ROW(wsgi_ssl_adapter_register,      OK,    OK),
    ROW(wsgi_ssl_adapter_new,           OK,    OK),
    ROW(wsgi_ssl_adapter_free,          OK,    OK),
    ROW(wsgi_server_set_ssl_adapter,    OK,    STATE),
    ROW(wsgi_ssl_adapter_add_sni,       STATE, STATE), /* made just before */
};

#undef OK
#undef STATE

static void each_state(void) {
    certificate made = make_certificate();
    server = new_server(answer, NULL);
    CHECK_INT(wsgi_ssl_adapter_new(server, NULL, made.file, made.key, NULL, &adapter, NULL),
              WSGI_OK);
    for (int served = 0; served < 2; served++) {
        if (served) CHECK_INT(wsgi_server_start_background(server, NULL), WSGI_OK);
        for (size_t i = 0; i < COUNT(SSL_ROWS); i++)
            check_row(SSL_ROWS[i].function, served ? "served" : "new", SSL_ROWS[i].call(),
                      SSL_ROWS[i].says[served]);
    }
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
    /* Without a server it is as good as before. */
    CHECK_INT(wsgi_ssl_adapter_reload(adapter, NULL), WSGI_OK);
    wsgi_ssl_adapter_free(adapter);
    remove_certificate(&made);
}

/* What is wrong with the files is told when a server is given them, and names them. */
static void refused(const char *certificate, const char *key, const char *says) {
    wsgi_error *error = NULL;
    wsgi_ssl_adapter *wrong = NULL;
    wsgi_server *host = new_server(answer, NULL);
    CHECK_INT(wsgi_ssl_adapter_new(NULL, NULL, certificate, key, NULL, &wrong, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_set_ssl_adapter(host, wrong, &error), WSGI_E_SSL);
    CHECK_CONTAINS(wsgi_error_message(error), says);
    wsgi_error_free(error);
    wsgi_ssl_adapter_free(wrong);
    set(host, "certificate", certificate);
    set(host, "private_key", key);
    CHECK_INT(wsgi_server_prepare(host, &error), WSGI_E_SSL);
    CHECK_CONTAINS(wsgi_error_message(error), says);
    wsgi_error_free(error);
    CHECK_INT(wsgi_server_free(host), WSGI_OK);
}

static void files_that_are_not_in_order(void) {
    certificate one = make_certificate(), other = make_certificate();
    refused("/nowhere/certificate.pem", one.key, "/nowhere/certificate.pem");
    refused(one.file, "/nowhere/key.pem", "/nowhere/key.pem");
    refused(one.key, one.key, one.key);
    refused(one.file, one.file, one.file);
    refused(one.file, other.key, other.key);
    wsgi_error *error = NULL;
    wsgi_server *host = new_server(answer, NULL);
    set(host, "private_key", one.key);
    CHECK_INT(wsgi_server_prepare(host, &error), WSGI_E_SSL);
    CHECK_CONTAINS(wsgi_error_message(error), "private_key");
    wsgi_error_free(error);
    CHECK_INT(wsgi_server_free(host), WSGI_OK);
    remove_certificate(&one);
    remove_certificate(&other);
}

int main(void) {
    static const test tests[] = {
        {"null", null},
        {"each state", each_state},
        {"files that are not in order", files_that_are_not_in_order},
    };
    return run_tests(tests, COUNT(tests));
}
