/* Texts from any Lua state to whoever waits for them. */
#ifndef WSGILUA_MAILBOX_H
#define WSGILUA_MAILBOX_H

#include <pthread.h>
#include <stddef.h>

typedef struct letter {
    struct letter *next;
    size_t length;
    char text[];
} letter;

typedef struct mailbox {
    pthread_mutex_t lock;
    letter *first, **last;
    size_t count;
    int event; /* a descriptor that is readable when there is something, or somebody has rung */
} mailbox;

/* 0, or -1: no descriptor. */
int mailbox_init(mailbox *box);
void mailbox_free(mailbox *box);

/* Copies the text. 0, or -1: too many are there already, or no memory. Any thread. */
int mailbox_put(mailbox *box, const char *text, size_t length);

/* The oldest, to be freed by the caller; NULL if there is none. Any thread. */
letter *mailbox_take(mailbox *box);

/* Wakes who waits, without a letter. Any thread, and signal handlers. */
void mailbox_ring(mailbox *box);

/* Waits until there may be a letter, or somebody has rung; timeout in milliseconds, -1: any time.
 * 0: the time is up. */
int mailbox_wait(mailbox *box, int timeout);

#endif
