#include "agent/system/c_library.h"

#include <stdatomic.h>
#include <string.h>

#include "agent/system/loaded_file.h"
#include "agent/x86_64/linker_name.h"

/* glibc's files, in the order in which they are asked. */
static const char *const file_names[] = {"libc.so.6", "libpthread.so.0", LINKER_NAME};

enum {
#define NUMBER(type, name, ...) NUMBER_##name,
    C_LIBRARY_FOR_EACH(NUMBER) FUNCTION_COUNT
};

#define NAME(type, name, ...) #name,
static const char *const names[] = {C_LIBRARY_FOR_EACH(NAME)};

static uintptr_t functions[FUNCTION_COUNT];
static atomic_bool searched;

/* What the dynamic linker maintains for debuggers: the files that came with the program stay at the
 * front of the list and are never unloaded. */
static bool c_library_find_file(const char *name, struct loaded_file *ret) {
    for (const struct link_map *file = _r_debug.r_map; file; file = file->l_next) {
        loaded_file_read_dynamic(file->l_addr, file->l_ld, ret);
        if (ret->name_off && strcmp(ret->strings + ret->name_off, name) == 0)
            return true;
    }
    return false;
}

static void c_library_search_file(const struct loaded_file *file) {
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if (!functions[i])
            functions[i] = loaded_file_find(file, names[i]);
    }
}

/* More than one thread may search; they find the same. */
static void c_library_search(void) {
    struct loaded_file file;
    if (atomic_load_explicit(&searched, memory_order_acquire))
        return;
    for (size_t i = 0; i < sizeof file_names / sizeof file_names[0]; i++) {
        if (c_library_find_file(file_names[i], &file))
            c_library_search_file(&file);
    }
    atomic_store_explicit(&searched, true, memory_order_release);
}

/* Vector instructions of the library want an aligned stack. */
#define CALL(type, name, parameters, arguments)                                                    \
    __attribute__((noinline, force_align_arg_pointer)) type c_library_##name parameters {          \
        c_library_search();                                                                        \
        return ((__typeof__(&c_library_##name))functions[NUMBER_##name])arguments;                 \
    }

C_LIBRARY_FOR_EACH(CALL)

bool c_library_is_known(void) {
    c_library_search();
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if (!functions[i] && i != NUMBER__dl_find_object)
            return false;
    }
    return true;
}

bool c_library_has_find_object(void) {
    c_library_search();
    return functions[NUMBER__dl_find_object] != 0;
}

uintptr_t c_library_address(void) {
    c_library_search();
    return functions[NUMBER___errno_location];
}
