#include "platform/debug_registers.h"

enum debug_registers debug_registers_try(void) {
    return DEBUG_REGISTERS_UNKNOWN;
}
