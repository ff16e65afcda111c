#include "commands/commands.h"

#include <string.h>

#include "commands/commands_options.h"
#include "commands/commands_table.h"
#include "commands/words.h"
#include "reports/report_width.h"
#include "session/session_process.h"

static const struct command *const commands[] = {
#define COMMAND_ADDRESS(name) &command_##name,
    COMMANDS_FOR_EACH(COMMAND_ADDRESS)
#undef COMMAND_ADDRESS
};

const struct tmpalloc_option_info command_no_options[] = {OPTION_END};

static const char *const command_names[] = {
#define COMMAND_NAME(name) #name,
    COMMANDS_FOR_EACH(COMMAND_NAME)
#undef COMMAND_NAME
        NULL,
};

static const struct tmpalloc_terminal no_terminal = {0};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

const struct tmpalloc_command_info *commands_get(uint32_t i) {
    return i < COMMAND_COUNT ? &commands[i]->info : NULL;
}

/* NULL leaves in *error what is accepted. */
static const struct command *find_command(const char *name, size_t length, struct error *error) {
    struct text problem;
    text_init(&problem);
    size_t found = words_find(command_names, name, length, "command", "", &problem);
    const struct command *command = found < COMMAND_COUNT ? commands[found] : NULL;
    if (found == WORDS_NOT_FOUND) {
        text_append(&problem,
                    strchr(text_get(&problem), ':') ? " Accepted are " : ": accepted are ");
        text_append_list(&problem, command_names);
    }
    if (!command)
        error_set(error, TMPALLOC_E_ARGUMENT, "%s", text_get(&problem));
    text_deinit(&problem);
    return command;
}

static int run_help(const struct command_call *call) {
    const char *name = call->arguments->words[0];
    const struct command *command = name ? find_command(name, strlen(name), call->error) : NULL;
    if (name && !command)
        return TMPALLOC_E_ARGUMENT;
    if (command) {
        command_append_help(&command->info, call->text);
        return TMPALLOC_OK;
    }
    text_append(call->text, "tmpalloc finds temporary allocations: freed again almost at once.\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        command_append_line(&commands[i]->info, call->text);
    return TMPALLOC_OK;
}

const struct command command_help = {
    .info = {"help", "[COMMAND]", "Show the commands, or one with its options.", command_no_options,
             0, 1, .repeats = 1},
    .run = run_help,
};

typedef int command_run(const struct command_call *call);

static void commands_wrap(const struct command_call *call) {
    struct text whole = *call->text;
    text_init(call->text);
    width_wrap(call->text, text_get(&whole), command_columns(call->terminal));
    call->text->failed |= whole.failed;
    text_deinit(&whole);
}

static int run_command(const struct command *command, command_run *run, struct command_call *call,
                       const char *rest) {
    struct arguments arguments = {0};
    int status = arguments_parse(&command->info, rest, &arguments, call->error);
    if (status != TMPALLOC_OK) {
        if (command->failed)
            command->failed(call);
        return status;
    }
    call->arguments = &arguments;
    if (arguments.help)
        command_append_help(&command->info, call->text);
    else
        status = run(call);
    if (status != TMPALLOC_OK && command->failed)
        command->failed(call);
    if (status == TMPALLOC_OK && command->wraps)
        commands_wrap(call);
    arguments_deinit(&arguments);
    return status;
}

static int commands_execute_words(const char *line, bool data, struct command_call *call) {
    line += strspn(line, " \t\n");
    if (*line == '\0')
        line = "help";
    size_t length = strcspn(line, " \t\n");
    const struct command *command = find_command(line, length, call->error);
    if (!command)
        return TMPALLOC_E_ARGUMENT;
    if (data && !command->data)
        return error_set(call->error, TMPALLOC_E_UNSUPPORTED, "%s has no result for programs",
                         command->info.name);
    session_poll(call->session);
    return run_command(command, data ? command->data : command->run, call, line + length);
}

int commands_execute(struct session *session, const char *line,
                     const struct tmpalloc_terminal *terminal, struct text *text,
                     struct error *error) {
    struct command_call call = {.session = session,
                                .terminal = terminal ? terminal : &no_terminal,
                                .text = text,
                                .error = error};
    session->columns = command_columns(call.terminal);
    return commands_execute_words(line, false, &call);
}

int commands_data(struct session *session, const char *line, struct text *text,
                  struct error *error) {
    struct command_call call = {
        .session = session, .terminal = &no_terminal, .text = text, .error = error};
    return commands_execute_words(line, true, &call);
}
