#include "reports/report_html.h"

#include "profile/labels.h"
#include "profile/locations.h"
#include "profile/profile_advice.h"
#include "profile/profile_charge.h"
#include "profile/profile_match.h"
#include "profile/profile_names.h"
#include "profile/profile_threshold.h"
#include "reports/report.h"
#include "reports/report_check.h"
#include "reports/report_selection.h"
#include "reports/report_values.h"
#include "support/memory.h"
#include "support/progress.h"

/* Frame 0 stands for what was cut off a stack; the others are locations, from 1. */
#define FRAME_CUT 0
#define ROOT      0

/* The growth chains of all sites of a location. */
struct growth {
    uint32_t frame;
    const struct profile_site *site; /* the one with most bytes */
    struct chain_counters chains;
};

/* All stacks as one tree of calls: a stack is the number of its innermost node.  A node's number is
 * greater than its caller's; the root, which is no frame, has 0. */
struct calls {
    struct locations *locations;
    struct labels *labels; /* their names */
    struct map nodes;      /* caller and frame to node */
    uint32_t node_count;
    json_t *callers; /* by node, from 1 */
    json_t *frames;
    struct profile_match
        *match;         /* of the sites of two results; NULL: these are compared with none */
    struct map entries; /* frames that are an allocator's since they were counted */
    struct map growing; /* frames to their growth */
    struct growth *growths;
    size_t growth_count;
    size_t growth_capacity;
    bool failed;
};

static uint32_t frame_number(struct calls *calls, const struct symbol *symbol) {
    uint32_t location = locations_intern(calls->locations, symbol);
    calls->failed |= location == LOCATION_NONE || labels_add(calls->labels, symbol) != TMPALLOC_OK;
    return location + 1;
}

static uint32_t get_node(struct calls *calls, uint32_t caller, uint32_t frame) {
    uint64_t key = (uint64_t)caller << 32 | frame, known;
    if (map_get(&calls->nodes, key, &known))
        return (uint32_t)known;
    int failed = map_put(&calls->nodes, key, calls->node_count + 1);
    failed |= json_array_append_new(calls->callers, value_count(caller));
    failed |= json_array_append_new(calls->frames, value_count(frame));
    calls->failed |= failed != 0;
    return ++calls->node_count;
}

/* The node of the stack's symbol `innermost`, which is called by those after it. */
static uint32_t stack_node(struct calls *calls, const struct profile_stack *stack,
                           size_t innermost) {
    uint32_t node = stack->truncated ? get_node(calls, ROOT, FRAME_CUT) : ROOT;
    for (size_t i = stack->count; i > innermost; i--)
        node = get_node(calls, node, frame_number(calls, stack->symbols[i - 1]));
    return node;
}

static void note_entry(struct calls *calls, struct charge *charge,
                       const struct profile_stack *stack) {
    if (stack->count == 0 || profile_kind_at(charge, stack, 0) != CHARGE_ALLOCATOR)
        return;
    calls->failed |= map_put(&calls->entries, frame_number(calls, stack->symbols[0]), 0) != 0;
}

static json_t *free_nodes_array(struct calls *calls, const struct profile_site *site) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < site->free_stack_count; i++)
        failed |=
            json_array_append_new(array, value_count(stack_node(calls, &site->free_stacks[i], 0)));
    return value_checked(array, failed);
}

/* Distance, count and bytes one after the other, for distances that were seen. */
static json_t *distances_array(const struct profile *profile,
                               const struct site_distance *by_distance) {
    json_t *array = json_array();
    int failed = 0;
    for (uint32_t i = 0; i <= profile->max_threshold; i++) {
        if (by_distance[i].count == 0)
            continue;
        failed |= json_array_append_new(array, value_count(i));
        failed |= json_array_append_new(array, value_count(by_distance[i].count));
        failed |= json_array_append_new(array, value_count(by_distance[i].bytes));
    }
    return value_checked(array, failed);
}

/* Distance and count one after the other, of what the location's function frees itself; null: that
 * isn't known. */
static json_t *scopes_array(const struct profile *profile, const struct profile_site *site) {
    if (!profile_knows_scope(site))
        return json_null();
    json_t *array = json_array();
    int failed = 0;
    for (uint32_t i = 0; i <= profile->max_threshold; i++) {
        if (site->same_scope_by_distance[i].count == 0)
            continue;
        failed |= json_array_append_new(array, value_count(i));
        failed |= json_array_append_new(array, value_count(site->same_scope_by_distance[i].count));
    }
    return value_checked(array, failed);
}

static struct growth *get_growth(struct calls *calls, const struct profile_site *site) {
    uint32_t frame = frame_number(calls, profile_location(site));
    uint64_t known;
    if (map_get(&calls->growing, frame, &known))
        return &calls->growths[known];
    if (MEMORY_RESERVE(calls->growths, &calls->growth_capacity, calls->growth_count + 1) ||
        map_put(&calls->growing, frame, calls->growth_count))
        return NULL;
    struct growth *growth = &calls->growths[calls->growth_count++];
    *growth = (struct growth){.frame = frame, .site = site};
    return growth;
}

static void note_growth(struct calls *calls, const struct profile_site *site) {
    struct growth *growth = site->chains ? get_growth(calls, site) : NULL;
    calls->failed |= site->chains && !growth;
    if (growth)
        chain_counters_add(&growth->chains, site->chains);
}

/* Of each location that has some: its frame, what it says, and how many temporaries that is about.
 */
static json_t *growths_array(const struct calls *calls) {
    json_t *array = json_array();
    struct text text;
    text_init(&text);
    int failed = 0;
    for (size_t i = 0; i < calls->growth_count; i++) {
        const struct growth *growth = &calls->growths[i];
        profile_append_growth(&text, growth->site, &growth->chains);
        json_t *advice = value_take(&text);
        failed |= json_array_append_new(array, json_pack("[IoI]", (json_int_t)growth->frame, advice,
                                                         (json_int_t)growth->chains.steps));
    }
    text_deinit(&text);
    return value_checked(array, failed);
}

/* Where a site is charged, how it was called, and the number that it shares with those of the other
 * results that have the same functions from there inwards. */
static int set_places(json_t *object, struct calls *calls, const struct profile_site *site) {
    int failed = json_object_set_new(object, "location",
                                     value_count(stack_node(calls, &site->stack, site->location)));
    failed |= json_object_set_new(object, "stack", value_count(stack_node(calls, &site->stack, 0)));
    if (!calls->match)
        return failed;
    uint32_t pair;
    if (profile_match_stack(calls->match, &site->stack, site->location + 1, &pair) != TMPALLOC_OK)
        return -1;
    return failed | json_object_set_new(object, "pair", value_count(pair));
}

static json_t *site_object(struct calls *calls, const struct profile *profile,
                           const struct profile_site *site) {
    const struct site_counters *counters = &site->counters;
    enum profile_pattern pattern = profile_find_pattern(site, PROFILE_PATTERN_TEMPORARIES);
    json_t *object = json_object();
    int failed = json_object_set_new(object, "id", value_count(site->id));
    failed |= json_object_set_new(object, "allocations", value_count(counters->allocations));
    failed |= json_object_set_new(object, "minSize", value_count(counters->min_size));
    failed |= json_object_set_new(object, "maxSize", value_count(counters->max_size));
    failed |= json_object_set_new(object, "byRealloc", value_count(counters->by_realloc));
    failed |= json_object_set_new(object, "threads", value_count(site->thread_count));
    failed |= json_object_set_new(object, "pattern", json_string(profile_pattern_name(pattern)));
    failed |= set_places(object, calls, site);
    failed |= json_object_set_new(object, "frees", free_nodes_array(calls, site));
    failed |= json_object_set_new(object, "distances", distances_array(profile, site->by_distance));
    failed |= json_object_set_new(object, "scopes", scopes_array(profile, site));
    note_entry(calls, profile->charge, &site->stack);
    note_growth(calls, site);
    return value_checked(object, failed);
}

/* Sites without temporaries at any threshold have nothing to show but their allocations. */
static json_t *sites_array(struct calls *calls, const struct profile *profile) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < profile->site_count && !failed; i++) {
        failed |= progress_step("writing", i, profile->site_count, "call sites");
        failed |= json_array_append_new(array, site_object(calls, profile, &profile->sites[i]));
    }
    return value_checked(array, failed);
}

/* What the sites were before. */
static json_t *baseline_array(struct calls *calls, const struct profile *profile) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < profile->site_count && !failed; i++) {
        const struct profile_site *site = &profile->sites[i];
        json_t *object = json_object();
        failed |= progress_step("comparing", i, profile->site_count, "call sites");
        failed |= set_places(object, calls, site);
        failed |=
            json_object_set_new(object, "distances", distances_array(profile, site->by_distance));
        failed |= json_array_append_new(array, object);
    }
    return value_checked(array, failed);
}

/* As the page's colours are called; NULL: unknown. */
static const char *kind_name(const struct calls *calls, struct charge *charge, uint32_t frame,
                             const struct symbol *symbol) {
    uint64_t known;
    if (map_get(&calls->entries, frame, &known))
        return charge_kind_name(CHARGE_ALLOCATOR);
    enum charge_kind kind = charge_kind(charge, symbol);
    return symbol->python && kind == CHARGE_OWN ? "python" : charge_kind_name(kind);
}

static json_t *frame_array(const char *name, const struct symbol *symbol, const char *kind) {
    json_t *array = json_array();
    int failed = json_array_append_new(array, json_string(name));
    failed |= json_array_append_new(array, value_text(symbol->file));
    failed |= json_array_append_new(array, value_count(symbol->line));
    failed |= json_array_append_new(array, value_text(symbol->module));
    failed |= json_array_append_new(array, value_text(kind));
    return value_checked(array, failed);
}

/* The short name and what tells the location from others. */
static json_t *shown_frame_array(const struct calls *calls, const struct symbol *symbol,
                                 const char *kind, struct text *scratch) {
    text_clear(scratch);
    profile_append_name(scratch, symbol);
    json_t *array = frame_array(text_get(scratch), symbol, kind);
    int failed = scratch->failed;
    text_clear(scratch);
    profile_append_short_name(scratch, symbol);
    failed |= json_array_append_new(array, value_take(scratch));
    labels_append(calls->labels, symbol, scratch);
    failed |= json_array_append_new(array, value_take(scratch));
    return value_checked(array, failed);
}

static json_t *frames_array(const struct calls *calls, struct charge *charge) {
    static const struct symbol unknown;
    struct text scratch;
    text_init(&scratch);
    json_t *array = json_array();
    int failed = labels_tell_apart(calls->labels) != TMPALLOC_OK;
    failed |= json_array_append_new(array, frame_array("...", &unknown, "cut"));
    for (uint32_t i = 0; i < locations_count(calls->locations) && !failed; i++) {
        const struct symbol *symbol = locations_get(calls->locations, i);
        const char *kind = kind_name(calls, charge, i + 1, symbol);
        failed |= json_array_append_new(array, shown_frame_array(calls, symbol, kind, &scratch));
    }
    text_deinit(&scratch);
    return value_checked(array, failed);
}

/* Of each pattern: for sites that others free, and for those that free themselves. */
static json_t *advice_object(void) {
    json_t *object = json_object();
    int failed = 0;
    for (enum profile_pattern pattern = PATTERN_GROWS; pattern <= PATTERN_MIXED; pattern++)
        failed |= json_object_set_new(object, profile_pattern_name(pattern),
                                      json_pack("[ss]", profile_pattern_advice(pattern, false),
                                                profile_pattern_advice(pattern, true)));
    return value_checked(object, failed);
}

static int set_process(json_t *object, const struct profile *profile) {
    int failed = json_object_set_new(object, "version", json_string(TMPALLOC_VERSION));
    failed |= json_object_set_new(object, "engine", value_text(profile->engine));
    failed |= json_object_set_new(object, "pid", json_integer(profile->pid));
    failed |= json_object_set_new(object, "executable", value_text(profile->executable));
    failed |= json_object_set_new(object, "arguments", value_strings(profile->arguments));
    return failed;
}

static int set_totals(json_t *object, const struct profile *profile) {
    const struct snapshot_totals *totals = &profile->totals;
    int failed = json_object_set_new(object, "threshold", value_count(profile->threshold));
    failed |= json_object_set_new(object, "maxThreshold", value_count(profile->max_threshold));
    failed |= json_object_set_new(object, "allocations", value_count(totals->allocations));
    failed |= json_object_set_new(object, "allocatedBytes", value_count(totals->allocated_bytes));
    failed |= json_object_set_new(object, "dropped", value_count(totals->dropped));
    failed |=
        json_object_set_new(object, "crossThreadFrees", value_count(totals->cross_thread_frees));
    failed |=
        json_object_set_new(object, "distances", distances_array(profile, profile->by_distance));
    return failed;
}

static json_t *data_object(struct calls *calls, const struct profile *profile,
                           const struct profile *baseline) {
    json_t *object = json_object();
    json_t *sites = sites_array(calls, profile);
    int failed =
        baseline ? json_object_set_new(object, "baseline", baseline_array(calls, baseline)) : 0;
    failed |= set_process(object, profile);
    failed |= set_totals(object, profile);
    failed |= json_object_set_new(object, "advice", advice_object());
    failed |= json_object_set_new(object, "itselfPercent", value_count(PROFILE_ITSELF_PERCENT));
    failed |= json_object_set_new(object, "patternNeeds", value_count(PROFILE_PATTERN_TEMPORARIES));
    failed |= json_object_set_new(object, "frames", frames_array(calls, profile->charge));
    failed |= json_object_set(object, "nodeCallers", calls->callers);
    failed |= json_object_set(object, "nodeFrames", calls->frames);
    failed |= json_object_set_new(object, "sites", sites);
    failed |= json_object_set_new(object, "growths", growths_array(calls));
    return value_checked(object, failed || calls->failed);
}

/* In a script element no name may look like its end; '<' is only found within strings. */
static int append_escaped(const char *chunk, size_t size_bytes, void *arg) {
    struct text *text = arg;
    for (size_t i = 0; i < size_bytes; i++) {
        if (chunk[i] == '<')
            text_append(text, "\\u003c");
        else
            text_append_bytes(text, &chunk[i], 1);
    }
    return text->failed ? -1 : 0;
}

static int append_page(struct text *text, const json_t *data, struct error *error) {
    text_append_bytes(text, report_html_head, report_html_head_bytes);
    int failed = !data || json_dump_callback(data, append_escaped, text, JSON_COMPACT) != 0;
    text_append_bytes(text, report_html_tail, report_html_tail_bytes);
    return report_end(failed ? progress_failure() : TMPALLOC_OK, text, error);
}

static int html_begin(struct calls *calls, const struct profile *baseline, struct error *error) {
    *calls = (struct calls){.callers = json_array(), .frames = json_array()};
    int status = locations_create(&calls->locations);
    if (status == TMPALLOC_OK)
        status = labels_create(&calls->labels);
    if (status == TMPALLOC_OK && baseline)
        status = profile_match_create(false, &calls->match);
    return error_of_status(error, status);
}

static void html_end(struct calls *calls) {
    json_decref(calls->callers);
    json_decref(calls->frames);
    locations_destroy(calls->locations);
    labels_destroy(calls->labels);
    memory_release(calls->growths);
    profile_match_destroy(calls->match);
    map_deinit(&calls->entries);
    map_deinit(&calls->growing);
    map_deinit(&calls->nodes);
}

static int print_page(const struct profile *profile, const struct profile *baseline,
                      struct text *text, struct error *error) {
    struct calls calls;
    if (report_html_lacks)
        return error_set(
            error, TMPALLOC_E_UNSUPPORTED,
            "tmpalloc was built without %s, so it has no page: install that and build it "
            "again, or report csv, speedscope or sarif",
            report_html_lacks);
    int status = html_begin(&calls, baseline, error);
    if (status == TMPALLOC_OK) {
        json_t *data = data_object(&calls, profile, baseline);
        status = append_page(text, data, error);
        json_decref(data);
    }
    html_end(&calls);
    return status;
}

int report_html(const struct profile *profile, struct text *text, struct error *error) {
    return print_page(profile, NULL, text, error);
}

int report_html_against(const struct profile *profile, const struct check_limits *limits,
                        struct text *text, struct error *error) {
    return print_page(profile, limits->baseline, text, error);
}
