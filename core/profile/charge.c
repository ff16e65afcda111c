#include "profile/charge.h"

#include <string.h>

#include "names/allocator_names.h"
#include "names/library_names.h"

static bool is_signal_return(const char *function) {
    return function && (strcmp(function, "__restore_rt") == 0 ||
                        strcmp(function, "__kernel_rt_sigreturn") == 0);
}

static bool is_part_of(const struct symbol *symbol, const char *executable) {
    return executable && symbol->module && strcmp(symbol->module, executable) == 0;
}

static bool is_library(const struct symbol *symbol, const char *executable) {
    if (symbol->module && library_names_have_module(symbol->module))
        return true;
    if (symbol->file)
        return library_names_have_file(symbol->file);
    return library_names_have_function(symbol->function) ||
           (is_part_of(symbol, executable) && library_names_have_c_function(symbol->function));
}

enum charge_kind charge_kind_of(const struct symbol *symbol, const char *executable,
                                bool incomplete) {
    bool known = incomplete || symbol->function || symbol->file || symbol->module;
    if (symbol->python)
        return CHARGE_PYTHON;
    if (!known || is_signal_return(symbol->function) || allocator_names_contain(symbol->function))
        return CHARGE_NONE;
    return is_library(symbol, executable) ? CHARGE_LIBRARY : CHARGE_CALLER;
}
