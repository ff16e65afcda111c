#include "platform/registers_linux.h"

bool registers_linux_read(int64_t tid, struct registers_linux *ret) {
    (void)tid;
    (void)ret;
    return false;
}

bool registers_linux_get(const struct registers_linux *registers, const char *name, uint64_t *ret) {
    (void)registers;
    (void)name;
    (void)ret;
    return false;
}
