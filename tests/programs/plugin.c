/* A library that semantics.c loads, calls and unloads. */
#include <stdlib.h>

void plugin_allocates(void) {
    free(malloc(123));
}
