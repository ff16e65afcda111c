#include "profile/expressions.h"

int expression_compile(const char *pattern, regex_t *ret, struct error *error) {
    int problem = regcomp(ret, pattern, REG_EXTENDED | REG_NOSUB);
    if (problem == 0)
        return TMPALLOC_OK;
    char reason[128];
    regerror(problem, ret, reason, sizeof(reason));
    return error_set(error, TMPALLOC_E_ARGUMENT, "bad regular expression '%s': %s", pattern,
                     reason);
}
