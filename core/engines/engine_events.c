#include "engines/engine_events.h"

#include <string.h>
#include <wchar.h>

#include "engines/engine_threads.h"
#include "support/log.h"
#include "tmpalloc/allocator_functions.h"

static void drop_event(struct engine_breakpoint *engine) {
    tracker_totals(engine->parts.tracker)->dropped++;
}

static uint64_t requested_size(const struct engine_hit *hit,
                               const struct entry_signature *signature) {
    uint64_t size =
        signature->size ? engine_hit_argument(hit, signature->size) : signature->fixed_size;
    return signature->count ? allocator_product(engine_hit_argument(hit, signature->count), size)
                            : size;
}

static void log_freed(const struct engine_hit *hit, const struct tracker_release *freed) {
    static const char *const verdicts[] = {
        [DETECTOR_PLAIN] = "not a temporary",
        [DETECTOR_TEMPORARY] = "a temporary",
        [DETECTOR_CROSS_THREAD] = "another thread's",
    };
    LOG(LOG_ALLOCATION, "thread %lld frees %#llx: %s",
        (long long)tracker_thread_tid(hit->thread->thread), (unsigned long long)freed->address,
        verdicts[freed->verdict]);
}

/* A free of another thread's block: only a living owner still has a window. */
static void check_owner(struct engine_hit *hit, uint64_t address) {
    struct engine_breakpoint *engine = hit->engine;
    struct detector_block block;
    if (!tracker_find(engine->parts.tracker, address, &block) || block.owner == hit->thread->thread)
        return;
    struct tracker_thread *owner = block.owner;
    if (!host_thread_alive(engine->parts.host, tracker_thread_key(owner)))
        engine_threads_exited(engine, owner);
}

/* munmap ends a block only when it covers exactly that; other lengths are no event. */
static bool unmaps_another_range(struct engine_hit *hit, const struct entry_signature *signature) {
    struct detector_block block;
    return signature->size != 0 &&
           tracker_find(hit->engine->parts.tracker, engine_hit_argument(hit, signature->pointer),
                        &block) &&
           block.size_bytes != engine_hit_argument(hit, signature->size);
}

static int name_stack(struct engine_hit *hit, const struct capture *capture, uint32_t *ret) {
    struct interpreted_stacks *python = hit->engine->parts.python;
    *ret = capture->stack;
    return python ? interpreted_stacks_merge(python, tracker_thread_tid(hit->thread->thread),
                                             hit->stack_pointer, capture, ret)
                  : TMPALLOC_OK;
}

static void describe_between(const struct engine_hit *hit, const struct tracker_release *release,
                             struct engine_caught *caught) {
    while (caught->between_count < caught->distance &&
           caught->between_count < ENGINE_BETWEEN_LIMIT) {
        struct detector_block later;
        tracker_later(hit->engine->parts.tracker, release, caught->between_count + 1, &later);
        const struct site *site = later.site;
        caught->between[caught->between_count].size_bytes = later.size_bytes;
        caught->between[caught->between_count++].stack = site ? site->stack : ENGINE_NO_STACK;
    }
}

/* The stopped thread is about to end a block. */
static int catch_block(struct engine_hit *hit, const struct tracker_release *release) {
    struct engine_breakpoint *engine = hit->engine;
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
        .thread = tracker_thread_key(hit->thread->thread),
        .address = block->address,
        .size_bytes = block->size_bytes,
        .distance = block->distance,
        .stack = site->stack,
        .catches = stops,
    };
    const struct capture *capture;
    int status = unwinder_capture(engine->parts.unwinder, hit->breakpoint->address,
                                  hit->stack_pointer, hit->error, &capture);
    if (status == TMPALLOC_OK)
        status = name_stack(hit, capture, &caught.free_stack);
    if (status != TMPALLOC_OK)
        return status;
    describe_between(hit, release, &caught);
    return engine_catches_add(catches, &caught);
}

static int record_free(struct engine_hit *hit, const struct entry_point *entry,
                       uint64_t return_address) {
    struct engine_breakpoint *engine = hit->engine;
    uint64_t address = engine_hit_argument(hit, entry->signature.pointer);
    if (address == 0 || unmaps_another_range(hit, &entry->signature))
        return TMPALLOC_OK;
    check_owner(hit, address);
    struct tracker_release freed;
    int counted = tracker_freed(engine->parts.tracker, hit->thread->thread, address, false, &freed);
    log_freed(hit, &freed);
    const struct free_call call = {entry->address, hit->stack_pointer, return_address,
                                   tracker_thread_tid(hit->thread->thread)};
    int status = free_sites_note(&engine->free_sites, &call, NULL, &freed, hit->error);
    if (status == TMPALLOC_OK)
        status = catch_block(hit, &freed);
    return status == TMPALLOC_OK ? counted : status;
}

static int begin_allocation(struct engine_hit *hit, struct pending_call *call) {
    struct engine_breakpoint *engine = hit->engine;
    const struct capture *capture;
    int status = unwinder_capture(engine->parts.unwinder, call->entry_address, hit->stack_pointer,
                                  hit->error, &capture);
    if (status == TMPALLOC_OK)
        status = engine_threads_watch_return(hit->engine, hit->thread,
                                             call->activation.return_address, hit->error);
    if (status != TMPALLOC_OK)
        return status;
    call->capture = capture;
    status = name_stack(hit, capture, &call->stack);
    if (status != TMPALLOC_OK)
        return status;
    call->old = (struct tracker_release){0};
    if (call->signature.role != ENTRY_REALLOCATE || call->pointer == 0)
        return TMPALLOC_OK;
    check_owner(hit, call->pointer);
    tracker_take(engine->parts.tracker, hit->thread->thread, call->pointer, &call->old);
    return catch_block(hit, &call->old);
}

/* Of the string that was allocated, with its end.  Pieces that are aligned are in one page. */
static int string_bytes(struct engine_hit *hit, uint64_t address, size_t character_bytes,
                        uint64_t *ret) {
    static const wchar_t end;
    unsigned char piece[64];
    for (uint64_t at = address;;) {
        size_t size = sizeof(piece) - at % sizeof(piece), i = 0;
        if (size < character_bytes)
            size = character_bytes;
        int status = host_read_data(hit->engine->parts.host, at, piece, size, hit->error);
        if (status != TMPALLOC_OK)
            return status;
        while (i + character_bytes <= size && memcmp(piece + i, &end, character_bytes) != 0)
            i += character_bytes;
        at += i;
        if (i + character_bytes <= size) {
            *ret = at + character_bytes - address;
            return TMPALLOC_OK;
        }
    }
}

static int find_size(struct engine_hit *hit, struct pending_call *call, uint64_t address) {
    if (address && call->signature.result == ENTRY_RETURNED_STRING)
        return string_bytes(hit, address, 1, &call->size_bytes);
    if (address && call->signature.result == ENTRY_RETURNED_WIDE_STRING)
        return string_bytes(hit, address, sizeof(wchar_t), &call->size_bytes);
    return TMPALLOC_OK;
}

static struct pending_call describe_call(const struct engine_hit *hit,
                                         const struct entry_point *entry, uint64_t return_address) {
    const struct entry_signature *signature = &entry->signature;
    bool stores = signature->result == ENTRY_STORED;
    return (struct pending_call){
        .activation = {true, hit->stack_pointer, return_address},
        .awaits_return = signature->role != ENTRY_FREE || entry->size_bytes == 0,
        .signature = *signature,
        .entry_address = entry->address,
        .entry_end = entry->address + entry->size_bytes,
        .pointer = engine_hit_argument(hit, stores ? 1 : signature->pointer),
        .size_bytes = requested_size(hit, signature),
        .allocations = hit->engine->allocations,
    };
}

/* A realloc that was abandoned (left by a jump) freed nothing that is known of. */
static void abandon_call(struct engine_hit *hit) {
    struct pending_call *call = &hit->thread->call;
    if (call->activation.active && call->awaits_return && call->old.address != 0)
        tracker_put_back(hit->engine->parts.tracker, &call->old);
    call->activation.active = false;
}

static int engine_events_relate(struct engine_hit *hit, const struct pending_call *next,
                                enum call_nesting *ret) {
    struct engine_parts *parts = &hit->engine->parts;
    const struct pending_call *call = &hit->thread->call;
    const struct pending_hit place = {next->entry_address, hit->stack_pointer,
                                      next->activation.return_address, next->pointer,
                                      next->allocations};
    const struct processor_return *returns = &hit->engine->processor->returns;
    bool keeps_return;
    *ret = CALL_OUTERMOST;
    if (!call->activation.active ||
        engine_hit_keeps_return(hit, &call->activation, &keeps_return) != TMPALLOC_OK ||
        !keeps_return)
        return TMPALLOC_OK;
    *ret = pending_calls_nesting(call, &place, returns, NULL, NULL);
    if (*ret != CALL_NEEDS_CAPTURE)
        return TMPALLOC_OK;
    const struct capture *capture;
    int status = unwinder_capture(parts->unwinder, next->entry_address, hit->stack_pointer,
                                  hit->error, &capture);
    if (status != TMPALLOC_OK)
        return status;
    *ret = pending_calls_nesting(call, &place, returns, capture,
                                 stacks_get(tracker_stacks(parts->tracker), capture->stack));
    return TMPALLOC_OK;
}

static int begin_call(struct engine_hit *hit, const struct entry_point *entry,
                      struct pending_call *call) {
    uint64_t return_address = call->activation.return_address;
    if (call->signature.role != ENTRY_FREE)
        return begin_allocation(hit, call);
    int watched = call->awaits_return ? engine_threads_watch_return(hit->engine, hit->thread,
                                                                    return_address, hit->error)
                                      : TMPALLOC_OK;
    return watched == TMPALLOC_OK ? record_free(hit, entry, return_address) : watched;
}

int engine_events_call(struct engine_hit *hit, const struct entry_point *entry,
                       uint64_t return_address) {
    struct pending_call next = describe_call(hit, entry, return_address);
    enum call_nesting nesting;
    if (entry->signature.role == ENTRY_ALLOCATE &&
        engine_hit_argument(hit, entry->signature.pointer))
        return TMPALLOC_OK;
    int status = engine_events_relate(hit, &next, &nesting);
    if (status != TMPALLOC_OK || nesting == CALL_NESTED)
        return status;
    if (nesting == CALL_IN_SIGNAL) {
        drop_event(hit->engine);
        return TMPALLOC_OK;
    }
    abandon_call(hit);
    status = begin_call(hit, entry, &next);
    if (status >= 0)
        hit->thread->call = next;
    return status;
}

static int allocated_address(const struct engine_hit *hit, const struct pending_call *call,
                             uint64_t *ret) {
    *ret = hit->result;
    if (call->signature.result == ENTRY_RETURNED_MAPPED && hit->result == UINT64_MAX)
        *ret = 0;
    if (call->signature.result != ENTRY_STORED)
        return TMPALLOC_OK;
    *ret = 0;
    bool failed = (int32_t)hit->result != 0; /* the function returns an int */
    return failed ? TMPALLOC_OK : engine_hit_read_word(hit, call->pointer, ret);
}

/* The free half of a realloc, known to have happened or not only now. */
static int finish_realloc(struct engine_hit *hit, const struct pending_call *call,
                          uint64_t address) {
    struct engine_breakpoint *engine = hit->engine;
    if (call->old.address == 0)
        return TMPALLOC_OK;
    if (!allocator_has_ended(call->old.address, call->size_bytes, address)) {
        tracker_put_back(engine->parts.tracker, &call->old);
        return TMPALLOC_OK;
    }
    int counted = tracker_count_free(engine->parts.tracker, &call->old, address != 0);
    log_freed(hit, &call->old);
    const struct free_call freeing = {call->entry_address, call->activation.stack_pointer,
                                      call->activation.return_address,
                                      tracker_thread_tid(hit->thread->thread)};
    int status =
        free_sites_note(&engine->free_sites, &freeing, call->capture, &call->old, hit->error);
    return status == TMPALLOC_OK ? counted : status;
}

int engine_events_return(struct engine_hit *hit) {
    struct engine_breakpoint *engine = hit->engine;
    struct pending_call *call = &hit->thread->call;
    if (!call->awaits_return || !engine_hit_returns_to(hit, &call->activation))
        return TMPALLOC_OK;
    call->activation.active = false;
    engine_threads_unwatch_return(engine);
    if (call->signature.role == ENTRY_FREE)
        return TMPALLOC_OK;
    uint64_t address;
    int status = allocated_address(hit, call, &address);
    if (status == TMPALLOC_OK)
        status = find_size(hit, call, address);
    if (status == TMPALLOC_OK)
        status = finish_realloc(hit, call, address);
    if (status != TMPALLOC_OK || address == 0)
        return status;
    struct site *site = NULL;
    status = tracker_allocated(engine->parts.tracker, hit->thread->thread, address,
                               call->size_bytes, call->stack, &site);
    if (status == TMPALLOC_OK)
        status = tracker_reallocated(&call->old, call->size_bytes, site);
    if (status != TMPALLOC_OK)
        return status;
    LOG(LOG_ALLOCATION, "thread %lld has %llu bytes at %#llx, stack %u",
        (long long)tracker_thread_tid(hit->thread->thread), (unsigned long long)call->size_bytes,
        (unsigned long long)address, call->stack);
    struct engine_catches *catches = engine->parts.catches;
    if (catches && catches->awaited_stack == call->stack)
        catches->allocated(catches->arg, address, call->size_bytes);
    return free_sites_allocated(&engine->free_sites, site, call->capture,
                                call->activation.stack_pointer);
}
