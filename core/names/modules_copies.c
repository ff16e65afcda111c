/* Functions that a user named, with the copies that compilers made of them. */
#include <string.h>

#include "names/demangle.h"
#include "names/modules.h"

/* The least of what a name's words make it counts. */
enum copy_kind {
    COPY_NONE,
    COPY_COLD,    /* what the function jumps to */
    COPY_PART,    /* of the function: its entry isn't the function's */
    COPY_CHANGED, /* arguments may have gone, or be elsewhere */
    COPY_EQUAL
};

/* What compilers append to a symbol's name, each word after a dot. */
struct clone_word {
    const char *word;
    enum copy_kind kind;
    bool prefix; /* more may follow it */
};

static const struct clone_word clone_words[] = {
    {"constprop", COPY_CHANGED, false}, {"isra", COPY_CHANGED, false},
    {"part", COPY_PART, false},         {"cold", COPY_COLD, false},
    {"lto_priv", COPY_EQUAL, false},    {"llvm", COPY_EQUAL, false},
    {"clone", COPY_EQUAL, false},       {"localalias", COPY_EQUAL, false},
    {"default", COPY_EQUAL, false}, /* the rest are made for processors */
    {"avx", COPY_EQUAL, true},          {"sse", COPY_EQUAL, true},
    {"arch_", COPY_EQUAL, true},
};

static const struct clone_word *find_word(const char *word, size_t length) {
    for (size_t i = 0; i < sizeof clone_words / sizeof clone_words[0]; i++) {
        const struct clone_word *known = &clone_words[i];
        size_t known_length = strlen(known->word);
        if ((known->prefix ? length >= known_length : length == known_length) &&
            strncmp(word, known->word, known_length) == 0)
            return known;
    }
    return NULL;
}

static bool is_copy_number(const char *word, size_t length) {
    return length > 0 && strspn(word, "0123456789") >= length;
}

/* What a name stands for by what follows the function's. */
static enum copy_kind modules_copies_kind_of(const char *suffix) {
    enum copy_kind kind = COPY_EQUAL;
    while (*suffix == '.') {
        const char *word = suffix + 1;
        size_t length = strcspn(word, ".");
        const struct clone_word *known = find_word(word, length);
        if (!known && !is_copy_number(word, length))
            return COPY_NONE;
        if (known && known->kind < kind)
            kind = known->kind;
        suffix = word + length;
    }
    return *suffix == '\0' ? kind : COPY_NONE;
}

struct search {
    const char *name;
    bool demangled; /* the name is to be compared with demangled ones */
    struct user_functions *found;
    uint32_t module;
    struct modules *modules;
};

/* Of local functions with one name none is meant more likely; a global one is. */
static bool is_superseded(const struct user_functions *found, const struct user_function *added) {
    for (size_t i = 0; i < found->count; i++) {
        const struct user_function *item = &found->items[i];
        if (item->symbol.address == added->symbol.address ||
            (!item->copy && !item->local && !added->copy))
            return true;
    }
    return false;
}

static void remove_superseded(struct user_functions *found, const struct user_function *added) {
    size_t kept = 0;
    for (size_t i = 0; i < found->count; i++) {
        if (found->items[i].copy || added->copy || added->local)
            found->items[kept++] = found->items[i];
    }
    found->count = kept;
}

static void modules_copies_add(struct user_functions *found, const struct user_function *added) {
    if (is_superseded(found, added))
        return;
    remove_superseded(found, added);
    if (found->count == USER_FUNCTIONS)
        found->cut = true;
    else
        found->items[found->count++] = *added;
}

static bool modules_copies_matches(const struct search *search, const char *name) {
    return search->demangled ? demangle_matches(name, search->name)
                             : strcmp(name, search->name) == 0;
}

static enum copy_kind find_kind(const struct search *search, const char *name) {
    char base[1024];
    const char *suffix = name[0] ? strchr(name + 1, '.') : NULL;
    size_t length = suffix ? (size_t)(suffix - name) : 0;
    enum copy_kind kind =
        suffix && length < sizeof base ? modules_copies_kind_of(suffix) : COPY_NONE;
    if (kind == COPY_NONE)
        return kind;
    memcpy(base, name, length);
    base[length] = '\0';
    return modules_copies_matches(search, base) ? kind : COPY_NONE;
}

static bool modules_copies_visit(void *arg, const char *name, const GElf_Sym *symbol) {
    struct search *search = arg;
    struct frame frame = {.module = search->module, .offset = symbol->st_value};
    struct user_function function = {.symbol = {.name = name,
                                                .size_bytes = symbol->st_size,
                                                .module = search->module,
                                                .indirect = function_symbols_is_indirect(symbol)},
                                     .local = GELF_ST_BIND(symbol->st_info) == STB_LOCAL};
    if (!function_symbols_is_function(symbol))
        return true;
    enum copy_kind kind = find_kind(search, name);
    if (kind == COPY_PART)
        search->found->parted_in = search->module;
    if (kind == COPY_COLD || kind == COPY_PART ||
        (kind == COPY_NONE && !modules_copies_matches(search, name)))
        return true;
    function.copy = kind != COPY_NONE;
    function.changed = kind == COPY_CHANGED;
    function.symbol.address = modules_address(search->modules, &frame);
    modules_copies_add(search->found, &function);
    return true;
}

/* Where a compiler made copies for processors, the function itself leads to one of them. */
static void remove_indirect(struct user_functions *found) {
    size_t direct = 0;
    for (size_t i = 0; i < found->count; i++) {
        if (!found->items[i].symbol.indirect)
            found->items[direct++] = found->items[i];
    }
    if (direct > 0)
        found->count = direct;
}

static void find_in(struct modules *modules, uint32_t module, const char *name, bool demangled,
                    struct user_functions *ret) {
    struct search search = {
        .name = name, .demangled = demangled, .found = ret, .module = module, .modules = modules};
    struct user_function exported = {.copy = false};
    Dwfl_Module *file = modules_dwfl(modules, module);
    if (!demangled && modules_find_function(modules, module, name, true, &exported.symbol))
        modules_copies_add(ret, &exported);
    if (file)
        function_symbols_for_each(file, modules_copies_visit, &search);
    remove_indirect(ret);
}

bool modules_find_user_functions(struct modules *modules, const char *name,
                                 struct user_functions *ret) {
    size_t count = modules_loaded_count(modules);
    *ret = (struct user_functions){.parted_in = FRAME_NO_MODULE};
    for (int demangled = 0; demangled <= 1; demangled++) {
        for (size_t i = 0; i < count; i++) {
            find_in(modules, modules_loaded(modules, i), name, demangled, ret);
            if (ret->count > 0)
                return true;
        }
    }
    return false;
}
