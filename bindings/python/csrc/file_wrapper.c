/* wsgi.file_wrapper: a file as an application's result. One that is a file of the system, as far as
 * Python's io shows it, is sent by the kernel (answer.c); any other is read in blocks. */
#include "host.h"

#include <structmember.h>

static PyObject *wrapper_new(PyTypeObject *type, PyObject *arguments, PyObject *named) {
    static char *names[] = {"filelike", "blksize", NULL};
    PyObject *file;
    Py_ssize_t block_size = 8192;
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "O|n:file_wrapper", names, &file, &block_size))
        return NULL;
    FileWrapper *self = (FileWrapper *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->file = Py_NewRef(file);
    self->block_size = block_size > 0 ? block_size : 8192;
    return (PyObject *)self;
}

static int wrapper_traverse(PyObject *object, visitproc visit, void *arg) {
    Py_VISIT(((FileWrapper *)object)->file);
    return 0;
}

static int wrapper_clear(PyObject *object) {
    Py_CLEAR(((FileWrapper *)object)->file);
    return 0;
}

static void wrapper_dealloc(PyObject *object) {
    PyObject_GC_UnTrack(object);
    wrapper_clear(object);
    Py_TYPE(object)->tp_free(object);
}

PyObject *file_wrapper_read(FileWrapper *self, int64_t most) {
    Py_ssize_t size = self->block_size;
    if (most >= 0 && most < size) size = (Py_ssize_t)most;
    PyObject *block = PyObject_CallMethod(self->file, "read", "n", size);
    if (block != NULL && PyObject_Size(block) == 0) Py_CLEAR(block);
    return block;
}

static PyObject *wrapper_next(PyObject *object) {
    return file_wrapper_read((FileWrapper *)object, -1);
}

/* For frameworks that answer Range: they seek where the part begins. */
static PyObject *wrapper_seek(PyObject *object, PyObject *arguments) {
    PyObject *seek = PyObject_GetAttrString(((FileWrapper *)object)->file, "seek");
    PyObject *result = seek ? PyObject_CallObject(seek, arguments) : NULL;
    Py_XDECREF(seek);
    return result;
}

static PyObject *wrapper_tell(PyObject *object, PyObject *unused) {
    (void)unused;
    return PyObject_CallMethod(((FileWrapper *)object)->file, "tell", NULL);
}

/* A file may have seek without saying so. */
static PyObject *wrapper_seekable(PyObject *object, PyObject *unused) {
    PyObject *file = ((FileWrapper *)object)->file;
    (void)unused;
    if (PyObject_HasAttrString(file, "seekable")) return PyObject_CallMethod(file, "seekable", NULL);
    return PyBool_FromLong(PyObject_HasAttrString(file, "seek") && PyObject_HasAttrString(file, "tell"));
}

static PyObject *wrapper_close(PyObject *object, PyObject *unused) {
    PyObject *close = PyObject_GetAttrString(((FileWrapper *)object)->file, "close");
    (void)unused;
    if (close == NULL) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    PyObject *result = PyObject_CallObject(close, NULL);
    Py_DECREF(close);
    return result;
}

static PyMethodDef wrapper_methods[] = {
    {"close", wrapper_close, METH_NOARGS, "Closes the file, if it can be closed."},
    {"seek", wrapper_seek, METH_VARARGS, "seek(offset, whence=0): of the file."},
    {"tell", wrapper_tell, METH_NOARGS, "Where the file stands."},
    {"seekable", wrapper_seekable, METH_NOARGS, "Whether the file can seek."},
    {NULL, NULL, 0, NULL}};

static PyMemberDef wrapper_members[] = {
    {"filelike", T_OBJECT, offsetof(FileWrapper, file), READONLY, "The file."},
    {NULL, 0, 0, 0, NULL}};

PyTypeObject FileWrapperType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "wsgiserver._wsgiserver.FileWrapper",
    .tp_doc = "file_wrapper(filelike, blksize=8192): a file as an application's result.",
    .tp_basicsize = sizeof(FileWrapper),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = wrapper_new,
    .tp_traverse = wrapper_traverse,
    .tp_clear = wrapper_clear,
    .tp_dealloc = wrapper_dealloc,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = wrapper_next,
    .tp_methods = wrapper_methods,
    .tp_members = wrapper_members,
};
