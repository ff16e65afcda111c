/* Collects lines in a buffer that has room for all of them from the start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES      100
#define LINE_BYTES 32

static void append_line(char *buffer, size_t *length, const char *line) {
    size_t line_length = strlen(line);
    memcpy(buffer + *length, line, line_length + 1);
    *length += line_length;
}

int main(void) {
    char *buffer = malloc(LINES * LINE_BYTES);
    if (!buffer)
        abort();
    size_t length = 0;
    for (int i = 0; i < LINES; i++) {
        char line[LINE_BYTES];
        snprintf(line, sizeof line, "line %d\n", i);
        append_line(buffer, &length, line);
    }
    int status = length == 790 ? 0 : 1;
    free(buffer);
    return status;
}
