#include "agent/system/sandbox_state.h"

atomic_uint sandbox_entries;
bool sandbox_is_ruled_out;

void sandbox_rule_out(bool rules_out) {
    sandbox_is_ruled_out = rules_out;
}
