#include "reports/report_blocks.h"

#include <inttypes.h>

#include "profile/labels.h"
#include "profile/profile_names.h"
#include "profile/stack_filter.h"
#include "reports/report_selection.h"
#include "reports/report_stack.h"
#include "reports/report_table.h"

#define LINES_BESIDE_ROWS 3 /* header, hidden rows, prompt */

static const struct table_column live_columns[] = {
    {"Location", false, 0}, {"Address", true, 0}, {"Size", true, 0},
    {"Age", true, 0},       {"Thread", true, 1},  {"Site", true, 2},
};

/* How many blocks, of how many bytes. */
static void report_blocks_add(struct report_amount *sum, const struct profile_block *block) {
    sum->count++;
    sum->bytes += block->size_bytes;
}

static bool is_block_selected(const struct profile_block *block, uint64_t max_age,
                              const struct report_options *options, struct stack_filter *filter) {
    return block->age <= max_age && (options->tid == 0 || options->tid == block->tid) &&
           stack_filter_matches(filter, &block->site->stack);
}

static void print_block(const struct profile_block *block, const struct labels *labels,
                        struct table *table) {
    table_add_row(table, TABLE_NO_PARENT, TABLE_NORMAL);
    labels_append(labels, profile_location(block->site), table_add_cell(table));
    text_printf(table_add_cell(table), "0x%" PRIx64, block->address);
    text_append_size(table_add_cell(table), block->size_bytes);
    text_append_count(table_add_cell(table), block->age);
    text_printf(table_add_cell(table), "%" PRId64, block->tid);
    text_printf(table_add_cell(table), "%" PRIu32, block->site->id);
}

static void report_blocks_print_hidden(struct report_amount hidden, struct table *table) {
    if (hidden.count == 0)
        return;
    table_add_row(table, TABLE_NO_PARENT, TABLE_FAINT);
    struct text *cell = table_add_cell(table);
    text_append_count(cell, hidden.count);
    text_append(cell, hidden.count == 1 ? " more block" : " more blocks");
    table_add_cell(table);
    text_append_size(table_add_cell(table), hidden.bytes);
}

struct live {
    const struct profile *profile;
    uint64_t max_age;
    const struct report_options *options;
    struct stack_filter *filter;
    struct labels *labels;
    struct table *table;
    struct report_amount hidden; /* what there is no row of */
};

static void print_blocks(struct live *live) {
    const struct profile *profile = live->profile;
    size_t most = report_rows_to_show(live->options, profile->block_count, LINES_BESIDE_ROWS);
    for (size_t i = 0; i < profile->block_count; i++) {
        const struct profile_block *block = &profile->blocks[i];
        bool shown = table_row_count(live->table) < most &&
                     is_block_selected(block, live->max_age, live->options, live->filter);
        if (shown)
            print_block(block, live->labels, live->table);
        else
            report_blocks_add(&live->hidden, block);
    }
}

static int label_blocks(struct live *live) {
    int status = labels_create(&live->labels);
    for (size_t i = 0; i < live->profile->block_count && status == TMPALLOC_OK; i++)
        status = labels_add(live->labels, profile_location(live->profile->blocks[i].site));
    return status == TMPALLOC_OK ? labels_tell_apart(live->labels) : status;
}

static void append_none(struct report_amount hidden, struct text *text) {
    if (hidden.count == 0) {
        text_append(text, "No block that can still become temporary.\n");
        return;
    }
    text_append(text, "No block that matches; ");
    text_append_count(text, hidden.count);
    text_append(text, hidden.count == 1 ? " other can still become temporary.\n"
                                        : " others can still become temporary.\n");
}

static int print_live(struct live *live, struct text *text) {
    int status = table_create(live_columns, sizeof live_columns / sizeof *live_columns,
                              live->options, &live->table);
    if (status == TMPALLOC_OK)
        status = stack_filter_create(live->options->filter, 1, &live->filter);
    if (status == TMPALLOC_OK)
        status = label_blocks(live);
    if (status != TMPALLOC_OK)
        return status;
    print_blocks(live);
    if (stack_filter_failed(live->filter))
        return TMPALLOC_E_NOMEM;
    if (table_row_count(live->table) == 0) {
        append_none(live->hidden, text);
        return TMPALLOC_OK;
    }
    report_blocks_print_hidden(live->hidden, live->table);
    return table_print(live->table, text);
}

int report_live(const struct profile *profile, uint64_t max_age,
                const struct report_options *options, struct text *text, struct error *error) {
    struct live live = {.profile = profile, .max_age = max_age, .options = options};
    int status = print_live(&live, text);
    stack_filter_destroy(live.filter);
    labels_destroy(live.labels);
    table_destroy(live.table);
    return report_end(status, text, error);
}

/* A block of no bytes has an address all the same. */
bool report_block_holds(const struct profile_block *block, uint64_t address) {
    uint64_t offset = block ? address - block->address : 0;
    return block && (offset < block->size_bytes || offset == 0);
}

const struct profile_block *report_find_block(const struct profile *profile, uint64_t address) {
    for (size_t i = 0; i < profile->block_count; i++) {
        if (report_block_holds(&profile->blocks[i], address))
            return &profile->blocks[i];
    }
    return NULL;
}

static void append_address(const struct report_place *place, struct text *text) {
    if (place->member) {
        profile_append_printable(text, place->member);
        text_append(text, ", ");
    }
    text_printf(text, "0x%" PRIx64, place->address);
}

static void append_unknown(const struct profile *profile, const struct report_place *place,
                           struct text *text) {
    append_address(place, text);
    text_printf(text,
                " is in no block that can still become temporary: freed (or caught at its free), "
                "followed by more than %" PRIu32 " other allocations of its thread, ",
                profile->max_threshold);
    text_append(text, "whose thread has ended, from before tracking began, or no heap memory\n");
}

static void report_blocks_append_title(const struct profile_block *block,
                                       const struct report_place *place, struct text *text) {
    uint64_t offset = place->address - block->address;
    append_address(place, text);
    text_append(text, " is ");
    if (offset > 0) {
        text_append_count(text, offset);
        text_printf(text, " byte%s into the", text_plural(offset));
    } else {
        text_append(text, "the");
    }
    text_append(text, " block of ");
    text_append_size(text, block->size_bytes);
    if (offset > 0)
        text_printf(text, " at 0x%" PRIx64, block->address);
    text_printf(text, " (tmpalloc site %" PRIu32 ")\n", block->site->id);
}

static void append_age(const struct profile_block *block, struct text *text) {
    text_append(text, "  Age          ");
    text_append_count(text, block->age);
    text_printf(text, " other allocation%s of ", text_plural(block->age));
    if (block->tid != 0)
        text_printf(text, "thread %" PRId64 " since\n", block->tid);
    else
        text_append(text, "its thread since\n");
}

static void append_threshold(const struct profile *profile, const struct profile_block *block,
                             struct text *text) {
    text_printf(text, ": temporary at threshold %" PRIu64, block->age);
    if (block->age < profile->max_threshold)
        text_append(text, " and above");
}

static void report_blocks_append_verdict(const struct profile *profile,
                                         const struct profile_block *block, int64_t this_tid,
                                         struct text *text) {
    text_append(text, "  Freed now    by ");
    if (this_tid == block->tid)
        text_append(text, "this thread");
    else
        text_printf(text, "thread %" PRId64, block->tid);
    append_threshold(profile, block, text);
    if (this_tid == block->tid)
        text_append(text, "; by another thread: never\n");
    else if (this_tid != 0)
        text_printf(text, "; by this thread, %" PRId64 ": never\n", this_tid);
    else
        text_append(text, "; by any other: never\n");
}

static void append_caught(const struct profile *profile, const struct profile_block *block,
                          struct text *text) {
    text_append(text, "  Caught       about to be freed by its thread");
    append_threshold(profile, block, text);
    text_append(text, "\n");
}

int report_explain(const struct profile *profile, const struct report_place *place,
                   struct text *text, struct error *error) {
    bool caught = report_block_holds(place->caught, place->address);
    const struct profile_block *block =
        caught ? place->caught : report_find_block(profile, place->address);
    if (!block) {
        append_unknown(profile, place, text);
        return report_end(TMPALLOC_OK, text, error);
    }
    report_blocks_append_title(block, place, text);
    append_age(block, text);
    if (caught)
        append_caught(profile, block, text);
    else
        report_blocks_append_verdict(profile, block, place->this_tid, text);
    text_append(text, "\nAllocated at\n");
    report_append_stack(&block->site->stack, block->site->location, text);
    return report_end(TMPALLOC_OK, text, error);
}
