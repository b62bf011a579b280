/* Opening a file by a name that a client chose: nothing outside the folder can be reached, neither
 * by `..` nor by a symbolic link. */
#define _GNU_SOURCE

#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* O_NONBLOCK: a FIFO would wait for somebody who writes. */
enum { FLAGS = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY };

/* openat2(2) as the kernel has it; not every C library knows it. */
struct how {
    uint64_t flags, mode, resolve;
};
enum { NO_MAGIC_LINKS = 0x02, BENEATH = 0x08 };

/* The kernel follows the name, and refuses to leave the folder on the way. Links inside work. */
static int open_by_kernel(int folder, const char *path) {
#ifdef SYS_openat2
    struct how how = {FLAGS, 0, NO_MAGIC_LINKS | BENEATH};
    int fd, tries = 10;
    do /* EAGAIN: something was renamed meanwhile, so that it cannot tell */
        fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
    while (fd < 0 && (errno == EINTR || (errno == EAGAIN && --tries > 0)));
    return fd;
#else
    (void)folder, (void)path;
    errno = ENOSYS;
    return -1;
#endif
}

/* Older kernels: one name after the other, and no links at all. */
static int open_by_hand(int folder, const char *path) {
    char name[256];
    int at = folder;
    while (*path) {
        size_t length = strcspn(path, "/");
        int last = path[length + strspn(path + length, "/")] == '\0';
        int must_be_folder = !last || path[length] == '/';
        int next = -1;
        if (length < sizeof name && !(length == 2 && memcmp(path, "..", 2) == 0)) {
            memcpy(name, path, length);
            name[length] = '\0';
            next = openat(at, name, FLAGS | O_NOFOLLOW | (must_be_folder ? O_DIRECTORY : 0));
        }
        if (at != folder) close(at);
        if (next < 0) return -1;
        at = next;
        path += length + strspn(path + length, "/");
    }
    return at;
}

/* Whether one of the names in the path is `..`. */
static int goes_up(const char *path) {
    for (;; path++) {
        size_t length = strcspn(path, "/");
        if (length == 2 && memcmp(path, "..", 2) == 0) return 1;
        path += length;
        if (*path == '\0') return 0;
    }
}

int open_inside(const folder *folder, const char *path) {
    if (goes_up(path)) return -1;
    if (!folder->by_hand) {
        int fd = open_by_kernel(folder->fd, path);
        if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
    }
    return open_by_hand(folder->fd, path);
}
