/* The allocator functions of a process: which ones it uses, where, and what their arguments mean.
 */
#ifndef TMPALLOC_ENTRY_POINTS_H
#define TMPALLOC_ENTRY_POINTS_H

#include "names/modules.h"
#include "support/text.h"

#define ENTRY_NAME_BYTES 128

enum entry_role { ENTRY_ALLOCATE, ENTRY_FREE, ENTRY_REALLOCATE };

/* Where a successful allocation's address is found. */
enum entry_result {
    ENTRY_RETURNED,        /* returned; NULL is failure */
    ENTRY_RETURNED_MAPPED, /* returned; MAP_FAILED is failure (mmap) */
    ENTRY_RETURNED_STRING, /* returned, as is its size: that of the string in it */
    ENTRY_RETURNED_WIDE_STRING,
    ENTRY_STORED /* stored where the first argument points; non-zero return is failure */
};

/* What a function does with its arguments.  Argument numbers count from 1; 0: no such argument. */
struct entry_signature {
    enum entry_role role;
    enum entry_result result;
    uint8_t pointer;     /* freed or reallocated block; what allocates does so if this is NULL */
    uint8_t size;        /* in bytes; for munmap the length that must match */
    uint8_t count;       /* multiplied with size */
    uint64_t fixed_size; /* in bytes, where no argument has it */
    bool mapping;        /* a system call, and nothing of an allocator */
};

struct entry_point {
    char name[ENTRY_NAME_BYTES]; /* names of one address are joined by '/' */
    struct entry_signature signature;
    uint64_t address;
    uint64_t size_bytes; /* of the function's code; 0: unknown */
    uint32_t module;
    bool custom;   /* the user named it */
    bool indirect; /* where calls lead isn't known yet: the address is that of a resolver */
};

/* A custom allocator named by the user; a NULL name: no such function. */
struct entry_custom {
    char alloc[ENTRY_NAME_BYTES];
    char free[ENTRY_NAME_BYTES];
    char realloc[ENTRY_NAME_BYTES]; /* "" for none */
    struct entry_signature alloc_signature;
    struct entry_signature free_signature;
    struct entry_signature realloc_signature;
};

/* Parses "alloc=NAME[:size=ARG],free=NAME[:ptr=ARG][,realloc=NAME:ptr=ARG:size=ARG]".  Defaults:
 * size=1, ptr=1.  TMPALLOC_OK or TMPALLOC_E_ARGUMENT. */
int entry_custom_parse(const char *spec, struct entry_custom *ret, struct error *error);

struct entry_points {
    struct entry_point *items; /* in order of importance: malloc, free, realloc, calloc ... */
    size_t count;
    size_t capacity;
    /* Copies of custom functions whose arguments nobody knows: "a.isra.0, b.constprop.0". */
    char left_out[ERROR_TEXT_BYTES];
    uint32_t ignored; /* the file that only stands before the allocator */
};

struct entry_options {
    const struct entry_custom *custom;
    size_t custom_count;
    bool mappings;              /* also mmap and munmap */
    const char *ignored_soname; /* a file that only stands before the allocator; NULL: none */
};

/* Finds the entry points in the loaded modules: each name in the module where the dynamic linker
 * finds it first (the dynamic linker's own allocator aside), in the symbol table of a static
 * executable; an indirect function where it leads to, if that is known.  operator new and delete,
 * strdup and the like are entry points of their own only where the module also defines malloc and
 * they are not libstdc++'s or libc's, which call malloc.  Finding none is success.  Copies that
 * compilers made of a custom function are entry points like itself, with their arguments where
 * DWARF says.  TMPALLOC_E_STATE names a custom function that isn't there (yet); the others are in
 * *ret. */
int entry_points_resolve(struct modules *modules, const struct entry_options *options,
                         struct entry_points *ret, struct error *error);
/* Places one of them where its resolver is known to lead; false: it isn't known. */
bool entry_point_follow(struct modules *modules, const struct entry_points *points,
                        struct entry_point *point);
void entry_points_deinit(struct entry_points *points);

/* Appends which copies of a function that the user named are part of other functions' code in a
 * file, where no call can be counted: "f is inlined in 2 places (...)"; nothing: none. */
int entry_points_inlined(struct modules *modules, uint32_t module, const char *name,
                         struct text *text);

#endif
