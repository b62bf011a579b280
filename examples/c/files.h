/* What the parts of `files` share. */
#ifndef FILES_H
#define FILES_H

#include "applications.h"

#include <sys/stat.h>
#include <sys/types.h>

/* The folder that is served. */
typedef struct folder {
    int fd;
    int by_hand; /* names are followed by this program, not by openat2 */
} folder;

/* Opens what `path` (relative, not empty) names inside the folder, for reading and without waiting.
 * -1 for whatever lies outside, is not there, or may not be read (files_open.c). */
int open_inside(const folder *folder, const char *path);

/* The application; its user data is a folder (files_answer.c). */
int32_t serve_files(void *user_data, wsgi_request request, const wsgi_environ *environ,
                    const wsgi_responder *responder);

/* Which part of a file a request is for (files_conditions.c). */
enum range { WHOLE, PART, UNSATISFIABLE };
enum range requested_range(const wsgi_environ *environ, const char *etag, time_t modified,
                           off_t size, off_t *first, off_t *length);

/* Whether the client has the file already (files_conditions.c). */
int is_unmodified(const wsgi_environ *environ, const char *etag, time_t modified);

/* The list of a folder's files as HTML, to be freed; NULL if it cannot be read. Takes the
 * descriptor (files_list.c). */
char *list_of_files(int fd, wsgi_str path);

/* What the client's Content-Type should say, by the name's extension (files_list.c). */
const char *content_type(const char *name);

/* A text that grows. After a failure (no memory) it is NULL and stays so. */
typedef struct growing {
    char *text;
    size_t length, capacity;
} growing;

void grow(growing *text, const char *bytes, size_t length);
void grow_percent_encoded(growing *text, const char *bytes, size_t length);

#endif
