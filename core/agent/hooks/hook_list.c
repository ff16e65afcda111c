#include "agent/hooks/hook_list.h"

#define LISTED(kind, name, ...)          [HOOK_##name] = {#name, (uintptr_t)hook_##name, false},
#define OPERATOR_LISTED(kind, name, ...) [HOOK_##name] = {#name, (uintptr_t)hook_##name, true},

const struct hook_listed hook_list[HOOK_COUNT] = {FOR_EACH_C_FUNCTION(LISTED) FOR_EACH_MAPPING(
    LISTED) FOR_EACH_OPERATOR(OPERATOR_LISTED) FOR_EACH_PROCESS_HOOK(LISTED)};
