#include "profile/profile_build.h"

#include <stdlib.h>
#include <string.h>

#include "profile/profile_charge.h"
#include "profile/shown_frames.h"
#include "profile/site_sums.h"
#include "support/memory.h"
#include "support/progress.h"
#include "support/text.h"

/* A symbolized stack, kept per stack number while the profile is built. */
struct expansion {
    struct profile_stack stack;
    const struct profile_site *site; /* with this stack; NULL: none */
    bool done;
};

struct builder {
    const struct profile_source *source;
    struct profile *profile;
    struct expansion *expansions;
    const struct symbol **symbols; /* of the stack that is being expanded */
    size_t symbol_capacity;
};

static const struct symbol unknown_symbol;

static void *keep_copy(struct profile *profile, const void *items, size_t count,
                       size_t size_bytes) {
    void *copy = arena_allocate(&profile->storage, count, size_bytes);
    if (copy && count > 0)
        memcpy(copy, items, count * size_bytes);
    return copy;
}

static int reserve_symbols(struct builder *builder, size_t needed) {
    if (MEMORY_RESERVE(builder->symbols, &builder->symbol_capacity, needed))
        return TMPALLOC_E_NOMEM;
    return TMPALLOC_OK;
}

/* *ret's symbols are the builder's own.  An allocation was seen at its entry point, whatever that
 * is called. */
static int collect_symbols(struct builder *builder, const struct stack *stack,
                           struct profile_stack *ret) {
    size_t total = 0, entry_count = 0;
    for (uint32_t i = 0; i < stack->count; i++) {
        const struct symbol *resolved;
        size_t count;
        int status =
            symbolizer_resolve(builder->source->symbolizer, &stack->frames[i], &resolved, &count);
        if (status == TMPALLOC_OK)
            status = reserve_symbols(builder, total + count);
        if (status != TMPALLOC_OK)
            return status;
        for (size_t k = 0; k < count; k++)
            builder->symbols[total++] = &resolved[k];
        if (i == 0 && stack->frames[0].exact && stack->count > 1)
            entry_count = total;
    }
    if (total == 0 && reserve_symbols(builder, 1) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    if (total == 0)
        builder->symbols[total++] = &unknown_symbol;
    *ret = (struct profile_stack){builder->symbols, total, entry_count, stack->truncated};
    return TMPALLOC_OK;
}

static int expand_stack(struct builder *builder, const struct stack *stack,
                        struct expansion *expansion) {
    int status = collect_symbols(builder, stack, &expansion->stack);
    if (status != TMPALLOC_OK)
        return status;
    expansion->stack.symbols = keep_copy(builder->profile, builder->symbols, expansion->stack.count,
                                         sizeof *builder->symbols);
    expansion->done = expansion->stack.symbols != NULL;
    return expansion->done ? TMPALLOC_OK : TMPALLOC_E_NOMEM;
}

static int profile_build_expand(struct builder *builder, uint32_t number,
                                const struct expansion **ret) {
    struct expansion *expansion = &builder->expansions[number];
    if (!expansion->done) {
        int status = expand_stack(builder, stacks_get(builder->source->stacks, number), expansion);
        if (status != TMPALLOC_OK)
            return status;
    }
    *ret = expansion;
    return TMPALLOC_OK;
}

static int find_location(const struct profile_source *source, const struct profile_stack *stack,
                         size_t *ret) {
    const struct charge_source judged_by = {.settings = source->settings,
                                            .executable = source->executable,
                                            .directories = source->directories,
                                            .incomplete = source->incomplete};
    struct charge *charge;
    int status = charge_create(&judged_by, &charge);
    if (status != TMPALLOC_OK)
        return status;
    *ret = profile_find_location(charge, stack, source->by);
    charge_destroy(charge);
    return TMPALLOC_OK;
}

int profile_expand(const struct profile_source *source, uint32_t stack_number,
                   struct profile_stack *ret, size_t *location_ret) {
    const char *const interpreters[] = {source->interpreter, NULL};
    struct builder builder = {.source = source};
    struct profile_stack stack;
    int status = collect_symbols(&builder, stacks_get(source->stacks, stack_number), &stack);
    if (status == TMPALLOC_OK && source->interpreter)
        stack.count = shown_frames_choose(interpreters, &stack, builder.symbols);
    if (status == TMPALLOC_OK && location_ret)
        status = find_location(source, &stack, location_ret);
    if (status == TMPALLOC_OK)
        *ret = stack;
    else
        memory_release(builder.symbols);
    return status;
}

void profile_stack_release(struct profile_stack *stack) {
    memory_release((void *)stack->symbols);
}

/* The n-th native frame, counted from the outermost one as 1; NULL: there are fewer. */
static const struct frame *native_frame(const struct stack *stack, uint32_t n) {
    for (uint32_t i = stack->count; i-- > 0;) {
        if (stack->frames[i].module != FRAME_PYTHON && --n == 0)
            return &stack->frames[i];
    }
    return NULL;
}

/* Name of the function that a frame is of, not of what is inlined there; NULL: unknown. */
static int physical_function(const struct builder *builder, const struct frame *frame,
                             const char **ret) {
    const struct symbol *symbols;
    size_t count;
    int status = symbolizer_resolve(builder->source->symbolizer, frame, &symbols, &count);
    if (status != TMPALLOC_OK)
        return status;
    *ret = symbols[count - 1].function;
    return TMPALLOC_OK;
}

/* The innermost shared frame may have gone, with another function in its place: after a tail call,
 * or where functions are called by a pointer. */
static int count_shared(const struct builder *builder, const struct snapshot_site *site,
                        const struct site_scope *scope, uint32_t *ret) {
    const struct stacks *stacks = builder->source->stacks;
    const char *one, *other;
    *ret = scope->shared_frames;
    if (scope->free_stack == SITE_NO_STACK || scope->shared_frames == 0)
        return TMPALLOC_OK;
    const struct frame *allocating =
        native_frame(stacks_get(stacks, site->stack), scope->shared_frames);
    const struct frame *freeing =
        native_frame(stacks_get(stacks, scope->free_stack), scope->shared_frames);
    if (!allocating || !freeing || allocating->module == FRAME_NO_MODULE)
        return TMPALLOC_OK;
    int status = physical_function(builder, allocating, &one);
    if (status != TMPALLOC_OK)
        return status;
    status = physical_function(builder, freeing, &other);
    if (status != TMPALLOC_OK)
        return status;
    if (one && other)
        *ret -= !text_same(one, other);
    return TMPALLOC_OK;
}

/* Whatever they were freed by. */
static int copy_scopes(struct builder *builder, const struct snapshot_site *from,
                       struct profile_site *site) {
    struct site_scope *list = NULL;
    for (const struct site_scope *part = from->scopes; part; part = part->next) {
        uint32_t shared;
        int status = count_shared(builder, from, part, &shared);
        if (status == TMPALLOC_OK)
            status = site_sums_add_scope(&builder->profile->storage, part, shared, &list);
        if (status != TMPALLOC_OK)
            return status;
    }
    site->scopes = list;
    return TMPALLOC_OK;
}

static int copy_arrays(struct profile *profile, const struct snapshot_site *from,
                       struct profile_site *site) {
    site->by_distance = keep_copy(profile, from->by_distance, (size_t)profile->max_threshold + 1,
                                  sizeof *from->by_distance);
    site->threads = keep_copy(profile, from->threads, from->thread_count, sizeof *from->threads);
    return site->by_distance && site->threads ? TMPALLOC_OK : TMPALLOC_E_NOMEM;
}

/* *ret is NULL when no scope says who freed by this stack. */
static int count_freed(struct profile *profile, const struct snapshot_site *from, uint32_t stack,
                       const struct free_counts **ret) {
    struct free_counts *counts = NULL;
    for (const struct site_scope *scope = from->scopes; scope; scope = scope->next) {
        if (scope->free_stack != stack)
            continue;
        if (!counts)
            counts = free_counts_create(&profile->storage, (size_t)profile->max_threshold + 1);
        if (!counts)
            return TMPALLOC_E_NOMEM;
        counts->by_distance[scope->distance] += scope->count;
    }
    *ret = counts;
    return TMPALLOC_OK;
}

/* Unless it took none since what was subtracted. */
static int expand_free_stack(struct builder *builder, const struct snapshot_site *from,
                             uint32_t stack, struct profile_site *site) {
    const struct expansion *expansion;
    const struct free_counts *counts;
    int status = count_freed(builder->profile, from, stack, &counts);
    if (status != TMPALLOC_OK ||
        (counts && free_counts_at(counts, builder->profile->max_threshold) == 0))
        return status;
    status = profile_build_expand(builder, stack, &expansion);
    if (status != TMPALLOC_OK)
        return status;
    site->free_stacks[site->free_stack_count] = expansion->stack;
    site->free_counts[site->free_stack_count++] = counts;
    return TMPALLOC_OK;
}

static int expand_free_stacks(struct builder *builder, const struct snapshot_site *from,
                              struct profile_site *site) {
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < SITE_FREE_STACKS && status == TMPALLOC_OK; i++) {
        if (from->free_stacks[i] != SITE_NO_STACK)
            status = expand_free_stack(builder, from, from->free_stacks[i], site);
    }
    return status;
}

static int build_site(struct builder *builder, const struct snapshot_site *from,
                      struct profile_site *site) {
    struct profile *profile = builder->profile;
    const struct expansion *expansion;
    int status = profile_build_expand(builder, from->stack, &expansion);
    if (status != TMPALLOC_OK)
        return status;
    site->id = from->id;
    site->stack = expansion->stack;
    site->stack_number = from->stack;
    site->counters = from->counters;
    if (from->chains && !(site->chains = keep_copy(profile, from->chains, 1, sizeof *from->chains)))
        return TMPALLOC_E_NOMEM;
    site->thread_count = from->thread_count;
    status = copy_arrays(profile, from, site);
    if (status == TMPALLOC_OK)
        status = copy_scopes(builder, from, site);
    return status == TMPALLOC_OK ? expand_free_stacks(builder, from, site) : status;
}

static int build_sites(struct builder *builder) {
    struct profile *profile = builder->profile;
    const struct snapshot *snapshot = builder->source->snapshot;
    profile->sites =
        arena_allocate(&profile->storage, snapshot->site_count, sizeof *profile->sites);
    if (!profile->sites)
        return TMPALLOC_E_NOMEM;
    profile->site_count = snapshot->site_count;
    for (size_t i = 0; i < snapshot->site_count; i++) {
        int status = progress_step("symbolizing", i, snapshot->site_count, "call stacks");
        if (status == TMPALLOC_OK)
            status = build_site(builder, &snapshot->sites[i], &profile->sites[i]);
        if (status != TMPALLOC_OK)
            return status;
    }
    profile_order_sites(profile);
    return TMPALLOC_OK;
}

static int compare_blocks(const void *left, const void *right) {
    const struct profile_block *a = left, *b = right;
    if (a->age != b->age)
        return a->age < b->age ? -1 : 1;
    return a->tid < b->tid ? -1 : a->tid > b->tid;
}

/* Those of sites that are left out, for nothing was allocated there since a mark, are too. */
static int build_blocks(struct builder *builder) {
    struct profile *profile = builder->profile;
    const struct snapshot *snapshot = builder->source->snapshot;
    for (size_t i = 0; i < profile->site_count; i++)
        builder->expansions[profile->sites[i].stack_number].site = &profile->sites[i];
    profile->blocks =
        arena_allocate(&profile->storage, snapshot->block_count, sizeof *profile->blocks);
    if (!profile->blocks)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < snapshot->block_count; i++) {
        const struct snapshot_block *from = &snapshot->blocks[i];
        const struct profile_site *site = builder->expansions[from->stack].site;
        if (site)
            profile->blocks[profile->block_count++] =
                (struct profile_block){from->address, from->size_bytes, from->age, from->tid, site};
    }
    if (profile->block_count > 0)
        qsort(profile->blocks, profile->block_count, sizeof *profile->blocks, compare_blocks);
    return TMPALLOC_OK;
}

static int profile_build_copy_string(struct profile *profile, const char *string,
                                     const char **ret) {
    *ret = string ? keep_copy(profile, string, strlen(string) + 1, 1) : NULL;
    return string && !*ret ? TMPALLOC_E_NOMEM : TMPALLOC_OK;
}

static int copy_list(struct profile *profile, const char *const *strings, const char *const **ret) {
    if (!strings)
        return TMPALLOC_OK;
    size_t count = 0;
    while (strings[count])
        count++;
    const char **copy = arena_allocate(&profile->storage, count + 1, sizeof *copy);
    if (!copy)
        return TMPALLOC_E_NOMEM;
    *ret = copy;
    for (size_t i = 0; i < count; i++) {
        if (profile_build_copy_string(profile, strings[i], &copy[i]) != TMPALLOC_OK)
            return TMPALLOC_E_NOMEM;
    }
    return TMPALLOC_OK;
}

static int copy_process(struct profile *profile, const struct profile_source *source) {
    profile->pid = source->pid;
    if (profile_build_copy_string(profile, source->engine, &profile->engine) != TMPALLOC_OK ||
        profile_build_copy_string(profile, source->executable, &profile->executable) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    const char *const interpreters[] = {source->interpreter, NULL};
    int status = copy_list(profile, source->arguments, &profile->arguments);
    if (status != TMPALLOC_OK)
        return status;
    status = copy_list(profile, source->directories, &profile->directories);
    if (status != TMPALLOC_OK)
        return status;
    if (source->interpreter)
        return copy_list(profile, interpreters, &profile->interpreters);
    return TMPALLOC_OK;
}

static int profile_build_all(struct profile *profile, const struct profile_source *source) {
    struct builder builder = {.source = source, .profile = profile};
    profile->totals = source->snapshot->totals;
    profile->unmatched = source->incomplete;
    int status = copy_process(profile, source);
    if (status != TMPALLOC_OK)
        return status;
    builder.expansions = memory_allocate_zeroed((size_t)stacks_count(source->stacks) + 1,
                                                sizeof *builder.expansions);
    if (!builder.expansions)
        return TMPALLOC_E_NOMEM;
    status = build_sites(&builder);
    if (status == TMPALLOC_OK)
        status = build_blocks(&builder);
    memory_release(builder.expansions);
    memory_release(builder.symbols);
    return status;
}

int profile_create(const struct profile_source *source, struct error *error, struct profile **ret) {
    struct profile *profile = memory_allocate_zeroed(1, sizeof *profile);
    if (!profile)
        return error_no_memory(error);
    profile->max_threshold = source->snapshot->max_threshold;
    int status = profile_build_all(profile, source);
    if (status != TMPALLOC_OK) {
        profile_destroy(profile);
        return error_of_status(error, status);
    }
    *ret = profile;
    return TMPALLOC_OK;
}
