#include "names/name_lists.h"

#include <string.h>

const char *name_skip_prefix(const char *name, const char *prefix) {
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 ? name + length : NULL;
}

bool name_is_one_of(const char *name, const char *const *names) {
    while (*names && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

static bool is_like(const char *name, const char *wanted) {
    size_t length = strlen(wanted);
    if (wanted[length - 1] == '*')
        return strncmp(name, wanted, length - 1) == 0;
    return strcmp(name, wanted) == 0;
}

bool name_is_like_one_of(const char *name, const char *const *names) {
    while (*names && !is_like(name, *names))
        names++;
    return *names != NULL;
}

/* Without what a compiler adds to the name of a part of a function. */
static size_t plain_length(const char *name) {
    static const char *const suffixes[] = {".part.", ".constprop.", ".isra.",
                                           ".cold",  " [clone ",    NULL};
    size_t length = strlen(name);
    for (size_t i = 0; suffixes[i]; i++) {
        const char *suffix = strstr(name, suffixes[i]);
        if (suffix && (size_t)(suffix - name) < length)
            length = (size_t)(suffix - name);
    }
    return length;
}

bool name_is_of_same_function(const char *one, const char *other) {
    static const char cold[] = ".cold";
    const char *end = strstr(one, cold), *other_end = strstr(other, cold);
    size_t length = end ? (size_t)(end - one) : strlen(one);
    size_t other_length = other_end ? (size_t)(other_end - other) : strlen(other);
    return length == other_length && strncmp(one, other, length) == 0;
}

bool name_copy_plain(const char *name, char *ret, size_t size) {
    size_t length = plain_length(name);
    if (length >= size)
        return false;
    memcpy(ret, name, length);
    ret[length] = '\0';
    return true;
}
