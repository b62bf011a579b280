/* The parts of websocket_echo: the handshake and the frames of RFC 6455. */
#ifndef WEBSOCKET_ECHO_H
#define WEBSOCKET_ECHO_H

#include <wsgiserver.h>

#include <stddef.h>

enum { ACCEPT_LENGTH = 28 };
enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };
enum { NORMAL = 1000, GOING_AWAY = 1001, PROTOCOL_ERROR = 1002, TOO_BIG = 1009 };

/* The value of Sec-WebSocket-Accept for a key of the client; 0 if it is none. */
int accept_key(wsgi_str key, char accept[ACCEPT_LENGTH + 1]);

/* A message, or a control frame. */
typedef struct message {
    int opcode;
    unsigned char *data; /* kept and used again for the next one, in the end to be freed */
    size_t length, capacity;
    unsigned char control[125]; /* of a control frame; one may stand inside a message */
    size_t control_length;
} message;

/* Reads the next message or control frame: its opcode, a status of the stream (0: the client has
 * ended it), or a code for close_with as a negative number. */
int read_message(wsgi_stream *stream, message *message);

/* Sends one frame: 0, or a negative status. */
int send_frame(wsgi_stream *stream, int opcode, const void *data, size_t length);

int send_close(wsgi_stream *stream, int code);

#endif
