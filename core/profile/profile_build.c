#include "profile/profile_build.h"

#include <stdlib.h>
#include <string.h>

#include "profile/charge.h"
#include "profile/profile_threshold.h"
#include "support/memory.h"
#include "support/progress.h"

/* A symbolized stack with its location, kept per stack number while the profile is built. */
struct expansion {
    struct profile_stack stack;
    size_t location;
    uint32_t location_frame;         /* the physical frame of the location */
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

static bool has_python(const struct stack *stack) {
    for (uint32_t i = 0; i < stack->count; i++) {
        if (stack->frames[i].module == FRAME_PYTHON)
            return true;
    }
    return false;
}

static uint32_t count_native(const struct stack *stack, uint32_t first) {
    uint32_t count = 0;
    for (uint32_t i = first; i < stack->count; i++)
        count += stack->frames[i].module != FRAME_PYTHON;
    return count;
}

/* Spares most comparisons of names. */
static bool may_be_charged(const struct symbol *symbol, enum charge_kind charged) {
    return charged < (symbol->python ? CHARGE_PYTHON : CHARGE_CALLER);
}

static int collect_symbols(struct builder *builder, const struct stack *stack,
                           struct expansion *expansion) {
    uint32_t left_out = has_python(stack) ? builder->source->interpreter : FRAME_NO_MODULE;
    enum charge_kind charged = CHARGE_NONE;
    size_t total = 0;
    for (uint32_t i = 0; i < stack->count; i++) {
        if (i > 0 && left_out != FRAME_NO_MODULE && stack->frames[i].module == left_out)
            continue;
        /* An allocation was seen at its entry point, whatever that is called. */
        bool is_entry_point = i == 0 && stack->frames[0].exact && stack->count > 1;
        const struct symbol *resolved;
        size_t count;
        int status =
            symbolizer_resolve(builder->source->symbolizer, &stack->frames[i], &resolved, &count);
        if (status == TMPALLOC_OK)
            status = reserve_symbols(builder, total + count);
        if (status != TMPALLOC_OK)
            return status;
        for (size_t k = 0; k < count; k++) {
            enum charge_kind kind = CHARGE_NONE;
            if (!is_entry_point && may_be_charged(&resolved[k], charged))
                kind = charge_kind_of(&resolved[k], builder->source->executable,
                                      builder->source->incomplete);
            if (kind > charged) {
                charged = kind;
                expansion->location = total;
                expansion->location_frame = i;
            }
            builder->symbols[total++] = &resolved[k];
        }
    }
    expansion->stack.count = total;
    return TMPALLOC_OK;
}

static int expand_stack(struct builder *builder, const struct stack *stack,
                        struct expansion *expansion) {
    static const struct symbol *const unknown_stack[] = {&unknown_symbol};
    int status = collect_symbols(builder, stack, expansion);
    if (status != TMPALLOC_OK)
        return status;
    expansion->stack.truncated = stack->truncated;
    if (expansion->stack.count == 0) {
        expansion->stack.symbols = unknown_stack;
        expansion->stack.count = 1;
    } else {
        expansion->stack.symbols = keep_copy(builder->profile, builder->symbols,
                                             expansion->stack.count, sizeof *builder->symbols);
        if (!expansion->stack.symbols)
            return TMPALLOC_E_NOMEM;
    }
    expansion->done = true;
    return TMPALLOC_OK;
}

static int expand(struct builder *builder, uint32_t number, const struct expansion **ret) {
    struct expansion *expansion = &builder->expansions[number];
    if (!expansion->done) {
        int status = expand_stack(builder, stacks_get(builder->source->stacks, number), expansion);
        if (status != TMPALLOC_OK)
            return status;
    }
    *ret = expansion;
    return TMPALLOC_OK;
}

int profile_expand(const struct profile_source *source, uint32_t stack_number,
                   struct profile_stack *ret, size_t *location_ret) {
    struct builder builder = {.source = source};
    struct expansion expansion = {.location = 0};
    const struct stack *stack = stacks_get(source->stacks, stack_number);
    int status = reserve_symbols(&builder, 1);
    if (status == TMPALLOC_OK)
        status = collect_symbols(&builder, stack, &expansion);
    if (status != TMPALLOC_OK) {
        memory_release(builder.symbols);
        return status;
    }
    if (expansion.stack.count == 0)
        builder.symbols[expansion.stack.count++] = &unknown_symbol;
    *ret = (struct profile_stack){builder.symbols, expansion.stack.count, stack->truncated};
    *location_ret = expansion.location;
    return TMPALLOC_OK;
}

void profile_stack_release(struct profile_stack *stack) {
    memory_release((void *)stack->symbols);
}

/* A temporary was freed by the location's function, or beneath it, when all frames from the
 * location's out were still the same activations. */
static int copy_same_scope(struct profile *profile, const struct site_scope *scopes,
                           uint32_t needed_frames, struct profile_site *site) {
    struct site_distance *sum =
        arena_allocate(&profile->storage, (size_t)profile->max_threshold + 1, sizeof *sum);
    if (!sum)
        return TMPALLOC_E_NOMEM;
    for (const struct site_scope *scope = scopes; scope; scope = scope->next) {
        if (scope->distance > profile->max_threshold || scope->shared_frames < needed_frames)
            continue;
        sum[scope->distance].count += scope->count;
        sum[scope->distance].bytes += scope->bytes;
    }
    site->same_scope_by_distance = sum;
    return TMPALLOC_OK;
}

static int copy_arrays(struct profile *profile, const struct snapshot_site *from,
                       struct profile_site *site) {
    site->by_distance = keep_copy(profile, from->by_distance, (size_t)profile->max_threshold + 1,
                                  sizeof *from->by_distance);
    site->threads = keep_copy(profile, from->threads, from->thread_count, sizeof *from->threads);
    return site->by_distance && site->threads ? TMPALLOC_OK : TMPALLOC_E_NOMEM;
}

static int expand_free_stacks(struct builder *builder, const struct snapshot_site *from,
                              struct profile_site *site) {
    for (size_t i = 0; i < SITE_FREE_STACKS; i++) {
        if (from->free_stacks[i] == SITE_NO_STACK)
            continue;
        const struct expansion *expansion;
        int status = expand(builder, from->free_stacks[i], &expansion);
        if (status != TMPALLOC_OK)
            return status;
        site->free_stacks[site->free_stack_count++] = expansion->stack;
    }
    return TMPALLOC_OK;
}

static int build_site(struct builder *builder, const struct snapshot_site *from,
                      struct profile_site *site) {
    struct profile *profile = builder->profile;
    const struct expansion *expansion;
    int status = expand(builder, from->stack, &expansion);
    if (status != TMPALLOC_OK)
        return status;
    site->id = from->id;
    site->stack = expansion->stack;
    site->stack_number = from->stack;
    site->location = expansion->location;
    site->counters = from->counters;
    site->thread_count = from->thread_count;
    status = copy_arrays(profile, from, site);
    const struct stack *stack = stacks_get(builder->source->stacks, from->stack);
    if (status == TMPALLOC_OK)
        status = copy_same_scope(profile, from->scopes,
                                 count_native(stack, expansion->location_frame), site);
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
    return profile_judge(profile);
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

static int copy_string(struct profile *profile, const char *string, const char **ret) {
    *ret = string ? keep_copy(profile, string, strlen(string) + 1, 1) : NULL;
    return string && !*ret ? TMPALLOC_E_NOMEM : TMPALLOC_OK;
}

static int copy_arguments(struct profile *profile, const char *const *arguments) {
    if (!arguments)
        return TMPALLOC_OK;
    size_t count = 0;
    while (arguments[count])
        count++;
    const char **copy = arena_allocate(&profile->storage, count + 1, sizeof *copy);
    if (!copy)
        return TMPALLOC_E_NOMEM;
    profile->arguments = copy;
    for (size_t i = 0; i < count; i++) {
        if (copy_string(profile, arguments[i], &copy[i]) != TMPALLOC_OK)
            return TMPALLOC_E_NOMEM;
    }
    return TMPALLOC_OK;
}

static int copy_process(struct profile *profile, const struct profile_source *source) {
    profile->pid = source->pid;
    if (copy_string(profile, source->engine, &profile->engine) != TMPALLOC_OK ||
        copy_string(profile, source->executable, &profile->executable) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    return copy_arguments(profile, source->arguments);
}

static int build(struct profile *profile, const struct profile_source *source) {
    struct builder builder = {.source = source, .profile = profile};
    profile->totals = source->snapshot->totals;
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

int profile_create(const struct profile_source *source, uint32_t threshold, struct error *error,
                   struct profile **ret) {
    uint32_t max_threshold = source->snapshot->max_threshold;
    int status = profile_check_threshold(max_threshold, threshold, error);
    if (status != TMPALLOC_OK)
        return status;
    struct profile *profile = memory_allocate_zeroed(1, sizeof *profile);
    if (!profile)
        return error_no_memory(error);
    profile->threshold = threshold;
    profile->max_threshold = max_threshold;
    status = build(profile, source);
    if (status != TMPALLOC_OK) {
        profile_destroy(profile);
        return error_of_status(error, status);
    }
    *ret = profile;
    return TMPALLOC_OK;
}
