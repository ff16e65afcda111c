#include "debugger/host.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Bytes that must agree before /proc is believed. */
#define PROBE_BYTES 64

void host_init(struct host *host, const struct tmpalloc_host *primitives) {
    *host = (struct host){.primitives = *primitives, .proc_mem = -1};
}

static bool read_proc(int proc_mem, uint64_t address, void *buffer, size_t size) {
    if (address > INT64_MAX)
        return false;
    ssize_t got;
    do
        got = pread(proc_mem, buffer, size, (off_t)address);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)size;
}

static bool all_zero(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

/* Decides about /proc with bytes that the debugger has just read.  Zeros prove nothing: memory of
 * another process (a pid of another container, say) is full of them. */
static void probe_proc(struct host *host, uint64_t address, const void *bytes, size_t size) {
    unsigned char probe[PROBE_BYTES];
    size_t probe_size = size < sizeof probe ? size : sizeof probe;
    if (all_zero(bytes, probe_size))
        return;
    char path[64];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/mem", host->local_pid);
    int proc_mem = open(path, O_RDONLY | O_CLOEXEC);
    host->proc_refused = proc_mem < 0 || !read_proc(proc_mem, address, probe, probe_size) ||
                         memcmp(probe, bytes, probe_size) != 0;
    if (!host->proc_refused)
        host->proc_mem = proc_mem;
    else if (proc_mem >= 0)
        close(proc_mem);
}

static void close_proc(struct host *host) {
    if (host->proc_mem >= 0)
        close(host->proc_mem);
    host->proc_mem = -1;
}

int host_read_data(struct host *host, uint64_t address, void *buffer, size_t size,
                   struct error *error) {
    if (host->proc_mem >= 0 && read_proc(host->proc_mem, address, buffer, size))
        return TMPALLOC_OK;
    int status = host_ask_memory(host, address, buffer, size, error);
    if (status != TMPALLOC_OK || host->local_pid == 0)
        return status;
    /* An open file that can't read what the debugger can belongs to a program that exec replaced.
     */
    close_proc(host);
    if (!host->proc_refused)
        probe_proc(host, address, buffer, size);
    return TMPALLOC_OK;
}

void host_forget_process(struct host *host) {
    close_proc(host);
    host->local_pid = 0;
    host->proc_refused = host->registers_refused = false;
}

void host_deinit(struct host *host) {
    host_forget_process(host);
}

void host_set_process(struct host *host, const struct tmpalloc_process *process) {
    int64_t pid = process->local ? process->pid : 0;
    host->processor = processor_find(process->architecture);
    if (pid == host->local_pid)
        return;
    host_forget_process(host);
    host->local_pid = pid;
}
