/* The words of `tmpalloc run`: whose option is which, and the program behind them. */
#ifndef TMPALLOC_RUN_WORDS_H
#define TMPALLOC_RUN_WORDS_H

#include "support/error.h"
#include "support/text.h"

#define RUN_MOST_REPORTS 32

struct run_report {
    const char *format;
    const char *file; /* may hold %p and %e */
};

struct run_words {
    struct text start;    /* the line that begins tracking */
    struct text check;    /* the line that judges, without reports */
    const char *debugger; /* NULL: whichever is there */
    const char *out;      /* where results are kept, NULL: nowhere */
    struct run_report reports[RUN_MOST_REPORTS];
    uint32_t report_count;
    bool judged;    /* an option of check's is given */
    bool forced;    /* files that exist are replaced */
    bool help;      /* it is about the command */
    char **program; /* and its arguments; ends with NULL */
};

/* Splits what follows `run`, which ends with NULL.  TMPALLOC_E_ARGUMENT: an option is unknown or
 * lacks its value, or no program is named. */
int run_words_split(char **words, struct run_words *ret, struct error *error);
void run_words_deinit(struct run_words *words);

/* FILE with %p as the process, %e as the name of the program and %% as %. */
void run_words_expand(const char *file, long process, const char *program, struct text *ret);

#endif
