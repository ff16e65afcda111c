/* A debugger that runs the program, out of its sight: signals go through, what the debugger says
 * goes into a log. */
#ifndef TMPALLOC_RUN_DEBUGGER_H
#define TMPALLOC_RUN_DEBUGGER_H

#include <stdio.h>

#include "program/run_program.h"
#include "support/error.h"

struct run_request {
    const struct run_program *program;
    const char *debugger; /* "gdb", "lldb"; NULL: whichever is there, GDB first */
    const char *start;    /* the command that begins tracking */
    const char *save;     /* the file for results, NULL: they are of no use */
};

struct run_ending {
    int process;   /* 0: it never ran */
    int status;    /* as a shell has it; -1: the debugger didn't say */
    char why[512]; /* there are no results, or nothing ran; "" */
};

/* TMPALLOC_E_UNSUPPORTED: there is no debugger, or none that can hand on the standard files. */
int run_debugger(const struct run_request *request, struct run_ending *ret, struct error *error);

#endif
