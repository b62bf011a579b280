/* The frames of RFC 6455, over a stream. */
#include "websocket_echo.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FINAL = 0x80, RESERVED = 0x70, MASKED = 0x80, CONTROL = 8, CONTROL_MOST = 125 };
enum { MESSAGE_MOST = 1 << 20 };

typedef struct head {
    int final, opcode;
    uint64_t length;
    unsigned char mask[4];
} head;

/* 1, or a status: 0 if the client has ended the stream. The first bytes of a client that did not
 * wait for the answer to its handshake came with it; the stream has them. */
static int read_exactly(wsgi_stream *stream, unsigned char *data, size_t length) {
    while (length > 0) {
        int64_t got = wsgi_stream_read(stream, data, length, 0);
        if (got <= 0) return (int)got;
        data += got, length -= (size_t)got;
    }
    return 1;
}

static int read_head(wsgi_stream *stream, head *head) {
    unsigned char start[2], more[8];
    int status = read_exactly(stream, start, 2);
    if (status <= 0) return status;
    head->final = (start[0] & FINAL) != 0;
    head->opcode = start[0] & 15;
    head->length = start[1] & ~MASKED;
    if ((start[0] & RESERVED) || !(start[1] & MASKED)) return -PROTOCOL_ERROR;
    if (head->opcode >= CONTROL && (!head->final || head->length > CONTROL_MOST))
        return -PROTOCOL_ERROR;
    if (head->length > CONTROL_MOST) {
        size_t size = head->length == 126 ? 2 : 8;
        status = read_exactly(stream, more, size);
        if (status <= 0) return status;
        head->length = 0;
        for (size_t i = 0; i < size; i++) head->length = head->length << 8 | more[i];
    }
    return read_exactly(stream, head->mask, 4);
}

static int read_data(wsgi_stream *stream, const head *head, unsigned char *data) {
    int status = read_exactly(stream, data, (size_t)head->length);
    for (size_t i = 0; status > 0 && i < head->length; i++) data[i] ^= head->mask[i % 4];
    return status;
}

static int make_room(message *message, uint64_t more) {
    if (more > MESSAGE_MOST || message->length + more > MESSAGE_MOST) return 0;
    size_t needed = message->length + (size_t)more;
    if (needed <= message->capacity) return 1;
    unsigned char *data = realloc(message->data, needed);
    if (data == NULL) return 0;
    message->data = data, message->capacity = needed;
    return 1;
}

int read_message(wsgi_stream *stream, message *message) {
    for (;;) {
        head head;
        int begun = message->opcode != 0, status = read_head(stream, &head);
        if (status <= 0) return status;
        if (head.opcode >= CONTROL) {
            if (head.opcode > PONG) return -PROTOCOL_ERROR;
            status = read_data(stream, &head, message->control);
            message->control_length = (size_t)head.length;
            return status <= 0 ? status : head.opcode;
        }
        /* The first frame says what it is; the others, with opcode 0, continue it. */
        if (head.opcode > BINARY || (head.opcode == 0) != begun) return -PROTOCOL_ERROR;
        if (!begun) message->opcode = head.opcode, message->length = 0;
        if (!make_room(message, head.length)) return -TOO_BIG;
        status = read_data(stream, &head, message->data + message->length);
        if (status <= 0) return status;
        message->length += (size_t)head.length;
        if (head.final) {
            int opcode = message->opcode;
            message->opcode = 0;
            return opcode;
        }
    }
}

/* Head and data go in two writes; TCP_NODELAY is on, so a busy server would put them together. */
int send_frame(wsgi_stream *stream, int opcode, const void *data, size_t length) {
    unsigned char start[10] = {(unsigned char)(FINAL | opcode)};
    size_t size = length > 65535 ? 8 : length > CONTROL_MOST ? 2 : 0;
    start[1] = (unsigned char)(size == 8 ? 127 : size == 2 ? 126 : length);
    for (size_t i = 0; i < size; i++)
        start[2 + i] = (unsigned char)((uint64_t)length >> 8 * (size - 1 - i));
    /* A write that was cut short by the deadline or a cancel is told by the next one. */
    int64_t sent = wsgi_stream_write(stream, start, 2 + size, 0);
    if (sent == (int64_t)(2 + size)) sent = wsgi_stream_write(stream, data, length, 0);
    if (sent < 0) return (int)sent;
    return sent == (int64_t)length ? 0 : WSGI_E_CLIENT;
}

int send_close(wsgi_stream *stream, int code) {
    unsigned char data[2] = {(unsigned char)(code >> 8), (unsigned char)code};
    return send_frame(stream, CLOSE, data, 2);
}
