/* The parts of websocket_echo. */
#ifndef WEBSOCKET_ECHO_H
#define WEBSOCKET_ECHO_H

#include <wsgiserver.h>

enum { ACCEPT_LENGTH = 28 };

/* The value of Sec-WebSocket-Accept for a key of the client; 0 if it is none. */
int accept_key(wsgi_str key, char accept[ACCEPT_LENGTH + 1]);

/* Says back what it hears, until one side ends it: the client, a mistake of its, or this program, when
 * a deadline for reading is up. `may_idle` is called before each wait for the client. */
void converse(wsgi_stream *stream, void (*may_idle)(void *), void *argument);

#endif
