#include "debugger/host.h"

/* A debugger that replays a recording tells another program counter than the kernel. */
void host_begin_hit(struct host *host, const struct tmpalloc_thread *thread, uint64_t address) {
    uint64_t pc;
    if (host->local_pid == 0 || host->registers_refused)
        return;
    host->registers_refused = !registers_linux_read(thread->tid, &host->hit);
    host->hit_known =
        !host->registers_refused && registers_linux_get(&host->hit, "pc", &pc) && pc == address;
}

void host_end_hit(struct host *host) {
    host->hit_known = false;
}

static bool know_registers(const struct host *host, const char *const *names, uint32_t count,
                           uint64_t *values) {
    for (uint32_t i = 0; i < count; i++) {
        if (!registers_linux_get(&host->hit, names[i], &values[i]))
            return false;
    }
    return true;
}

int host_read_registers(struct host *host, const char *const *names, uint32_t count,
                        uint64_t *values, struct error *error) {
    if (host->hit_known && know_registers(host, names, count, values))
        return TMPALLOC_OK;
    return host_ask_registers(host, names, count, values, error);
}

enum debug_registers host_debug_registers(struct host *host) {
    if (host->local_pid == 0)
        return DEBUG_REGISTERS_UNKNOWN;
    if (!host->registers_tried)
        host->registers = debug_registers_try();
    host->registers_tried = true;
    return host->registers;
}
