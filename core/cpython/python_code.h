/* Code objects: the name and place of a Python function, and the lines of its instructions.
 *
 * What is needed of one is copied when it is first seen, since it may die.  Compiled into the agent
 * as well; memory comes from memory.h only. */
#ifndef TMPALLOC_PYTHON_CODE_H
#define TMPALLOC_PYTHON_CODE_H

#include "cpython/python_offsets.h"

struct python_code {
    char *name; /* qualified where the version has that; UTF-8, as the file's */
    char *file; /* bytes of a file name that are no UTF-8 are as they were */
    int32_t first_line;
    enum python_lines lines_format;
    uint32_t lines_bytes;
    unsigned char *lines; /* the line table */
};

/* Copies a code object.  TMPALLOC_OK, TMPALLOC_E_NOMEM, or TMPALLOC_E_HOST when it can't be read or
 * is none; *ret is then untouched. */
int python_code_copy(const struct python_process *process, const struct python_runtime *runtime,
                     uint64_t address, struct python_code *ret);
void python_code_deinit(struct python_code *code);

/* The line of an instruction, bytes from the start of the code; before that it is the first line.
 * 0: it has none. */
int32_t python_code_line(const struct python_code *code, int32_t instruction);

/* A string's characters as UTF-8.  `width` is bytes per character: 1, 2 or 4.  A surrogate is what
 * CPython makes of a byte that it can't decode (PEP 383): that byte, or U+FFFD.  Writes at most
 * 4 * count bytes; returns how many. */
size_t python_encode(const unsigned char *characters, size_t count, uint32_t width, char *ret);

#endif
