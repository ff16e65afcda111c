#include "agent/hooks/hook_list.h"

#define ROW(name, library)                [HOOK_##name] = {#name, (uintptr_t)hook_##name, library},
#define LISTED(kind, name, ...)           ROW(name, NULL)
#define OPERATOR_LISTED(kind, name, ...)  ROW(name, ALLOCATOR_CXX_LIBRARY)
#define SECONDARY_LISTED(kind, name, ...) ROW(name, ALLOCATOR_C_LIBRARY)

const struct hook_listed hook_list[HOOK_COUNT] = {
    FOR_EACH_C_FUNCTION(LISTED) FOR_EACH_MAPPING(LISTED) FOR_EACH_OPERATOR(OPERATOR_LISTED)
        FOR_EACH_SECONDARY_FUNCTION(SECONDARY_LISTED) FOR_EACH_PROCESS_HOOK(LISTED)};
