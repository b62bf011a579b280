/* The peer libmicrohttpd with the same answer.
   usage: microhttpd_hello PORT epoll|pool [THREADS] */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum MHD_Result hello(void *user, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *upload,
                             size_t *upload_size, void **request_data) {
    static int seen;

    (void)url;
    (void)method;
    (void)version;
    (void)upload;
    (void)upload_size;
    /* The first call only announces the request: answering there would end keep-alive. */
    if (*request_data == NULL) {
        *request_data = &seen;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, user);
}

int main(int argc, char **argv) {
    unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD;
    unsigned int threads = 1;
    struct sockaddr_in address;
    struct MHD_Response *response;
    struct MHD_Daemon *daemon;
    sigset_t ending;
    int signal_number;

    if (argc < 3 || (strcmp(argv[2], "epoll") != 0 && strcmp(argv[2], "pool") != 0)) {
        fprintf(stderr, "usage: microhttpd_hello PORT epoll|pool [THREADS]\n");
        return 2;
    }
    if (strcmp(argv[2], "pool") == 0) {
        threads = argc > 3 ? (unsigned int)atoi(argv[3]) : 10;
    }
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    response = MHD_create_response_from_buffer(13, (void *)"Hello, world!",
                                               MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", "text/plain");
    MHD_add_response_header(response, "Server", "libmicrohttpd");
    daemon = MHD_start_daemon(flags, 0, NULL, NULL, hello, response, MHD_OPTION_SOCK_ADDR,
                              (struct sockaddr *)&address, MHD_OPTION_CONNECTION_LIMIT, 16000u,
                              MHD_OPTION_THREAD_POOL_SIZE, threads > 1 ? threads : 0u,
                              MHD_OPTION_END);
    if (daemon == NULL) {
        fprintf(stderr, "libmicrohttpd did not start\n");
        return 1;
    }
    printf("listening on http://127.0.0.1:%d\n",
           (int)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    sigwait(&ending, &signal_number);
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}
