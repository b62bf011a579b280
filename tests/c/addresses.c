/* Where a server listens, through the header: addresses of every kind, descriptors of the host's,
 * several at once, and what is said to those that cannot be. */
#include "client.h"
#include "host.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static char folder[64] = "/tmp/wsgi-addresses-XXXXXX";

static void in_folder(char *path, size_t capacity, const char *name) {
    snprintf(path, capacity, "%s/%s", folder, name);
}

/* What the environ says of both ends. */
static int32_t tell(void *user_data, wsgi_request request, const wsgi_environ *environ,
                    const wsgi_responder *responder) {
    char text[256];
    wsgi_str uid = find(environ, "X_REMOTE_UID"), user = find(environ, "REMOTE_USER");
    (void)user_data, (void)responder;
    snprintf(text, sizeof text, "port=%s remote=%s uid=%s user=%s",
             find(environ, "SERVER_PORT").ptr, find(environ, "REMOTE_ADDR").ptr,
             uid.ptr ? uid.ptr : "-", user.ptr ? user.ptr : "-");
    return say(environ->server, request, text);
}

static wsgi_server *new_at(const char *bind_addr) {
    wsgi_error *error = NULL;
    wsgi_server *server = NULL;
    if (wsgi_server_new(bind_addr, tell, NULL, NULL, &server, &error) < 0)
        FAIL("%s: %s", shown(bind_addr), wsgi_error_message(error));
    set(server, "numthreads", "2");
    return server;
}

static void start(wsgi_server *server) {
    wsgi_error *error = NULL;
    if (wsgi_server_start_background(server, &error) < 0) FAIL("%s", wsgi_error_message(error));
}

static void end(wsgi_server *server) {
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

static void address_of(wsgi_server *server, size_t index, char address[128]) {
    size_t length = 0;
    CHECK_INT(wsgi_server_bound_addr_at(server, index, address, 128, &length), WSGI_OK);
    CHECK_INT(length, strlen(address));
}

/* "unix:/path" or "@name". */
static client unix_client(const char *address) {
    client client = {-1, NULL, 0, 0};
    struct sockaddr_un to = {0};
    struct timeval deadline = {FACT_DEADLINE, 0};
    int is_abstract = address[0] == '@';
    const char *name = address + (is_abstract ? 1 : strlen("unix:"));
    to.sun_family = AF_UNIX;
    CHECK(strlen(name) < sizeof to.sun_path - 1);
    strcpy(to.sun_path + is_abstract, name);
    client.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    size_t length = offsetof(struct sockaddr_un, sun_path) + is_abstract + strlen(name);
    if (connect(client.fd, (struct sockaddr *)&to, (socklen_t)length) < 0)
        FAIL("cannot connect to %s: %s", address, strerror(errno));
    return client;
}

static void expect_told(const char *address, const char *text) {
    int is_tcp = address[0] != '@' && strncmp(address, "unix:", 5) != 0;
    client client = is_tcp ? client_open(address) : unix_client(address);
    reply reply = client_fetch(&client, "/");
    CHECK_INT(reply.status, 200);
    CHECK_STR(reply.body, text);
    reply_free(&reply);
    client_close(&client);
}

static void expect_refused(const char *bind_addr, const char *reason) {
    wsgi_error *error = NULL;
    wsgi_server *server = new_at(bind_addr);
    CHECK_INT(wsgi_server_prepare(server, &error), WSGI_E_BIND);
    CHECK_CONTAINS(wsgi_error_message(error), bind_addr);
    CHECK_CONTAINS(wsgi_error_message(error), reason);
    wsgi_error_free(error);
    CHECK_INT(wsgi_server_listener_count(server), 0);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

/* In a child that is nobody: what belongs to another user is refused with the reason. */
static void no_permission_is_named(void) {
    char path[128];
    if (getuid() != 0) {
        fprintf(stderr, "    skipped: only root can become nobody\n");
        return;
    }
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK_INT(setuid(65534), 0);
        in_folder(path, sizeof path, "socket");
        expect_refused(path, "no permission in");
        exit(0);
    }
    int state = 0;
    CHECK_INT(waitpid(child, &state, 0), child);
    CHECK(WIFEXITED(state) && WEXITSTATUS(state) == 0);
}

static void bad_addresses_are_named(void) {
    static const struct {
        const char *address, *reason;
    } bad[] = {
        {"", "nothing to listen on"},
        {":8070", "the host is empty"},
        {"127.0.0.1:65536", "is not a port"},
        {"[::1", "the ] is missing"},
        {"host", "the port is missing"},
        {"no-such-host.invalid:80", "failed to lookup"},
        {"192.0.2.1:0", "Cannot assign requested address"},
        {"unix:/no/such/folder/socket", "there is no directory"},
        {"/tmp", "a directory"},
    };
    char path[256];
    for (size_t i = 0; i < COUNT(bad); i++) expect_refused(bad[i].address, bad[i].reason);

    in_folder(path, sizeof path, "file");
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    CHECK(fd >= 0);
    close(fd);
    expect_refused(path, "a regular file");
    CHECK_INT(access(path, F_OK), 0);
    CHECK_INT(unlink(path), 0);

    memset(path, 'x', 108);
    path[0] = '/', path[108] = '\0';
    expect_refused(path, "108 bytes");
}

static void a_unix_socket_serves_with_its_mode_and_is_removed(void) {
    char path[128], address[128];
    struct stat found;
    in_folder(path, sizeof path, "socket");
    wsgi_server *server = new_at(path);
    set(server, "unix_socket_mode", "640");
    start(server);
    address_of(server, 0, address);
    CHECK_STR(address + strlen("unix:"), path);
    CHECK_INT(stat(path, &found), 0);
    CHECK_INT(found.st_mode & 0777, 0640);
    expect_told(address, "port= remote= uid=- user=-");
    expect_refused(path, "somebody answers");
    end(server);
    CHECK_INT(access(path, F_OK), -1);
}

/* A process that was killed leaves its socket behind; the next one takes the path. */
static void a_stale_socket_is_replaced(void) {
    char path[128], address[128];
    in_folder(path, sizeof path, "stale");
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        wsgi_server *killed = new_at(path);
        CHECK_INT(wsgi_server_prepare(killed, NULL), WSGI_OK);
        raise(SIGKILL);
    }
    int state = 0;
    CHECK_INT(waitpid(child, &state, 0), child);
    CHECK(WIFSIGNALED(state));
    CHECK_INT(access(path, F_OK), 0);
    wsgi_server *server = new_at(path);
    start(server);
    address_of(server, 0, address);
    expect_told(address, "port= remote= uid=- user=-");
    end(server);
    CHECK_INT(access(path, F_OK), -1);
}

static void the_peer_of_a_unix_socket_is_known_when_asked(void) {
    char name[64], address[128], told[192];
    snprintf(name, sizeof name, "@wsgi-c-%d", (int)getpid());
    wsgi_server *server = new_at(name);
    set(server, "peercreds_enabled", "1");
    start(server);
    address_of(server, 0, address);
    CHECK_STR(address, name);
    snprintf(told, sizeof told, "port= remote= uid=%d user=-", (int)getuid());
    expect_told(address, told);
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    set(server, "peercreds_resolve_enabled", "1");
    start(server);
    snprintf(told, sizeof told, "port= remote= uid=%d user=root", (int)getuid());
    if (getuid() == 0) expect_told(address, told);
    end(server);
}

/* Each with its own SERVER_PORT, also when one after the other comes to the same worker. */
static void several_listeners_are_told_by_their_index(void) {
    char path[128], address[128], first[128], told[192], none[8] = "kept";
    wsgi_server *server = new_at("127.0.0.1:0");
    in_folder(path, sizeof path, "beside");
    set(server, "numthreads", "1");
    CHECK_INT(wsgi_server_listen(server, "127.0.0.1:0", NULL), WSGI_OK);
    CHECK_INT(wsgi_server_listen(server, path, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_bound_addr(server, none, sizeof none, NULL), WSGI_E_STATE);
    CHECK_INT(wsgi_server_listener_count(server), 0);
    start(server);
    CHECK_INT(wsgi_server_listener_count(server), 3);
    for (size_t i = 0; i < 9; i++) {
        address_of(server, i % 3, address);
        const char *port = i % 3 == 2 ? "" : strrchr(address, ':') + 1;
        const char *remote = i % 3 == 2 ? "" : "127.0.0.1";
        snprintf(told, sizeof told, "port=%s remote=%s uid=- user=-", port, remote);
        expect_told(address, told);
    }
    address_of(server, 0, address);
    CHECK_INT(wsgi_server_bound_addr(server, first, sizeof first, NULL), WSGI_OK);
    CHECK_STR(first, address);
    CHECK_INT(wsgi_server_bound_addr_at(server, 3, none, sizeof none, NULL), WSGI_E_OPTION);
    CHECK_INT(wsgi_server_bound_addr_at(server, 0, none, sizeof none, NULL), WSGI_E_LENGTH);
    CHECK_STR(none, "kept");
    CHECK_INT(wsgi_server_listen(server, "127.0.0.1:0", NULL), WSGI_E_STATE);
    end(server);
    CHECK_INT(access(path, F_OK), -1);
}

static void one_bad_listener_closes_the_others(void) {
    char path[128];
    size_t fds = descriptors();
    wsgi_error *error = NULL;
    wsgi_server *server = new_at("127.0.0.1:0");
    in_folder(path, sizeof path, "first");
    CHECK_INT(wsgi_server_listen(server, path, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_listen(server, "192.0.2.1:0", NULL), WSGI_OK);
    CHECK_INT(wsgi_server_prepare(server, &error), WSGI_E_BIND);
    CHECK_CONTAINS(wsgi_error_message(error), "192.0.2.1:0");
    wsgi_error_free(error);
    CHECK_INT(access(path, F_OK), -1);
    error = NULL;
    CHECK_INT(wsgi_server_listen(server, "[::1", &error), WSGI_E_BIND);
    CHECK_CONTAINS(wsgi_error_message(error), "[::1");
    wsgi_error_free(error);
    CHECK_INT(wsgi_server_listen(server, NULL, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
    CHECK_INT(descriptors(), fds);
}

static int tcp_socket(int listening) {
    struct sockaddr_in at = {0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    if (listening) CHECK_INT(listen(fd, 16), 0);
    return fd;
}

static void a_descriptor_is_served_and_is_the_servers(void) {
    char address[128], told[192];
    size_t fds = descriptors();
    int fd = tcp_socket(1), other = dup(fd);
    wsgi_server *server = new_at(NULL);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(wsgi_server_listen_fd(server, fd, NULL), WSGI_OK);
        CHECK_INT(fcntl(fd, F_GETFD), -1); /* it has another number now */
        start(server);
        CHECK_INT(wsgi_server_listener_count(server), 1);
        CHECK(fcntl(other, F_GETFL) & O_NONBLOCK);
        address_of(server, 0, address);
        snprintf(told, sizeof told, "port=%s remote=127.0.0.1 uid=- user=-",
                 strrchr(address, ':') + 1);
        expect_told(address, told);
        CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
        fd = dup(other); /* a descriptor is for one run */
    }
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_E_BIND);
    end(server);
    close(fd), close(other);
    CHECK_INT(descriptors(), fds);
}

static void expect_fd_refused(int fd, const char *reason) {
    char named[32];
    wsgi_error *error = NULL;
    wsgi_server *server = new_at(NULL);
    int flags = fcntl(fd, F_GETFD);
    snprintf(named, sizeof named, "descriptor %d:", fd);
    CHECK_INT(wsgi_server_listen_fd(server, fd, &error), WSGI_E_BIND);
    CHECK_CONTAINS(wsgi_error_message(error), named);
    CHECK_CONTAINS(wsgi_error_message(error), reason);
    wsgi_error_free(error);
    CHECK_INT(fcntl(fd, F_GETFD), flags); /* still the caller's */
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_E_BIND);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

static void descriptors_that_cannot_be_served_stay_the_callers(void) {
    int ends[2];
    /* a number so high that it is nobody else's by then */
    int closed = fcntl(0, F_DUPFD, 900), file = open("/dev/null", O_RDONLY);
    int datagram = socket(AF_INET, SOCK_DGRAM, 0), bound = tcp_socket(0);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    close(closed);
    expect_fd_refused(closed, "not open");
    expect_fd_refused(-1, "not open");
    expect_fd_refused(file, "not a socket");
    expect_fd_refused(datagram, "datagram");
    expect_fd_refused(bound, "does not listen");
    expect_fd_refused(ends[0], "does not listen");
    CHECK_INT(listen(bound, 1), 0);
    host host = new_host(tell, NULL, "1");
    CHECK_INT(wsgi_server_listen_fd(host.server, bound, NULL), WSGI_E_STATE);
    CHECK(fcntl(bound, F_GETFD) >= 0);
    end_host(&host);
    close(file), close(datagram), close(bound), close(ends[0]), close(ends[1]);
}

static void ipv6_is_listened_on_and_takes_ipv4(void) {
    char address[128], told[192];
    struct sockaddr_in6 at = {0};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    at.sin6_family = AF_INET6, at.sin6_addr = in6addr_loopback;
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        fprintf(stderr, "    skipped: this machine has no IPv6\n");
        return;
    }
    close(fd);
    wsgi_server *server = new_at("[::]:0");
    start(server);
    address_of(server, 0, address);
    CHECK(strncmp(address, "[::]:", 5) == 0);
    snprintf(told, sizeof told, "port=%s remote=::ffff:127.0.0.1 uid=- user=-", address + 5);
    expect_told(address, told); /* the client's is 127.0.0.1 with this port */
    end(server);
}

int main(void) {
    static const test tests[] = {
        {"no permission is named", no_permission_is_named},
        {"a stale socket is replaced", a_stale_socket_is_replaced},
        {"bad addresses are named", bad_addresses_are_named},
        {"a unix socket serves with its mode and is removed",
         a_unix_socket_serves_with_its_mode_and_is_removed},
        {"the peer of a unix socket is known when asked",
         the_peer_of_a_unix_socket_is_known_when_asked},
        {"several listeners are told by their index", several_listeners_are_told_by_their_index},
        {"one bad listener closes the others", one_bad_listener_closes_the_others},
        {"a descriptor is served and is the server's", a_descriptor_is_served_and_is_the_servers},
        {"descriptors that cannot be served stay the caller's",
         descriptors_that_cannot_be_served_stay_the_callers},
        {"ipv6 is listened on and takes ipv4", ipv6_is_listened_on_and_takes_ipv4},
    };
    CHECK(mkdtemp(folder) != NULL);
    int code = run_tests(tests, COUNT(tests));
    CHECK_INT(rmdir(folder), 0); /* nothing stays behind */
    return code;
}
