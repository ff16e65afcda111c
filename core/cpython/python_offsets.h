/* Where CPython keeps what a walk of its frames needs: offsets in bytes, one set per version.
 *
 * Sources, for 64-bit Linux.  3.8 to 3.12: the headers of 3.8.18, 3.9.18, 3.10.13, 3.11.7, 3.12.1
 * (within a version CPython keeps its layout).
 *   3.8, 3.9, 3.10  Include/internal/pycore_runtime.h (pyruntimestate: interpreters, _finalizing);
 *                   pycore_interp.h, in 3.8 pycore_pystate.h (_is: next, tstate_head);
 *                   Include/cpython/pystate.h (_ts: next, frame, thread_id; 3.10: cframe, CFrame);
 *                   Include/frameobject.h, since 3.9 Include/cpython/frameobject.h (_frame);
 *                   Include/code.h, since 3.9 Include/cpython/code.h (PyCodeObject)
 *   3.11, 3.12      Include/internal/pycore_runtime.h and pycore_interp.h (pyruntimestate, _is);
 *                   Include/cpython/pystate.h (_ts, _PyCFrame);
 *                   Include/internal/pycore_frame.h (_PyInterpreterFrame, enum _frameowner);
 *                   Include/cpython/code.h (PyCodeObject)
 *   3.13, 3.14      the process itself: _Py_DebugOffsets at the start of _PyRuntime.  The order of
 *                   its fields: Include/internal/pycore_runtime.h of 3.13, pycore_debug_offsets.h
 *                   of 3.14
 *   all             Include/cpython/unicodeobject.h (PyASCIIObject, PyCompactUnicodeObject) and
 *                   bytesobject.h (PyBytesObject)
 *
 * Compiled into the agent as well: no files, no symbols, no allocation. */
#ifndef TMPALLOC_PYTHON_OFFSETS_H
#define TMPALLOC_PYTHON_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An offset of what this version doesn't have. */
#define PYTHON_NO_OFFSET UINT32_MAX

/* How a frame says where it is in its code. */
enum python_instruction {
    PYTHON_LASTI_BYTES, /* an int: bytes from the start of the code; -1: not begun */
    PYTHON_LASTI_UNITS, /* an int: the same in units of two bytes */
    PYTHON_POINTER      /* an address in the code or just before it */
};

/* What the bytes of a line table mean; see python_code.h. */
enum python_lines { PYTHON_LNOTAB, PYTHON_LINETABLE, PYTHON_LOCATIONS };

struct python_offsets {
    uint32_t runtime_finalizing; /* the thread state that ends the interpreter, or NULL */
    uint32_t runtime_interpreters;
    uint32_t interpreter_next;
    uint32_t interpreter_threads;
    uint32_t thread_next;
    uint32_t thread_pthread; /* pthread_self() */
    uint32_t thread_native;  /* gettid(); since 3.11 */
    /* Either the thread state has its innermost frame, or its innermost cframe has. */
    uint32_t thread_frame;
    /* Structs on the C stack, one in each running call of the evaluation loop; 3.10 to 3.12. */
    uint32_t thread_cframe;
    uint32_t cframe_frame;
    uint32_t cframe_previous;
    uint32_t frame_previous;
    uint32_t frame_code;
    uint32_t frame_instruction;
    uint32_t frame_is_entry; /* a bool: the evaluation loop was entered for it; 3.11 */
    /* A char: at least PYTHON_OWNED_BY_LOOP when the frame is no function's, but marks where the
     * evaluation loop was entered, on the C stack; since 3.12. */
    uint32_t frame_owner;
    uint32_t code_file;
    uint32_t code_name; /* qualified where the version has it */
    uint32_t code_first_line;
    uint32_t code_lines;
    uint32_t code_bytes; /* the instructions, in the code object itself; since 3.11 */
    uint32_t bytes_size;
    uint32_t bytes_data;
    uint32_t string_length;
    uint32_t string_state;
    uint32_t string_ascii;   /* characters of a compact ASCII string */
    uint32_t string_compact; /* characters of any other compact string */
    enum python_instruction instruction;
    enum python_lines lines;
};

/* FRAME_OWNED_BY_CSTACK of 3.12 and 3.13, FRAME_OWNED_BY_INTERPRETER of 3.14. */
#define PYTHON_OWNED_BY_LOOP 3

/* A process' memory and exported symbols. */
struct python_process {
    /* False: these bytes can't be read. */
    bool (*read)(void *arg, uint64_t address, void *buffer, size_t size_bytes);
    /* The address of a symbol in the dynamic symbol table of the file with the runtime; 0: it isn't
     * there. */
    uint64_t (*find)(void *arg, const char *symbol);
    void *arg;
};

struct python_runtime {
    uint64_t address; /* of _PyRuntime */
    uint32_t version; /* 0x030b: 3.11; 0: not even that is known */
    struct python_offsets offsets;
};

enum python_answer {
    PYTHON_FOUND,
    PYTHON_ABSENT,        /* no _PyRuntime: no CPython, or one before 3.7 */
    PYTHON_UNKNOWN,       /* CPython of another version */
    PYTHON_FREE_THREADED, /* CPython without the GIL: its frames aren't known */
    PYTHON_UNREADABLE     /* memory that must be there can't be read */
};

/* Finds the runtime and its version; `ret` is filled except with PYTHON_ABSENT, its offsets with
 * PYTHON_FOUND only.  The version needs no file name and no debug information: since 3.11 memory
 * says it, before that it shows in which functions are exported. */
enum python_answer python_runtime_find(const struct python_process *process,
                                       struct python_runtime *ret);

static inline bool python_read(const struct python_process *process, uint64_t address, void *buffer,
                               size_t size_bytes) {
    return process->read(process->arg, address, buffer, size_bytes);
}

/* A pointer, or any word of eight bytes. */
static inline bool python_read_word(const struct python_process *process, uint64_t address,
                                    uint64_t *ret) {
    return python_read(process, address, ret, sizeof *ret);
}

#endif
