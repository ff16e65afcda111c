/* Symbols of loaded files by their definitions.  (What dlsym() finds may be the entry in the
 * procedure linkage table of an executable that takes the function's address.)  Takes ld.so's lock
 * and allocates nothing. */
#ifndef TMPALLOC_LOADED_SYMBOLS_H
#define TMPALLOC_LOADED_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which of a name's definitions, in the order of loading: files loaded with the program are bound
 * to the first.  The dynamic linker's never counts. */
enum loaded_symbols_choice {
    LOADED_FIRST,
    LOADED_FIRST_OF_OTHERS, /* without this library */
    LOADED_NEXT             /* after this library */
};

/* Where it is, or for an indirect function where it leads; 0: there is none. */
uintptr_t loaded_symbols_find(const char *name, enum loaded_symbols_choice choice);

/* Whether the file that this address is in defines a symbol of that name. */
bool loaded_symbols_define(uintptr_t address, const char *name);

/* Whether both addresses are in one file; whether this one is in the executable. */
bool loaded_symbols_share_file(uintptr_t one, uintptr_t other);
bool loaded_symbols_in_executable(uintptr_t address);

/* The symbol that this address is in: where it begins, and its size, 0: there is none. */
size_t loaded_symbols_bounds(uintptr_t address, uintptr_t *start_ret);

/* Takes this library's own symbol of that name away: nobody is bound to it from now on. */
void loaded_symbols_hide(const char *name);

/* What this library was loaded by; NULL: it isn't known. */
const char *loaded_symbols_own_path(void);

/* The segment that this address is in; *size_bytes_ret is 0 where there is none. */
void loaded_symbols_segment(uintptr_t address, uintptr_t *start_ret, uintptr_t *size_bytes_ret);

#endif
