#include "profile/profile_view.h"

#include <string.h>

#include "profile/profile_advice.h"
#include "profile/profile_charge.h"
#include "profile/profile_threshold.h"
#include "profile/shown_frames.h"
#include "profile/site_sums.h"
#include "support/hash.h"
#include "support/map.h"
#include "support/memory.h"
#include "support/progress.h"
#include "support/text.h"

#define NO_ROW UINT32_MAX

/* What becomes of a recorded site. */
struct choice {
    uint32_t row;
    uint32_t outer_frames; /* from the location out */
};

/* A site of the view that is being made. */
struct row {
    uint32_t next; /* whose stack has the same hash; NO_ROW: none */
    size_t part_count;
    const struct profile_site **parts;
    struct site_distance *same_scope; /* by distance */
};

struct viewing {
    const struct profile *recorded;
    struct profile *view;
    const char *const *interpreters; /* whose frames are left out; NULL: nobody's */
    struct choice *choices;          /* of the recorded sites */
    struct row *rows;
    const struct symbol **symbols; /* of the stack at hand */
    size_t symbol_capacity;
    struct map by_hash; /* of a stack that is shown, to the row that was added last */
};

/* Stacks. */

static int keep_shown(struct viewing *viewing, const struct profile_stack *recorded,
                      struct profile_stack *ret) {
    *ret = *recorded;
    if (!viewing->interpreters)
        return TMPALLOC_OK;
    if (MEMORY_RESERVE(viewing->symbols, &viewing->symbol_capacity, recorded->count))
        return TMPALLOC_E_NOMEM;
    ret->count = shown_frames_choose(viewing->interpreters, recorded, viewing->symbols);
    if (ret->count == recorded->count)
        return TMPALLOC_OK;
    const struct symbol **symbols =
        arena_allocate(&viewing->view->storage, ret->count, sizeof *symbols);
    if (!symbols)
        return TMPALLOC_E_NOMEM;
    memcpy(symbols, viewing->symbols, ret->count * sizeof *symbols);
    ret->symbols = symbols;
    return TMPALLOC_OK;
}

/* How many native frames there are from that of a shown symbol out: of an inlined function it is
 * that of the function that holds it. */
static uint32_t profile_view_count_outer(const struct viewing *viewing,
                                         const struct profile_stack *recorded, size_t location) {
    uint32_t count = 0;
    size_t i = shown_frames_place(viewing->interpreters, recorded, location);
    for (; i < recorded->count; i++)
        count += !recorded->symbols[i]->inlined && !recorded->symbols[i]->python;
    return count;
}

static bool profile_view_same_symbol(const struct symbol *a, const struct symbol *b) {
    return a == b || (a->address == b->address && a->line == b->line && a->python == b->python &&
                      a->inlined == b->inlined && text_same(a->function, b->function) &&
                      text_same(a->file, b->file) && text_same(a->module, b->module));
}

static bool same_stack(const struct profile_stack *a, const struct profile_stack *b) {
    bool same = a->count == b->count && a->truncated == b->truncated;
    for (size_t i = 0; i < a->count && same; i++)
        same = profile_view_same_symbol(a->symbols[i], b->symbols[i]);
    return same;
}

static uint64_t profile_view_hash_stack(const struct profile_stack *stack) {
    uint64_t hash = stack->truncated;
    for (size_t i = 0; i < stack->count; i++)
        hash = hash_string(hash ^ stack->symbols[i]->address ^ stack->symbols[i]->line,
                           stack->symbols[i]->function);
    return hash;
}

/* Rows. */

static uint32_t profile_view_find_row(const struct viewing *viewing,
                                      const struct profile_stack *stack, uint64_t hash,
                                      uint32_t *first_ret) {
    uint64_t first = NO_ROW;
    map_get(&viewing->by_hash, hash, &first);
    *first_ret = (uint32_t)first;
    for (uint32_t row = (uint32_t)first; row != NO_ROW; row = viewing->rows[row].next) {
        if (same_stack(&viewing->view->sites[row].stack, stack))
            return row;
    }
    return NO_ROW;
}

static void profile_view_add_row(struct viewing *viewing, const struct profile_site *recorded,
                                 const struct profile_stack *stack, size_t location) {
    struct profile_site *row = &viewing->view->sites[viewing->view->site_count++];
    *row = (struct profile_site){.id = recorded->id,
                                 .stack_number = recorded->stack_number,
                                 .location = location,
                                 .stack = *stack};
}

/* A site whose stack looks like another one's, where frames are left out, is part of its row. */
static int choose_row(struct viewing *viewing, size_t number) {
    const struct profile_site *recorded = &viewing->recorded->sites[number];
    struct choice *choice = &viewing->choices[number];
    struct profile *view = viewing->view;
    struct profile_stack stack;
    int status = keep_shown(viewing, &recorded->stack, &stack);
    if (status != TMPALLOC_OK)
        return status;
    size_t location = profile_find_location(view->charge, &stack, view->by);
    uint32_t first = NO_ROW, row = NO_ROW;
    uint64_t hash = viewing->interpreters ? profile_view_hash_stack(&stack) : 0;
    if (viewing->interpreters)
        row = profile_view_find_row(viewing, &stack, hash, &first);
    choice->outer_frames = profile_view_count_outer(viewing, &recorded->stack, location);
    choice->row = row == NO_ROW ? (uint32_t)view->site_count : row;
    viewing->rows[choice->row].part_count++;
    if (row != NO_ROW)
        return TMPALLOC_OK;
    viewing->rows[choice->row].next = first;
    status = viewing->interpreters ? map_put(&viewing->by_hash, hash, choice->row) : TMPALLOC_OK;
    if (status != TMPALLOC_OK)
        return status;
    profile_view_add_row(viewing, recorded, &stack, location);
    return TMPALLOC_OK;
}

/* A temporary was freed by the location's function, or beneath it, when all frames from the
 * location's out were still the same activations. */
static void add_same_scope(const struct viewing *viewing, const struct profile_site *part,
                           uint32_t outer_frames, struct site_distance *sum) {
    for (const struct site_scope *scope = part->scopes; scope; scope = scope->next) {
        if (scope->distance > viewing->view->max_threshold || scope->shared_frames < outer_frames)
            continue;
        sum[scope->distance].count += scope->count;
        sum[scope->distance].bytes += scope->bytes;
    }
}

static int profile_view_add_free_stacks(struct viewing *viewing, const struct profile_site *part,
                                        struct profile_site *row) {
    for (size_t i = 0; i < part->free_stack_count; i++) {
        struct profile_stack stack;
        int status = keep_shown(viewing, &part->free_stacks[i], &stack);
        if (status != TMPALLOC_OK)
            return status;
        size_t k = 0;
        while (k < row->free_stack_count && !same_stack(&row->free_stacks[k], &stack))
            k++;
        status = site_sums_add_free(&viewing->view->storage, &stack, part->free_counts[i], k, row);
        if (status != TMPALLOC_OK)
            return status;
    }
    return TMPALLOC_OK;
}

static int start_row(struct viewing *viewing, size_t number) {
    struct arena *storage = &viewing->view->storage;
    struct profile_site *site = &viewing->view->sites[number];
    struct row *row = &viewing->rows[number];
    size_t distances = (size_t)viewing->view->max_threshold + 1;
    row->parts = arena_allocate(storage, row->part_count, sizeof *row->parts);
    row->same_scope = arena_allocate(storage, distances, sizeof *row->same_scope);
    site->parts = row->parts;
    site->same_scope_by_distance = row->same_scope;
    return row->parts && row->same_scope ? TMPALLOC_OK : TMPALLOC_E_NOMEM;
}

/* By the interpreter's frames, which may be left out; those further out than a Python function may
 * be other buffers' reasons. */
static bool adds_text(const struct profile_site *part) {
    const struct profile_stack *stack = &part->stack;
    bool adds = false;
    for (size_t i = 0; part->chains && i < stack->count && !stack->symbols[i]->python; i++)
        adds |= profile_adds_text(stack->symbols[i]->function);
    return adds;
}

static int fill_rows(struct viewing *viewing) {
    struct profile *view = viewing->view;
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < view->site_count && status == TMPALLOC_OK; i++)
        status = start_row(viewing, i);
    for (size_t i = 0; i < viewing->recorded->site_count && status == TMPALLOC_OK; i++) {
        const struct profile_site *part = &viewing->recorded->sites[i];
        const struct choice *choice = &viewing->choices[i];
        const struct row *row = &viewing->rows[choice->row];
        struct profile_site *site = &view->sites[choice->row];
        status = site_sums_add(&view->storage, view->max_threshold, part, site);
        if (status == TMPALLOC_OK)
            status = profile_view_add_free_stacks(viewing, part, site);
        add_same_scope(viewing, part, choice->outer_frames, row->same_scope);
        row->parts[site->part_count++] = part;
        site->adds_text |= adds_text(part);
    }
    return status;
}

/* Rows have been sorted meanwhile. */
static int copy_blocks(struct viewing *viewing) {
    const struct profile *recorded = viewing->recorded;
    struct profile *view = viewing->view;
    for (size_t i = 0; i < view->site_count; i++) {
        for (size_t k = 0; k < view->sites[i].part_count; k++)
            viewing->choices[view->sites[i].parts[k] - recorded->sites].row = (uint32_t)i;
    }
    view->blocks = arena_allocate(&view->storage, recorded->block_count, sizeof *view->blocks);
    if (!view->blocks)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < recorded->block_count; i++) {
        view->blocks[i] = recorded->blocks[i];
        view->blocks[i].site =
            &view->sites[viewing->choices[recorded->blocks[i].site - recorded->sites].row];
    }
    return TMPALLOC_OK;
}

static int make_rows(struct viewing *viewing) {
    const struct profile *recorded = viewing->recorded;
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < recorded->site_count && status == TMPALLOC_OK; i++) {
        status = progress_step("looking through", i, recorded->site_count, "call stacks");
        if (status == TMPALLOC_OK)
            status = choose_row(viewing, i);
    }
    if (status == TMPALLOC_OK)
        status = fill_rows(viewing);
    if (status == TMPALLOC_OK)
        status = profile_judge(viewing->view);
    return status == TMPALLOC_OK ? copy_blocks(viewing) : status;
}

static int make_view(struct viewing *viewing) {
    size_t count = viewing->recorded->site_count;
    viewing->view->sites =
        arena_allocate(&viewing->view->storage, count + 1, sizeof *viewing->view->sites);
    viewing->choices = memory_allocate_zeroed(count + 1, sizeof *viewing->choices);
    viewing->rows = memory_allocate_zeroed(count + 1, sizeof *viewing->rows);
    map_init(&viewing->by_hash);
    bool enough = viewing->view->sites && viewing->choices && viewing->rows;
    int status = enough ? make_rows(viewing) : TMPALLOC_E_NOMEM;
    map_deinit(&viewing->by_hash);
    memory_release(viewing->symbols);
    memory_release(viewing->choices);
    memory_release(viewing->rows);
    return status;
}

static int charge_and_view(struct viewing *viewing, const struct charge_settings *settings) {
    const struct profile *recorded = viewing->recorded;
    const struct charge_source source = {.settings = settings,
                                         .executable = recorded->executable,
                                         .directories = recorded->directories,
                                         .incomplete = recorded->unmatched};
    int status = charge_create(&source, &viewing->view->charge);
    return status == TMPALLOC_OK ? make_view(viewing) : status;
}

int profile_at(const struct profile *recorded, const struct profile_view *view, struct error *error,
               struct profile **ret) {
    int status = profile_check_threshold(recorded->max_threshold, view->threshold, error);
    if (status != TMPALLOC_OK)
        return status;
    struct profile *made = memory_allocate(sizeof *made);
    if (!made)
        return error_no_memory(error);
    *made = *recorded;
    made->charge = NULL;
    made->storage = (struct arena){0};
    made->site_count = 0;
    made->threshold = view->threshold;
    made->by = view->by;
    struct viewing viewing = {.recorded = recorded,
                              .view = made,
                              .interpreters = view->native_frames ? NULL : recorded->interpreters};
    status = charge_and_view(&viewing, view->settings);
    if (status == TMPALLOC_OK)
        *ret = made;
    else
        profile_destroy(made);
    return error_of_status(error, status);
}

int profile_at_take(struct profile *recorded, const struct profile_view *view, struct error *error,
                    struct profile **ret) {
    int status = profile_at(recorded, view, error, ret);
    if (status != TMPALLOC_OK)
        return status;
    arena_take(&(*ret)->storage, &recorded->storage);
    profile_destroy(recorded);
    return TMPALLOC_OK;
}
