#include <stdlib.h>

#include "profile/profile_names.h"
#include "profile/profile_suppress.h"
#include "reports/report.h"
#include "reports/report_interned.h"
#include "reports/report_selection.h"
#include "support/memory.h"
#include "support/progress.h"

#define NOBODY  0 /* who is called by a line that allocates itself */
#define UNKNOWN "???"

enum name_kind { NAME_OBJECT, NAME_FILE, NAME_FUNCTION };

#define NAME_KINDS 3

/* Numbers of strings. */
struct function {
    uint32_t names[NAME_KINDS];
};

/* What a line of a function allocates itself, or by way of the function that it calls. */
struct cost {
    uint32_t function;
    uint32_t line;
    uint32_t callee; /* or NOBODY */
    uint32_t callee_line;
    uint64_t calls;
    struct report_amount amount;
};

struct graph {
    struct interned_strings strings;
    struct interned_pairs places;           /* object and file */
    struct interned_pairs function_numbers; /* place and name */
    struct function *functions;             /* by number less 1 */
    size_t function_capacity;
    uint64_t *stacks; /* by number of a function: the last one that it was seen in, from 1 */
    size_t stack_capacity;
    uint64_t stack;
    struct interned_pairs lines; /* function and line */
    struct interned_pairs calls; /* two lines */
    struct cost *costs;          /* by number of a call less 1 */
    size_t cost_capacity;
    struct text scratch;
};

/* Functions. */

/* The number of what was composed. */
static int take_name(struct graph *graph, uint32_t *ret) {
    if (graph->scratch.length == 0)
        text_append(&graph->scratch, UNKNOWN);
    int status = graph->scratch.failed
                     ? TMPALLOC_E_NOMEM
                     : interned_string(&graph->strings, text_get(&graph->scratch), ret);
    text_clear(&graph->scratch);
    return status;
}

static int name_number(struct graph *graph, const char *name, uint32_t *ret) {
    profile_append_printable(&graph->scratch, name ? name : "");
    return take_name(graph, ret);
}

static int function_name_number(struct graph *graph, const struct symbol *symbol, uint32_t *ret) {
    profile_append_name(&graph->scratch, symbol);
    return take_name(graph, ret);
}

static int add_function(struct graph *graph, const struct function *function, uint32_t number) {
    if (MEMORY_RESERVE(graph->functions, &graph->function_capacity, number) ||
        MEMORY_RESERVE(graph->stacks, &graph->stack_capacity, number))
        return TMPALLOC_E_NOMEM;
    graph->functions[number - 1] = *function;
    graph->stacks[number - 1] = 0;
    return TMPALLOC_OK;
}

static int function_number(struct graph *graph, const struct symbol *symbol, uint32_t *ret) {
    struct function function;
    uint32_t *names = function.names, place = 0, before = graph->function_numbers.count;
    int status = name_number(graph, symbol->module, &names[NAME_OBJECT]);
    if (status == TMPALLOC_OK)
        status = name_number(graph, symbol->file, &names[NAME_FILE]);
    if (status == TMPALLOC_OK)
        status = function_name_number(graph, symbol, &names[NAME_FUNCTION]);
    if (status == TMPALLOC_OK)
        status = interned_pair(&graph->places, names[NAME_OBJECT], names[NAME_FILE], &place);
    if (status == TMPALLOC_OK)
        status = interned_pair(&graph->function_numbers, place, names[NAME_FUNCTION], ret);
    if (status == TMPALLOC_OK && graph->function_numbers.count > before)
        status = add_function(graph, &function, *ret);
    return status;
}

/* Costs. */

static int add_cost(struct graph *graph, struct cost *cost) {
    uint32_t line, callee = NOBODY, number, before = graph->calls.count;
    int status = interned_pair(&graph->lines, cost->function, cost->line, &line);
    if (status == TMPALLOC_OK && cost->callee != NOBODY)
        status = interned_pair(&graph->lines, cost->callee, cost->callee_line, &callee);
    if (status == TMPALLOC_OK)
        status = interned_pair(&graph->calls, line, callee, &number);
    if (status != TMPALLOC_OK || MEMORY_RESERVE(graph->costs, &graph->cost_capacity, number))
        return TMPALLOC_E_NOMEM;
    if (graph->calls.count == before) {
        struct cost *known = &graph->costs[number - 1];
        known->calls += cost->calls;
        known->amount.count += cost->amount.count;
        known->amount.bytes += cost->amount.bytes;
        return TMPALLOC_OK;
    }
    graph->costs[number - 1] = *cost;
    return TMPALLOC_OK;
}

/* Readers add up what calls of a function cost: of a stack that has it several times only the
 * outermost call does. */
static bool is_outermost(struct graph *graph, uint32_t function) {
    bool outermost = graph->stacks[function - 1] != graph->stack;
    graph->stacks[function - 1] = graph->stack;
    return outermost;
}

/* From the outermost frame in to the location, which is charged as in our own tables. */
static int report_callgrind_add_site(struct graph *graph, const struct profile_site *site) {
    const struct report_amount amount = {site->count, site->bytes};
    struct cost cost = {.function = NOBODY};
    int status = TMPALLOC_OK;
    graph->stack++;
    for (size_t i = site->stack.count; i > site->location && status == TMPALLOC_OK; i--) {
        const struct symbol *symbol = site->stack.symbols[i - 1];
        uint32_t function;
        status = function_number(graph, symbol, &function);
        if (status != TMPALLOC_OK)
            break;
        bool counts = is_outermost(graph, function);
        cost.callee = function;
        cost.callee_line = symbol->line;
        cost.calls = site->count;
        cost.amount = counts ? amount : (struct report_amount){0, 0};
        if (cost.function != NOBODY)
            status = add_cost(graph, &cost);
        cost = (struct cost){.function = function, .line = symbol->line, .amount = amount};
    }
    return status == TMPALLOC_OK ? add_cost(graph, &cost) : status;
}

static int collect_costs(struct graph *graph, const struct profile *profile) {
    struct profile_site suppressed;
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < profile->site_count && status == TMPALLOC_OK; i++) {
        status = progress_step("writing", i, profile->site_count, "call sites");
        if (status == TMPALLOC_OK && profile->sites[i].count > 0)
            status = report_callgrind_add_site(graph, &profile->sites[i]);
    }
    if (status == TMPALLOC_OK && profile_suppressed_site(profile, &suppressed))
        status = report_callgrind_add_site(graph, &suppressed);
    return status;
}

/* Text. */

static int compare_numbers(uint32_t a, uint32_t b) {
    return a < b ? -1 : a > b;
}

static int report_callgrind_compare_costs(const void *left, const void *right) {
    const struct cost *a = left, *b = right;
    int order = compare_numbers(a->function, b->function);
    if (order == 0)
        order = compare_numbers(a->line, b->line);
    if (order == 0)
        order = compare_numbers(a->callee, b->callee);
    return order ? order : compare_numbers(a->callee_line, b->callee_line);
}

/* A name is written where its number stands first.  `named`: by kind and number. */
static void print_name(const struct graph *graph, const char *key, enum name_kind kind,
                       uint32_t name, bool *named, struct text *text) {
    bool *known = &named[kind * graph->strings.count + name];
    text_printf(text, "%s=(%u)", key, name + 1);
    if (!*known) {
        text_append(text, " ");
        text_append(text, graph->strings.items[name]);
    }
    text_append(text, "\n");
    *known = true;
}

static void print_function(const struct graph *graph, uint32_t number, bool *named,
                           struct text *text) {
    static const char *const keys[NAME_KINDS] = {"ob", "fl", "fn"};
    const struct function *function = &graph->functions[number - 1];
    text_append(text, "\n");
    for (int kind = 0; kind < NAME_KINDS; kind++)
        print_name(graph, keys[kind], kind, function->names[kind], named, text);
}

/* Object and file of a called function are those of its caller where nothing else is said. */
static void print_callee(const struct graph *graph, const struct cost *cost, bool *named,
                         struct text *text) {
    static const char *const keys[NAME_KINDS] = {"cob", "cfi", "cfn"};
    const struct function *caller = &graph->functions[cost->function - 1];
    const struct function *callee = &graph->functions[cost->callee - 1];
    for (int kind = 0; kind < NAME_KINDS; kind++) {
        if (kind == NAME_FUNCTION || caller->names[kind] != callee->names[kind])
            print_name(graph, keys[kind], kind, callee->names[kind], named, text);
    }
    text_printf(text, "calls=%llu %u\n", (unsigned long long)cost->calls, cost->callee_line);
}

static void report_callgrind_print_amount(struct text *text, uint64_t count, uint64_t bytes) {
    text_printf(text, "%llu %llu\n", (unsigned long long)bytes, (unsigned long long)count);
}

static void print_head(const struct profile *profile, struct text *text) {
    text_append(text, "# callgrind format\nversion: 1\ncreator: tmpalloc " TMPALLOC_VERSION "\n");
    text_printf(text, "pid: %lld\ncmd: ", (long long)profile->pid);
    if (!profile->arguments)
        profile_append_printable(text, profile->executable ? profile->executable : UNKNOWN);
    for (const char *const *word = profile->arguments; word && *word; word++) {
        text_append(text, word == profile->arguments ? "" : " ");
        profile_append_printable(text, *word);
    }
    text_printf(text,
                "\npart: 1\ndesc: Temporaries at threshold %u, engine %s\npositions: line\n"
                "event: Bytes : Bytes of temporaries\nevent: Count : Temporaries\n"
                "events: Bytes Count\n",
                profile->threshold, profile->engine);
}

static int print_costs(const struct graph *graph, struct text *text) {
    size_t count = graph->calls.count;
    bool *named = memory_allocate_zeroed(NAME_KINDS * graph->strings.count + 1, sizeof *named);
    if (!named)
        return TMPALLOC_E_NOMEM;
    if (count > 0)
        qsort(graph->costs, count, sizeof *graph->costs, report_callgrind_compare_costs);
    for (size_t i = 0; i < count; i++) {
        const struct cost *cost = &graph->costs[i];
        if (i == 0 || cost[-1].function != cost->function)
            print_function(graph, cost->function, named, text);
        if (cost->callee != NOBODY)
            print_callee(graph, cost, named, text);
        text_printf(text, "%u ", cost->line);
        report_callgrind_print_amount(text, cost->amount.count, cost->amount.bytes);
    }
    memory_release(named);
    return TMPALLOC_OK;
}

static void report_callgrind_release(struct graph *graph) {
    interned_strings_release(&graph->strings);
    interned_pairs_release(&graph->places);
    interned_pairs_release(&graph->function_numbers);
    interned_pairs_release(&graph->lines);
    interned_pairs_release(&graph->calls);
    memory_release(graph->functions);
    memory_release(graph->stacks);
    memory_release(graph->costs);
    text_deinit(&graph->scratch);
}

int report_callgrind(const struct profile *profile, struct text *text, struct error *error) {
    struct graph graph = {.stack = 0};
    int status = collect_costs(&graph, profile);
    print_head(profile, text);
    if (status == TMPALLOC_OK)
        status = print_costs(&graph, text);
    text_append(text, "\ntotals: ");
    report_callgrind_print_amount(text, profile->count, profile->bytes);
    report_callgrind_release(&graph);
    return report_end(status, text, error);
}
