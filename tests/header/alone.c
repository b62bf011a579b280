/* The header needs nothing before it. */
#include <wsgiserver.h>

extern const wsgi_status alone;
const wsgi_status alone = WSGI_OK;
