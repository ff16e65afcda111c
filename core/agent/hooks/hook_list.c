#include "agent/hooks/hook_list.h"

#define LISTED(name, ...)               [HOOK_##name] = {#name, (uintptr_t)hook_##name},
#define PROCESS_LISTED(type, name, ...) LISTED(name, )

const struct hook_listed hook_list[HOOK_COUNT] = {
    FOR_EACH_C_HOOK(LISTED, LISTED, LISTED, LISTED, LISTED, LISTED)
        FOR_EACH_OPERATOR(LISTED, LISTED) FOR_EACH_PROCESS_HOOK(PROCESS_LISTED)};
