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

/* Whether a suffix ends with a point, which a number follows, or at the end of a word. */
static bool is_suffix(const char *found, const char *suffix) {
    const char *rest = found + strlen(suffix);
    return rest[-1] == '.' ? *rest >= '0' && *rest <= '9' : *rest == '\0' || *rest == '.';
}

size_t name_plain_length(const char *name) {
    static const char *const suffixes[] = {".part.",     ".constprop.", ".isra.",
                                           ".lto_priv.", ".llvm.",      ".clone.",
                                           ".cold",      ".localalias", NULL};
    const char *clone = strstr(name, " [clone ");
    size_t length = clone ? (size_t)(clone - name) : strlen(name);
    const char *version = length > 0 ? memchr(name + 1, '@', length - 1) : NULL;
    length = version ? (size_t)(version - name) : length;
    for (size_t i = 0; suffixes[i]; i++) {
        const char *found = strstr(name, suffixes[i]);
        if (found && is_suffix(found, suffixes[i]) && (size_t)(found - name) < length)
            length = (size_t)(found - name);
    }
    return length;
}

bool name_copy_plain(const char *name, char *ret, size_t size) {
    size_t length = name_plain_length(name);
    if (length >= size)
        return false;
    memcpy(ret, name, length);
    ret[length] = '\0';
    return true;
}
