/* From parsed command lines to the structs that the session and the reports take, and help. */
#ifndef TMPALLOC_COMMANDS_OPTIONS_H
#define TMPALLOC_COMMANDS_OPTIONS_H

#include "commands/commands_table.h"

/* On success the caller owns *ret (session_options_deinit()). */
int command_start_options(const struct arguments *arguments, struct session_options *ret,
                          struct error *error);

/* *ret is untouched when the line names no threshold. */
int command_threshold(const struct arguments *arguments, uint32_t *ret, struct error *error);

/* How wide lines may be; 0: as wide as they are. */
uint32_t command_columns(const struct tmpalloc_terminal *terminal);

/* *filter_ret is compiled, and to be freed by the caller, exactly when ret->filter isn't NULL. */
int command_report_options(const struct command_call *call, regex_t *filter_ret,
                           struct report_options *ret);

void command_append_line(const struct tmpalloc_command_info *command, struct text *text);
void command_append_help(const struct tmpalloc_command_info *command, struct text *text);

#endif
