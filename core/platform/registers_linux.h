/* Registers of a stopped thread, straight from the kernel: it gives them to the thread that traces,
 * which is the debugger's own one where that traces without a server.  The debugger takes longer
 * for one register than the kernel for all. */
#ifndef TMPALLOC_REGISTERS_LINUX_H
#define TMPALLOC_REGISTERS_LINUX_H

#include <stdbool.h>
#include <stdint.h>

struct registers_linux {
    uint64_t words[32]; /* the kernel's struct, empty on processors that aren't supported */
};

/* False when this thread doesn't trace that one, or can't read its registers. */
bool registers_linux_read(int64_t tid, struct registers_linux *ret);
/* False for a register that isn't known by this name ("rsp", "pc" ...). */
bool registers_linux_get(const struct registers_linux *registers, const char *name, uint64_t *ret);

#endif
