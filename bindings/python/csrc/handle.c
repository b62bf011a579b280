#include "host.h"

struct given_back {
    given_back *next;
    handle *handle;
    Py_buffer view;
};

handle *handle_new(const char *bind_addr, wsgi_error **error) {
    handle *made = PyMem_RawCalloc(1, sizeof *made);
    if (made == NULL) return NULL;
    made->users = 1;
    if (wsgi_server_new(bind_addr, NULL, NULL, NULL, &made->server, error) < 0) {
        PyMem_RawFree(made);
        return NULL;
    }
    return made;
}

handle *handle_use(handle *used) {
    __atomic_add_fetch(&used->users, 1, __ATOMIC_RELAXED);
    return used;
}

void handle_drop(handle *used) {
    if (used == NULL || __atomic_sub_fetch(&used->users, 1, __ATOMIC_ACQ_REL) > 0) return;
    Py_BEGIN_ALLOW_THREADS
    wsgi_server_free(used->server); /* in a forked child this does nothing */
    Py_END_ALLOW_THREADS
    handle_take_returned(used);
    PyMem_RawFree(used);
}

void *handle_lend(handle *used, PyObject *object, const void **data, size_t *length) {
    given_back *lent = PyMem_RawMalloc(sizeof *lent);
    if (lent == NULL) return PyErr_NoMemory();
    if (PyObject_GetBuffer(object, &lent->view, PyBUF_SIMPLE) < 0) {
        PyMem_RawFree(lent);
        return NULL;
    }
    lent->handle = used;
    __atomic_add_fetch(&used->lent, 1, __ATOMIC_RELAXED);
    *data = lent->view.buf;
    *length = (size_t)lent->view.len;
    return lent;
}

/* The library calls this on any thread, so it only puts the buffer where a thread that has the GIL
 * will find it. The handle is there: it is freed after its server, which calls this at last. */
void handle_release(void *argument) {
    given_back *lent = argument;
    handle *used = lent->handle;
    lent->next = __atomic_load_n(&used->returned, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&used->returned, &lent->next, lent, 1, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {
    }
}

void handle_take_returned(handle *used) {
    given_back *lent = __atomic_load_n(&used->returned, __ATOMIC_RELAXED);
    if (lent == NULL) return;
    lent = __atomic_exchange_n(&used->returned, NULL, __ATOMIC_ACQUIRE);
    while (lent != NULL) {
        given_back *next = lent->next;
        PyBuffer_Release(&lent->view);
        PyMem_RawFree(lent);
        __atomic_sub_fetch(&used->lent, 1, __ATOMIC_RELAXED);
        lent = next;
    }
}

int handle_has_lent(const handle *used) {
    return __atomic_load_n(&used->lent, __ATOMIC_RELAXED) > 0;
}
