/* Counts words regardless of case; one copy's memory serves all comparisons. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = {"Stop", "GO", "stop", "wait", "STOP", "go", "Wait", "sTop"};
#define WORDS      (sizeof words / sizeof words[0])
#define ROUNDS     20
#define WORD_BYTES 16

static void copy_lower(char *copy, const char *word) {
    size_t i = 0;
    for (; word[i] && i < WORD_BYTES - 1; i++)
        copy[i] = (char)tolower((unsigned char)word[i]);
    copy[i] = '\0';
}

static int is_word(const char *word, const char *wanted, char *lower) {
    copy_lower(lower, word);
    return strcmp(lower, wanted) == 0;
}

int main(void) {
    char *lower = malloc(WORD_BYTES);
    if (!lower)
        abort();
    int stops = 0;
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < WORDS; i++)
            stops += is_word(words[i], "stop", lower);
    free(lower);
    return stops == ROUNDS * 4 ? 0 : 1;
}
