#include "demangle.h"

#include <ctype.h>
#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

static bool is_mangled(const char *name) {
    return name[0] == '_' && (name[1] == 'Z' || name[1] == 'R');
}

char *demangle(const char *name, bool parameters) {
    if (!is_mangled(name))
        return NULL;
    int options = DMGL_AUTO | DMGL_ANSI | DMGL_RET_DROP | (parameters ? DMGL_PARAMS : 0);
    char *readable = cplus_demangle(name, options);
    /* The compiler's partial copies of a function are that function. */
    char *clone = readable ? strstr(readable, " [clone ") : NULL;
    if (clone)
        *clone = '\0';
    return readable;
}

static bool equal_but_blanks(const char *one, const char *other) {
    for (;; one++, other++) {
        while (*one == ' ')
            one++;
        while (*other == ' ')
            other++;
        if (*one != *other)
            return false;
        if (*one == '\0')
            return true;
    }
}

/* A name's first identifier is spelled out in the mangled form, unless it is the abbreviated std or
 * an operator; most symbols are refused by this without being demangled. */
static bool can_match(const char *mangled, const char *typed) {
    char identifier[64];
    size_t length = 0;
    while (length < sizeof identifier - 1 &&
           (isalnum((unsigned char)typed[length]) || typed[length] == '_'))
        length++;
    memcpy(identifier, typed, length);
    identifier[length] = '\0';
    if (strcmp(identifier, "std") == 0 || strcmp(identifier, "operator") == 0)
        return true;
    return strstr(mangled, identifier) != NULL;
}

bool demangle_matches(const char *mangled, const char *typed) {
    if (!is_mangled(mangled) || !can_match(mangled, typed))
        return false;
    char *plain = demangle(mangled, false);
    bool same = plain && equal_but_blanks(plain, typed);
    free(plain);
    if (same || !strchr(typed, '('))
        return same;
    char *full = demangle(mangled, true);
    same = full && equal_but_blanks(full, typed);
    free(full);
    return same;
}
