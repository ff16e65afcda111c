#include "program/program_words.h"

#include <ctype.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/words.h"

/* What saved results are good for, and how many words each takes before its files. */
static const char *const names[] = {"summary", "tree",   "site", "list", "diff",
                                    "check",   "report", "save", NULL};
static const uint32_t own_words[] = {0, 0, 1, 1, UINT32_MAX, 0, 2, 1};

const struct tmpalloc_command_info *program_words_info(const char *name) {
    const struct tmpalloc_command_info *info;
    for (uint32_t i = 0; (info = commands_get(i)); i++) {
        if (strcmp(info->name, name) == 0)
            return info;
    }
    return NULL;
}

void program_words_append(struct text *line, const char *word) {
    text_append(line, line->length ? " " : "");
    if (*word == '\0')
        text_append(line, "''");
    for (; *word; word++) {
        if (!isalnum((unsigned char)*word))
            text_append(line, "\\");
        text_append_bytes(line, word, 1);
    }
}

bool program_words_name(const struct tmpalloc_option_info *option, const char *word, bool cut) {
    if (word[1] != '-')
        return option->letter && option->letter == word[1];
    size_t length = strcspn(word, "=") - strlen("--");
    return length > 0 && strncmp(option->name, word + strlen("--"), length) == 0 &&
           (cut || option->name[length] == '\0');
}

bool program_words_lack_value(const struct tmpalloc_option_info *option, const char *word) {
    return option->value && (word[1] == '-' ? !strchr(word, '=') : word[2] == '\0');
}

/* How many words an option takes with it that stand behind it. */
static int values_of(const struct tmpalloc_command_info *info, const char *word) {
    for (const struct tmpalloc_option_info *option = info->options; option->name; option++) {
        if (program_words_name(option, word, true))
            return (program_words_lack_value(option, word) ? 1 : 0) +
                   (strcmp(option->name, "report") == 0 ? 1 : 0);
    }
    return 0;
}

static int split(const struct tmpalloc_command_info *info, uint32_t own, char **words,
                 struct program_words *ret, struct error *error) {
    bool options = true;
    program_words_append(&ret->command, info->name);
    program_words_append(&ret->load, "load");
    program_words_append(&ret->load, "--");
    for (; *words; words++) {
        bool option = options && words[0][0] == '-' && words[0][1] != '\0';
        ret->help |= option && strcmp(*words, "--help") == 0;
        if (option && strcmp(*words, "--") == 0) {
            options = false;
            program_words_append(&ret->command, "--");
            continue;
        }
        if (option || own > 0) {
            own -= option || own == UINT32_MAX ? 0 : 1;
            program_words_append(&ret->command, *words);
            for (int left = option ? values_of(info, *words) : 0; left > 0 && words[1]; left--)
                program_words_append(&ret->command, *++words);
            continue;
        }
        program_words_append(&ret->load, *words);
        ret->files++;
    }
    if (ret->load.failed || ret->command.failed)
        return error_no_memory(error);
    if (ret->files == 0 && own != UINT32_MAX && !ret->help)
        return error_set(error, TMPALLOC_E_ARGUMENT, "%s: no FILE of saved results is named",
                         info->name);
    return TMPALLOC_OK;
}

static int refuse(struct text *problem, struct error *error) {
    const char *sentence = text_get(problem);
    bool asks = sentence[0] && sentence[strlen(sentence) - 1] == '?';
    text_append(problem,
                asks ? " Saved results are looked at by " : ": saved results are looked at by ");
    text_append_list(problem, names);
    return error_set(error, TMPALLOC_E_ARGUMENT, "%s", text_get(problem));
}

int program_words_split(char **words, struct program_words *ret, struct error *error) {
    struct text problem;
    text_init(&problem);
    text_init(&ret->load);
    text_init(&ret->command);
    size_t found = words_find(names, words[0], strlen(words[0]), "command", "", &problem);
    int status = found < WORDS_AMBIGUOUS ? split(program_words_info(names[found]), own_words[found],
                                                 words + 1, ret, error)
                                         : refuse(&problem, error);
    text_deinit(&problem);
    return status;
}

void program_words_deinit(struct program_words *words) {
    text_deinit(&words->load);
    text_deinit(&words->command);
}
