#include "program/run_words.h"

#include <string.h>

#include "commands/commands.h"
#include "program/program_words.h"

static const struct tmpalloc_option_info *find_option(const char *command, const char *word) {
    const struct tmpalloc_command_info *info = program_words_info(command);
    for (const struct tmpalloc_option_info *option = info->options; option->name; option++) {
        if (program_words_name(option, word, false))
            return option;
    }
    return NULL;
}

/* The value of an option of our own, "" when it has none; NULL: it is another. */
static const char *own_value(char ***words, const char *name) {
    size_t length = strlen(name);
    char **word = *words;
    if (strncmp(*word, name, length) != 0)
        return NULL;
    if ((*word)[length] == '=')
        return *word + length + 1;
    if ((*word)[length] != '\0')
        return NULL;
    return word[1] && strcmp(word[1], "--") != 0 ? *++*words : "";
}

static int take_report(char ***words, const char *format, struct run_words *ret,
                       struct error *error) {
    if (*format == '\0' || !(*words)[1] || strcmp((*words)[1], "--") == 0)
        return error_set(error, TMPALLOC_E_ARGUMENT, "run: --report takes FORMAT FILE");
    if (ret->report_count == RUN_MOST_REPORTS)
        return error_set(error, TMPALLOC_E_ARGUMENT, "run: more than %d reports", RUN_MOST_REPORTS);
    ret->reports[ret->report_count++] = (struct run_report){format, *++*words};
    return TMPALLOC_OK;
}

/* An option of start's or of check's goes where it belongs, with its value. */
static int take_others(char ***words, struct run_words *ret, struct error *error) {
    bool judges = find_option("check", **words) != NULL;
    const struct tmpalloc_option_info *option = find_option(judges ? "check" : "start", **words);
    if (!option || strcmp(option->name, "exit") == 0)
        return error_set(error, TMPALLOC_E_ARGUMENT,
                         option ? "run: --exit is not for run, whose status says the verdict"
                                : "run: unknown option %s: tmpalloc run --help shows them",
                         **words);
    if (strcmp(option->name, "force") == 0) {
        ret->forced = true;
        return TMPALLOC_OK;
    }
    struct text *line = judges ? &ret->check : &ret->start;
    bool apart = program_words_lack_value(option, **words);
    ret->judged |= judges;
    program_words_append(line, **words);
    if (apart) {
        if (!(*words)[1])
            return error_set(error, TMPALLOC_E_ARGUMENT, "run: no value for %s", **words);
        program_words_append(line, *++*words);
    }
    return TMPALLOC_OK;
}

static int take_option(char ***words, struct run_words *ret, struct error *error) {
    const char *value;
    if (strcmp(**words, "--help") == 0) {
        ret->help = true;
        return TMPALLOC_OK;
    }
    if ((value = own_value(words, "--report")))
        return take_report(words, value, ret, error);
    if ((value = own_value(words, "--debugger"))) {
        ret->debugger = value;
        return strcmp(value, "gdb") == 0 || strcmp(value, "lldb") == 0
                   ? TMPALLOC_OK
                   : error_set(error, TMPALLOC_E_ARGUMENT, "run: --debugger takes gdb or lldb");
    }
    if ((value = own_value(words, "-o"))) {
        ret->out = value;
        return *value ? TMPALLOC_OK : error_set(error, TMPALLOC_E_ARGUMENT, "run: no value for -o");
    }
    return take_others(words, ret, error);
}

int run_words_split(char **words, struct run_words *ret, struct error *error) {
    *ret = (struct run_words){0};
    program_words_append(&ret->start, "start");
    program_words_append(&ret->check, "check");
    int status = TMPALLOC_OK;
    for (; *words && (*words)[0] == '-' && strcmp(*words, "--") != 0; words++) {
        status = take_option(&words, ret, error);
        if (status != TMPALLOC_OK)
            return status;
    }
    ret->program = words + (*words && strcmp(*words, "--") == 0 ? 1 : 0);
    if (ret->start.failed || ret->check.failed)
        return error_no_memory(error);
    if (!*ret->program && !ret->help)
        return error_set(error, TMPALLOC_E_ARGUMENT, "run: no PROGRAM is named");
    return TMPALLOC_OK;
}

void run_words_deinit(struct run_words *words) {
    text_deinit(&words->start);
    text_deinit(&words->check);
}

void run_words_expand(const char *file, long process, const char *program, struct text *ret) {
    const char *slash = strrchr(program, '/');
    for (; *file; file++) {
        if (file[0] == '%' && file[1] == 'p')
            text_printf(ret, "%ld", process);
        else if (file[0] == '%' && file[1] == 'e')
            text_append(ret, slash ? slash + 1 : program);
        else
            text_append_bytes(ret, file, 1);
        file += file[0] == '%' && file[1] && strchr("pe%", file[1]) ? 1 : 0;
    }
}
