/* Names: their types, how they look in a URL and on a page, and the list of a folder. */
#define _GNU_SOURCE

#include "files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum { MOST_NAMES = 10000 };

const char *content_type(const char *name) {
    static const struct { const char *extension, *type; } types[] = {
        {"html", "text/html; charset=utf-8"}, {"htm", "text/html; charset=utf-8"},
        {"css", "text/css; charset=utf-8"},   {"js", "text/javascript; charset=utf-8"},
        {"json", "application/json"},         {"txt", "text/plain; charset=utf-8"},
        /* a browser shows text/plain; text/markdown it would only save */
        {"md", "text/plain; charset=utf-8"},  {"svg", "image/svg+xml"},
        {"png", "image/png"},                 {"jpg", "image/jpeg"},
        {"jpeg", "image/jpeg"},               {"gif", "image/gif"},
        {"ico", "image/x-icon"},              {"webp", "image/webp"},
        {"pdf", "application/pdf"},           {"wasm", "application/wasm"},
        {"xml", "application/xml"},           {"woff2", "font/woff2"},
    };
    const char *slash = strrchr(name, '/');
    const char *dot = strrchr(slash ? slash : name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(dot + 1, types[i].extension) == 0) return types[i].type;
    return "application/octet-stream";
}

void grow(growing *text, const char *bytes, size_t length) {
    if (text->text == NULL && text->capacity > 0) return; /* it has failed before */
    if (text->length + length + 1 > text->capacity) {
        text->capacity = (text->length + length + 1) * 2;
        char *larger = realloc(text->text, text->capacity);
        if (larger == NULL) free(text->text);
        text->text = larger;
        if (larger == NULL) return;
    }
    memcpy(text->text + text->length, bytes, length);
    text->length += length;
    text->text[text->length] = '\0';
}

static void grow_by(growing *text, const char *string) {
    grow(text, string, strlen(string));
}

void grow_percent_encoded(growing *text, const char *bytes, size_t length) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        char code[3] = {'%', hex[byte >> 4], hex[byte & 15]};
        if (byte != 0 && strchr(plain, byte))
            grow(text, bytes + i, 1);
        else
            grow(text, code, 3);
    }
}

static void grow_escaped(growing *text, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) switch (bytes[i]) {
            case '&': grow_by(text, "&amp;"); break;
            case '<': grow_by(text, "&lt;"); break;
            case '>': grow_by(text, "&gt;"); break;
            case '"': grow_by(text, "&quot;"); break;
            default: grow(text, bytes + i, 1);
        }
}

static int by_name(const void *one, const void *other) {
    return strcmp(*(char *const *)one, *(char *const *)other);
}

/* The names of files and folders, those of folders with a slash; returns how many. */
static size_t read_names(DIR *dir, char **names) {
    size_t count = 0;
    struct dirent *entry;
    while (count < MOST_NAMES && (entry = readdir(dir)) != NULL) {
        struct stat about;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (fstatat(dirfd(dir), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) < 0) continue;
        if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) continue;
        size_t length = strlen(entry->d_name);
        char *name = malloc(length + 2);
        if (name == NULL) break;
        memcpy(name, entry->d_name, length + 1);
        if (S_ISDIR(about.st_mode)) memcpy(name + length, "/", 2);
        names[count++] = name;
    }
    qsort(names, count, sizeof *names, by_name);
    return count;
}

char *list_of_files(int fd, wsgi_str path) {
    char **names = malloc(MOST_NAMES * sizeof *names);
    DIR *dir = fdopendir(fd);
    growing page = {NULL, 0, 0};
    if (dir == NULL) close(fd);
    if (dir != NULL && names != NULL) {
        size_t count = read_names(dir, names);
        grow_by(&page, "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>");
        grow_escaped(&page, path.ptr, path.len);
        grow_by(&page, "</title>\n<h1>");
        grow_escaped(&page, path.ptr, path.len);
        grow_by(&page, "</h1>\n<ul>\n");
        if (path.len > 1) grow_by(&page, "<li><a href=\"../\">../</a>\n");
        for (size_t i = 0; i < count; i++) {
            /* "./" so that a colon in a name makes no scheme of it */
            grow_by(&page, "<li><a href=\"./");
            grow_percent_encoded(&page, names[i], strlen(names[i]));
            grow_by(&page, "\">");
            grow_escaped(&page, names[i], strlen(names[i]));
            grow_by(&page, "</a>\n");
            free(names[i]);
        }
        grow_by(&page, "</ul>\n");
    }
    if (dir != NULL) closedir(dir);
    free(names);
    return page.text;
}
