#include "words.h"

#define COUNT 200

int main(void) {
    const char *words[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        words[i] = "word";
    char *line = join_words(words, COUNT);
    int status = strlen(line) != 5 * COUNT;
    free(line);
    return status;
}
