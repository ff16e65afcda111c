/* The debugger as the engines see it: the adapter's primitives with errors as status codes. */
#ifndef TMPALLOC_HOST_H
#define TMPALLOC_HOST_H

#include <stdbool.h>

#include "platform/debug_registers.h"
#include "platform/processor.h"
#include "platform/registers_linux.h"
#include "support/error.h"
#include "tmpalloc/tmpalloc.h"

struct host {
    struct tmpalloc_host primitives;
    const struct processor *processor; /* of the process; NULL: it isn't known */
    int64_t local_pid;                 /* the process that /proc may be asked about; 0: none */
    int proc_mem;      /* its /proc/PID/mem once that gave what the debugger gave, else -1 */
    bool proc_refused; /* it can't be opened, or gave something else: don't try again */
    bool hit_known;    /* the registers of the thread whose hit is handled are known: */
    struct registers_linux hit;
    bool registers_refused;      /* the kernel doesn't give them to this thread: don't try again */
    uint64_t last_breakpoint_id; /* no two get the same, whichever engine they are of */
    bool registers_tried;
    enum debug_registers registers; /* of this machine */
};

void host_init(struct host *host, const struct tmpalloc_host *primitives);
void host_deinit(struct host *host);

/* What tmpalloc.h has of the same names. */
bool host_is_batch(const struct host *host);
bool host_tells_breakpoints(const struct host *host);
/* Whether this debugger has any, on whatever target. */
bool host_has_watchpoints(const struct host *host);

/* Each gives TMPALLOC_OK or the primitive's status with a line in *error (may be NULL), which ends
 * with the debugger's own reason.  A missing primitive is TMPALLOC_E_UNSUPPORTED. */
int host_process(struct host *host, struct tmpalloc_process *ret, struct error *error);
int host_modules(struct host *host, tmpalloc_emit_module emit, void *arg, struct error *error);
/* Reads stack or heap memory, never code (breakpoints may show): directly when the process is local
 * and /proc/PID/mem gives the same bytes as the debugger, else through the debugger. */
int host_read_data(struct host *host, uint64_t address, void *buffer, size_t size,
                   struct error *error);
/* The same through the debugger alone. */
int host_ask_memory(struct host *host, uint64_t address, void *buffer, size_t size,
                    struct error *error);
/* While a hit is handled they come straight from the kernel where it gives them. */
int host_read_registers(struct host *host, const char *const *names, uint32_t count,
                        uint64_t *values, struct error *error);
/* The same through the debugger alone. */
int host_ask_registers(struct host *host, const char *const *names, uint32_t count,
                       uint64_t *values, struct error *error);
int host_current_thread(struct host *host, struct tmpalloc_thread *ret, struct error *error);
/* True also when the debugger can't tell. */
bool host_thread_alive(struct host *host, uint64_t key);
int host_insert_breakpoint(struct host *host, uint64_t id, uint64_t address,
                           enum tmpalloc_breakpoint_kind kind, struct error *error);
int host_enable_breakpoint(struct host *host, uint64_t id, bool enabled, struct error *error);
int host_remove_breakpoint(struct host *host, uint64_t id, struct error *error);
int host_insert_watchpoint(struct host *host, uint64_t address, uint32_t bytes,
                           struct error *error);
int host_end_watchpoint(struct host *host, uint64_t *hits_ret, struct error *error);
/* Breakpoints of the user's that stand for catches. */
int host_insert_catch(struct host *host, uint32_t id, struct error *error);
int host_catch_number(struct host *host, uint32_t id, uint32_t *ret, struct error *error);
int host_ask_catch(struct host *host, uint32_t id, uint64_t pc, uint32_t inlined,
                   const char *reason, enum tmpalloc_catch_answer *ret, struct error *error);
int host_remove_catch(struct host *host, uint32_t id, struct error *error);
/* Of the machine that the process runs on; tried once, and unknown of other machines. */
enum debug_registers host_debug_registers(struct host *host);
/* Lines of any length, without a newline at the end. */
void host_show(struct host *host, const char *text);
void host_message(struct host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));

int host_preload(struct host *host, const char *library, const char *variable, struct error *error);
int host_environment(struct host *host, const char *name, char *ret, size_t size,
                     struct error *error);
int host_write_data(struct host *host, uint64_t address, const void *buffer, size_t size,
                    struct error *error);
int host_threads(struct host *host, tmpalloc_emit_thread emit, void *arg, struct error *error);
/* Key 0: the user's own selection. */
int host_select_thread(struct host *host, uint64_t key, struct error *error);
/* A call of at most 6 arguments in the selected thread; see tmpalloc.h. */
struct host_call {
    uint64_t address;
    uint64_t arguments[6];
    uint32_t count;
    bool alone;
    uint32_t timeout_ms;
};
int host_call_function(struct host *host, const struct host_call *call, uint64_t *ret,
                       struct error *error);
int host_run_to(struct host *host, uint64_t address, uint32_t timeout_ms, struct error *error);
int host_breakpoints(struct host *host, tmpalloc_emit_address emit, void *arg, struct error *error);
/* What the user has the debugger step over. */
int host_skips(struct host *host, tmpalloc_emit_skip emit, void *arg, struct error *error);
/* TMPALLOC_E_STATE where either may be the end of the process: its sandbox forbids what the
 * debugger would do there. */
int host_set_variable(struct host *host, const char *name, uint64_t number, struct error *error);
int host_evaluate(struct host *host, const char *expression, uint64_t *ret, struct error *error);
/* Calls emit for each pointer in the struct that an expression gives, see struct tmpalloc_host. */
int host_pointers(struct host *host, const char *expression, uint32_t depth,
                  tmpalloc_emit_pointer emit, void *emit_arg, struct error *error);
int host_quit(struct host *host, int32_t exit_status, struct error *error);
int host_select_frame(struct host *host, uint64_t key, uint64_t pc, uint32_t inlined,
                      struct error *error);
/* Appends that reason to another line about the primitive that has just failed. */
void host_append_reason(struct host *host, struct error *error);
/* Whether work is to go on, see tmpalloc.h. */
bool host_progress(struct host *host, const char *text);

/* Around the handling of a breakpoint's hit: the thread is stopped at this address. */
void host_begin_hit(struct host *host, const struct tmpalloc_thread *thread, uint64_t address);
void host_end_hit(struct host *host);

/* Lets a new process be tried with /proc again.  Needed after exec, too: an open /proc/PID/mem goes
 * on showing the memory of the old program. */
void host_forget_process(struct host *host);
/* The process that is looked at: host_read_data may read it directly when it is local. */
void host_set_process(struct host *host, const struct tmpalloc_process *process);

#endif
