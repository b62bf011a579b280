/* The applications that `serve` can start. */
#ifndef APPLICATIONS_H
#define APPLICATIONS_H

#include <wsgiserver.h>

#include <string.h>

typedef struct application {
    const char *name;
    wsgi_app_fn app;
    void (*finish)(void); /* ends the threads that the application started; NULL if it has none */
    const char *help;
} application;

extern const application hello_application;
extern const application fixture_application;

/* A C string as the pointer and length that the library takes. */
static inline wsgi_str text(const char *string) {
    wsgi_str result = {string, strlen(string)};
    return result;
}

/* The value of an environ key; a NULL pointer if the request has none. */
static inline wsgi_str environ_get(const wsgi_environ *environ, const char *key) {
    wsgi_str none = {NULL, 0};
    size_t length = strlen(key);
    for (size_t i = 0; i < environ->count; i++) {
        const wsgi_pair *pair = &environ->pairs[i];
        if (pair->key.len == length && memcmp(pair->key.ptr, key, length) == 0) return pair->value;
    }
    return none;
}

#endif
