/* The command table: every `tmpalloc` command with its options, help and handler. */
#ifndef TMPALLOC_COMMANDS_H
#define TMPALLOC_COMMANDS_H

#include "session/session.h"

/* The i-th command; NULL past the end. */
const struct tmpalloc_command_info *commands_get(uint32_t i);

/* Executes a line ("summary -t 0"), appending the result to *text. */
int commands_execute(struct session *session, const char *line,
                     const struct tmpalloc_terminal *terminal, struct text *text,
                     struct error *error);

/* The same with the result as JSON, see report_data.h.  TMPALLOC_E_UNSUPPORTED: this command has no
 * such result. */
int commands_data(struct session *session, const char *line, struct text *text,
                  struct error *error);

#endif
