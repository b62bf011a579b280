/* Mistakes that `./dev test sanitize` makes once for each tool, to see that it is at work. */

#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void *volatile kept;
static int shared;
static pthread_barrier_t both;

static void *count(void *unused) {
    (void)unused;
    /* Or one is gone before the other comes, on a busy machine. */
    pthread_barrier_wait(&both);
    for (int round = 0; round < 1000; round++) shared++;
    return NULL;
}

void leak(void) {
    kept = malloc(100);
    memset(kept, 1, 100);
    kept = NULL;
}

void heap(void) {
    /* Or the compiler leaves out what nobody reads. */
    volatile char *block = malloc(8);
    block[8] = 1;
    free((void *)block);
}

void race(void) {
    pthread_t other;
    if (pthread_barrier_init(&both, NULL, 2) == 0 && pthread_create(&other, NULL, count, NULL) == 0) {
        count(NULL);
        pthread_join(other, NULL);
    }
}

int main(void) {
    MISTAKE();
    return 0;
}
