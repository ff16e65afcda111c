#include "engines/free_sites.h"

#include <string.h>

#include "engines/pending_calls.h"
#include "support/memory.h"

void free_sites_init(struct free_sites *sites, struct unwinder *unwinder,
                     struct interpreted_stacks *python) {
    *sites = (struct free_sites){.unwinder = unwinder, .python = python};
}

void free_sites_deinit(struct free_sites *sites) {
    memory_release(sites->captures);
}

void free_sites_forget(struct free_sites *sites) {
    if (sites->captures)
        memset(sites->captures, 0, sites->capture_count * sizeof(struct capture *));
}

static int free_sites_reserve(struct free_sites *sites, uint32_t stack) {
    if (stack < sites->capture_count)
        return TMPALLOC_OK;
    size_t needed = (size_t)stack + 1 + sites->capture_count;
    const struct capture **grown = memory_resize(sites->captures, needed, sizeof(struct capture *));
    if (!grown)
        return TMPALLOC_E_NOMEM;
    memset(grown + sites->capture_count, 0,
           (needed - sites->capture_count) * sizeof(struct capture *));
    sites->captures = grown;
    sites->capture_count = needed;
    return TMPALLOC_OK;
}

int free_sites_allocated(struct free_sites *sites, struct site *site, const struct capture *capture,
                         uint64_t stack_pointer) {
    site->allocation_stack_pointer = stack_pointer;
    int status = free_sites_reserve(sites, site->stack);
    if (status != TMPALLOC_OK)
        return status;
    sites->captures[site->stack] = capture;
    return TMPALLOC_OK;
}

static bool same_as_last(const struct site *site, const struct free_call *call) {
    const struct site_free_call *last = &site->last_free;
    return last->return_address == call->return_address &&
           last->stack_pointer == call->stack_pointer &&
           last->allocation_stack_pointer == site->allocation_stack_pointer;
}

static int note_new_call(const struct free_sites *sites, const struct free_call *call,
                         const struct capture *capture, struct site *site) {
    uint32_t stack = capture->stack;
    if (sites->python && interpreted_stacks_merge(sites->python, call->tid, call->stack_pointer,
                                                  capture, &stack) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    site_add_free_stack(site, stack);
    const struct capture *allocating =
        site->stack < sites->capture_count ? sites->captures[site->stack] : NULL;
    uint32_t shared = 0;
    if (allocating)
        shared = pending_calls_shared_frames(allocating, site->allocation_stack_pointer, capture,
                                             call->stack_pointer);
    site->last_free =
        (struct site_free_call){.return_address = call->return_address,
                                .stack_pointer = call->stack_pointer,
                                .allocation_stack_pointer = site->allocation_stack_pointer,
                                .shared_frames = shared,
                                .stack = stack};
    return TMPALLOC_OK;
}

int free_sites_note(struct free_sites *sites, const struct free_call *call,
                    const struct capture *capture, const struct tracker_release *freed,
                    struct error *error) {
    if (freed->verdict != DETECTOR_TEMPORARY || !freed->block.site)
        return TMPALLOC_OK;
    struct site *site = freed->block.site;
    if (!same_as_last(site, call)) {
        int status = TMPALLOC_OK;
        if (!capture)
            status = unwinder_capture(sites->unwinder, call->entry_address, call->stack_pointer,
                                      error, &capture);
        if (status == TMPALLOC_OK)
            status = note_new_call(sites, call, capture, site);
        if (status != TMPALLOC_OK)
            return status;
    }
    return tracker_count_scope(freed, site->last_free.shared_frames, site->last_free.stack);
}
