#include "profile/profile_advice.h"
#include "reports/report.h"
#include "reports/report_values.h"
#include "support/progress.h"

static json_t *hexadecimal(uint64_t value) {
    char digits[19];
    snprintf(digits, sizeof digits, "0x%llx", (unsigned long long)value);
    return json_string(digits);
}

/* A path that is no UTF-8 can't be a key. */
static int note_build_id(json_t *build_ids, const struct symbol *symbol) {
    if (!symbol->module || !symbol->build_id || json_object_get(build_ids, symbol->module))
        return 0;
    json_t *digits = value_text(symbol->build_id);
    if (!digits)
        return -1;
    json_object_set_new(build_ids, symbol->module, digits);
    return 0;
}

/* The build ids of modules are collected in `arg`. */
static json_t *new_frame(const struct symbol *symbol, void *arg) {
    json_t *frame = json_object();
    int failed = note_build_id(arg, symbol);
    failed |= json_object_set_new(frame, "address", hexadecimal(symbol->address));
    failed |= json_object_set_new(frame, "offset", hexadecimal(symbol->offset));
    failed |= json_object_set_new(frame, "function", value_text(symbol->function));
    failed |= json_object_set_new(frame, "file", value_text(symbol->file));
    failed |= json_object_set_new(frame, "line", value_count(symbol->line));
    failed |= json_object_set_new(frame, "module", value_text(symbol->module));
    failed |= json_object_set_new(frame, "inlined", json_boolean(symbol->inlined));
    failed |=
        json_object_set_new(frame, "language", value_text(symbol->python ? "python" : "native"));
    return value_checked(frame, failed);
}

/* A document on its way. */
struct document {
    const struct profile *profile;
    struct symbol_values frames;
    json_t *numbered;   /* frames that stacks refer to by their place here */
    struct map numbers; /* address of a symbol to that place */
};

/* How a frame is written in a stack; a new reference. */
typedef json_t *frame_value(struct document *document, const struct symbol *symbol);

static json_t *frame_object(struct document *document, const struct symbol *symbol) {
    return value_of_symbol(&document->frames, symbol);
}

static json_t *frame_number(struct document *document, const struct symbol *symbol) {
    uint64_t key = (uint64_t)(uintptr_t)symbol, number = json_array_size(document->numbered);
    if (map_get(&document->numbers, key, &number))
        return value_count(number);
    int failed = json_array_append_new(document->numbered, frame_object(document, symbol));
    failed |= map_put(&document->numbers, key, number);
    return value_checked(value_count(number), failed);
}

static json_t *stack_array(struct document *document, const struct profile_stack *stack,
                           frame_value *value) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < stack->count; i++)
        failed |= json_array_append_new(array, value(document, stack->symbols[i]));
    return value_checked(array, failed);
}

static json_t *free_stacks_array(struct document *document, const struct profile_site *site,
                                 frame_value *value) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < site->free_stack_count; i++)
        failed |= json_array_append_new(array, stack_array(document, &site->free_stacks[i], value));
    return value_checked(array, failed);
}

static json_t *free_truncated_array(const struct profile_site *site) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < site->free_stack_count; i++)
        failed |= json_array_append_new(array, json_boolean(site->free_stacks[i].truncated));
    return value_checked(array, failed);
}

static json_t *amount(uint64_t count, uint64_t bytes) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "count", value_count(count));
    failed |= json_object_set_new(object, "bytes", value_count(bytes));
    return value_checked(object, failed);
}

static json_t *numbered_amount(uint32_t distance, const struct site_distance *at) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "distance", value_count(distance));
    failed |= json_object_set_new(object, "count", value_count(at->count));
    failed |= json_object_set_new(object, "bytes", value_count(at->bytes));
    return value_checked(object, failed);
}

static json_t *distances_array(const struct profile *profile,
                               const struct site_distance *by_distance, bool numbered) {
    json_t *array = json_array();
    int failed = 0;
    for (uint32_t i = 0; i <= profile->max_threshold; i++) {
        const struct site_distance *at = &by_distance[i];
        json_t *item = numbered ? numbered_amount(i, at) : amount(at->count, at->bytes);
        failed |= json_array_append_new(array, item);
    }
    return value_checked(array, failed);
}

static json_t *threads_array(const struct profile_site *site) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < site->thread_count; i++)
        failed |= json_array_append_new(array, json_integer(site->threads[i]));
    return value_checked(array, failed);
}

/* What depends on the frames that are shown. */
static int set_frames(json_t *object, struct document *document, const struct profile_site *site,
                      frame_value *value) {
    int failed = json_object_set_new(object, "stack", stack_array(document, &site->stack, value));
    failed |= json_object_set_new(object, "truncated", json_boolean(site->stack.truncated));
    failed |= json_object_set_new(object, "location_index", value_count(site->location));
    failed |= json_object_set_new(
        object, "same_scope_by_distance",
        site->same_scope_by_distance
            ? distances_array(document->profile, site->same_scope_by_distance, false)
            : json_null());
    failed |= json_object_set_new(object, "free_stacks", free_stacks_array(document, site, value));
    failed |= json_object_set_new(object, "free_truncated", free_truncated_array(site));
    return failed;
}

/* Its stacks are long and much alike. */
static json_t *native_object(struct document *document, const struct profile_site *native) {
    json_t *object = json_object();
    return value_checked(object, set_frames(object, document, native, frame_number));
}

static int set_counters(json_t *object, const struct profile *profile,
                        const struct profile_site *site) {
    int failed = 0;
    failed |= json_object_set_new(object, "id", value_count(site->id));
    failed |= json_object_set_new(object, "count", value_count(site->count));
    failed |= json_object_set_new(object, "bytes", value_count(site->bytes));
    failed |= json_object_set_new(object, "allocations", value_count(site->counters.allocations));
    failed |=
        json_object_set_new(object, "allocated_bytes", value_count(site->counters.allocated_bytes));
    failed |= json_object_set_new(object, "by_distance",
                                  distances_array(profile, site->by_distance, false));
    failed |= json_object_set_new(object, "min_size", value_count(site->counters.min_size));
    failed |= json_object_set_new(object, "max_size", value_count(site->counters.max_size));
    failed |= json_object_set_new(object, "larger", value_count(site->counters.larger));
    failed |= json_object_set_new(object, "equal", value_count(site->counters.equal));
    failed |= json_object_set_new(object, "by_realloc", value_count(site->counters.by_realloc));
    return failed;
}

static json_t *site_object(struct document *document, const struct profile_site *site) {
    json_t *object = json_object();
    int failed = set_counters(object, document->profile, site);
    const char *pattern =
        site->pattern == PATTERN_NONE ? NULL : profile_pattern_name(site->pattern);
    failed |= json_object_set_new(object, "threads", threads_array(site));
    failed |= json_object_set_new(object, "same_scope",
                                  profile_knows_scope(site) ? value_count(site->same_scope)
                                                            : json_null());
    if (site->chains)
        failed |= json_object_set_new(object, "chains", value_chains(site->chains));
    failed |= json_object_set_new(object, "pattern", value_text(pattern));
    failed |=
        json_object_set_new(object, "location", frame_object(document, profile_location(site)));
    failed |= set_frames(object, document, site, frame_object);
    if (site->native)
        failed |= json_object_set_new(object, "native", native_object(document, site->native));
    return value_checked(object, failed);
}

static json_t *sites_array(struct document *document) {
    const struct profile *profile = document->profile;
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < profile->site_count && !failed; i++) {
        failed |= progress_step("writing", i, profile->site_count, "call sites");
        failed |= json_array_append_new(array, site_object(document, &profile->sites[i]));
    }
    return value_checked(array, failed);
}

static json_t *totals_object(const struct profile *profile) {
    const struct snapshot_totals *totals = &profile->totals;
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "allocations", value_count(totals->allocations));
    failed |= json_object_set_new(object, "allocated_bytes", value_count(totals->allocated_bytes));
    failed |= json_object_set_new(object, "deallocations", value_count(totals->deallocations));
    failed |=
        json_object_set_new(object, "cross_thread_frees", value_count(totals->cross_thread_frees));
    failed |= json_object_set_new(object, "dropped", value_count(totals->dropped));
    failed |= json_object_set_new(object, "temporary", amount(profile->count, profile->bytes));
    failed |= json_object_set_new(object, "by_distance",
                                  distances_array(profile, profile->by_distance, true));
    if (profile->suppressed.count > 0)
        failed |= json_object_set_new(object, "suppressed",
                                      amount(profile->suppressed.count, profile->suppressed.bytes));
    return value_checked(object, failed);
}

static json_t *process_object(const struct profile *profile) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "pid", json_integer(profile->pid));
    failed |= json_object_set_new(object, "executable", value_text(profile->executable));
    failed |= json_object_set_new(object, "arguments", value_strings(profile->arguments));
    return value_checked(object, failed);
}

/* The sites, and what is collected with them. */
static int set_sites(json_t *object, const struct profile *profile) {
    json_t *build_ids = json_object();
    struct document document = {.profile = profile, .numbered = json_array()};
    symbol_values_init(&document.frames, new_frame, build_ids);
    map_init(&document.numbers);
    json_t *sites = sites_array(&document);
    int failed = json_object_set_new(object, "build_ids", build_ids);
    if (json_array_size(document.numbered) > 0)
        failed |= json_object_set(object, "frames", document.numbered);
    failed |= json_object_set_new(object, "sites", sites);
    json_decref(document.numbered);
    map_deinit(&document.numbers);
    symbol_values_deinit(&document.frames);
    return failed;
}

static json_t *profile_object(const struct profile *profile) {
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "schema", value_text("tmpalloc/1"));
    failed |= json_object_set_new(object, "engine", value_text(profile->engine));
    failed |= json_object_set_new(object, "threshold", value_count(profile->threshold));
    failed |= json_object_set_new(object, "max_threshold", value_count(profile->max_threshold));
    failed |= json_object_set_new(object, "complete", json_boolean(!profile->incomplete));
    failed |= json_object_set_new(object, "process", process_object(profile));
    failed |= json_object_set_new(object, "totals", totals_object(profile));
    failed |= set_sites(object, profile);
    return value_checked(object, failed);
}

int report_json(const struct profile *profile, struct text *text, struct error *error) {
    json_t *object = profile_object(profile);
    int status = value_append(text, object, error);
    json_decref(object);
    return status;
}
