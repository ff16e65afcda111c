/* Which words of a command's are files of results to be read first, and which the command's own. */
#ifndef TMPALLOC_PROGRAM_WORDS_H
#define TMPALLOC_PROGRAM_WORDS_H

#include <stdbool.h>

#include "support/error.h"
#include "support/text.h"
#include "tmpalloc/tmpalloc.h"

struct program_words {
    struct text load;    /* the line that loads the files */
    struct text command; /* the line to be executed then */
    uint32_t files;      /* how many there are */
    bool help;           /* it is about the command, not about files */
};

/* Splits the command line, which ends with NULL, that begins with a command's name: its options
 * with their values stay its own, as do the words that it takes before files; `--report FORMAT
 * FILE` may be given often. TMPALLOC_E_ARGUMENT: the command is none for saved results. */
int program_words_split(char **words, struct program_words *ret, struct error *error);
void program_words_deinit(struct program_words *words);

/* Adds a word to a command line, which are split as a shell does it. */
void program_words_append(struct text *line, const char *word);

/* Whether a word is this option, by its letter or its name; `cut`: or by how the name begins. */
bool program_words_name(const struct tmpalloc_option_info *option, const char *word, bool cut);
/* Whether the value of the option that a word is stands behind it. */
bool program_words_lack_value(const struct tmpalloc_option_info *option, const char *word);

/* The command of this name, which there is. */
const struct tmpalloc_command_info *program_words_info(const char *name);

#endif
