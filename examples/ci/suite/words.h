/* Words of a line, joined: what the suite tests. */
#include <stdlib.h>
#include <string.h>

/* One word after the other is appended to a buffer that grows each time.  The caller frees it. */
static char *join_words(const char *const *words, size_t count) {
    char *line = calloc(1, 1);
    for (size_t i = 0; i < count; i++) {
        line = realloc(line, strlen(line) + strlen(words[i]) + 2);
        strcat(strcat(line, words[i]), " ");
    }
    return line;
}
