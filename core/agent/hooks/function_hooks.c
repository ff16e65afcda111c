#include "agent/hooks/function_hooks.h"

#include <stddef.h>
#include <string.h>

#include "agent/hooks/hook_calls.h"
#include "agent/hooks/within.h"
#include "agent/system/capture_pages.h"
#include "agent/x86_64/function_entry.h"
#include "platform/page.h"

/* Of arguments on the stack so many are handed on: eight, besides those in registers. */
#define COPIED_BYTES 64

/* A call in progress; function_entry.S knows where the first four are. */
struct function_frame {
    struct function_registers registers;
    uintptr_t real;                    /* to be called, or gone on to */
    const struct agent_caught *caught; /* what the debugger is to stop at; NULL: nothing */
    uintptr_t block;                   /* given to the function; 0: none */
    uint64_t size_bytes;
    struct call call;
    struct taken taken;
};

_Static_assert(sizeof(struct function_frame) <= FUNCTION_FRAME_BYTES &&
                   FUNCTION_FRAME_BYTES % 16 == 0 && FUNCTION_ENTRIES == AGENT_FUNCTIONS &&
                   offsetof(struct function_registers, vectors) == 80 &&
                   offsetof(struct function_frame, real) == FUNCTION_FRAME_REAL &&
                   offsetof(struct function_frame, caught) == FUNCTION_FRAME_CAUGHT,
               "function_entry.S knows where things are");

uintptr_t function_hooks_real[AGENT_FUNCTIONS];

void function_hooks_tell_catch_places(uint64_t *places) {
    for (uint32_t i = 0; i < AGENT_FUNCTIONS; i++)
        places[AGENT_ENTRY_COUNT + i] = (uintptr_t)function_catch_place;
}

uintptr_t function_hooks_entry(uint32_t i) {
    return (uintptr_t)function_entries + (uintptr_t)i * FUNCTION_ENTRY_BYTES;
}

uintptr_t function_hooks_number(uintptr_t hook) {
    return (hook - (uintptr_t)function_entries) / FUNCTION_ENTRY_BYTES;
}

static uint64_t function_hooks_follow(const struct agent_function *function) {
    return function->indirect ? ((uintptr_t(*)(void))(uintptr_t)function->address)()
                              : function->address;
}

uint32_t function_hooks_place(const struct agent_function *function) {
    uint32_t i = 0;
    while (i < image->function_count &&
           memcmp(&image->functions[i], function, sizeof *function) != 0)
        i++;
    if (i < AGENT_FUNCTIONS && i == image->function_count) {
        image->functions[i] = *function;
        image->entry_points[AGENT_ENTRY_COUNT + i] = function_hooks_follow(function);
        image->function_count++;
        image->entry_point_count = AGENT_ENTRY_COUNT + image->function_count;
    }
    return i;
}

static uint64_t argument(const struct function_frame *frame, uint8_t number) {
    return number ? frame->registers.integers[number - 1] : 0;
}

static uint64_t function_hooks_size_of(const struct function_frame *frame,
                                       const struct agent_function *function) {
    uint64_t size = function->size ? argument(frame, function->size) : function->fixed_size;
    return function->count ? allocator_product(argument(frame, function->count), size) : size;
}

/* The stack may end where the caller's frame does, at the end of a page. */
static int64_t copied_bytes(const uintptr_t *caller) {
    uintptr_t arguments = frame_stack_arguments(caller);
    uintptr_t left = PAGE_BYTES - arguments % PAGE_BYTES;
    if (left >= COPIED_BYTES ||
        capture_pages_readable(&(struct capture_pages){0}, arguments + left))
        return COPIED_BYTES;
    return (int64_t)(left & ~(uintptr_t)15);
}

/* A free is recorded before the function runs, and a realloc's block taken. */
static void begin_event(struct function_frame *frame, uint8_t role) {
    frame->caught = NULL;
    if (role == AGENT_FREES)
        frame->caught = events_freed(&frame->call, frame->block);
    else if (role == AGENT_REALLOCATES)
        frame->caught = events_take(&frame->call, frame->block, &frame->taken);
    call_state_go_out(&frame->call);
}

static bool function_hooks_begin_call(struct function_frame *frame, const uintptr_t *caller,
                                      uint32_t i) {
    const struct agent_function *function = &image->functions[i];
    if (function->role == AGENT_ENCLOSES) {
        within_entered(caller);
        return false;
    }
    frame->block = argument(frame, function->pointer);
    frame->size_bytes = function_hooks_size_of(frame, function);
    if ((function->role == AGENT_FREES && !frame->block) ||
        !hook_calls_enter(&frame->call, caller, AGENT_ENTRY_COUNT + i, 0))
        return false;
    begin_event(frame, function->role);
    return true;
}

static int64_t function_hooks_begin(struct function_frame *frame, const uintptr_t *caller,
                                    uint32_t i) {
    frame->real = function_hooks_real[i];
    return function_hooks_begin_call(frame, caller, i) ? copied_bytes(caller) : -1;
}

static void function_hooks_end(struct function_frame *frame) {
    struct call *call = &frame->call;
    uintptr_t result = frame->registers.integers[FUNCTION_RESULT];
    uint8_t role = image->functions[call->entry_point - AGENT_ENTRY_COUNT].role;
    call_state_come_back(call);
    if (role == AGENT_ALLOCATES)
        events_allocated(call, result, frame->size_bytes);
    else if (role == AGENT_REALLOCATES)
        hook_calls_resized(call, frame->block, &frame->taken, result, frame->size_bytes);
    call_state_leave();
}

int64_t (*const function_entry_begin)(struct function_frame *frame, const uintptr_t *caller,
                                      uint32_t i) = function_hooks_begin;
void (*const function_entry_end)(struct function_frame *frame) = function_hooks_end;
