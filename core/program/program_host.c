#include "program/program_host.h"

#include <stdio.h>

static void get_process(void *arg, struct tmpalloc_process *ret, int *status) {
    (void)arg;
    *ret = (struct tmpalloc_process){.local = 1, .exit_status = -1};
    *status = TMPALLOC_OK;
}

static void list_modules(void *arg, tmpalloc_emit_module emit, void *emit_arg, int *status) {
    (void)arg;
    (void)emit;
    (void)emit_arg;
    *status = TMPALLOC_E_UNSUPPORTED;
}

static void read_memory(void *arg, uint64_t address, void *buffer, uint64_t size, int *status) {
    (void)arg;
    (void)address;
    (void)buffer;
    (void)size;
    *status = TMPALLOC_E_UNSUPPORTED;
}

static void read_registers(void *arg, const char *const *names, uint32_t count, uint64_t *values,
                           int *status) {
    (void)arg;
    (void)names;
    (void)count;
    (void)values;
    *status = TMPALLOC_E_UNSUPPORTED;
}

static void show_message(void *arg, const char *text, int *status) {
    (void)arg;
    fprintf(stderr, "%s\n", text);
    *status = TMPALLOC_OK;
}

static void keep_status(void *arg, int32_t exit_status, int *status) {
    *(int32_t *)arg = exit_status;
    *status = TMPALLOC_OK;
}

struct tmpalloc_host program_host(int32_t *exit_status) {
    return (struct tmpalloc_host){.version = TMPALLOC_HOST_VERSION,
                                  .batch = 1,
                                  .arg = exit_status,
                                  .process = get_process,
                                  .modules = list_modules,
                                  .read_memory = read_memory,
                                  .read_registers = read_registers,
                                  .message = show_message,
                                  .quit = keep_status};
}
