/* Prints the kind of each frame that standard input describes, "FUNCTION|FILE|MODULE" ("-":
 * unknown; a fourth field: a Python function); the status is 1 when memory leaked.
 *
 *     frame_kinds EXECUTABLE [SETTING VALUE | directory PATH | SKIP VALUE]...
 *
 * SKIP is function, file, glob, step (a regular expression) or library. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/charge.h"
#include "support/memory.h"

static const char *field(char **rest) {
    const char *text = strsep(rest, "|");
    return text && strcmp(text, "-") != 0 ? text : NULL;
}

static void print_kinds(struct charge *charge) {
    static char lines[1 << 16];
    static struct symbol symbols[512];
    size_t length = fread(lines, 1, sizeof lines - 1, stdin);
    char *line = lines, *next;
    lines[length] = '\0';
    for (size_t i = 0; *line && i < 512; i++, line = next) {
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = '\0';
        symbols[i] =
            (struct symbol){.function = field(&line), .file = field(&line), .module = field(&line)};
        symbols[i].python = line != NULL;
        const char *kind = charge_kind_name(charge_kind(charge, &symbols[i]));
        puts(kind ? kind : "none");
    }
}

/* What a debugger steps over, by the way in which it says so. */
static int add_skip(struct charge_settings *settings, const char *kind, char *value) {
    struct charge_skip skip = {.expression = strcmp(kind, "step") == 0,
                               .glob = strcmp(kind, "glob") == 0};
    if (strcmp(kind, "library") == 0)
        skip.library = value;
    else if (skip.glob || strcmp(kind, "file") == 0)
        skip.file = value;
    else
        skip.function = value;
    return charge_settings_add_skip(settings, &skip);
}

static int set(struct charge_settings *settings, const char *name, char *value) {
    struct error error = {""};
    static const char *const skips[] = {"function", "file", "glob", "step", "library"};
    for (size_t i = 0; i < sizeof skips / sizeof *skips; i++) {
        if (strcmp(name, skips[i]) == 0)
            return add_skip(settings, name, value);
    }
    int status = charge_settings_set(settings, name, value, &error);
    if (status != TMPALLOC_OK)
        puts(error.text);
    return status;
}

int main(int argc, char **argv) {
    struct charge_settings settings = {0};
    const char *directories[] = {NULL, NULL};
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "directory") == 0)
            directories[0] = argv[i + 1];
        else
            set(&settings, argv[i], argv[i + 1]);
    }
    const struct charge_source source = {
        .settings = &settings, .executable = argv[1], .directories = directories};
    struct charge *charge;
    if (charge_create(&source, &charge) != TMPALLOC_OK)
        return 2;
    print_kinds(charge);
    charge_destroy(charge);
    charge_settings_deinit(&settings);
    return memory_in_use() != 0;
}
