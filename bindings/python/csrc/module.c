/* wsgiserver._wsgiserver: what of the Python server has to be fast. The classes that programs use
 * are in the package around it. */
#include "host.h"

static PyObject *options(PyObject *module, PyObject *unused) {
    PyObject *made = PyDict_New();
    wsgi_option_info info = {.struct_size = sizeof info};
    (void)module, (void)unused;
    for (size_t i = 0; made != NULL && i < wsgi_server_option_count(); i++) {
        if (wsgi_server_option_info(i, &info) < 0) continue;
        PyObject *facts =
            Py_BuildValue("{s:s,s:s,s:s,s:s,s:O}", "type", info.type, "default",
                          info.default_value, "accepts", info.accepts, "help", info.help,
                          "while_running", info.while_running ? Py_True : Py_False);
        if (facts == NULL || PyDict_SetItemString(made, info.name, facts) < 0) Py_CLEAR(made);
        Py_XDECREF(facts);
    }
    return made;
}

static PyMethodDef functions[] = {
    {"options", options, METH_NOARGS, "The options by name, with what the library tells of them."},
    {NULL, NULL, 0, NULL}};

static int add_types(PyObject *module) {
    static const struct { const char *name; PyTypeObject *type; } types[] = {
        {"Server", &ServerType}, {"Worker", &WorkerType},   {"Exchange", &ExchangeType},
        {"Input", &InputType},   {"Stream", &StreamType}, {"FileWrapper", &FileWrapperType}};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(types); i++) {
        if (PyType_Ready(types[i].type) < 0 ||
            PyModule_AddObject(module, types[i].name, Py_NewRef((PyObject *)types[i].type)) < 0)
            return -1;
    }
    return 0;
}

static int exec(PyObject *module) {
    static char used;
    if (used) {
        PyErr_SetString(PyExc_ImportError, "wsgiserver serves one interpreter of a process");
        return -1;
    }
    head_init();
    if (add_types(module) < 0 || errors_init(module) < 0 || environ_init() < 0 ||
        input_init() < 0)
        return -1;
    if (PyModule_AddObject(module, "no_input", Py_NewRef(no_input)) < 0 ||
        PyModule_AddStringConstant(module, "version", wsgi_version()) < 0 ||
        PyModule_AddIntConstant(module, "STOPPED", WORKER_STOPPED) < 0)
        return -1;
    used = 1;
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "wsgiserver._wsgiserver",
    .m_doc = "The part of wsgiserver that is written in C.",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__wsgiserver(void) {
    return PyModuleDef_Init(&definition);
}
