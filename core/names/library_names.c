#include "names/library_names.h"

#include <string.h>

#include "names/name_lists.h"
#include "platform/c_libraries.h"

/* C */

static const char *skip_one_prefix(const char *name, const char *const *prefixes) {
    for (; *prefixes; prefixes++) {
        const char *rest = name_skip_prefix(name, *prefixes);
        if (rest)
            return rest;
    }
    return name;
}

bool library_names_have_c_function(const char *function) {
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
    char plain[NAME_LISTS_LONGEST];
    if (!function || !name_copy_plain(function, plain, sizeof plain))
        return false;
    const char *rest = skip_one_prefix(plain, prefixes);
    return name_is_like_one_of(plain, names) || name_is_like_one_of(rest, names) ||
           (rest != plain && name_is_like_one_of(rest, internals));
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
        if (nesting == 0 && name_skip_prefix(at, "operator"))
            break;
        if (name_skip_prefix(at, "->"))
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
    return name_is_like_one_of(name, names);
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
    return name_is_like_one_of(path, names);
}

/* The end of a type's path: where its arguments, " as " or ">" begin. */
static bool has_crate(const char *type) {
    return memchr(type, ':', strcspn(type, "<> ")) != NULL;
}

/* What only the library itself gives functions to. */
static bool is_primitive(const char *type) {
    static const char *const words[] = {"bool", "char", "str", "u8",   "u16", "u32",   "u64",
                                        "u128", "i8",   "i16", "i32",  "i64", "i128",  "usize",
                                        "f32",  "f64",  "f16", "f128", "!",   "isize", NULL};
    size_t length = strcspn(type, "> ");
    const char *const *word = words;
    while (*word && (strlen(*word) != length || strncmp(type, *word, length) != 0))
        word++;
    return *word || strchr("[&*(", *type) || name_skip_prefix(type, "fn(");
}

/* What follows " as "; NULL: there is nothing. */
static const char *find_trait(const char *type) {
    int nesting = 0;
    for (const char *at = type; *at && nesting >= 0; at++) {
        const char *trait = nesting == 0 ? name_skip_prefix(at, " as ") : NULL;
        if (trait)
            return trait;
        if (name_skip_prefix(at, "->"))
            at++;
        else
            nesting += nesting_of(*at) + (*at == '[') - (*at == ']');
    }
    return NULL;
}

/* "<T as Trait>::f" and "<T>::f". */
static bool is_rust_library_type(const char *name) {
    const char *type = name_skip_prefix(name, "<");
    if (!type)
        return is_rust_library_path(name);
    const char *dynamic = name_skip_prefix(type, "dyn ");
    type = dynamic ? dynamic : type;
    bool primitive = is_primitive(type);
    if (!primitive && has_crate(type))
        return is_rust_library_path(type);
    const char *trait = find_trait(type);
    return trait ? is_rust_library_type(trait) : primitive;
}

/* Others */

/* D's are written with points, GNAT's and Fortran's are what the linker knows. */
static bool is_other_library_name(const char *name) {
    static const char *const names[] = {
        "std.*",           "core.atomic.*",
        "core.demangle.*", "core.exception.*",
        "core.gc.*",       "core.internal.*",
        "core.lifetime.*", "core.memory.*",
        "core.runtime.*",  "core.stdc.*",
        "core.sync.*",     "core.sys.*",
        "core.thread.*",   "core.time.*",
        "object.*",        "gc.impl.*",
        "rt.aaA.*",        "rt.dmain2.*",
        "rt.lifetime.*",   "rt.minfo.*",
        "rt.sections*",    "_d_*",
        "ada__*",          "gnat__*",
        "interfaces__*",   "system__*",
        "__gnat_*",        "_gfortran_*",
        "_gfortrani_*",    NULL,
    };
    return name_is_like_one_of(name, names);
}

bool library_names_have_function(const char *function) {
    if (!function)
        return false;
    const char *rust = name_skip_prefix(function, "_<") ? function + 1 : function;
    if (*rust == '<')
        return is_rust_library_type(rust);
    const char *path = skip_return_type(function);
    return is_rust_library_path(path) || is_cxx_library_name(path) ||
           is_other_library_name(function);
}

/* Modules and files */

/* Of all languages, C libraries and processors. */
bool library_names_have_module(const char *module) {
    static const char *const names[] = {
        "libc",       "ld",          "libm",         "libpthread",   "libdl",    "librt",
        "libresolv",  "libstdc++",   "libc++",       "libc++abi",    "libgcc_s", "libunwind",
        "libgomp",    "libgfortran", "libquadmath",  "libgnat",      "libgnarl", "libphobos",
        "libphobos2", "libgphobos",  "libgdruntime", "libobjc",      "libasan",  "libhwasan",
        "liblsan",    "libtsan",     "libubsan",     "libclang_rt*", "libstd",   "ld-linux*",
        "ld-musl*",   "libc.musl*",  "libphobos2-*", "libdruntime*", "[vdso]",   "linux-vdso",
        NULL,
    };
    char stem[NAME_LISTS_LONGEST];
    const char *slash = strrchr(module, '/');
    const char *name = slash ? slash + 1 : module;
    const char *end = strstr(name, ".so");
    size_t length = end ? (size_t)(end - name) : strlen(name);
    if (length >= sizeof stem)
        return false;
    memcpy(stem, name, length);
    stem[length] = '\0';
    if (name_is_like_one_of(stem, names))
        return true;
    char *version = strrchr(stem, '-'); /* libc-2.31.so, libgnat-12.so.12 */
    if (!version || strspn(version + 1, "0123456789abcdef.") != strlen(version + 1))
        return false;
    *version = '\0';
    return name_is_like_one_of(stem, names);
}

bool library_names_have_file(const char *file) {
    static const char *const folders[] = {"/include/c++/", "/libstdc++-v3/", "/lib/rustlib/src/",
                                          "/hashbrown-",   "/adainclude/",   "/include/d/"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (strstr(file, folders[i]))
            return true;
    }
    const char *rust = strstr(file, "/rustc");
    return rust && (rust[6] == '/' || rust[6] == '-') && strstr(rust, "/library/");
}
