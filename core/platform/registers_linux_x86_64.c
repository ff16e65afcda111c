#include "platform/registers_linux.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>

static_assert(sizeof(struct user_regs_struct) <= sizeof(struct registers_linux), "fits");

#define POSITION(name) offsetof(struct user_regs_struct, name) / sizeof(uint64_t)

static const struct {
    const char *name;
    size_t position;
} positions[] = {
    {"rsp", POSITION(rsp)}, {"rdi", POSITION(rdi)}, {"rsi", POSITION(rsi)}, {"rax", POSITION(rax)},
    {"rdx", POSITION(rdx)}, {"rbp", POSITION(rbp)}, {"rbx", POSITION(rbx)}, {"rcx", POSITION(rcx)},
    {"r8", POSITION(r8)},   {"r9", POSITION(r9)},   {"r10", POSITION(r10)}, {"r11", POSITION(r11)},
    {"r12", POSITION(r12)}, {"r13", POSITION(r13)}, {"r14", POSITION(r14)}, {"r15", POSITION(r15)},
    {"pc", POSITION(rip)},
};

bool registers_linux_read(int64_t tid, struct registers_linux *ret) {
    return ptrace(PTRACE_GETREGS, (pid_t)tid, NULL, ret->words) == 0;
}

bool registers_linux_get(const struct registers_linux *registers, const char *name, uint64_t *ret) {
    for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
        if (strcmp(positions[i].name, name) == 0) {
            *ret = registers->words[positions[i].position];
            return true;
        }
    }
    return false;
}
