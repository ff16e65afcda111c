#include "names/allocator_names.h"

#include <string.h>

#include "names/name_lists.h"
#include "platform/c_libraries.h"
#include "tmpalloc/allocator_functions.h"

static bool is_malloc_family(const char *name) {
#define NAME(kind, name, ...) #name,
    static const char *const family[] = {FOR_EACH_C_FUNCTION(NAME) "cfree", NULL};
#undef NAME
    return name_is_one_of(name, family);
}

/* Aliases inside the C library: a symbolizer may pick any name of an address. */
static bool is_libc_allocator(const char *name) {
    const char *const *prefixes = c_libraries_usual()->allocator_prefixes;
    if (is_malloc_family(name))
        return true;
    for (; *prefixes; prefixes++) {
        const char *rest = name_skip_prefix(name, *prefixes);
        if (rest && is_malloc_family(rest))
            return true;
    }
    return false;
}

static bool is_replacement_allocator(const char *name) {
    static const char *const own_names[] = {
        "je_mallocx",
        "je_rallocx",
        "je_xallocx",
        "je_dallocx",
        "je_sdallocx",
        "tc_cfree",
        "tc_new",
        "tc_new_nothrow",
        "tc_newarray",
        "tc_newarray_nothrow",
        "tc_new_aligned",
        "tc_newarray_aligned",
        "tc_delete",
        "tc_delete_nothrow",
        "tc_deletearray",
        "tc_deletearray_nothrow",
        "tc_delete_sized",
        "tc_deletearray_sized",
        "tc_delete_aligned",
        "mi_new",
        "mi_new_nothrow",
        "mi_new_aligned",
        "mi_new_n",
        "mi_new_realloc",
        "mi_new_reallocn",
        "mi_malloc_small",
        "mi_malloc_aligned",
        "mi_malloc_aligned_at",
        "mi_zalloc",
        "mi_zalloc_small",
        "mi_zalloc_aligned",
        "mi_mallocn",
        "mi_reallocn",
        "mi_reallocf",
        "mi_calloc_aligned",
        "mi_realloc_aligned",
        "mi_free_size",
        "mi_free_size_aligned",
        "mi_free_aligned",
        NULL,
    };
    static const char *const prefixes[] = {"je_", "tc_", "mi_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        const char *rest = name_skip_prefix(name, prefixes[i]);
        if (rest && is_malloc_family(rest))
            return true;
    }
    return name_is_one_of(name, own_names);
}

/* What may follow the word for it to be the whole name: "operator new[]", "operator new(". */
static bool ends_operator(const char *rest) {
    return *rest == '\0' || *rest == '[' || *rest == '(' || *rest == ' ';
}

static bool is_cxx_operator(const char *name) {
    const char *rest = name_skip_prefix(name, "operator new");
    if (!rest)
        rest = name_skip_prefix(name, "operator delete");
    return rest && ends_operator(rest);
}

/* A member of one of the class templates, in libstdc++ or in libc++'s inline namespace. */
static bool is_standard_allocator(const char *name) {
    static const char *const classes[] = {"std::allocator",       "std::allocator_traits",
                                          "std::__new_allocator", "__gnu_cxx::new_allocator",
                                          "std::__1::allocator",  "std::__1::allocator_traits"};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        const char *rest = name_skip_prefix(name, classes[i]);
        if (rest && (*rest == '<' || *rest == ':'))
            return true;
    }
    return false;
}

/* What programs and libraries call instead of the malloc family; a star stands for any end. */
static bool is_wrapper(const char *name) {
    static const char *const names[] = {
        "xmalloc",
        "xcalloc",
        "xrealloc",
        "xstrdup",
        "xmemdup",
        "do_xmalloc",
        "xmallocz*",
        "xmemdupz",
        "xstrndup",
        "xnmalloc",
        "xzalloc",
        "xnrealloc",
        "xreallocarray",
        "ximalloc",
        "xirealloc",
        "x2realloc",
        "x2nrealloc",
        "xpalloc",
        "g_malloc*",
        "g_realloc*",
        "g_try_*",
        "g_slice_alloc*",
        "g_aligned_alloc*",
        "QArrayData::allocate*",
        "QArrayData::reallocate*",
        "QTypedArrayData<*",
        "QListData::realloc*",
        "QHashData::allocateNode",
        "QMapDataBase::createNode",
        "CRYPTO_malloc",
        "CRYPTO_zalloc",
        "CRYPTO_realloc",
        "_emalloc*",
        "_erealloc*",
        "sqlite3Malloc",
        "sqlite3MallocZero",
        "sqlite3MemMalloc",
        "sqlite3Realloc",
        "sqlite3MemRealloc",
        "sqlite3_malloc*",
        "sqlite3_realloc*",
        "jv_mem_alloc*",
        "jv_mem_calloc*",
        "jv_mem_realloc*",
        "jv_mem_strdup*",
        "Perl_safesysmalloc",
        "Perl_safesyscalloc",
        "Perl_safesysrealloc",
        "ruby_xmalloc*",
        "ruby_xcalloc*",
        "ruby_xrealloc*",
        "__gmp_default_allocate",
        "__gmp_default_reallocate",
        "bfd_malloc",
        "bfd_zmalloc",
        "bfd_realloc",
        "av_malloc",
        "av_realloc",
        "PyMem_*",
        "_PyMem_*",
        "PyObject_Malloc",
        "PyObject_Calloc",
        "PyObject_Realloc",
        "PyObject_Free",
        "_PyObject_Malloc",
        "_PyObject_Calloc",
        "_PyObject_Realloc",
        "_PyObject_Free",
        "__gnat_malloc",
        "__gnat_realloc",
        /* Rust */
        "__rust_*",
        "__rdl_*",
        "__rg_*",
        "alloc::alloc::*",
        "<alloc::alloc::*",
        "<std::alloc::System as *",
        NULL,
    };
    return name_is_like_one_of(name, names);
}

/* A sanitizer's: "__interceptor_malloc", of newer ones with three underscores. */
static const char *skip_interceptor(const char *name) {
    const char *rest = name_skip_prefix(name, "__");
    rest = rest && *rest == '_' ? rest + 1 : rest;
    rest = rest ? name_skip_prefix(rest, "interceptor_") : NULL;
    return rest ? rest : name;
}

static bool is_plain_allocator(const char *name) {
    name = skip_interceptor(name);
    return is_libc_allocator(name) || is_replacement_allocator(name) || is_cxx_operator(name) ||
           is_standard_allocator(name) || is_wrapper(name);
}

bool allocator_names_contain(const char *function) {
    char plain[NAME_LISTS_LONGEST];
    if (!function)
        return false;
    /* A name as long as that is a template's, whose beginning tells. */
    return is_plain_allocator(name_copy_plain(function, plain, sizeof plain) ? plain : function);
}
