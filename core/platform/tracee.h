/* Registers of a stopped thread, straight from the kernel: it gives them to the thread that traces,
 * which is the debugger's own one where that traces without a server.  The debugger takes longer
 * for one register than the kernel for all. */
#ifndef TMPALLOC_TRACEE_H
#define TMPALLOC_TRACEE_H

#include <stdbool.h>
#include <stdint.h>

struct tracee_registers {
    uint64_t words[32]; /* the kernel's struct, empty on processors that aren't supported */
};

/* False when this thread doesn't trace that one, or can't read its registers. */
bool tracee_read_registers(int64_t tid, struct tracee_registers *ret);
/* False for a register that isn't known by this name ("rsp", "pc" ...). */
bool tracee_register(const struct tracee_registers *registers, const char *name, uint64_t *ret);

#endif
