/* The library with the function that is redirected. */
#include "relocations_library.h"

static char memory[64];

void *allocate_in_used(size_t size) {
    return memory + size % sizeof memory;
}

void *allocate_by_another_name(size_t size) __attribute__((alias("allocate_in_used")));

void *allocate_by_library(size_t size) {
    return allocate_in_used(size);
}
