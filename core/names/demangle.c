#include "names/demangle.h"

#include <ctype.h>
#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

static bool is_d(const char *name) {
    return strncmp(name, "_D", 2) == 0 &&
           (isdigit((unsigned char)name[2]) || !strcmp(name, "_Dmain"));
}

static bool is_mangled(const char *name) {
    return (name[0] == '_' && (name[1] == 'Z' || name[1] == 'R')) || is_d(name);
}

/* Where the last list in parentheses begins that isn't one of template arguments, "!(int)". */
static char *find_parameters(char *name) {
    char *found = NULL;
    int depth = 0;
    for (char *at = name; *at; at++) {
        if (*at == '(' && depth++ == 0 && (at == name || at[-1] != '!'))
            found = at;
        if (*at == ')')
            depth--;
    }
    return found;
}

static char *demangle_d(const char *mangled, bool parameters) {
    /* Points are only in what a compiler adds to the name of a function's part. */
    char *name = strndup(mangled, strcspn(mangled, "."));
    char *readable = name ? dlang_demangle(name, DMGL_DLANG) : NULL;
    free(name);
    char *list = readable && !parameters ? find_parameters(readable) : NULL;
    if (list)
        *list = '\0';
    return readable;
}

char *demangle_ada(const char *name) {
    char *readable = ada_demangle(name, DMGL_GNAT);
    /* What isn't encoded comes back in brackets. */
    if (readable && readable[0] != '<')
        return readable;
    free(readable);
    return NULL;
}

char *demangle(const char *name, bool parameters) {
    if (!is_mangled(name))
        return NULL;
    if (is_d(name))
        return demangle_d(name, parameters);
    /* Return types are shown with parameters only; those within template arguments stay. */
    int options = DMGL_AUTO | DMGL_ANSI | (parameters ? DMGL_PARAMS | DMGL_RET_DROP : 0);
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
