#include "support/file_patterns.h"

#include "tmpalloc/status.h"

int file_patterns_expand(char *const *patterns, size_t count, glob_t *ret) {
    *ret = (glob_t){0};
    for (size_t i = 0; i < count; i++) {
        if (glob(patterns[i], GLOB_NOCHECK | (i > 0 ? GLOB_APPEND : 0), NULL, ret) == 0)
            continue;
        globfree(ret);
        return TMPALLOC_E_NOMEM;
    }
    return TMPALLOC_OK;
}

void file_patterns_release(glob_t *files) {
    globfree(files);
}
