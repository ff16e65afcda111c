#include <string.h>

#include "platform/c_libraries.h"
#include "profile/charge.h"
#include "tmpalloc/allocator_functions.h"

/* Longer names are templates' and nobody's in these tables. */
#define LONGEST_NAME 256

static const char *skip_prefix(const char *name, const char *prefix) {
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 ? name + length : NULL;
}

static bool is_one_of(const char *name, const char *const *names) {
    while (*names && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

/* A star at the end of a name in the table stands for any end. */
static bool is_like(const char *name, const char *wanted) {
    size_t length = strlen(wanted);
    if (wanted[length - 1] == '*')
        return strncmp(name, wanted, length - 1) == 0;
    return strcmp(name, wanted) == 0;
}

static bool is_like_one_of(const char *name, const char *const *names) {
    while (*names && !is_like(name, *names))
        names++;
    return *names != NULL;
}

static bool is_malloc_family(const char *name) {
#define NAME(kind, name, ...) #name,
    static const char *const family[] = {FOR_EACH_C_FUNCTION(NAME) "cfree", NULL};
#undef NAME
    return is_one_of(name, family);
}

/* Aliases inside the C library: a symbolizer may pick any name of an address. */
static bool is_libc_allocator(const char *name) {
    const char *const *prefixes = c_libraries_usual()->allocator_prefixes;
    if (is_malloc_family(name))
        return true;
    for (; *prefixes; prefixes++) {
        const char *rest = skip_prefix(name, *prefixes);
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
        const char *rest = skip_prefix(name, prefixes[i]);
        if (rest && is_malloc_family(rest))
            return true;
    }
    return is_one_of(name, own_names);
}

/* What may follow the word for it to be the whole name: "operator new[]", "operator new(". */
static bool ends_operator(const char *rest) {
    return *rest == '\0' || *rest == '[' || *rest == '(' || *rest == ' ';
}

static bool is_cxx_operator(const char *name) {
    const char *rest = skip_prefix(name, "operator new");
    if (!rest)
        rest = skip_prefix(name, "operator delete");
    return rest && ends_operator(rest);
}

/* A member of one of the class templates, in libstdc++ or in libc++'s inline namespace. */
static bool is_standard_allocator(const char *name) {
    static const char *const classes[] = {"std::allocator",       "std::allocator_traits",
                                          "std::__new_allocator", "__gnu_cxx::new_allocator",
                                          "std::__1::allocator",  "std::__1::allocator_traits"};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        const char *rest = skip_prefix(name, classes[i]);
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
        "g_malloc*",
        "g_realloc*",
        "g_try_*",
        "g_slice_alloc*",
        "QArrayData::allocate*",
        "QListData::realloc*",
        "CRYPTO_malloc",
        "CRYPTO_zalloc",
        "CRYPTO_realloc",
        "_emalloc*",
        "_erealloc*",
        "sqlite3Malloc",
        "sqlite3MemMalloc",
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
        /* Rust */
        "__rust_*",
        "__rdl_*",
        "__rg_*",
        "alloc::alloc::*",
        "<alloc::alloc::Global as *",
        "<std::alloc::System as *",
        NULL,
    };
    return is_like_one_of(name, names);
}

/* Without what a compiler adds to the name of a part of a function. */
static size_t plain_length(const char *name) {
    static const char *const suffixes[] = {".part.", ".constprop.", ".isra.",
                                           ".cold",  " [clone ",    NULL};
    size_t length = strlen(name);
    for (size_t i = 0; suffixes[i]; i++) {
        const char *suffix = strstr(name, suffixes[i]);
        if (suffix && (size_t)(suffix - name) < length)
            length = (size_t)(suffix - name);
    }
    return length;
}

static bool copy_plain(const char *name, char *ret, size_t size) {
    size_t length = plain_length(name);
    if (length >= size)
        return false;
    memcpy(ret, name, length);
    ret[length] = '\0';
    return true;
}

static bool is_plain_allocator(const char *name) {
    const char *intercepted = skip_prefix(name, "__interceptor_");
    name = intercepted ? intercepted : name;
    return is_libc_allocator(name) || is_replacement_allocator(name) || is_cxx_operator(name) ||
           is_standard_allocator(name) || is_wrapper(name);
}

bool charge_is_allocator(const char *function) {
    char plain[LONGEST_NAME];
    if (!function)
        return false;
    /* A name as long as that is a template's, whose beginning tells. */
    return is_plain_allocator(copy_plain(function, plain, sizeof plain) ? plain : function);
}

/* C */

static const char *skip_one_prefix(const char *name, const char *const *prefixes) {
    for (; *prefixes; prefixes++) {
        const char *rest = skip_prefix(name, *prefixes);
        if (rest)
            return rest;
    }
    return name;
}

bool charge_is_c_function(const char *function) {
    const char *const *prefixes = c_libraries_usual()->function_prefixes;
    static const char *const names[] = {
        "_start",
        "start_main",
        "start_call_main",
        "csu_init",
        "start_thread",
        "clone",
        "clone3",
        "strdup",
        "strndup",
        "wcsdup",
        "getline",
        "getdelim",
        "getcwd",
        "realpath*",
        "fopen*",
        "fdopen*",
        "freopen*",
        "fmemopen",
        "open_memstream",
        "popen",
        "tmpfile*",
        "asprintf*",
        "vasprintf*",
        "printf*",
        "fprintf*",
        "sprintf*",
        "snprintf*",
        "vprintf*",
        "vfprintf*",
        "vsprintf*",
        "vsnprintf*",
        "fscanf*",
        "sscanf*",
        "vfscanf*",
        "puts",
        "fputs*",
        "fputc*",
        "putc*",
        "putchar*",
        "fwrite*",
        "fread*",
        "fgets*",
        "fgetc*",
        "getc*",
        "fflush",
        "fclose",
        "qsort*",
        "bsearch",
        "msort_*",
        "opendir*",
        "fdopendir",
        "alloc_dir",
        "scandir*",
        "readdir*",
        "glob",
        "glob64",
        "glob_in_dir",
        "globfree*",
        "regcomp",
        "regexec",
        "setlocale",
        "newlocale",
        "setenv",
        "putenv",
        "add_to_environ",
        "getaddrinfo",
        "gethostby*",
        "getpw*",
        "getgr*",
        "dlopen*",
        "dlsym*",
        "dlerror*",
        "pthread_*",
        "atexit",
        "cxa_atexit",
        "new_exitfn",
        "internal_atexit",
        "run_exit_handlers",
        "call_tls_dtors",
        "iconv*",
        "gconv*",
        "_nl_*",
        "tzset*",
        "tzfile_*",
        "localtime*",
        "mktime",
        "strftime*",
        "backtrace*",
        NULL,
    };
    /* Programs have functions of such names, too: only behind a prefix. */
    static const char *const internals[] = {"file_*",    "default_*",  "overflow",   "uflow",
                                            "underflow", "doallocbuf", "register_*", NULL};
    char plain[LONGEST_NAME];
    if (!function || !copy_plain(function, plain, sizeof plain))
        return false;
    const char *rest = skip_one_prefix(plain, prefixes);
    return is_like_one_of(plain, names) || is_like_one_of(rest, names) ||
           (rest != plain && is_like_one_of(rest, internals));
}

/* C++ */

static int nesting_of(char letter) {
    if (strchr("<({", letter))
        return 1;
    return strchr(">)}", letter) ? -1 : 0;
}

/* "void std::sort<A, B>" begins at "std", what converts or compares at its class. */
static const char *skip_return_type(const char *name) {
    const char *start = name;
    int nesting = 0;
    for (const char *at = name; *at; at++) {
        if (nesting == 0 && skip_prefix(at, "operator"))
            break;
        if (skip_prefix(at, "->"))
            at++;
        else
            nesting += nesting_of(*at);
        if (nesting == 0 && *at == ' ' && at[1] != '\0' && at[1] != '[')
            start = at + 1;
    }
    return start;
}

static bool is_cxx_library_name(const char *name) {
    static const char *const names[] = {"std::*", "__gnu_cxx::*", "__cxxabiv1::*", NULL};
    return is_like_one_of(name, names);
}

/* Rust */

/* A namespace may be called core or alloc in C++, too: what follows tells. */
static bool is_rust_library_path(const char *path) {
    static const char *const names[] = {
        "std::*",
        "hashbrown::*",
        "core::alloc::*",
        "core::any::*",
        "core::array::*",
        "core::ascii::*",
        "core::borrow::*",
        "core::cell::*",
        "core::char::*",
        "core::clone::*",
        "core::cmp::*",
        "core::convert::*",
        "core::default::*",
        "core::error::*",
        "core::ffi::*",
        "core::fmt::*",
        "core::future::*",
        "core::hash::*",
        "core::iter::*",
        "core::marker::*",
        "core::mem::*",
        "core::num::*",
        "core::ops::*",
        "core::option::*",
        "core::panic::*",
        "core::panicking::*",
        "core::pin::*",
        "core::ptr::*",
        "core::result::*",
        "core::slice::*",
        "core::str::*",
        "core::sync::*",
        "core::task::*",
        "core::time::*",
        "core::unicode::*",
        "alloc::alloc::*",
        "alloc::borrow::*",
        "alloc::boxed::*",
        "alloc::collections::*",
        "alloc::ffi::*",
        "alloc::fmt::*",
        "alloc::raw_vec::*",
        "alloc::rc::*",
        "alloc::slice::*",
        "alloc::str::*",
        "alloc::string::*",
        "alloc::sync::*",
        "alloc::task::*",
        "alloc::vec::*",
        NULL,
    };
    return is_like_one_of(path, names);
}

/* The end of a type's path: where its arguments, " as " or ">" begin. */
static bool has_crate(const char *type) {
    return memchr(type, ':', strcspn(type, "<> ")) != NULL;
}

/* "<T as Trait>::f" and "<T>::f". */
static bool is_rust_library_type(const char *name) {
    const char *type = skip_prefix(name, "<");
    if (!type)
        return false;
    const char *dynamic = skip_prefix(type, "dyn ");
    type = dynamic ? dynamic : type;
    if (has_crate(type))
        return is_rust_library_path(type);
    const char *trait = strstr(type, " as ");
    return trait && is_rust_library_path(trait + strlen(" as "));
}

bool charge_is_language_function(const char *function) {
    if (!function)
        return false;
    const char *rust = skip_prefix(function, "_<") ? function + 1 : function;
    if (*rust == '<')
        return is_rust_library_type(rust);
    const char *path = skip_return_type(function);
    return is_rust_library_path(path) || is_cxx_library_name(path);
}

/* Modules and files */

bool charge_is_language_module(const char *module) {
    static const char *const names[] = {
        "libc",       "ld",          "libm",         "libpthread",   "libdl",    "librt",
        "libresolv",  "libstdc++",   "libc++",       "libc++abi",    "libgcc_s", "libunwind",
        "libgomp",    "libgfortran", "libquadmath",  "libgnat",      "libgnarl", "libphobos",
        "libphobos2", "libgphobos",  "libgdruntime", "libobjc",      "libasan",  "libhwasan",
        "liblsan",    "libtsan",     "libubsan",     "libclang_rt*", "libstd",   "ld-linux*",
        "ld-musl*",   "libc.musl*",  "libphobos2-*", "libdruntime*", "[vdso]",   "linux-vdso",
        NULL,
    };
    char stem[LONGEST_NAME];
    const char *slash = strrchr(module, '/');
    const char *name = slash ? slash + 1 : module;
    const char *end = strstr(name, ".so");
    size_t length = end ? (size_t)(end - name) : strlen(name);
    if (length >= sizeof stem)
        return false;
    memcpy(stem, name, length);
    stem[length] = '\0';
    if (is_like_one_of(stem, names))
        return true;
    char *version = strrchr(stem, '-'); /* libc-2.31.so, libgnat-12.so.12 */
    if (!version || strspn(version + 1, "0123456789abcdef.") != strlen(version + 1))
        return false;
    *version = '\0';
    return is_like_one_of(stem, names);
}

bool charge_is_language_file(const char *file) {
    static const char *const folders[] = {"/include/c++/", "/libstdc++-v3/", "/lib/rustlib/src/",
                                          "/hashbrown-",   "/adainclude/",   "/include/d/"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (strstr(file, folders[i]))
            return true;
    }
    const char *rust = strstr(file, "/rustc");
    return rust && (rust[6] == '/' || rust[6] == '-') && strstr(rust, "/library/");
}
