#include "profile/profile_symbols.h"

#include <string.h>

#include "support/hash.h"

struct interned_string {
    struct interned_string *next; /* with the same hash */
    char text[];
};

struct interned_symbol {
    struct interned_symbol *next;
    struct symbol symbol;
};

void profile_symbols_init(struct profile_symbols *symbols, struct arena *storage) {
    *symbols = (struct profile_symbols){.storage = storage};
    map_init(&symbols->strings);
    map_init(&symbols->symbols);
}

void profile_symbols_deinit(struct profile_symbols *symbols) {
    map_deinit(&symbols->strings);
    map_deinit(&symbols->symbols);
}

const char *profile_symbols_string(struct profile_symbols *symbols, const char *string) {
    uint64_t hash = hash_string(0, string), found = 0;
    map_get(&symbols->strings, hash, &found);
    struct interned_string *first = (struct interned_string *)(uintptr_t)found;
    for (struct interned_string *known = first; known; known = known->next) {
        if (strcmp(known->text, string) == 0)
            return known->text;
    }
    size_t size = strlen(string) + 1;
    struct interned_string *added = arena_allocate(symbols->storage, 1, sizeof *added + size);
    if (!added || map_put(&symbols->strings, hash, (uintptr_t)added) != 0)
        return NULL;
    added->next = first;
    return memcpy(added->text, string, size);
}

/* Of a symbol whose strings are interned: they are equal when they are the same. */
static uint64_t profile_symbols_hash_symbol(const struct symbol *symbol) {
    uint64_t hash = map_hash(symbol->address + symbol->line);
    hash = map_hash(hash ^ symbol->offset);
    hash = map_hash(hash ^ (uintptr_t)symbol->function);
    return map_hash(hash ^ (uintptr_t)symbol->file ^ symbol->inlined);
}

static bool profile_symbols_same_symbol(const struct symbol *a, const struct symbol *b) {
    return a->address == b->address && a->offset == b->offset && a->function == b->function &&
           a->file == b->file && a->module == b->module && a->build_id == b->build_id &&
           a->line == b->line && a->inlined == b->inlined && a->python == b->python;
}

static bool intern_strings(struct profile_symbols *symbols, struct symbol *symbol) {
    const char **strings[] = {&symbol->function, &symbol->file, &symbol->module, &symbol->build_id};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        if (*strings[i] && !(*strings[i] = profile_symbols_string(symbols, *strings[i])))
            return false;
    }
    return true;
}

const struct symbol *profile_symbols_intern(struct profile_symbols *symbols,
                                            const struct symbol *symbol) {
    struct symbol wanted = *symbol;
    if (!intern_strings(symbols, &wanted))
        return NULL;
    uint64_t hash = profile_symbols_hash_symbol(&wanted), found = 0;
    map_get(&symbols->symbols, hash, &found);
    struct interned_symbol *first = (struct interned_symbol *)(uintptr_t)found;
    for (struct interned_symbol *known = first; known; known = known->next) {
        if (profile_symbols_same_symbol(&known->symbol, &wanted))
            return &known->symbol;
    }
    struct interned_symbol *added = arena_allocate(symbols->storage, 1, sizeof *added);
    if (!added || map_put(&symbols->symbols, hash, (uintptr_t)added) != 0)
        return NULL;
    *added = (struct interned_symbol){first, wanted};
    return &added->symbol;
}
