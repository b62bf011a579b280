/* The environ of a request: a copy of the server's template and what the request brings. */
#include "host.h"

enum { CACHED_MOST = 256 }; /* longer values are not kept */

static PyObject *key_input, *key_early_hints, *key_socket, *key_exchange;
static PyObject *keys[KEY_LIMIT];

int environ_init(void) {
    for (uint32_t id = 1; id < KEY_LIMIT; id++) {
        const char *name = wsgi_key_name(id);
        if (name != NULL && (keys[id] = PyUnicode_InternFromString(name)) == NULL) return -1;
    }
    key_input = PyUnicode_InternFromString("wsgi.input");
    key_early_hints = PyUnicode_InternFromString("wsgi.early_hints");
    key_socket = PyUnicode_InternFromString("werkzeug.socket");
    key_exchange = PyUnicode_InternFromString("wsgiserver.exchange");
    return key_input && key_early_hints && key_socket && key_exchange ? 0 : -1;
}

static PyObject *decode(wsgi_str text, int unicode) {
    return unicode ? PyUnicode_DecodeUTF8(text.ptr, (Py_ssize_t)text.len, "replace")
                   : PyUnicode_DecodeLatin1(text.ptr, (Py_ssize_t)text.len, NULL);
}

/* Most values are those of the request before: of the same client, or of the same browser. */
static PyObject *value_of(const wsgi_pair *pair, cached *kept, int unicode) {
    if (kept == NULL || pair->value.len > CACHED_MOST) return decode(pair->value, unicode);
    if (kept->value != NULL && kept->length == pair->value.len &&
        memcmp(PyUnicode_DATA(kept->value), pair->value.ptr, pair->value.len) == 0)
        return Py_NewRef(kept->value);
    PyObject *made = decode(pair->value, unicode);
    /* ISO-8859-1 is kept by Python as it came, and so is ASCII. */
    if (made != NULL && PyUnicode_KIND(made) == PyUnicode_1BYTE_KIND &&
        (size_t)PyUnicode_GET_LENGTH(made) == pair->value.len) {
        Py_XSETREF(kept->value, Py_NewRef(made));
        kept->length = pair->value.len;
    }
    return made;
}

static int64_t number(wsgi_str text) {
    int64_t value = 0;
    for (size_t i = 0; i < text.len; i++) value = value * 10 + (text.ptr[i] - '0');
    return value; /* the library has checked that these are digits, and few enough */
}

/* What else there is to know of a request. */
typedef struct facts {
    int has_body;
    int upgrades;
    int64_t content_length; /* -1: chunked */
} facts;

static void note(const wsgi_pair *pair, facts *facts, Exchange *exchange) {
    switch (pair->key_id) {
        case WSGI_KEY_CONTENT_LENGTH:
            if (facts->has_body) break;
            facts->content_length = number(pair->value);
            facts->has_body = facts->content_length > 0;
            break;
        case WSGI_KEY_HTTP_TRANSFER_ENCODING:
            facts->has_body = 1;
            facts->content_length = -1;
            break;
        case WSGI_KEY_HTTP_UPGRADE:
            facts->upgrades = 1;
            break;
        case WSGI_KEY_REQUEST_METHOD:
            exchange->is_head = pair->value.len == 4 && memcmp(pair->value.ptr, "HEAD", 4) == 0;
            facts->upgrades |= pair->value.len == 7 && memcmp(pair->value.ptr, "CONNECT", 7) == 0;
            break;
        default:
            break;
    }
}

static int add_pair(PyObject *environ, environ_cache *cache, const wsgi_pair *pair, int unicode) {
    int known = pair->key_id != 0 && pair->key_id < KEY_LIMIT && keys[pair->key_id] != NULL;
    PyObject *key = known ? Py_NewRef(keys[pair->key_id]) : decode(pair->key, 0);
    cached *kept = known && cache ? &cache->values[pair->key_id] : NULL;
    PyObject *value = key ? value_of(pair, kept, unicode) : NULL;
    int status = value ? PyDict_SetItem(environ, key, value) : -1;
    Py_XDECREF(key);
    Py_XDECREF(value);
    return status;
}

static int add(PyObject *environ, PyObject *key, PyObject *value) {
    int status = value ? PyDict_SetItem(environ, key, value) : -1;
    Py_XDECREF(value);
    return status;
}

/* The objects among the values. */
static int add_objects(PyObject *environ, Exchange *exchange, const facts *facts) {
    if (PyDict_SetItem(environ, key_exchange, (PyObject *)exchange) < 0 ||
        add(environ, key_early_hints, exchange_early_hints(exchange)) < 0)
        return -1;
    if (facts->has_body &&
        add(environ, key_input,
            input_new(exchange->handle, exchange->request, facts->content_length)) < 0)
        return -1;
    return facts->upgrades ? add(environ, key_socket, stream_new(exchange, 0)) : 0;
}

PyObject *environ_build(PyObject *template, environ_cache *cache, const wsgi_environ *environ,
                        int unicode, Exchange *exchange) {
    PyObject *made = PyDict_Copy(template);
    facts facts = {0};
    int status = made ? 0 : -1;
    for (size_t i = environ->server_count; status == 0 && i < environ->count; i++) {
        status = add_pair(made, cache, &environ->pairs[i], unicode);
        note(&environ->pairs[i], &facts, exchange);
    }
    if (status == 0) status = add_objects(made, exchange, &facts);
    if (status < 0) Py_CLEAR(made);
    return made;
}

void environ_cache_clear(environ_cache *cache) {
    for (int i = 0; i < KEY_LIMIT; i++) Py_CLEAR(cache->values[i].value);
}
