#include "profile/charge.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "names/allocator_names.h"
#include "names/library_names.h"
#include "names/path_names.h"
#include "support/map.h"
#include "support/memory.h"
#include "support/text.h"

struct charge {
    struct charge_source source;
    struct charge_settings none; /* what is said when nothing is */
    char program[PATH_MAX];      /* folder of the executable, or "" */
    char working[PATH_MAX];      /* the debugger's working directory, or "" */
    struct map kinds;            /* address of a symbol to its kind */
    struct text place;           /* "FUNCTION at FULL/PATH" of the symbol that is judged */
};

static void find_folders(struct charge *charge) {
    const char *executable = charge->source.executable;
    const char *slash = executable ? strrchr(executable, '/') : NULL;
    if (slash && (size_t)(slash - executable) < sizeof charge->program)
        memcpy(charge->program, executable, (size_t)(slash - executable));
    if (!getcwd(charge->working, sizeof charge->working))
        charge->working[0] = '\0';
}

int charge_create(const struct charge_source *source, struct charge **ret) {
    struct charge *charge = memory_allocate_zeroed(1, sizeof *charge);
    if (!charge)
        return TMPALLOC_E_NOMEM;
    charge->source = *source;
    if (!source->settings)
        charge->source.settings = &charge->none;
    map_init(&charge->kinds);
    text_init(&charge->place);
    find_folders(charge);
    *ret = charge;
    return TMPALLOC_OK;
}

void charge_destroy(struct charge *charge) {
    if (!charge)
        return;
    map_deinit(&charge->kinds);
    text_deinit(&charge->place);
    memory_release(charge);
}

/* Kinds. */

static bool is_signal_return(const char *function) {
    return function && (strcmp(function, "__restore_rt") == 0 ||
                        strcmp(function, "__kernel_rt_sigreturn") == 0);
}

static bool is_symbol_of_executable(const struct charge *charge, const struct symbol *symbol) {
    const char *executable = charge->source.executable;
    return executable && symbol->module && strcmp(symbol->module, executable) == 0;
}

static bool is_library(const struct charge *charge, const struct symbol *symbol) {
    if (symbol->python)
        return false;
    if (symbol->module && library_names_have_module(symbol->module))
        return true;
    if (symbol->file)
        return library_names_have_file(symbol->file);
    return library_names_have_function(symbol->function) ||
           (is_symbol_of_executable(charge, symbol) &&
            library_names_have_c_function(symbol->function));
}

static bool is_said(const struct charge *charge, const struct charge_pattern *pattern,
                    const struct symbol *symbol) {
    return charge_pattern_matches(pattern, text_get(&charge->place), symbol->module);
}

/* Beneath a folder of the program's.  One that holds the system's tells nothing. */
static bool is_beneath(const char *path, const char *folder) {
    return !path_names_hold_system(folder) && path_names_beneath(path, folder);
}

static bool is_of_program_folder(const struct charge *charge, const char *file) {
    if (is_beneath(file, charge->program) || is_beneath(file, charge->working))
        return true;
    const char *const *directory = charge->source.directories;
    while (directory && *directory && !is_beneath(file, *directory))
        directory++;
    return directory && *directory;
}

/* Without what the user has said. */
static bool is_own_symbol(const struct charge *charge, const struct symbol *symbol) {
    if (path_names_have_package(symbol->file) || path_names_have_package(symbol->module))
        return false;
    if (symbol->file && is_of_program_folder(charge, symbol->file))
        return true;
    if (path_names_of_system(symbol->file))
        return false;
    if (is_symbol_of_executable(charge, symbol) || symbol->python)
        return true;
    return symbol->module && !path_names_of_system(symbol->module);
}

static enum charge_kind judge_caller(const struct charge *charge, const struct symbol *symbol) {
    const struct charge_settings *settings = charge->source.settings;
    if (is_said(charge, &settings->own, symbol))
        return CHARGE_OWN;
    if (is_said(charge, &settings->foreign, symbol) ||
        charge_settings_skip(settings, symbol->function, symbol->file, symbol->module))
        return CHARGE_FOREIGN;
    return is_own_symbol(charge, symbol) ? CHARGE_OWN : CHARGE_FOREIGN;
}

static void compose_place(struct charge *charge, const struct symbol *symbol) {
    text_clear(&charge->place);
    text_append(&charge->place, symbol->function ? symbol->function : "");
    if (symbol->file)
        text_printf(&charge->place, " at %s", symbol->file);
}

static enum charge_kind charge_judge(struct charge *charge, const struct symbol *symbol) {
    bool known = charge->source.incomplete || symbol->function || symbol->file || symbol->module;
    if (!known || is_signal_return(symbol->function))
        return CHARGE_NONE;
    compose_place(charge, symbol);
    if (!symbol->python && (allocator_names_contain(symbol->function) ||
                            is_said(charge, &charge->source.settings->wrapper, symbol)))
        return CHARGE_ALLOCATOR;
    return is_library(charge, symbol) ? CHARGE_LIBRARY : judge_caller(charge, symbol);
}

enum charge_kind charge_kind(struct charge *charge, const struct symbol *symbol) {
    uint64_t key = (uint64_t)(uintptr_t)symbol, known;
    if (map_get(&charge->kinds, key, &known))
        return (enum charge_kind)known;
    enum charge_kind kind = charge_judge(charge, symbol);
    map_put(&charge->kinds, key, kind); /* without memory it is judged again */
    return kind;
}

const char *charge_kind_name(enum charge_kind kind) {
    static const char *const names[] = {NULL, "allocator", "library", "foreign", "own"};
    return names[kind];
}
