/* Two applications in one server: WSGIPathInfoDispatcher chooses by the path which one is called.
 *
 *     dispatcher [--port N]
 *
 * /blog and what is below it goes to one application, everything else to the other.
 */
#define _POSIX_C_SOURCE 200809L

#include "applications.h"
#include "run.h"

#include <string.h>

/* Both applications are this function; what is different comes as user data. It says where it is:
 * SCRIPT_NAME is the part of the path that led here, PATH_INFO the rest. */
static int32_t say_where(void *user_data, wsgi_request request, const wsgi_environ *environ,
                         const wsgi_responder *responder) {
    wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    wsgi_str parts[] = {
        text("This is "),
        text(user_data),
        text(". SCRIPT_NAME is '"),
        environ_get(environ, "SCRIPT_NAME"),
        text("', PATH_INFO is '"),
        environ_get(environ, "PATH_INFO"),
        text("'.\n"),
    };
    (void)request;

    wsgi_status result =
        responder->start_response(responder->context, text("200 OK"), &type, 1, 0);
    for (size_t i = 0; result >= 0 && i < sizeof parts / sizeof *parts; i++)
        result = responder->write(responder->context, parts[i].ptr, parts[i].len);
    return result < 0 ? result : WSGI_DONE;
}

int main(int argc, char **argv) {
    wsgi_path_info_dispatcher *applications = NULL;
    wsgi_error *error = NULL;
    int port_given = argc == 3 && strcmp(argv[1], "--port") == 0;
    if (argc != 1 && !port_given) {
        fprintf(stderr, "usage: dispatcher [--port N]\n");
        return 2;
    }
    if (wsgi_path_info_dispatcher_new(&applications) < 0) return 1;
    if (wsgi_path_info_dispatcher_add(applications, "/", say_where, "home", NULL, &error) < 0 ||
        wsgi_path_info_dispatcher_add(applications, "/blog", say_where, "the blog", NULL,
                                      &error) < 0) {
        wsgi_path_info_dispatcher_free(applications);
        return give_up("dispatcher", error);
    }
    /* A dispatcher is an application itself; the server frees it in the end. */
    return run("dispatcher", port_given ? argv[2] : "8070", wsgi_path_info_dispatcher_app,
               applications, wsgi_path_info_dispatcher_free);
}
