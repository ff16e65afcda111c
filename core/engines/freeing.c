#include "engines/freeing.h"

#include <string.h>

#include "engines/calls.h"
#include "support/memory.h"

void freeing_init(struct freeing *freeing, struct unwinder *unwinder,
                  struct interpreted_stacks *python) {
    *freeing = (struct freeing){.unwinder = unwinder, .python = python};
}

void freeing_deinit(struct freeing *freeing) {
    memory_release(freeing->captures);
}

void freeing_forget(struct freeing *freeing) {
    if (freeing->captures)
        memset(freeing->captures, 0, freeing->capture_count * sizeof(struct capture *));
}

static int reserve(struct freeing *freeing, uint32_t stack) {
    if (stack < freeing->capture_count)
        return TMPALLOC_OK;
    size_t needed = (size_t)stack + 1 + freeing->capture_count;
    const struct capture **grown =
        memory_resize(freeing->captures, needed, sizeof(struct capture *));
    if (!grown)
        return TMPALLOC_E_NOMEM;
    memset(grown + freeing->capture_count, 0,
           (needed - freeing->capture_count) * sizeof(struct capture *));
    freeing->captures = grown;
    freeing->capture_count = needed;
    return TMPALLOC_OK;
}

int freeing_allocated(struct freeing *freeing, struct site *site, const struct capture *capture,
                      uint64_t stack_pointer) {
    site->allocation_stack_pointer = stack_pointer;
    int status = reserve(freeing, site->stack);
    if (status == TMPALLOC_OK)
        freeing->captures[site->stack] = capture;
    return status;
}

static bool same_as_last(const struct site *site, const struct freeing_call *call) {
    const struct site_free_call *last = &site->last_free;
    return last->return_address == call->return_address &&
           last->stack_pointer == call->stack_pointer &&
           last->allocation_stack_pointer == site->allocation_stack_pointer;
}

static int note_new_call(const struct freeing *freeing, const struct freeing_call *call,
                         const struct capture *capture, struct site *site) {
    uint32_t stack = capture->stack;
    if (freeing->python && interpreted_stacks_merge(freeing->python, call->tid, call->stack_pointer,
                                                    capture, &stack) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    site_add_free_stack(site, stack);
    const struct capture *allocating =
        site->stack < freeing->capture_count ? freeing->captures[site->stack] : NULL;
    uint32_t shared = 0;
    if (allocating)
        shared = call_shared_frames(allocating, site->allocation_stack_pointer, capture,
                                    call->stack_pointer);
    site->last_free =
        (struct site_free_call){.return_address = call->return_address,
                                .stack_pointer = call->stack_pointer,
                                .allocation_stack_pointer = site->allocation_stack_pointer,
                                .shared_frames = shared};
    return TMPALLOC_OK;
}

int freeing_note(struct freeing *freeing, const struct freeing_call *call,
                 const struct capture *capture, const struct tracker_release *freed,
                 struct error *error) {
    if (freed->verdict != DETECTOR_TEMPORARY || !freed->block.site)
        return TMPALLOC_OK;
    struct site *site = freed->block.site;
    if (!same_as_last(site, call)) {
        int status = TMPALLOC_OK;
        if (!capture)
            status = unwinder_capture(freeing->unwinder, call->entry_address, call->stack_pointer,
                                      error, &capture);
        if (status == TMPALLOC_OK)
            status = note_new_call(freeing, call, capture, site);
        if (status != TMPALLOC_OK)
            return status;
    }
    return tracker_count_scope(freed, site->last_free.shared_frames);
}
