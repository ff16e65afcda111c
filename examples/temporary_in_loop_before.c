/* Counts words regardless of case; each comparison makes a lower-case copy of the word. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = {"Stop", "GO", "stop", "wait", "STOP", "go", "Wait", "sTop"};
#define WORDS  (sizeof words / sizeof words[0])
#define ROUNDS 20

static char *to_lower_copy(const char *word) {
    char *copy = strdup(word);
    if (!copy)
        abort();
    for (char *c = copy; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

static int is_word(const char *word, const char *wanted) {
    char *lower = to_lower_copy(word);
    int result = strcmp(lower, wanted) == 0;
    free(lower);
    return result;
}

int main(void) {
    int stops = 0;
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < WORDS; i++)
            stops += is_word(words[i], "stop");
    return stops == ROUNDS * 4 ? 0 : 1;
}
