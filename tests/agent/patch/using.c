/* A plugin that calls the function, and has its address in data. */
#include "relocations_library.h"

static void *(*volatile pointer)(size_t) = allocate_in_used;
static void *(*const constants[])(size_t) = {allocate_in_used, allocate_by_another_name};

void *allocate_by_plugin(size_t size) {
    return allocate_in_used(size);
}

void *allocate_by_plugins_pointers(size_t size) {
    char *first = pointer(size);
    char *second = constants[0](size);
    char *third = constants[1](size);
    return first + (second - first) + (third - second);
}
