#include "platform/c_libraries.h"

#include <stddef.h>
#include <string.h>

static const struct c_library *const libraries[] = {&c_library_glibc};

#define COUNT (sizeof libraries / sizeof libraries[0])

const struct c_library *c_libraries_find(const char *soname) {
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(libraries[i]->soname, soname) == 0)
            return libraries[i];
    }
    return NULL;
}

static bool begins_with_one_of(const char *name, const char *const *beginnings) {
    while (*beginnings && strncmp(name, *beginnings, strlen(*beginnings)) != 0)
        beginnings++;
    return *beginnings != NULL;
}

bool c_libraries_link(const char *soname) {
    for (size_t i = 0; i < COUNT; i++) {
        if (begins_with_one_of(soname, libraries[i]->linkers))
            return true;
    }
    return false;
}

const struct c_library *c_libraries_usual(void) {
    return libraries[0];
}
