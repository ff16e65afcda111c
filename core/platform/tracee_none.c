#include "platform/tracee.h"

bool tracee_read_registers(int64_t tid, struct tracee_registers *ret) {
    (void)tid;
    (void)ret;
    return false;
}

bool tracee_register(const struct tracee_registers *registers, const char *name, uint64_t *ret) {
    (void)registers;
    (void)name;
    (void)ret;
    return false;
}
