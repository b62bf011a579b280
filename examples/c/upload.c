/* Takes files: what is sent to /NAME becomes the file NAME in a folder, whatever its size, and the
 * answer is its length and its CRC-32 (that of zlib and gzip).
 *
 *     upload [--port N] FOLDER
 *     curl -T large.iso http://127.0.0.1:8070/large.iso
 *
 * A file appears when all of it has come. Until then it has a temporary name, and when something
 * goes wrong, a full disk or a client that leaves, it is removed.
 */
#define _GNU_SOURCE
#define _POSIX_C_SOURCE 200809L

#include "applications.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 32 * 1024, NAME_MOST = 100, FOLDER_MOST = 3000 };

typedef struct file {
    int fd, error; /* error: what the disk said, 0 if all is well */
    uint64_t length;
    uint32_t crc;
} file;

static uint32_t crc_add(uint32_t crc, const unsigned char *data, size_t length) {
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    crc = ~crc;
    while (length-- > 0) {
        crc = crc >> 4 ^ table[(crc ^ *data) & 15];
        crc = crc >> 4 ^ table[(crc ^ *data++ >> 4) & 15];
    }
    return ~crc;
}

static int32_t answer(wsgi_server *server, wsgi_request request, const char *status,
                      const char *body) {
    wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    return wsgi_respond(server, request, text(status), &type, 1, body, strlen(body));
}

static void append(file *file, const unsigned char *data, size_t length) {
    file->crc = crc_add(file->crc, data, length);
    file->length += length;
    while (length > 0) {
        ssize_t written = write(file->fd, data, length);
        if (written < 0 && errno != EINTR) {
            file->error = errno;
            return;
        }
        if (written > 0) data += written, length -= (size_t)written;
    }
}

/* One segment of harmless characters, so that no name leads out of the folder. */
static int is_file_name(wsgi_str path) {
    static const char harmless[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    return path.len > 1 && path.len <= NAME_MOST && path.ptr[0] == '/' && path.ptr[1] != '.' &&
           strspn(path.ptr + 1, harmless) == path.len - 1;
}

/* Streams the body to its place: 0 or, if the client is at fault, a negative status. */
static int64_t store(wsgi_server *server, wsgi_request request, file *file, const char *path) {
    char temporary[FOLDER_MOST + NAME_MOST + 16];
    unsigned char piece[PIECE];
    int64_t got = 0;
    const char *name = strrchr(path, '/') + 1;
    snprintf(temporary, sizeof temporary, "%.*s.%s.XXXXXX", (int)(name - path), path, name);
    file->fd = mkostemp(temporary, O_CLOEXEC);
    if (file->fd < 0) {
        file->error = errno;
        return 0;
    }
    while (file->error == 0 && (got = wsgi_request_read(server, request, piece, PIECE, 0)) > 0)
        append(file, piece, (size_t)got);
    if (fchmod(file->fd, 0644) < 0 && file->error == 0) file->error = errno;
    if (close(file->fd) < 0 && file->error == 0) file->error = errno;
    int whole = got == 0 && file->error == 0;
    if (whole && rename(temporary, path) < 0) file->error = errno;
    if (!whole || file->error != 0) unlink(temporary);
    return got < 0 ? got : 0;
}

static int32_t upload(void *folder, wsgi_request request, const wsgi_environ *environ,
                      const wsgi_responder *responder) {
    char path[FOLDER_MOST + NAME_MOST + 1], body[NAME_MOST + 200];
    const char *method = environ_get(environ, "REQUEST_METHOD").ptr;
    wsgi_str name = environ_get(environ, "PATH_INFO");
    wsgi_server *server = environ->server;
    file file = {0};
    (void)responder;

    if (strcmp(method, "PUT") != 0 && strcmp(method, "POST") != 0)
        return answer(server, request, "405 Method Not Allowed", "PUT or POST a file to /NAME.\n");
    if (!is_file_name(name))
        return answer(server, request, "400 Bad Request", "A name is of letters, digits, -_.\n");
    snprintf(path, sizeof path, "%s%s", (char *)folder, name.ptr);
    int64_t result = store(server, request, &file, path);
    if (result < 0) return (int32_t)result; /* the server answers, if anybody still listens */
    if (file.error != 0) {
        int full = file.error == ENOSPC || file.error == EDQUOT || file.error == EFBIG;
        snprintf(body, sizeof body, "'%s' is not stored: %s\n", name.ptr + 1, strerror(file.error));
        return answer(server, request,
                      full ? "507 Insufficient Storage" : "500 Internal Server Error", body);
    }
    snprintf(body, sizeof body, "%llu bytes, CRC-32 %08x\n", (unsigned long long)file.length,
             (unsigned)file.crc);
    return answer(server, request, "201 Created", body);
}

int main(int argc, char **argv) {
    struct stat folder;
    int port_given = argc == 4 && strcmp(argv[1], "--port") == 0;
    if (argc != 2 && !port_given) {
        fprintf(stderr, "usage: upload [--port N] FOLDER\n");
        return 2;
    }
    char *path = argv[argc - 1];
    if (stat(path, &folder) < 0 || !S_ISDIR(folder.st_mode) || access(path, W_OK | X_OK) < 0 ||
        strlen(path) > FOLDER_MOST) {
        fprintf(stderr, "upload: '%s' is not a folder to write to\n", path);
        return 1;
    }
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is an error of write, like the rest */
    return run("upload", port_given ? argv[2] : "8070", upload, path, NULL);
}
