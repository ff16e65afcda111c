/* The function by which CPython writes its call stacks when it crashes. */
#ifndef TMPALLOC_DUMP_FUNCTION_H
#define TMPALLOC_DUMP_FUNCTION_H

#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>

/* `header`: the first line too; _Py_DumpTraceback() writes it always. */
typedef void dump_function(int fd, void *state, int header);

static int find_bias(struct dl_phdr_info *program, size_t size, void *bias) {
    (void)size;
    *(uintptr_t *)bias = program->dlpi_addr;
    return 1;
}

/* Of CPythons that don't export it the variable PYTHON_DUMP tells its link-time address.  NULL: it
 * isn't known. */
static dump_function *find_dump_function(void) {
    const char *place = getenv("PYTHON_DUMP");
    void *exported = dlsym(RTLD_DEFAULT, "_Py_DumpTraceback");
    uintptr_t bias;
    if (exported || !place)
        return (dump_function *)(uintptr_t)exported;
    dl_iterate_phdr(find_bias, &bias);
    return (dump_function *)(bias + strtoull(place, NULL, 16));
}

#endif
