#include "words.h"

int main(void) {
    const char *const words[] = {"a", "few", "words"};
    char *line = join_words(words, 3);
    int status = strcmp(line, "a few words ") != 0;
    free(line);
    return status;
}
