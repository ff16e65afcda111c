/* Functions in ELF symbol tables: by name, and by the addresses that they cover. */
#ifndef TMPALLOC_FUNCTION_SYMBOLS_H
#define TMPALLOC_FUNCTION_SYMBOLS_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/intervals.h"

/* Whether a symbol is a function; an indirect one has a resolver's address. */
bool function_symbols_is_function(const GElf_Sym *symbol);
bool function_symbols_is_indirect(const GElf_Sym *symbol);

/* Looks a defined symbol of a type (STT_FUNC, indirect functions included, or STT_OBJECT) up in a
 * file's dynamic symbol table; the default version is preferred. */
bool function_symbols_find_exported(Elf *elf, const char *name, int type, GElf_Sym *ret);

/* Calls visit for each function defined in the file's full symbol table (.symtab of the file or of
 * its separate debug file, else the dynamic symbol table) until it returns false.  The symbol's
 * value is a link-time address. */
typedef bool (*function_symbols_visit)(void *arg, const char *name, const GElf_Sym *symbol);
void function_symbols_for_each(Dwfl_Module *module, function_symbols_visit visit, void *arg);

/* The address ranges of all functions with a size.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int function_symbols_load(Dwfl_Module *module, struct intervals *ret);
/* The symbol name of the innermost function that covers a link-time address; NULL: none does.
 * *start_ret (may be NULL) is where the function begins. */
const char *function_symbols_covering(const struct intervals *symbols, uint64_t address,
                                      uint64_t *start_ret);

#endif
