#include "engines/engine_breakpoint.h"
#include "engines/engine_state.h"

#include <string.h>

#include "support/memory.h"

/* Exited threads are looked for when this many more have been seen than were alive last time. */
#define THREAD_SLACK 32

/* A hit that is being handled. */
struct stop {
    struct engine_breakpoint *engine;
    struct call_thread *thread;
    const struct breakpoint *breakpoint;
    uint64_t stack_pointer;
    uint64_t result;
    uint64_t arguments[ARCHITECTURE_ARGUMENTS];
    struct error *error;
};

/* --- threads --------------------------------------------------------------------------------- */

struct exited {
    struct engine_breakpoint *engine;
    struct tracker_thread **threads;
    size_t count;
};

static bool collect_exited(void *arg, struct tracker_thread *thread) {
    struct exited *exited = arg;
    if (!host_thread_alive(exited->engine->parts.host, tracker_thread_key(thread)))
        exited->threads[exited->count++] = thread;
    return true;
}

static void unwatch_return(struct engine_breakpoint *engine) {
    if (!engine->pending_return)
        return;
    breakpoints_enable(&engine->breakpoints, engine->pending_return, false, NULL);
    engine->pending_return = NULL;
}

static void thread_exited(struct engine_breakpoint *engine, struct tracker_thread *thread) {
    const struct call_thread *state =
        call_threads_get(&engine->threads, tracker_thread_key(thread));
    if (state && state->within.active)
        engine->threads_within--;
    if (state && state == engine->pending_thread)
        unwatch_return(engine);
    call_threads_remove(&engine->threads, tracker_thread_key(thread));
    tracker_thread_exited(engine->parts.tracker, thread);
}

void engine_breakpoint_remove_exited(struct engine_breakpoint *engine) {
    size_t count = tracker_thread_count(engine->parts.tracker);
    struct exited exited = {.engine = engine};
    exited.threads = memory_allocate(count * sizeof(struct tracker_thread *));
    if (!exited.threads)
        return;
    tracker_for_each_thread(engine->parts.tracker, collect_exited, &exited);
    for (size_t i = 0; i < exited.count; i++)
        thread_exited(engine, exited.threads[i]);
    memory_release(exited.threads);
    engine->thread_check = 2 * (count - exited.count);
}

static int find_thread(struct engine_breakpoint *engine, const struct tmpalloc_thread *thread,
                       struct call_thread **ret) {
    *ret = call_threads_get(&engine->threads, thread->key);
    if (*ret)
        return TMPALLOC_OK;
    if (tracker_thread_count(engine->parts.tracker) > engine->thread_check + THREAD_SLACK)
        engine_breakpoint_remove_exited(engine);
    struct tracker_thread *added =
        tracker_get_thread(engine->parts.tracker, thread->key, thread->tid);
    return added ? call_threads_add(&engine->threads, thread->key, added, ret) : TMPALLOC_E_NOMEM;
}

/* --- while the --within function is on the stack --------------------------------------------- */

/* Frees outside go unseen, so what the window holds must not meet a later block's address. */
static int leave_within(struct stop *stop) {
    struct engine_breakpoint *engine = stop->engine;
    stop->thread->within.active = false;
    stop->thread->call.activation.active = false;
    tracker_flush_thread(engine->parts.tracker, stop->thread->thread);
    if (--engine->threads_within > 0)
        return TMPALLOC_OK;
    return breakpoints_enable_role(&engine->breakpoints, BREAKPOINT_ENTRY, false, stop->error);
}

/* It may have been left by a jump or an exception, at any depth. */
static int check_within(struct stop *stop) {
    struct engine_parts *parts = &stop->engine->parts;
    const struct activation *within = &stop->thread->within;
    if (!within->active)
        return TMPALLOC_OK;
    uint64_t slot_value = 0;
    const struct capture *capture;
    int status = host_read_data(parts->host, within->return_slot, &slot_value, sizeof(slot_value),
                                stop->error);
    if (status == TMPALLOC_OK)
        status = unwinder_capture(parts->unwinder, stop->breakpoint->address, stop->stack_pointer,
                                  stop->error, &capture);
    if (status != TMPALLOC_OK ||
        activation_is_live(within, slot_value, stop->stack_pointer, capture,
                           stacks_get(tracker_stacks(parts->tracker), capture->stack)))
        return status;
    return leave_within(stop);
}

static int enter_within(struct stop *stop, uint64_t return_address) {
    struct engine_breakpoint *engine = stop->engine;
    struct activation *within = &stop->thread->within;
    int status = check_within(stop);
    if (status != TMPALLOC_OK || within->active)
        return status;
    status = breakpoints_require(&engine->breakpoints, return_address, BREAKPOINT_WITHIN_RETURN,
                                 NULL, stop->error);
    if (status != TMPALLOC_OK)
        return status;
    engine->threads_within++;
    *within = (struct activation){true, stop->stack_pointer, return_address};
    return breakpoints_enable_role(&engine->breakpoints, BREAKPOINT_ENTRY, true, stop->error);
}

static bool returns_to(const struct stop *stop, const struct activation *activation) {
    uint32_t slot_bytes = stop->engine->architecture->return_slot_bytes;
    return activation->active && activation->return_address == stop->breakpoint->address &&
           activation->return_slot + slot_bytes == stop->stack_pointer;
}

/* --- events ---------------------------------------------------------------------------------- */

static void drop_event(struct engine_breakpoint *engine) {
    tracker_totals(engine->parts.tracker)->dropped++;
}

static uint64_t argument(const struct stop *stop, uint8_t number) {
    return number == 0 ? 0 : stop->arguments[number - 1];
}

static uint64_t requested_size(const struct stop *stop, const struct entry_signature *signature) {
    uint64_t size = signature->size ? argument(stop, signature->size) : signature->fixed_size;
    /* An overflow makes the call fail: whatever this gives is then not used. */
    return signature->count ? size * argument(stop, signature->count) : size;
}

/* A free of another thread's block: only a living owner still has a window. */
static void check_owner(struct stop *stop, uint64_t address) {
    struct engine_breakpoint *engine = stop->engine;
    struct detector_block block;
    if (!tracker_find(engine->parts.tracker, address, &block) ||
        block.owner == stop->thread->thread)
        return;
    struct tracker_thread *owner = block.owner;
    if (!host_thread_alive(engine->parts.host, tracker_thread_key(owner)))
        thread_exited(engine, owner);
}

/* munmap ends a block only when it covers exactly that; other lengths are no event. */
static bool unmaps_another_range(struct stop *stop, const struct entry_signature *signature) {
    struct detector_block block;
    return signature->size != 0 &&
           tracker_find(stop->engine->parts.tracker, argument(stop, signature->pointer), &block) &&
           block.size_bytes != argument(stop, signature->size);
}

static int name_stack(struct stop *stop, const struct capture *capture, uint32_t *ret) {
    struct interpreted_stacks *python = stop->engine->parts.python;
    *ret = capture->stack;
    return python ? interpreted_stacks_merge(python, tracker_thread_tid(stop->thread->thread),
                                             stop->stack_pointer, capture, ret)
                  : TMPALLOC_OK;
}

static void describe_between(const struct stop *stop, const struct tracker_release *release,
                             struct engine_caught *caught) {
    while (caught->between_count < caught->distance &&
           caught->between_count < ENGINE_BETWEEN_LIMIT) {
        struct detector_block later;
        tracker_later(stop->engine->parts.tracker, release, caught->between_count + 1, &later);
        const struct site *site = later.site;
        caught->between[caught->between_count].size_bytes = later.size_bytes;
        caught->between[caught->between_count++].stack = site ? site->stack : ENGINE_NO_STACK;
    }
}

/* The stopped thread is about to end a block. */
static int catch_block(struct stop *stop, const struct tracker_release *release) {
    struct engine_breakpoint *engine = stop->engine;
    struct engine_catches *catches = engine->parts.catches;
    const struct detector_block *block = &release->block;
    const struct site *site = block->site;
    if (catches && catches->watched == release->address)
        catches->freed(catches->arg);
    if (!catches || !catches->active || release->verdict != DETECTOR_TEMPORARY || !site)
        return TMPALLOC_OK;
    uint32_t stops = engine_catches_match(catches, block->size_bytes, block->distance, site->stack);
    if (!stops)
        return TMPALLOC_OK;
    struct engine_caught caught = {
        .thread = tracker_thread_key(stop->thread->thread),
        .address = block->address,
        .size_bytes = block->size_bytes,
        .distance = block->distance,
        .stack = site->stack,
        .catches = stops,
    };
    const struct capture *capture;
    int status = unwinder_capture(engine->parts.unwinder, stop->breakpoint->address,
                                  stop->stack_pointer, stop->error, &capture);
    if (status == TMPALLOC_OK)
        status = name_stack(stop, capture, &caught.free_stack);
    if (status != TMPALLOC_OK)
        return status;
    describe_between(stop, release, &caught);
    return engine_catches_add(catches, &caught);
}

static int record_free(struct stop *stop, const struct entry_point *entry,
                       uint64_t return_address) {
    struct engine_breakpoint *engine = stop->engine;
    uint64_t address = argument(stop, entry->signature.pointer);
    if (address == 0 || unmaps_another_range(stop, &entry->signature))
        return TMPALLOC_OK;
    check_owner(stop, address);
    struct tracker_release freed;
    tracker_freed(engine->parts.tracker, stop->thread->thread, address, false, &freed);
    const struct freeing_call call = {entry->address, stop->stack_pointer, return_address,
                                      tracker_thread_tid(stop->thread->thread)};
    int status = freeing_note(&engine->freeing, &call, NULL, &freed, stop->error);
    return status == TMPALLOC_OK ? catch_block(stop, &freed) : status;
}

/* The hardware engine watches one return at a time. */
static int watch_return(struct stop *stop, uint64_t return_address) {
    struct engine_breakpoint *engine = stop->engine;
    if (engine->options.kind == TMPALLOC_SOFTWARE)
        return breakpoints_require(&engine->breakpoints, return_address, BREAKPOINT_RETURN, NULL,
                                   stop->error);
    if (engine->pending_return) {
        if (engine->pending_thread != stop->thread)
            return TMPALLOC_E_BUSY;
        breakpoints_enable(&engine->breakpoints, engine->pending_return, false, NULL);
        engine->pending_return = NULL;
    }
    engine->pending_thread = stop->thread;
    return breakpoints_require(&engine->breakpoints, return_address, BREAKPOINT_RETURN,
                               &engine->pending_return, stop->error);
}

static int begin_allocation(struct stop *stop, struct call *call) {
    struct engine_breakpoint *engine = stop->engine;
    const struct capture *capture;
    int status = unwinder_capture(engine->parts.unwinder, call->entry_address, stop->stack_pointer,
                                  stop->error, &capture);
    if (status == TMPALLOC_OK)
        status = watch_return(stop, call->activation.return_address);
    if (status != TMPALLOC_OK)
        return status;
    call->capture = capture;
    status = name_stack(stop, capture, &call->stack);
    if (status != TMPALLOC_OK)
        return status;
    call->old = (struct tracker_release){0};
    if (call->signature.role != ENTRY_REALLOCATE || call->pointer == 0)
        return TMPALLOC_OK;
    check_owner(stop, call->pointer);
    tracker_take(engine->parts.tracker, stop->thread->thread, call->pointer, &call->old);
    return catch_block(stop, &call->old);
}

static struct call describe_call(const struct stop *stop, const struct entry_point *entry,
                                 uint64_t return_address) {
    const struct entry_signature *signature = &entry->signature;
    bool stores = signature->result == ENTRY_STORED;
    return (struct call){
        .activation = {true, stop->stack_pointer, return_address},
        .awaits_return = signature->role != ENTRY_FREE || entry->size_bytes == 0,
        .signature = *signature,
        .entry_address = entry->address,
        .entry_end = entry->address + entry->size_bytes,
        .pointer = argument(stop, stores ? 1 : signature->pointer),
        .size_bytes = requested_size(stop, signature),
        .allocations = stop->engine->allocations,
    };
}

/* A realloc that was abandoned (left by a jump) freed nothing that is known of. */
static void abandon_call(struct stop *stop) {
    struct call *call = &stop->thread->call;
    if (call->activation.active && call->awaits_return && call->old.address != 0)
        tracker_put_back(stop->engine->parts.tracker, &call->old);
    call->activation.active = false;
}

static int relate(struct stop *stop, const struct call *next, enum call_nesting *ret) {
    struct engine_parts *parts = &stop->engine->parts;
    const struct call *call = &stop->thread->call;
    const struct call_stop place = {next->entry_address, stop->stack_pointer,
                                    next->activation.return_address, next->pointer,
                                    next->allocations};
    uint64_t slot_value = 0;
    *ret = CALL_OUTERMOST;
    if (!call->activation.active || host_read_data(parts->host, call->activation.return_slot,
                                                   &slot_value, sizeof(slot_value), NULL) != 0)
        return TMPALLOC_OK;
    *ret = call_nesting(call, &place, slot_value, NULL, NULL);
    if (*ret != CALL_NEEDS_CAPTURE)
        return TMPALLOC_OK;
    const struct capture *capture;
    int status = unwinder_capture(parts->unwinder, next->entry_address, stop->stack_pointer,
                                  stop->error, &capture);
    if (status == TMPALLOC_OK)
        *ret = call_nesting(call, &place, slot_value, capture,
                            stacks_get(tracker_stacks(parts->tracker), capture->stack));
    return status;
}

static bool find_internal_call(struct stop *stop, const struct entry_point *entry,
                               uint64_t return_address) {
    struct engine_breakpoint *engine = stop->engine;
    struct modules *modules = engine->parts.modules;
    uint8_t code[ARCHITECTURE_CALL_BYTES];
    return modules_frame(modules, return_address, false).module == entry->module &&
           strcmp(modules_soname(modules, entry->module), "libc.so.6") == 0 &&
           host_read_data(engine->parts.host, return_address - sizeof(code), code, sizeof(code),
                          NULL) == TMPALLOC_OK &&
           architecture_call_target(engine->architecture, code, return_address) == entry->address;
}

/* glibc calls its own allocator for the program through the PLT, so that it can be replaced.  A
 * direct call within it is malloc's housekeeping (at thread exit it returns cached blocks, which
 * the program has freed before, by calling free), and no event. */
static bool is_internal_call(struct stop *stop, const struct entry_point *entry,
                             uint64_t return_address) {
    struct map *known = &stop->engine->internal_calls;
    uint64_t internal;
    if (map_get(known, return_address, &internal))
        return internal != 0;
    internal = find_internal_call(stop, entry, return_address);
    map_put(known, return_address, internal); /* without memory it is found out again */
    return internal != 0;
}

static int begin_call(struct stop *stop, const struct entry_point *entry, struct call *call) {
    uint64_t return_address = call->activation.return_address;
    if (call->signature.role != ENTRY_FREE)
        return begin_allocation(stop, call);
    int watched = call->awaits_return ? watch_return(stop, return_address) : TMPALLOC_OK;
    return watched == TMPALLOC_OK ? record_free(stop, entry, return_address) : watched;
}

static int handle_entry(struct stop *stop, const struct entry_point *entry,
                        uint64_t return_address) {
    struct call next = describe_call(stop, entry, return_address);
    enum call_nesting nesting;
    int status = relate(stop, &next, &nesting);
    if (status != TMPALLOC_OK || nesting == CALL_NESTED)
        return status;
    if (nesting == CALL_IN_SIGNAL) {
        drop_event(stop->engine);
        return TMPALLOC_OK;
    }
    abandon_call(stop);
    status = begin_call(stop, entry, &next);
    if (status >= 0)
        stop->thread->call = next;
    return status;
}

static int allocated_address(const struct stop *stop, const struct call *call, uint64_t *ret) {
    *ret = stop->result;
    if (call->signature.result == ENTRY_RETURNED_MAPPED && stop->result == UINT64_MAX)
        *ret = 0;
    if (call->signature.result != ENTRY_STORED)
        return TMPALLOC_OK;
    *ret = 0;
    bool failed = (int32_t)stop->result != 0; /* the function returns an int */
    return failed ? TMPALLOC_OK
                  : host_read_data(stop->engine->parts.host, call->pointer, ret, sizeof(*ret),
                                   stop->error);
}

/* The free half of a realloc, known to have happened or not only now. */
static int finish_realloc(struct stop *stop, const struct call *call, uint64_t address) {
    struct engine_breakpoint *engine = stop->engine;
    if (call->old.address == 0)
        return TMPALLOC_OK;
    if (address == 0 && call->size_bytes != 0) {
        tracker_put_back(engine->parts.tracker, &call->old);
        return TMPALLOC_OK;
    }
    tracker_count_free(engine->parts.tracker, &call->old, address != 0);
    const struct freeing_call freeing = {call->entry_address, call->activation.return_slot,
                                         call->activation.return_address,
                                         tracker_thread_tid(stop->thread->thread)};
    return freeing_note(&engine->freeing, &freeing, call->capture, &call->old, stop->error);
}

static int handle_return(struct stop *stop) {
    struct engine_breakpoint *engine = stop->engine;
    struct call *call = &stop->thread->call;
    if (!call->awaits_return || !returns_to(stop, &call->activation))
        return TMPALLOC_OK;
    call->activation.active = false;
    unwatch_return(engine);
    if (call->signature.role == ENTRY_FREE)
        return TMPALLOC_OK;
    uint64_t address;
    int status = allocated_address(stop, call, &address);
    if (status == TMPALLOC_OK)
        status = finish_realloc(stop, call, address);
    if (status != TMPALLOC_OK || address == 0)
        return status;
    struct site *site = NULL;
    status = tracker_allocated(engine->parts.tracker, stop->thread->thread, address,
                               call->size_bytes, call->stack, &site);
    if (status != TMPALLOC_OK)
        return status;
    struct engine_catches *catches = engine->parts.catches;
    if (catches && catches->awaited_stack == call->stack)
        catches->allocated(catches->arg, address, call->size_bytes);
    return freeing_allocated(&engine->freeing, site, call->capture, call->activation.return_slot);
}

/* --- hits ------------------------------------------------------------------------------------ */

static const struct entry_point *entry_at(const struct engine_breakpoint *engine,
                                          uint64_t address) {
    for (size_t i = 0; i < engine->active_entries; i++) {
        if (engine->entries.items[i].address == address)
            return &engine->entries.items[i];
    }
    return engine_objects_at(&engine->objects, address);
}

static uint32_t highest_argument(const struct entry_signature *signature) {
    uint8_t highest = signature->result == ENTRY_STORED ? 1 : signature->pointer;
    if (signature->size > highest)
        highest = signature->size;
    return signature->count > highest ? signature->count : highest;
}

static int read_stop(struct stop *stop, const struct entry_point *entry) {
    const struct architecture *architecture = stop->engine->architecture;
    const char *names[2 + ARCHITECTURE_ARGUMENTS] = {architecture->stack_pointer,
                                                     architecture->result};
    uint64_t values[2 + ARCHITECTURE_ARGUMENTS];
    uint32_t arguments = entry ? highest_argument(&entry->signature) : 0;
    uint32_t count = stop->breakpoint->roles & BREAKPOINT_RETURN ? 2 : 1;
    uint32_t first = count;
    for (uint32_t i = 0; i < arguments; i++)
        names[count++] = architecture->arguments[i];
    int status = host_read_registers(stop->engine->parts.host, names, count, values, stop->error);
    if (status != TMPALLOC_OK)
        return status;
    stop->stack_pointer = values[0];
    stop->result = first == 2 ? values[1] : 0;
    memcpy(stop->arguments, values + first, arguments * sizeof(values[0]));
    return TMPALLOC_OK;
}

static bool is_counted(struct stop *stop, uint64_t key, int *status) {
    const struct engine_breakpoint_options *options = &stop->engine->options;
    if (options->only_thread != 0 && options->only_thread != key)
        return false;
    if (!options->within)
        return true;
    *status = check_within(stop);
    return *status == TMPALLOC_OK && stop->thread->within.active;
}

/* Allocations go unseen where not every entry point has a breakpoint. */
static void note_allocation(struct engine_breakpoint *engine, const struct entry_point *entry) {
    engine->allocations +=
        entry->signature.role != ENTRY_FREE || engine->active_entries < engine->entries.count;
}

static int handle_call(struct stop *stop, const struct entry_point *entry, uint64_t key) {
    if (entry)
        note_allocation(stop->engine, entry);
    uint64_t return_address;
    if (stop->engine->objects.found) /* which is tried when files are loaded */
        engine_follow_objects(stop->engine, NULL);
    int status = host_read_data(stop->engine->parts.host, stop->stack_pointer, &return_address,
                                sizeof(return_address), stop->error);
    if (status == TMPALLOC_OK && stop->breakpoint->roles & BREAKPOINT_WITHIN)
        status = enter_within(stop, return_address);
    if (status == TMPALLOC_OK && entry && is_counted(stop, key, &status) &&
        !is_internal_call(stop, entry, return_address))
        status = handle_entry(stop, entry, return_address);
    return status;
}

static int handle_hit(struct stop *stop, uint64_t key) {
    uint32_t roles = stop->breakpoint->roles;
    const struct entry_point *entry = entry_at(stop->engine, stop->breakpoint->address);
    int status = read_stop(stop, entry);
    if (status == TMPALLOC_OK && roles & BREAKPOINT_RETURN)
        status = handle_return(stop);
    if (status == TMPALLOC_OK && roles & BREAKPOINT_WITHIN_RETURN &&
        returns_to(stop, &stop->thread->within))
        status = leave_within(stop);
    if (status == TMPALLOC_OK && roles & (BREAKPOINT_ENTRY | BREAKPOINT_WITHIN))
        status = handle_call(stop, entry, key);
    return status;
}

int engine_handle_hit(struct engine_breakpoint *engine, const struct breakpoint *breakpoint,
                      struct error *error) {
    struct stop stop = {.engine = engine, .breakpoint = breakpoint, .error = error};
    uint64_t generation = modules_generation(engine->parts.modules);
    if (generation != engine->generation) {
        freeing_forget(&engine->freeing);
        map_clear(&engine->internal_calls);
        call_threads_forget_captures(&engine->threads);
        engine->generation = generation;
    }
    struct tmpalloc_thread thread;
    int status = host_current_thread(engine->parts.host, &thread, error);
    if (status != TMPALLOC_OK || thread.pid != engine->pid)
        return status;
    status = find_thread(engine, &thread, &stop.thread);
    if (status != TMPALLOC_OK)
        return error_no_memory(error);
    host_begin_hit(engine->parts.host, &thread, breakpoint->address);
    status = handle_hit(&stop, thread.key);
    host_end_hit(engine->parts.host);
    return status;
}
