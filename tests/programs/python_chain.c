/* A module of C functions that call Python functions, and allocate. */
#include <Python.h>
#include <stdlib.h>

static __attribute__((noinline)) void allocate_below(void) {
    void *volatile block = malloc(54321);
    free(block);
}

static PyObject *call(PyObject *self, PyObject *function) {
    (void)self;
    PyObject *result = PyObject_CallNoArgs(function);
    __asm__ volatile("" ::: "memory"); /* no tail call */
    return result;
}

static PyObject *leaf(PyObject *self, PyObject *ignored) {
    (void)self, (void)ignored;
    allocate_below();
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"call", call, METH_O, NULL}, {"leaf", leaf, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "python_chain", .m_size = -1,
                                    .m_methods = methods};

PyMODINIT_FUNC PyInit_python_chain(void) {
    return PyModule_Create(&module);
}
