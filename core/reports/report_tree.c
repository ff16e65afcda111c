#include <stdlib.h>
#include <string.h>

#include "profile/labels.h"
#include "profile/locations.h"
#include "profile/profile_names.h"
#include "profile/stack_filter.h"
#include "reports/report_selection.h"
#include "reports/report_table.h"
#include "support/map.h"
#include "support/memory.h"
#include "support/progress.h"

#define LINES_BESIDE_ROWS 3 /* header, hidden branches, prompt */
#define CHAIN_NAMED       3 /* longer chains show their ends only */
#define NODE_NONE         UINT32_MAX
#define LOCATION_CUT      (LOCATION_NONE - 1) /* stands for frames that were not recorded */

/* A location called from its parent.  Node 0 is above the outermost frames. */
struct node {
    uint32_t location;
    uint32_t parent;
    uint32_t first_child;
    uint32_t next_sibling;
    struct report_amount amount; /* of the whole branch */
    uint64_t own_count;
    bool shown;
    size_t table_row;
};

struct tree {
    const struct profile *profile;
    const struct report_options *options;
    struct locations *locations;
    struct labels *labels;
    struct map children; /* parent number and location to node number */
    struct node *nodes;
    size_t count;
    size_t capacity;
    uint32_t *tops; /* first nodes of chains, heaviest first, parents before children */
    size_t top_count;
};

static const struct table_column tree_columns[] = {
    {"Location", false, 0},
    {"Total Memory", true, 0},
    {"Total %", true, 1},
    {"Temporaries", true, 0},
};

static uint32_t add_node(struct tree *tree, uint32_t parent, uint32_t location) {
    if (tree->count >= NODE_NONE || MEMORY_RESERVE(tree->nodes, &tree->capacity, tree->count + 1))
        return NODE_NONE;
    uint32_t number = (uint32_t)tree->count++;
    tree->nodes[number] =
        (struct node){.location = location, .parent = parent, .first_child = NODE_NONE};
    tree->nodes[number].next_sibling = NODE_NONE;
    if (parent != NODE_NONE) {
        tree->nodes[number].next_sibling = tree->nodes[parent].first_child;
        tree->nodes[parent].first_child = number;
    }
    return number;
}

static uint32_t get_child(struct tree *tree, uint32_t parent, uint32_t location) {
    uint64_t key = (uint64_t)parent << 32 | location;
    uint64_t known;
    if (map_get(&tree->children, key, &known))
        return (uint32_t)known;
    uint32_t number = add_node(tree, parent, location);
    if (number == NODE_NONE || map_put(&tree->children, key, number) != 0)
        return NODE_NONE;
    return number;
}

static void count_node(struct node *node, struct report_amount amount) {
    node->amount.count += amount.count;
    node->amount.bytes += amount.bytes;
}

/* Returns the child that was counted, NODE_NONE without memory. */
static uint32_t report_tree_descend(struct tree *tree, uint32_t parent, uint32_t location,
                                    struct report_amount amount) {
    uint32_t number = location == LOCATION_NONE ? NODE_NONE : get_child(tree, parent, location);
    if (number != NODE_NONE)
        count_node(&tree->nodes[number], amount);
    return number;
}

static int add_stack(struct tree *tree, const struct profile_site *site,
                     struct report_amount amount) {
    uint32_t node = 0;
    count_node(&tree->nodes[0], amount);
    if (site->stack.truncated)
        node = report_tree_descend(tree, node, LOCATION_CUT, amount);
    for (size_t i = site->stack.count; i > site->location && node != NODE_NONE; i--) {
        uint32_t location = locations_intern(tree->locations, site->stack.symbols[i - 1]);
        node = report_tree_descend(tree, node, location, amount);
    }
    if (node == NODE_NONE)
        return TMPALLOC_E_NOMEM;
    tree->nodes[node].own_count += amount.count;
    return TMPALLOC_OK;
}

static int report_tree_add_sites(struct tree *tree, struct stack_filter *filter) {
    for (size_t i = 0; i < tree->profile->site_count; i++) {
        const struct profile_site *site = &tree->profile->sites[i];
        struct report_amount amount = report_select(site, tree->options);
        if (amount.count == 0 || !stack_filter_matches(filter, &site->stack))
            continue;
        if (progress_step("summing up", i, tree->profile->site_count, "call sites") != TMPALLOC_OK)
            return TMPALLOC_E_INTERRUPTED;
        if (stack_filter_failed(filter) || add_stack(tree, site, amount) != TMPALLOC_OK)
            return TMPALLOC_E_NOMEM;
    }
    return TMPALLOC_OK;
}

static bool continues_chain(const struct tree *tree, uint32_t number) {
    const struct node *parent = &tree->nodes[tree->nodes[number].parent];
    return parent->parent != NODE_NONE && parent->own_count == 0 &&
           tree->nodes[parent->first_child].next_sibling == NODE_NONE;
}

static uint32_t chain_top(const struct tree *tree, uint32_t number) {
    while (continues_chain(tree, number))
        number = tree->nodes[number].parent;
    return number;
}

/* A parent was added before its children, so that equal weights keep it in front of them. */
static int compare_nodes(const void *left, const void *right, void *arg) {
    const struct node *nodes = arg;
    const uint32_t *a = left;
    const uint32_t *b = right;
    struct report_amount x = nodes[*a].amount;
    struct report_amount y = nodes[*b].amount;
    if (x.bytes != y.bytes)
        return x.bytes > y.bytes ? -1 : 1;
    if (x.count != y.count)
        return x.count > y.count ? -1 : 1;
    return *a < *b ? -1 : *a > *b;
}

static int sort_chains(struct tree *tree) {
    tree->tops = memory_allocate_zeroed(tree->count, sizeof *tree->tops);
    if (!tree->tops)
        return TMPALLOC_E_NOMEM;
    for (uint32_t i = 1; i < tree->count; i++) {
        if (!continues_chain(tree, i))
            tree->tops[tree->top_count++] = i;
    }
    qsort_r(tree->tops, tree->top_count, sizeof *tree->tops, compare_nodes, tree->nodes);
    return TMPALLOC_OK;
}

static void append_node(const struct tree *tree, uint32_t number, bool full, struct text *text) {
    uint32_t location = tree->nodes[number].location;
    if (location == LOCATION_CUT)
        text_append(text, "(outer frames not recorded)");
    else if (full)
        labels_append(tree->labels, locations_get(tree->locations, location), text);
    else
        profile_append_short_name(text, locations_get(tree->locations, location));
}

static bool is_chain_end(const struct tree *tree, uint32_t number) {
    uint32_t child = tree->nodes[number].first_child;
    return child == NODE_NONE || !continues_chain(tree, child);
}

static uint32_t chain_end(const struct tree *tree, uint32_t top, size_t *length_ret) {
    uint32_t number = top;
    for (*length_ret = 1; !is_chain_end(tree, number); ++*length_ret)
        number = tree->nodes[number].first_child;
    return number;
}

static const char *function_of(const struct tree *tree, uint32_t number) {
    uint32_t location = tree->nodes[number].location;
    return location == LOCATION_CUT ? NULL : locations_get(tree->locations, location)->function;
}

/* "main > run > foo at a.c:4", or "main > 7 frames > foo at a.c:4" */
static void append_chain(const struct tree *tree, uint32_t top, bool full, struct text *text) {
    size_t length;
    uint32_t end = chain_end(tree, top, &length);
    if (length > CHAIN_NAMED) {
        append_node(tree, top, full, text);
        text_printf(text, " > %zu frames > ", length - 2);
    } else {
        for (uint32_t i = top; i != end; i = tree->nodes[i].first_child) {
            append_node(tree, i, full && i == top, text);
            text_append(text, " > ");
        }
    }
    append_node(tree, end, true, text);
}

static bool report_tree_read_the_same(const struct tree *tree, uint32_t one, uint32_t other) {
    struct text first, second;
    text_init(&first);
    text_init(&second);
    append_chain(tree, one, false, &first);
    append_chain(tree, other, false, &second);
    bool same = strcmp(text_get(&first), text_get(&second)) == 0;
    text_deinit(&first);
    text_deinit(&second);
    return same;
}

/* Whether another branch of its parent begins at another line, or another function of that name,
 * and leads to the same place. */
static bool has_double(const struct tree *tree, uint32_t top) {
    const char *name = function_of(tree, top);
    uint32_t sibling = tree->nodes[tree->nodes[top].parent].first_child;
    for (; name && sibling != NODE_NONE; sibling = tree->nodes[sibling].next_sibling) {
        const char *other = sibling == top ? NULL : function_of(tree, sibling);
        if (other && strcmp(name, other) == 0 && report_tree_read_the_same(tree, top, sibling))
            return true;
    }
    return false;
}

static void report_tree_print_cells(const struct tree *tree, struct report_amount amount,
                                    struct table *table) {
    text_append_size(table_add_cell(table), amount.bytes);
    report_append_percent(table_add_cell(table), amount.bytes, tree->profile->bytes);
    text_append_count(table_add_cell(table), amount.count);
}

static void print_chain(struct tree *tree, uint32_t top, struct table *table) {
    struct node *node = &tree->nodes[top];
    size_t parent =
        node->parent == 0 ? TABLE_NO_PARENT : tree->nodes[chain_top(tree, node->parent)].table_row;
    node->shown = true;
    node->table_row = table_add_row(table, parent, TABLE_NORMAL);
    append_chain(tree, top, has_double(tree, top), table_add_cell(table));
    report_tree_print_cells(tree, node->amount, table);
}

/* Branches whose parent is shown, or that start at an outermost frame, add up to all hidden. */
static void report_tree_print_hidden(const struct tree *tree, size_t shown, struct table *table) {
    struct report_amount hidden = {tree->profile->count - tree->nodes[0].amount.count,
                                   tree->profile->bytes - tree->nodes[0].amount.bytes};
    for (size_t i = shown; i < tree->top_count; i++) {
        const struct node *node = &tree->nodes[tree->tops[i]];
        if (node->parent == 0 || tree->nodes[chain_top(tree, node->parent)].shown) {
            hidden.count += node->amount.count;
            hidden.bytes += node->amount.bytes;
        }
    }
    if (hidden.count == 0)
        return;
    table_add_row(table, TABLE_NO_PARENT, TABLE_FAINT);
    report_append_more(table_add_cell(table), tree->profile, tree->top_count - shown, "branch",
                       "branches");
    report_tree_print_cells(tree, hidden, table);
}

static int report_tree_print(struct tree *tree, struct text *text) {
    struct table *table;
    int status = table_create(tree_columns, sizeof tree_columns / sizeof *tree_columns,
                              tree->options, &table);
    if (status != TMPALLOC_OK)
        return status;
    size_t shown = report_rows_to_show(tree->options, tree->top_count, LINES_BESIDE_ROWS);
    for (size_t i = 0; i < shown; i++)
        print_chain(tree, tree->tops[i], table);
    report_tree_print_hidden(tree, shown, table);
    status = table_print(table, text);
    table_destroy(table);
    return status;
}

static int label_locations(struct tree *tree) {
    int status = labels_create(&tree->labels);
    for (uint32_t i = 0; i < locations_count(tree->locations) && status == TMPALLOC_OK; i++)
        status = labels_add(tree->labels, locations_get(tree->locations, i));
    return status == TMPALLOC_OK ? labels_tell_apart(tree->labels) : status;
}

static int grow_and_print(struct tree *tree, struct text *text) {
    struct stack_filter *filter = NULL;
    int status = stack_filter_create(tree->options->filter, 1, &filter);
    if (status == TMPALLOC_OK)
        status = report_tree_add_sites(tree, filter);
    stack_filter_destroy(filter);
    if (status == TMPALLOC_OK && tree->count == 1) {
        report_nothing(tree->profile, text);
        return TMPALLOC_OK;
    }
    if (status == TMPALLOC_OK)
        status = sort_chains(tree);
    if (status == TMPALLOC_OK)
        status = label_locations(tree);
    return status == TMPALLOC_OK ? report_tree_print(tree, text) : status;
}

int report_tree(const struct profile *profile, const struct report_options *options,
                struct text *text, struct error *error) {
    struct tree tree = {.profile = profile, .options = options};
    map_init(&tree.children);
    int status = locations_create(&tree.locations);
    if (status == TMPALLOC_OK && add_node(&tree, NODE_NONE, LOCATION_NONE) == NODE_NONE)
        status = TMPALLOC_E_NOMEM;
    if (status == TMPALLOC_OK)
        status = grow_and_print(&tree, text);
    labels_destroy(tree.labels);
    locations_destroy(tree.locations);
    map_deinit(&tree.children);
    memory_release(tree.nodes);
    memory_release(tree.tops);
    return report_end(status, text, error);
}
