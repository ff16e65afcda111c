#include "commands/words.h"

#include <string.h>

/* No name is longer. */
#define LENGTH_LIMIT 64

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* How many letters are to be put in, taken out, replaced or swapped to make one of the other. */
static size_t edits(const char *word, size_t length, const char *name) {
    size_t rows[3][LENGTH_LIMIT + 1], width = strlen(name);
    size_t *older = rows[0], *old = rows[1], *row = rows[2];
    for (size_t k = 0; k <= width; k++)
        row[k] = k;
    for (size_t i = 1; i <= length; i++) {
        size_t *spare = older;
        older = old;
        old = row;
        row = spare;
        row[0] = i;
        for (size_t k = 1; k <= width; k++) {
            row[k] = least(least(old[k], row[k - 1]) + 1,
                           old[k - 1] + (word[i - 1] != name[k - 1] ? 1 : 0));
            if (i > 1 && k > 1 && word[i - 1] == name[k - 2] && word[i - 2] == name[k - 1])
                row[k] = least(row[k], older[k - 2] + 1);
        }
    }
    return row[width];
}

/* NULL: none is near. */
static const char *nearest(const char *const *names, const char *word, size_t length) {
    size_t fewest = (length + 2) / 3;
    const char *found = NULL;
    for (; *names && length <= LENGTH_LIMIT; names++) {
        size_t count = strlen(*names) <= LENGTH_LIMIT ? edits(word, length, *names) : LENGTH_LIMIT;
        if (count >= length || count > fewest || (found && count == fewest))
            continue;
        fewest = count;
        found = *names;
    }
    return found;
}

static bool begins(const char *name, const char *word, size_t length) {
    return strncmp(name, word, length) == 0;
}

static size_t refuse(const char *const *names, const char *word, size_t length, const char *what,
                     const char *dashes, struct text *problem) {
    const char *near = nearest(names, word, length);
    text_printf(problem, "unknown %s %s%.*s", what, dashes, (int)length, word);
    if (near)
        text_printf(problem, ": did you mean %s%s?", dashes, near);
    return WORDS_NOT_FOUND;
}

size_t words_find(const char *const *names, const char *word, size_t length, const char *what,
                  const char *dashes, struct text *problem) {
    size_t found = 0, count = 0;
    for (size_t i = 0; names[i]; i++) {
        if (!begins(names[i], word, length))
            continue;
        if (strlen(names[i]) == length)
            return i;
        found = i;
        count++;
    }
    if (count == 1)
        return found;
    if (count == 0)
        return refuse(names, word, length, what, dashes, problem);
    text_printf(problem, "ambiguous %s %s%.*s: it can be", what, dashes, (int)length, word);
    for (size_t i = 0, left = count; names[i]; i++) {
        if (begins(names[i], word, length))
            text_printf(problem, " %s%s%s", dashes, names[i], --left > 0 ? "," : "");
    }
    return WORDS_AMBIGUOUS;
}
