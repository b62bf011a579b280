/* A conversation: wslay knows the frames of RFC 6455, this moves its bytes over the stream. */
#include "websocket_echo.h"

#include <wslay/wslay.h>

enum { MESSAGE_MOST = 1 << 20, UNSENT_MOST = 64 * 1024, WRITE_MS = 10 * 1000, GOODBYE_MS = 2 * 1000 };

typedef struct conversation {
    wsgi_stream *stream;
    int waits;   /* the next read may wait for the client */
    int64_t read; /* what the last one gave */
} conversation;

/* One read that waits, and after it what is there: then it is our turn to send. A client that does not
 * read what it has caused is not read any further. */
static ssize_t receive(wslay_event_context_ptr frames, uint8_t *data, size_t length, int flags,
                       void *argument) {
    conversation *self = argument;
    (void)flags;
    int may_go_on = wslay_event_get_queued_msg_length(frames) < UNSENT_MOST;
    self->read = !self->waits && !may_go_on
                     ? WSGI_AGAIN
                     : wsgi_stream_read(self->stream, data, length, self->waits ? 0 : WSGI_NONBLOCK);
    self->waits = 0;
    if (self->read > 0) return (ssize_t)self->read;
    int is_whole = self->read == WSGI_AGAIN || self->read == WSGI_E_TIMEOUT;
    wslay_event_set_error(frames, is_whole ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t send_bytes(wslay_event_context_ptr frames, const uint8_t *data, size_t length,
                          int flags, void *argument) {
    conversation *self = argument;
    (void)flags;
    int64_t sent = wsgi_stream_write(self->stream, data, length, 0);
    if (sent > 0) return (ssize_t)sent;
    wslay_event_set_error(frames, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

/* Pings and closes are answered by wslay. */
static void echo_message(wslay_event_context_ptr frames, const struct wslay_event_on_msg_recv_arg *heard,
                         void *argument) {
    (void)argument;
    if (wslay_is_ctrl_frame(heard->opcode)) return;
    struct wslay_event_msg message = {heard->opcode, heard->msg, heard->msg_length};
    wslay_event_queue_msg(frames, &message);
}

/* Our close is out, or none was due. Everything that the client still sends is read, so that it gets to
 * read ours. */
static void take_leave(wsgi_stream *stream) {
    unsigned char rest[1024];
    wsgi_stream_set_deadline(stream, WSGI_STREAM_BOTH, GOODBYE_MS);
    wsgi_stream_shutdown(stream, WSGI_STREAM_WRITE);
    while (wsgi_stream_read(stream, rest, sizeof rest, 0) > 0) {
    }
}

void converse(wsgi_stream *stream, void (*may_idle)(void *), void *argument) {
    static const struct wslay_event_callbacks callbacks = {.recv_callback = receive,
                                                           .send_callback = send_bytes,
                                                           .on_msg_recv_callback = echo_message};
    conversation self = {stream, 0, 0};
    wslay_event_context_ptr frames;
    if (wslay_event_context_server_init(&frames, &callbacks, &self) != 0) return;
    wslay_event_config_set_max_recv_msg_length(frames, MESSAGE_MOST);
    int goes_on = 1;
    while (goes_on && wslay_event_want_read(frames)) {
        may_idle(argument);
        self.waits = 1;
        goes_on = wslay_event_recv(frames) == 0 && self.read != WSGI_E_TIMEOUT;
        if (self.read == WSGI_E_TIMEOUT)
            wslay_event_queue_close(frames, WSLAY_CODE_GOING_AWAY, NULL, 0);
        wsgi_stream_set_deadline(stream, WSGI_STREAM_WRITE, WRITE_MS);
        if (wslay_event_send(frames) != 0) goes_on = 0;
    }
    if (wslay_event_get_close_sent(frames)) take_leave(stream);
    wslay_event_context_free(frames);
}
