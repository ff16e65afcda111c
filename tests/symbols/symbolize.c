/* Prints what the core knows about addresses and functions of a file, as JSON.
 *
 * symbolize [-d DIRECTORIES] FILE at ADDRESS...    the activations at link-time addresses
 * symbolize [-d DIRECTORIES] FILE calls ADDRESS... the same for return addresses
 * symbolize [-d DIRECTORIES] FILE find NAME...     functions by name (user's notation)
 * symbolize [-d DIRECTORIES] FILE exported NAME... functions by name (dynamic symbol table)
 * symbolize [-d DIRECTORIES] FILE replaced-by OTHER ADDRESS...  as `at`, after the file changed */
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../core/elf_file.h"
#include "../../core/symbolizer.h"

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

static json_t *find_all(struct modules *modules, char **names, bool exported_only) {
    json_t *array = json_array();
    for (; *names; names++) {
        struct module_symbol symbol;
        bool found = exported_only ? modules_find_function(modules, 0, *names, true, &symbol)
                                   : modules_find_user_function(modules, *names, &symbol);
        json_t *item = found ? json_pack("{s:s, s:I, s:I, s:b}", "name", symbol.name, "address",
                                         (json_int_t)symbol.address, "size",
                                         (json_int_t)symbol.size_bytes, "exported", symbol.exported)
                             : json_null();
        json_array_append_new(array, item);
    }
    return array;
}

static void load(struct modules *modules, const char *path) {
    struct elf_facts facts;
    struct error error;
    int fd = elf_file_open(path);
    if (fd < 0 || !elf_file_facts(fd, &facts)) {
        fprintf(stderr, "%s is no ELF file\n", path);
        exit(1);
    }
    close(fd);
    struct tmpalloc_module loaded = {
        .path = path, .text_address = facts.text_address + (facts.relocatable ? BIAS : 0)};
    check(modules_update(modules, &loaded, 1, NULL, &error));
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
    json_dumpf(answer, stdout, JSON_INDENT(1));
    json_decref(answer);
    modules_destroy(modules);
    return 0;
}
