/* What the parts of the test of relocations export. */
#ifndef RELOCATIONS_LIBRARY_H
#define RELOCATIONS_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

/* relocations_library.c */
int redirect(uintptr_t function);
void undo(void);
uint64_t calls_of_hook(void);
void *(*function_of_library(void))(size_t size);

/* targets/used.c: what is redirected, by both its names */
void *allocate_in_used(size_t size);
void *allocate_by_another_name(size_t size);
void *allocate_by_library(size_t size);

/* targets/using.c */
void *allocate_by_plugin(size_t size);
void *allocate_by_plugins_pointers(size_t size);

#endif
