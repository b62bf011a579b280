#ifndef INFORM_H
#define INFORM_H

#include <wsgiserver.h>

/* wsgi_inform with status and headers as one text, like that of wsgi_respond_flat. */
wsgi_status inform_flat(const wsgi_server *server, wsgi_request request, const char *head,
                        size_t length);

#endif
