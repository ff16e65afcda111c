/* Functions of the C library, called in the library itself.
 *
 * A program may have a function of the same name, and be right to: that one may allocate, take a
 * lock that its caller holds, or not be ready yet.  So this library imports no function; what it
 * needs beyond system calls and code of its own is looked up in the files of the C library.  The
 * calls work with any stack pointer. */
#ifndef TMPALLOC_AGENT_C_LIBRARY_H
#define TMPALLOC_AGENT_C_LIBRARY_H

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef int c_library_visitor(struct dl_phdr_info *info, size_t size, void *arg);

/* FUNCTION(type, name, parameters, arguments) */
#define C_LIBRARY_FOR_EACH(FUNCTION)                                                               \
    FUNCTION(int *, __errno_location, (void), ())                                                  \
    FUNCTION(int, __register_atfork,                                                               \
             (void (*before)(void), void (*parent)(void), void (*child)(void), void *file),        \
             (before, parent, child, file))                                                        \
    FUNCTION(int, dl_iterate_phdr, (c_library_visitor * visit, void *arg), (visit, arg))           \
    FUNCTION(int, pthread_mutex_consistent, (pthread_mutex_t * mutex), (mutex))                    \
    FUNCTION(int, pthread_mutex_init,                                                              \
             (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes),                     \
             (mutex, attributes))                                                                  \
    FUNCTION(int, pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex))                       \
    FUNCTION(int, pthread_mutexattr_init, (pthread_mutexattr_t * attributes), (attributes))        \
    FUNCTION(int, pthread_mutexattr_setrobust, (pthread_mutexattr_t * attributes, int robustness), \
             (attributes, robustness))                                                             \
    FUNCTION(pthread_t, pthread_self, (void), ())                                                  \
    FUNCTION(int, _dl_find_object, (void *address, struct dl_find_object *ret), (address, ret))

struct dl_find_object; /* since glibc 2.35 */

#define C_LIBRARY_DECLARE(type, name, parameters, arguments) type c_library_##name parameters;
C_LIBRARY_FOR_EACH(C_LIBRARY_DECLARE)
#undef C_LIBRARY_DECLARE

/* Whether all of them can be called, but for _dl_find_object, which glibc has since 2.35. */
bool c_library_is_known(void);
bool c_library_has_find_object(void);

/* Somewhere in libc.so's code; 0: it isn't known. */
uintptr_t c_library_address(void);

#endif
