/* Prints what the core knows about addresses and functions of a file, as JSON.
 *
 * symbolize [-d DIRECTORIES] FILE at ADDRESS...    the activations at link-time addresses
 * symbolize [-d DIRECTORIES] FILE calls ADDRESS... the same for return addresses
 * symbolize [-d DIRECTORIES] FILE find NAME...     functions by name (user's notation)
 * symbolize [-d DIRECTORIES] FILE exported NAME... functions by name (dynamic symbol table)
 * symbolize [-d DIRECTORIES] FILE failing ADDRESS NAME   how many allocations failed, one after the
 *     other, until both were found
 * symbolize [-d DIRECTORIES] FILE replaced-by OTHER ADDRESS...  as `at`, after the file changed */
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "names/elf_file.h"
#include "names/symbolizer.h"
#include "support/memory.h"

/* Where a file that can be anywhere is placed. */
#define BIAS 0x7f0000000000

static void check(int status) {
    if (status == TMPALLOC_OK)
        return;
    fprintf(stderr, "status %d\n", status);
    exit(1);
}

static json_t *text(const char *string) {
    return string ? json_string(string) : json_null();
}

static json_t *describe(const struct symbol *symbol) {
    return json_pack("{s:o, s:o, s:i, s:b, s:I, s:I}", "function", text(symbol->function), "file",
                     text(symbol->file), "line", (int)symbol->line, "inlined", symbol->inlined,
                     "offset", (json_int_t)symbol->offset, "address", (json_int_t)symbol->address);
}

static json_t *resolve(struct symbolizer *symbolizer, const struct frame *frame) {
    const struct symbol *symbols;
    size_t count;
    json_t *array = json_array();
    check(symbolizer_resolve(symbolizer, frame, &symbols, &count));
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, describe(&symbols[i]));
    return array;
}

static json_t *resolve_all(struct modules *modules, char **addresses, bool exact) {
    struct symbolizer *symbolizer;
    json_t *array = json_array();
    check(symbolizer_create(modules, &symbolizer));
    for (; *addresses; addresses++) {
        struct frame frame = {.offset = strtoull(*addresses, NULL, 16), .exact = exact};
        json_array_append_new(array, resolve(symbolizer, &frame));
    }
    symbolizer_destroy(symbolizer);
    return array;
}

static bool find_user_function(struct modules *modules, const char *name,
                               struct module_symbol *ret) {
    struct user_functions found;
    if (!modules_find_user_functions(modules, name, &found))
        return false;
    *ret = found.items[0].symbol;
    ret->name = name;
    return true;
}

static json_t *find_all(struct modules *modules, char **names, bool exported_only) {
    json_t *array = json_array();
    for (; *names; names++) {
        struct module_symbol symbol;
        bool found = exported_only ? modules_find_function(modules, 0, *names, true, &symbol)
                                   : find_user_function(modules, *names, &symbol);
        json_t *item = found ? json_pack("{s:s, s:I, s:I, s:b}", "name", symbol.name, "address",
                                         (json_int_t)symbol.address, "size",
                                         (json_int_t)symbol.size_bytes, "exported", symbol.exported)
                             : json_null();
        json_array_append_new(array, item);
    }
    return array;
}

static struct loaded_file locate(const char *path) {
    struct elf_facts facts;
    int fd = elf_file_open(path);
    if (fd < 0 || !elf_file_facts(fd, &facts)) {
        fprintf(stderr, "%s is no ELF file\n", path);
        exit(1);
    }
    close(fd);
    return (struct loaded_file){
        .path = path, .text_address = facts.text_address + (facts.relocatable ? BIAS : 0)};
}

static void load(struct modules *modules, const char *path) {
    struct loaded_file loaded = locate(path);
    check(modules_update(modules, &loaded, 1, NULL, NULL));
}

/* Everything from nothing; the status of the first thing that fails. */
static int find_both(const struct loaded_file *loaded, uint64_t address, const char *name,
                     bool *ret) {
    const struct symbol *symbols;
    struct module_symbol found;
    size_t count;
    struct frame frame = {.offset = address, .exact = true};
    struct modules *modules = NULL;
    struct symbolizer *symbolizer = NULL;
    int status = modules_create(&modules);
    if (status == TMPALLOC_OK)
        status = modules_update(modules, loaded, 1, NULL, NULL);
    if (status == TMPALLOC_OK)
        status = symbolizer_create(modules, &symbolizer);
    if (status == TMPALLOC_OK)
        status = symbolizer_resolve(symbolizer, &frame, &symbols, &count);
    if (status == TMPALLOC_OK)
        *ret = symbols[count - 1].function && strcmp(symbols[count - 1].function, name) == 0 &&
               find_user_function(modules, name, &found);
    symbolizer_destroy(symbolizer);
    modules_destroy(modules);
    return status;
}

/* Null when a failed allocation shows otherwise than as TMPALLOC_E_NOMEM. */
static json_t *fail_each(const char *path, char **arguments) {
    struct loaded_file loaded = locate(path);
    uint64_t address = strtoull(arguments[0], NULL, 16);
    int status = TMPALLOC_E_NOMEM;
    bool found = false;
    int failures = 0;
    while (status == TMPALLOC_E_NOMEM) {
        memory_fail_after((uint64_t)failures++ + 1);
        status = find_both(&loaded, address, arguments[1], &found);
        memory_fail_after(0);
    }
    return status == TMPALLOC_OK && found ? json_integer(failures - 1) : json_null();
}

static json_t *run(struct modules *modules, const char *path, char **arguments) {
    load(modules, path);
    const char *verb = arguments[0];
    if (strcmp(verb, "at") == 0)
        return resolve_all(modules, arguments + 1, true);
    if (strcmp(verb, "calls") == 0)
        return resolve_all(modules, arguments + 1, false);
    if (strcmp(verb, "find") == 0)
        return find_all(modules, arguments + 1, false);
    if (strcmp(verb, "exported") == 0)
        return find_all(modules, arguments + 1, true);
    if (strcmp(verb, "failing") == 0)
        return fail_each(path, arguments + 1);
    if (strcmp(verb, "replaced-by") == 0 && rename(arguments[1], path) == 0)
        return resolve_all(modules, arguments + 2, true);
    return json_null();
}

int main(int argc, char **argv) {
    struct modules *modules;
    char **arguments = argv + 1;
    check(modules_create(&modules));
    if (argc > 2 && strcmp(arguments[0], "-d") == 0) {
        check(modules_set_debug_directories(modules, arguments[1]));
        arguments += 2;
    }
    if (!arguments[0] || !arguments[1])
        return 2;
    json_t *answer = run(modules, arguments[0], arguments + 1);
    json_dumpf(answer, stdout, JSON_INDENT(1) | JSON_ENCODE_ANY);
    json_decref(answer);
    modules_destroy(modules);
    return memory_in_use() == 0 ? 0 : 1;
}
