/* TLS of the host's own: what the environ has of the certificates that its sessions put in PEM. The
 * "encryption" here flips the highest bit of each byte. */
#include "certificate.h"
#include "client.h"
#include "host.h"

enum { ROOM = 4096 };

typedef struct session {
    char incoming[ROOM], outgoing[ROOM];
    size_t received, waiting;
} session;

/* What sessions put. */
static char certificate_text[ROOM];
static const char *verified, *subject;

static void flip(char *to, const char *from, size_t length) {
    for (size_t i = 0; i < length; i++) to[i] = (char)(from[i] ^ 0x80);
}

static wsgi_status wrap(void *user_data, void **made) {
    (void)user_data;
    *made = calloc(1, sizeof(session));
    return *made ? WSGI_OK : WSGI_E_SSL;
}

static wsgi_status feed(void *self, const void *data, size_t length, size_t *taken) {
    session *session = self;
    if (length > ROOM - session->received) length = ROOM - session->received;
    flip(session->incoming + session->received, data, length);
    session->received += length;
    *taken = length;
    return WSGI_OK;
}

static wsgi_status take(void *self, void *buffer, size_t capacity, size_t *count) {
    session *session = self;
    *count = session->waiting < capacity ? session->waiting : capacity;
    memcpy(buffer, session->outgoing, *count);
    session->waiting -= *count;
    memmove(session->outgoing, session->outgoing + *count, session->waiting);
    return WSGI_OK;
}

static int32_t is_handshaking(void *self) {
    (void)self;
    return 0;
}

static wsgi_status read_plain(void *self, void *buffer, size_t capacity, size_t *count) {
    session *session = self;
    if (session->received == 0) return WSGI_AGAIN;
    *count = session->received < capacity ? session->received : capacity;
    memcpy(buffer, session->incoming, *count);
    session->received -= *count;
    memmove(session->incoming, session->incoming + *count, session->received);
    return WSGI_OK;
}

static wsgi_status write_plain(void *self, const void *data, size_t length, size_t *taken) {
    session *session = self;
    if (length > ROOM - session->waiting) length = ROOM - session->waiting;
    flip(session->outgoing + session->waiting, data, length);
    session->waiting += length;
    *taken = length;
    return WSGI_OK;
}

static void put_environ(void *self, wsgi_ssl_put_fn put, void *context) {
    (void)self;
    put(context, "SSL_SERVER_CERT", certificate_text, strlen(certificate_text));
    put(context, "SSL_CLIENT_CERT", certificate_text, strlen(certificate_text));
    if (verified) put(context, "SSL_CLIENT_VERIFY", verified, strlen(verified));
    if (subject) put(context, "SSL_CLIENT_S_DN", subject, strlen(subject));
}

/* "SERVER-SUBJECT|CLIENT-SUBJECT|CLIENT-CN|STATUS"; STATUS is that of the certificate as DER. */
static int32_t shows(void *user_data, wsgi_request request, const wsgi_environ *environ,
                     const wsgi_responder *responder) {
    char text[256], der[ROOM];
    size_t length = 0;
    wsgi_str parts[] = {find(environ, "SSL_SERVER_S_DN"), find(environ, "SSL_CLIENT_S_DN"),
                        find(environ, "SSL_CLIENT_S_DN_CN")};
    wsgi_status status = wsgi_request_peer_certificate(environ->server, request, 0, der, sizeof der,
                                                       &length);
    (void)user_data, (void)responder;
    CHECK(status != WSGI_OK || (length > 100 && der[0] == 0x30));
    for (size_t i = 0; i < COUNT(parts); i++)
        if (parts[i].ptr == NULL) parts[i].ptr = "";
    snprintf(text, sizeof text, "%.*s|%.*s|%.*s|%d", (int)parts[0].len, parts[0].ptr,
             (int)parts[1].len, parts[1].ptr, (int)parts[2].len, parts[2].ptr, status);
    return say(environ->server, request, text);
}

/* The rest of a connection with one request, decrypted. */
static void ask(const char *address, char *answer, size_t capacity) {
    const char *request = "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    char encrypted[128];
    size_t length = 0;
    ssize_t count;
    client client = client_open(address);
    flip(encrypted, request, strlen(request));
    CHECK_INT(send(client.fd, encrypted, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    while ((count = recv(client.fd, answer + length, capacity - 1 - length, 0)) > 0)
        length += (size_t)count;
    flip(answer, answer, length);
    answer[length] = 0;
    client_close(&client);
}

static void gives(const char *expected) {
    static const wsgi_ssl_table table = {
        .struct_size = sizeof table,
        .wrap = wrap,
        .feed = feed,
        .take = take,
        .is_handshaking = is_handshaking,
        .read = read_plain,
        .write = write_plain,
        .environ = put_environ,
        .free = free,
    };
    char answer[ROOM], address[64];
    wsgi_ssl_adapter *adapter = NULL;
    wsgi_server *server = new_server(shows, NULL);
    CHECK_INT(wsgi_ssl_adapter_register(server, "flip", &table, NULL, NULL, NULL), WSGI_OK);
    CHECK_INT(wsgi_ssl_adapter_new(server, "flip", "", NULL, NULL, &adapter, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_set_ssl_adapter(server, adapter, NULL), WSGI_OK);
    host host = start_host(server);
    CHECK_INT(wsgi_server_bound_addr(server, address, sizeof address, NULL), WSGI_OK);
    ask(address, answer, sizeof answer);
    CHECK_CONTAINS(answer, expected);
    end_host(&host);
    wsgi_ssl_adapter_free(adapter);
}

static void a_verified_client(void) {
    verified = "SUCCESS", subject = NULL;
    gives("\r\n\r\nCN=localhost|CN=localhost|localhost|0");
}

static void what_is_put_goes_before(void) {
    verified = "SUCCESS", subject = "CN=mine";
    gives("\r\n\r\nCN=localhost|CN=mine|localhost|0");
}

static void a_client_that_was_not_verified(void) {
    char expected[64];
    snprintf(expected, sizeof expected, "\r\n\r\nCN=localhost|||%d", WSGI_E_STATE);
    subject = NULL;
    verified = NULL;
    gives(expected);
    verified = "FAILED";
    gives(expected);
}

int main(void) {
    static const test tests[] = {
        {"a verified client", a_verified_client},
        {"a variable that is put takes precedence", what_is_put_goes_before},
        {"a client that was not verified", a_client_that_was_not_verified},
    };
    certificate made = make_certificate();
    FILE *file = fopen(made.file, "r");
    CHECK(file != NULL);
    CHECK(fread(certificate_text, 1, sizeof certificate_text - 1, file) > 0);
    fclose(file);
    remove_certificate(&made);
    return run_tests(tests, COUNT(tests));
}
