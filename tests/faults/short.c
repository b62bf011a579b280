/* Preloaded, it lets the system take less than it was given and interrupts calls, which a socket may do
 * at any time, and seldom does.
 *
 * Reads are only interrupted: one that gives less than it was asked for means that there is no more
 * (epoll(7)), which the server relies on. For the same reason nothing is said to be full that is not:
 * there would be no edge when it has room. */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of so many calls one is interrupted. */
enum { ONE_OF = 4 };

static _Thread_local unsigned state;

/* xorshift; each thread its own. */
static unsigned next_random(void) {
    if (state == 0) state = (unsigned)gettid() * 2654435761u | 1;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static int fails(void) {
    if (next_random() % ONE_OF != 0) return 0;
    errno = EINTR;
    return 1;
}

static size_t less(size_t length) {
    return length < 2 ? length : 1 + next_random() % length;
}

ssize_t send(int fd, const void *data, size_t length, int flags) {
    static ssize_t (*real)(int, const void *, size_t, int);
    if (!real) real = (ssize_t(*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send");
    return fails() ? -1 : real(fd, data, less(length), flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    static ssize_t (*real)(int, const struct msghdr *, int);
    if (!real) real = (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
    if (fails()) return -1;
    /* Some of the first piece that has something, as if the socket were full then. */
    for (size_t at = 0; at < message->msg_iovlen; at++) {
        struct iovec first = message->msg_iov[at];
        struct msghdr short_one = *message;
        if (first.iov_len == 0) continue;
        first.iov_len = less(first.iov_len);
        short_one.msg_iov = &first;
        short_one.msg_iovlen = 1;
        return real(fd, &short_one, flags);
    }
    return real(fd, message, flags);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t count) {
    static ssize_t (*real)(int, int, off_t *, size_t);
    if (!real) real = (ssize_t(*)(int, int, off_t *, size_t))dlsym(RTLD_NEXT, "sendfile");
    return fails() ? -1 : real(out, in, offset, less(count));
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t count) {
    return sendfile(out, in, offset, count);
}

ssize_t recv(int fd, void *data, size_t length, int flags) {
    static ssize_t (*real)(int, void *, size_t, int);
    if (!real) real = (ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
    return fails() ? -1 : real(fd, data, length, flags);
}
