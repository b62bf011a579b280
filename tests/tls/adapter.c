/* adapter NAME: whether the library was compiled with this SSL adapter. */
#include <stdio.h>
#include <wsgiserver.h>

int main(int count, char **arguments) {
    wsgi_error *error = NULL;
    if (count != 2) {
        return 2;
    }
    if (wsgi_get_ssl_adapter_class(NULL, arguments[1], &error) != WSGI_OK) {
        fprintf(stderr, "%s\n", wsgi_error_message(error));
        wsgi_error_free(error);
        return 1;
    }
    return 0;
}
