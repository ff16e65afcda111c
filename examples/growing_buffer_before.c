/* Collects lines in a buffer that grows by one line at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES 100

static char *append_line(char *buffer, size_t *length, const char *line) {
    size_t line_length = strlen(line);
    char *grown = realloc(buffer, *length + line_length + 1);
    if (!grown)
        abort();
    memcpy(grown + *length, line, line_length + 1);
    *length += line_length;
    return grown;
}

int main(void) {
    char *buffer = NULL;
    size_t length = 0;
    for (int i = 0; i < LINES; i++) {
        char line[32];
        snprintf(line, sizeof line, "line %d\n", i);
        buffer = append_line(buffer, &length, line);
    }
    int status = length == 790 ? 0 : 1;
    free(buffer);
    return status;
}
