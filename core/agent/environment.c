#include "agent/environment.h"

#include <elf.h>
#include <string.h>

#include "agent/system/loaded_symbols.h"
#include "tables/detector.h"
#include "tmpalloc/agent_image.h"

/* The variables, which the C library doesn't know yet when this library begins. */
static char **variables;

#define PRELOAD    "LD_PRELOAD"
#define SEPARATORS " :" /* of LD_PRELOAD's paths */

/* More entries than the kernel has. */
#define AUXILIARY_LIMIT 64

/* The value, if the string is NAME=VALUE. */
static char *environment_value_of(char *string, const char *name) {
    size_t length = strlen(name);
    return strncmp(string, name, length) == 0 && string[length] == '=' ? string + length + 1 : NULL;
}

static char **environment_find(const char *name) {
    char **variable = variables;
    while (*variable && !environment_value_of(*variable, name))
        variable++;
    return *variable ? variable : NULL;
}

/* The string stays where it is, which /proc/self/environ shows. */
static void remove_variable(char **variable, size_t length) {
    memset(*variable, 0, length);
    do
        variable[0] = variable[1];
    while (*variable++);
}

/* What the kernel puts behind the environment (System V ABI, AMD64, 3.4.1); of no other memory does
 * that hold which is above the running functions' frames. */
static bool is_auxiliary(const uint64_t *words) {
    bool has_page_size = false;
    for (size_t i = 0; i < 2 * AUXILIARY_LIMIT && words[i] != AT_NULL; i += 2)
        has_page_size |= words[i] == AT_PAGESZ;
    return has_page_size;
}

/* Programs walk past the environment to the auxiliary vector.  In the place of two variables an
 * entry is to be ignored. */
static void environment_close_gap(size_t removed) {
    uint64_t *words = (uint64_t *)variables;
    if ((uintptr_t)words < (uintptr_t)__builtin_frame_address(0) || removed != 2)
        return;
    while (*words)
        words++;
    if (words[2] == 0 && is_auxiliary(words + 3)) {
        words[1] = AT_IGNORE;
        words[2] = 0;
    }
}

/* The number at the start of the text, not above `highest`; `otherwise` when there is none. */
static uint64_t parse_number(const char *text, uint64_t highest, uint64_t otherwise) {
    if (*text < '0' || *text > '9')
        return otherwise;
    uint64_t number = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
            return highest;
    }
    return number < highest ? number : highest;
}

static void parse_word(char *word, struct environment_options *options) {
    char *value;
    if (strcmp(word, "start") == 0)
        options->start = true;
    else if (strcmp(word, "traced") == 0)
        options->traced = true;
    else if ((value = environment_value_of(word, "max-threshold")))
        options->image.max_threshold =
            (uint32_t)parse_number(value, DETECTOR_THRESHOLD_LIMIT, options->image.max_threshold);
    else if ((value = environment_value_of(word, "memory-limit")))
        options->image.memory_limit_bytes =
            parse_number(value, UINT64_MAX, options->image.memory_limit_bytes);
    else if ((value = environment_value_of(word, "stack-depth")))
        options->image.stack_depth =
            (uint32_t)parse_number(value, AGENT_STACK_LIMIT, options->image.stack_depth);
    else if (strcmp(word, "mappings") == 0)
        options->image.mappings = true;
    else if (strcmp(word, "python") == 0)
        options->image.python = true;
    else if (strcmp(word, "asks") == 0)
        options->image.asks = true;
    else if (strcmp(word, "within") == 0)
        options->image.within = true;
    else if (strcmp(word, "functions") == 0)
        options->functions = true;
    else if (strcmp(word, "unannounced") == 0)
        options->unannounced = true;
}

static void environment_parse(char *words, struct environment_options *options) {
    for (char *word; (word = strsep(&words, ","));)
        parse_word(word, options);
}

/* Takes one path out of a list. */
static void remove_path(char *list, const char *path) {
    size_t length = strlen(path), size_bytes = strlen(list);
    for (char *item = list; *item;) {
        size_t item_length = strcspn(item, SEPARATORS);
        char *next = item + item_length + strspn(item + item_length, SEPARATORS);
        if (item_length == length && memcmp(item, path, length) == 0)
            memmove(item, next, strlen(next) + 1);
        else
            item = next;
    }
    size_t left = strlen(list);
    while (left > 0 && strchr(SEPARATORS, list[left - 1]))
        left--;
    memset(list + left, 0, size_bytes - left);
}

/* True: the variable is gone. */
static bool hide_preload(void) {
    char **variable = environment_find(PRELOAD);
    const char *path = loaded_symbols_own_path();
    if (!variable || !path)
        return false;
    size_t length = strlen(*variable);
    char *list = environment_value_of(*variable, PRELOAD);
    remove_path(list, path);
    if (*list)
        return false;
    remove_variable(variable, length);
    return true;
}

void environment_begin(char **given) {
    variables = given;
}

bool environment_is_known(void) {
    return variables != NULL;
}

bool environment_has_options(void) {
    return environment_find(AGENT_ENVIRONMENT) != NULL;
}

void environment_take(struct environment_options *ret) {
    size_t removed = 0;
    *ret = (struct environment_options){.image = IMAGE_DEFAULTS};
    char **variable = environment_find(AGENT_ENVIRONMENT);
    if (variable) {
        size_t length = strlen(*variable);
        environment_parse(environment_value_of(*variable, AGENT_ENVIRONMENT), ret);
        remove_variable(variable, length);
        removed++;
    }
    removed += hide_preload();
    environment_close_gap(removed);
}
