/* Lines of instructions by line tables.
 *
 * Reads code objects from standard input until it ends, each as five words of four bytes (format,
 * first line, bytes of the table, bytes of the instructions, 0) and the table.  Writes for each the
 * line of every second byte of its instructions, four bytes each. */
#include <stdio.h>
#include <stdlib.h>

#include "cpython/python_code.h"

enum { FORMAT, FIRST_LINE, TABLE_BYTES, CODE_BYTES, UNUSED, WORDS };

static void must(bool ok) {
    if (ok)
        return;
    fputs("broken input\n", stderr);
    exit(1);
}

static void write_lines(const struct python_code *code, int32_t code_bytes) {
    for (int32_t i = 0; i < code_bytes; i += 2) {
        int32_t line = python_code_line(code, i);
        must(fwrite(&line, sizeof line, 1, stdout) == 1);
    }
}

int main(void) {
    int32_t words[WORDS];
    while (fread(words, sizeof words, 1, stdin) == 1) {
        struct python_code code = {.lines_format = (enum python_lines)words[FORMAT],
                                   .first_line = words[FIRST_LINE],
                                   .lines_bytes = (uint32_t)words[TABLE_BYTES]};
        /* Of exactly that size: reading behind it is an error that a sanitizer sees. */
        code.lines = malloc(code.lines_bytes);
        must(fread(code.lines, 1, code.lines_bytes, stdin) == code.lines_bytes);
        write_lines(&code, words[CODE_BYTES]);
        free(code.lines);
    }
    return 0;
}
