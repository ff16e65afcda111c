#include "commands/options.h"

#include <errno.h>
#include <popt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/words.h"
#include "support/memory.h"
#include "support/text.h"

/* No command has more options, --help included. */
#define OPTIONS_LIMIT 31

static size_t option_count(const struct tmpalloc_command_info *command) {
    size_t count = 0;
    while (command->options[count].name)
        count++;
    return count;
}

/* "-t/--threshold N" */
static void append_option(struct text *text, const struct tmpalloc_option_info *option) {
    if (option->letter)
        text_printf(text, "-%c/", option->letter);
    text_printf(text, "--%s", option->name);
    if (option->value)
        text_printf(text, " %s", option->value);
}

/* What a command accepts, for messages. */
static void append_accepted(struct text *text, const struct tmpalloc_command_info *command) {
    if (option_count(command) == 0)
        text_append(text, "no options");
    for (const struct tmpalloc_option_info *option = command->options; option->name; option++) {
        text_append(text, option == command->options ? "" : ", ");
        append_option(text, option);
    }
}

static int refuse_option(const struct tmpalloc_command_info *command, const char *problem,
                         const char *option, struct error *error) {
    struct text accepted;
    text_init(&accepted);
    append_accepted(&accepted, command);
    int status = error_set(error, TMPALLOC_E_ARGUMENT, "%s %s: %s accepts %s", problem, option,
                           command->name, text_get(&accepted));
    text_deinit(&accepted);
    return status;
}

static bool is_option(const struct tmpalloc_option_info *option, const char *word) {
    if (word[0] == '-' && word[1] == '-')
        return strcmp(word + 2, option->name) == 0;
    return word[0] == '-' && option->letter && word[1] == option->letter && !word[2];
}

/* NULL: it is none. */
static const struct tmpalloc_option_info *find_option(const struct tmpalloc_command_info *command,
                                                      const char *word) {
    for (const struct tmpalloc_option_info *option = command->options; option->name; option++) {
        if (is_option(option, word))
            return option;
    }
    return NULL;
}

static int refuse_no_value(const struct tmpalloc_command_info *command, const char *bad,
                           struct error *error) {
    const struct tmpalloc_option_info *option = find_option(command, bad);
    if (!option)
        return refuse_option(command, "no value for", bad, error);
    struct text accepted;
    text_init(&accepted);
    append_option(&accepted, option);
    int status = error_set(error, TMPALLOC_E_ARGUMENT, "no value for %s: it is %s", bad,
                           text_get(&accepted));
    text_deinit(&accepted);
    return status;
}

static bool is_choice(const char *const *choices, const char *value) {
    for (; *choices; choices++) {
        if (strcmp(*choices, value) == 0)
            return true;
    }
    return false;
}

static int check_choice(const struct tmpalloc_option_info *option, const char *value,
                        struct error *error) {
    if (!option->choices || is_choice(option->choices, value))
        return TMPALLOC_OK;
    struct text accepted;
    text_init(&accepted);
    text_append_list(&accepted, option->choices);
    int status = error_set(error, TMPALLOC_E_ARGUMENT, "bad value '%s' for --%s: accepted are %s",
                           value, option->name, text_get(&accepted));
    text_deinit(&accepted);
    return status;
}

/* What a word's first `length` bytes stand for; NULL: for themselves. */
static const char *find_home(const char *word, size_t length) {
    char user[256];
    const char *home = length == 1 ? getenv("HOME") : NULL;
    if (word[0] != '~' || length > sizeof user || home)
        return word[0] == '~' ? home : NULL;
    snprintf(user, sizeof user, "%.*s", (int)length - 1, word + 1);
    const struct passwd *entry = length == 1 ? getpwuid(getuid()) : getpwnam(user);
    return entry ? entry->pw_dir : NULL;
}

char *word_as_file(const char *word) {
    size_t length = strcspn(word, "/");
    const char *home = find_home(word, length);
    if (!home)
        return memory_copy_string(word);
    struct text path;
    text_init(&path);
    text_printf(&path, "%s%s", home, word + length);
    char *copy = path.failed ? NULL : memory_copy_string(text_get(&path));
    text_deinit(&path);
    return copy;
}

static char *copy_word(const char *word, const char *kind) {
    return strstr(kind, "FILE") ? word_as_file(word) : memory_copy_string(word);
}

static int add_value(struct arguments *arguments, const struct tmpalloc_option_info *option,
                     const char *value, struct error *error) {
    int status = check_choice(option, value, error);
    if (status != TMPALLOC_OK)
        return status;
    if (MEMORY_RESERVE(arguments->values, &arguments->value_capacity, arguments->value_count + 1))
        return error_no_memory(error);
    char *copy = copy_word(value, option->value ? option->value : "");
    if (!copy)
        return error_no_memory(error);
    arguments->values[arguments->value_count++] = (struct option_value){option->name, copy};
    return TMPALLOC_OK;
}

static int read_options(struct arguments *arguments, poptContext context, struct error *error) {
    const struct tmpalloc_command_info *command = arguments->command;
    int number;
    while ((number = poptGetNextOpt(context)) > 0) {
        arguments->help |= (size_t)number > option_count(command);
        if (arguments->help)
            return TMPALLOC_OK;
        const struct tmpalloc_option_info *option = &command->options[number - 1];
        char *value = option->value ? poptGetOptArg(context) : NULL;
        int status = add_value(arguments, option, value ? value : "", error);
        free(value);
        if (status != TMPALLOC_OK)
            return status;
    }
    if (number == -1)
        return TMPALLOC_OK;
    const char *bad = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    if (number == POPT_ERROR_NOARG)
        return refuse_no_value(command, bad, error);
    if (number == POPT_ERROR_BADOPT)
        return refuse_option(command, "unknown option", bad, error);
    return refuse_option(command, poptStrerror(number), bad, error);
}

static int options_read_words(struct arguments *arguments, poptContext context,
                              struct error *error) {
    const struct tmpalloc_command_info *command = arguments->command;
    const char **left = poptGetArgs(context);
    size_t count = 0;
    while (left && left[count])
        count++;
    if (count < command->minimum || count > command->maximum)
        return error_set(error, TMPALLOC_E_ARGUMENT, "%s: usage is tmpalloc %s%s%s%s",
                         count > command->maximum ? "too many words" : "missing argument",
                         command->name, command->arguments[0] ? " " : "", command->arguments,
                         option_count(command) ? " [OPTION]..." : "");
    arguments->words = memory_allocate_zeroed(count + 1, sizeof(char *));
    if (!arguments->words)
        return error_no_memory(error);
    for (; arguments->word_count < count; arguments->word_count++) {
        char *copy = copy_word(left[arguments->word_count], command->arguments);
        if (!copy)
            return error_no_memory(error);
        arguments->words[arguments->word_count] = copy;
    }
    return TMPALLOC_OK;
}

static struct poptOption *make_table(const struct tmpalloc_command_info *command) {
    size_t count = option_count(command);
    struct poptOption *table = memory_allocate_zeroed(count + 2, sizeof(*table));
    if (table)
        table[count] = (struct poptOption){.longName = "help", .val = (int)count + 1};
    for (size_t i = 0; table && i < count; i++) {
        const struct tmpalloc_option_info *option = &command->options[i];
        table[i].longName = option->name;
        table[i].shortName = option->letter;
        table[i].argInfo = option->value ? POPT_ARG_STRING : POPT_ARG_NONE;
        table[i].val = (int)i + 1;
    }
    return table;
}

static int options_read_all(struct arguments *arguments, int count, const char **words,
                            struct error *error) {
    struct poptOption *table = make_table(arguments->command);
    if (!table)
        return error_no_memory(error);
    poptContext context =
        poptGetContext(NULL, count, words, table, POPT_CONTEXT_KEEP_FIRST | POPT_CONTEXT_NO_EXEC);
    int status = context ? read_options(arguments, context, error) : error_no_memory(error);
    if (status == TMPALLOC_OK && !arguments->help)
        status = options_read_words(arguments, context, error);
    if (context)
        poptFreeContext(context);
    memory_release(table);
    return status;
}

/* The names of a command's options, --help's too, for words_find(). */
static void list_names(const struct tmpalloc_command_info *command, const char **names) {
    size_t count = 0;
    for (; command->options[count].name && count + 1 < OPTIONS_LIMIT; count++)
        names[count] = command->options[count].name;
    names[count++] = "help";
    names[count] = NULL;
}

static bool takes_value(const struct tmpalloc_command_info *command, const char *word) {
    const struct tmpalloc_option_info *option = find_option(command, word);
    return option && option->value;
}

/* "--thr=3" as "--threshold=3"; what is whole already stays where it is. */
static int complete_option(const struct tmpalloc_command_info *command, const char **word,
                           char **owned, struct error *error) {
    const char *names[OPTIONS_LIMIT + 1], *given = *word + 2;
    size_t length = strcspn(given, "=");
    struct text text;
    list_names(command, names);
    text_init(&text);
    size_t found = words_find(names, given, length, "option", "--", &text);
    int status = TMPALLOC_OK;
    if (found == WORDS_NOT_FOUND) {
        const char *colon = strchr(text_get(&text), ':');
        text_printf(&text, "%s %s accepts ", colon ? "" : ":", command->name);
        append_accepted(&text, command);
    }
    if (found == WORDS_NOT_FOUND || found == WORDS_AMBIGUOUS) {
        status = error_set(error, TMPALLOC_E_ARGUMENT, "%s", text_get(&text));
    } else if (strlen(names[found]) != length) {
        text_printf(&text, "--%s%s", names[found], given + length);
        *owned = text.failed ? NULL : memory_copy_string(text_get(&text));
        *word = *owned;
        status = *owned ? TMPALLOC_OK : error_no_memory(error);
    }
    text_deinit(&text);
    return status;
}

static int complete_options(const struct tmpalloc_command_info *command, int count,
                            const char **words, char **owned, struct error *error) {
    int status = TMPALLOC_OK;
    bool is_value = false;
    for (int i = 0; i < count && status == TMPALLOC_OK && (is_value || strcmp(words[i], "--"));
         i++) {
        if (!is_value && strncmp(words[i], "--", 2) == 0)
            status = complete_option(command, &words[i], &owned[i], error);
        is_value = status == TMPALLOC_OK && !is_value && takes_value(command, words[i]);
    }
    return status;
}

static int parse_words(struct arguments *arguments, int count, const char **words,
                       struct error *error) {
    char **owned = memory_allocate_zeroed((size_t)count + 1, sizeof(*owned));
    if (!owned)
        return error_no_memory(error);
    int status = complete_options(arguments->command, count, words, owned, error);
    if (status == TMPALLOC_OK)
        status = options_read_all(arguments, count, words, error);
    for (int i = 0; i < count; i++)
        memory_release(owned[i]);
    memory_release(owned);
    return status;
}

int arguments_parse(const struct tmpalloc_command_info *command, const char *line,
                    struct arguments *ret, struct error *error) {
    struct arguments arguments = {.command = command};
    int count = 0;
    const char **words = NULL;
    int split = poptParseArgvString(line, &count, &words);
    int status = TMPALLOC_OK;
    if (split != 0 && split != POPT_ERROR_NOARG) /* that is what an empty line gives */
        status = error_set(error, TMPALLOC_E_ARGUMENT, "%s in the command line: %s",
                           poptStrerror(split), line);
    static const char *none[] = {NULL};
    if (status == TMPALLOC_OK)
        status = parse_words(&arguments, split == 0 ? count : 0, split == 0 ? words : none, error);
    free(words);
    if (status == TMPALLOC_OK)
        *ret = arguments;
    else
        arguments_deinit(&arguments);
    return status;
}

void arguments_deinit(struct arguments *arguments) {
    for (size_t i = 0; i < arguments->word_count; i++)
        memory_release(arguments->words[i]);
    for (size_t i = 0; i < arguments->value_count; i++)
        memory_release(arguments->values[i].value);
    memory_release(arguments->words);
    memory_release(arguments->values);
    *arguments = (struct arguments){0};
}

const char *arguments_get(const struct arguments *arguments, const char *name) {
    for (size_t i = arguments->value_count; i-- > 0;) {
        if (strcmp(arguments->values[i].name, name) == 0)
            return arguments->values[i].value;
    }
    return NULL;
}

bool arguments_given(const struct arguments *arguments, const char *name) {
    return arguments_get(arguments, name) != NULL;
}

int number_parse(const char *text, const char *what, uint64_t minimum, uint64_t maximum,
                 uint64_t *ret, struct error *error) {
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    bool is_number = text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
    if (!is_number || value < minimum || value > maximum)
        return error_set(error, TMPALLOC_E_ARGUMENT,
                         "bad value '%s' for %s: accepted is a whole number from %llu to %llu",
                         text, what, (unsigned long long)minimum, (unsigned long long)maximum);
    *ret = value;
    return TMPALLOC_OK;
}

int arguments_number(const struct arguments *arguments, const char *name, uint64_t minimum,
                     uint64_t maximum, uint64_t *ret, struct error *error) {
    const char *text = arguments_get(arguments, name);
    if (!text)
        return TMPALLOC_OK;
    struct text what;
    text_init(&what);
    text_printf(&what, "--%s", name);
    int status = number_parse(text, text_get(&what), minimum, maximum, ret, error);
    text_deinit(&what);
    return status;
}

/* The number of bytes that a unit stands for; 0: no unit. */
static uint64_t unit_bytes(const char *unit) {
    static const char *const units[] = {"", "K", "M", "G", "T", "P", "E"};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t length = strlen(units[i]);
        if (strncmp(unit, units[i], length) == 0 &&
            (unit[length] == '\0' || strcmp(unit + length, "B") == 0))
            return UINT64_C(1) << 10 * i;
    }
    return 0;
}

int arguments_size(const struct arguments *arguments, const char *name, uint64_t minimum,
                   uint64_t maximum, uint64_t *ret, struct error *error) {
    const char *text = arguments_get(arguments, name);
    if (!text)
        return TMPALLOC_OK;
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    uint64_t unit = unit_bytes(end), bytes;
    bool is_size = text[0] >= '0' && text[0] <= '9' && unit != 0 && errno == 0 &&
                   !__builtin_mul_overflow(number, unit, &bytes);
    if (is_size && bytes >= minimum && bytes <= maximum) {
        *ret = bytes;
        return TMPALLOC_OK;
    }
    struct text accepted;
    text_init(&accepted);
    text_append_size(&accepted, minimum);
    text_append(&accepted, " to ");
    text_append_size(&accepted, maximum);
    int status = error_set(error, TMPALLOC_E_ARGUMENT,
                           "bad value '%s' for --%s: accepted is a size such as 64MB, from %s",
                           text, name, text_get(&accepted));
    text_deinit(&accepted);
    return status;
}
