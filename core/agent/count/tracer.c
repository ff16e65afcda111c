#include "agent/count/tracer.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/count/image.h"
#include "agent/system/kernel_memory.h"
#include "agent/system/sandbox_state.h"
#include "agent/x86_64/code_bytes.h"
#include "agent/x86_64/system_call.h"

/* proc(5): all fields that are needed are within so many bytes, unless the process is in hundreds
 * of groups. */
#define STATUS_BYTES 4096

enum answer { UNKNOWN, TRACED, NOT_TRACED };

static bool watched;
static long filters;                        /* of seccomp when watching began */
static atomic_flag busy = ATOMIC_FLAG_INIT; /* with the text */
static char text[STATUS_BYTES];

static bool read_status(void) {
    long file = system_call4(SYS_openat, AT_FDCWD, (long)"/proc/thread-self/status",
                             O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return false;
    long size = system_call4(SYS_read, file, (long)text, sizeof text - 1, 0);
    system_call4(SYS_close, file, 0, 0, 0);
    text[size > 0 ? size : 0] = '\0';
    return size > 0;
}

/* The number in a field, named with what is around its name; -1: there is none. */
static long tracer_number(const char *field) {
    const char *found = strstr(text, field);
    long result = 0;
    if (!found)
        return -1;
    for (const char *digit = found + strlen(field); *digit >= '0' && *digit <= '9'; digit++)
        result = result * 10 + (*digit - '0');
    return result;
}

/* Before Linux 5.9 only whether there are any. */
static long tracer_count_filters(void) {
    long count = tracer_number("\nSeccomp_filters:\t");
    return count >= 0 ? count : tracer_number("\nSeccomp:\t");
}

static enum answer tracer_ask(bool begins) {
    if (!read_status())
        return UNKNOWN;
    long tracer = tracer_number("\nTracerPid:\t");
    if (begins)
        filters = tracer_count_filters();
    if (tracer < 0 || filters < 0 || tracer_count_filters() != filters)
        return UNKNOWN;
    return tracer ? TRACED : NOT_TRACED;
}

static enum answer ask_alone(bool begins) {
    if (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
        return TRACED; /* whoever is asking acts on the answer */
    enum answer answer = tracer_ask(begins);
    atomic_flag_clear_explicit(&busy, memory_order_release);
    return answer;
}

void tracer_watch(void) {
    IMAGE_STORE(&watched, ask_alone(true) == TRACED);
}

/* What the debugger has left in the code. */
static void remove_breakpoints(void) {
    for (int i = 0; i < AGENT_BREAKPOINTS; i++) {
        uint8_t *place = (uint8_t *)(uintptr_t)image->breakpoints[i];
        uint8_t byte = image->breakpoint_bytes[i];
        if (place && byte && *place == CODE_BREAKPOINT_BYTE)
            kernel_write(place, &byte, 1, PROT_READ | PROT_EXEC);
    }
}

/* Ends tracking, unless another debugger has begun it meanwhile. */
static void tracer_end(uint64_t generation) {
    if (image_end(generation))
        remove_breakpoints();
}

void tracer_look(void) {
    if (!IMAGE_LOAD(&watched) || sandbox_entered())
        return;
    uint64_t generation = IMAGE_LOAD(&image->generation);
    enum answer answer = ask_alone(false);
    if (answer == UNKNOWN)
        IMAGE_STORE(&watched, false);
    else if (answer == NOT_TRACED)
        tracer_end(generation);
}
