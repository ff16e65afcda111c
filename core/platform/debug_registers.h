/* Whether this machine's debug registers do what they are there for. */
#ifndef TMPALLOC_DEBUG_REGISTERS_H
#define TMPALLOC_DEBUG_REGISTERS_H

enum debug_registers {
    DEBUG_REGISTERS_UNKNOWN,     /* it can't be tried: no ptrace(), or another processor */
    DEBUG_REGISTERS_FIRE,        /* one stopped a process */
    DEBUG_REGISTERS_ARE_IGNORED, /* accepted, and never fire: some virtual machines */
};

/* Lets one fire in a child of the debugger, in some milliseconds; nothing remains of that. */
enum debug_registers debug_registers_try(void);

#endif
