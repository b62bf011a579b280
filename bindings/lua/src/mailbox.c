#include "mailbox.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MOST = 65536 };

int mailbox_init(mailbox *box) {
    box->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (box->event < 0) return -1;
    pthread_mutex_init(&box->lock, NULL);
    box->first = NULL;
    box->last = &box->first;
    box->count = 0;
    return 0;
}

void mailbox_free(mailbox *box) {
    for (letter *at; (at = mailbox_take(box)) != NULL;) free(at);
    close(box->event);
    pthread_mutex_destroy(&box->lock);
}

int mailbox_put(mailbox *box, const char *text, size_t length) {
    letter *letter = malloc(sizeof *letter + length);
    if (letter == NULL) return -1;
    letter->next = NULL;
    letter->length = length;
    memcpy(letter->text, text, length);
    pthread_mutex_lock(&box->lock);
    int full = box->count == MOST;
    if (!full) {
        *box->last = letter;
        box->last = &letter->next;
        box->count++;
    }
    pthread_mutex_unlock(&box->lock);
    if (full)
        free(letter);
    else
        mailbox_ring(box);
    return full ? -1 : 0;
}

letter *mailbox_take(mailbox *box) {
    pthread_mutex_lock(&box->lock);
    letter *letter = box->first;
    if (letter != NULL) {
        box->first = letter->next;
        if (box->first == NULL) box->last = &box->first;
        box->count--;
    }
    pthread_mutex_unlock(&box->lock);
    return letter;
}

void mailbox_ring(mailbox *box) {
    uint64_t one = 1;
    int saved = errno;
    /* it only fails when it is readable anyway */
    if (write(box->event, &one, sizeof one) < 0) errno = saved;
}

int mailbox_wait(mailbox *box, int timeout) {
    struct pollfd poller = {box->event, POLLIN, 0};
    uint64_t count;
    int ready = poll(&poller, 1, timeout);
    if (ready > 0 && read(box->event, &count, sizeof count) < 0) return 1;
    return ready != 0;
}
