#include <jansson.h>

#include "map.h"
#include "report.h"

/* Frames of many stacks are the same symbols: each becomes one object that is referred to. */
struct frames {
    struct map objects; /* address of a symbol to json_t, a reference each */
};

static void frames_deinit(struct frames *frames) {
    for (size_t i = 0; i < frames->objects.capacity; i++) {
        if (frames->objects.slots[i].used)
            json_decref((json_t *)(uintptr_t)frames->objects.slots[i].value);
    }
    map_deinit(&frames->objects);
}

static json_t *integer(uint64_t value) {
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* NULL is null; what is no UTF-8 gets replacement characters. */
static json_t *string(const char *value) {
    if (!value)
        return json_null();
    json_t *exact = json_string(value);
    if (exact)
        return exact;
    struct text printable;
    text_init(&printable);
    profile_append_printable(&printable, value);
    json_t *result = printable.failed ? NULL : json_string(text_get(&printable));
    text_deinit(&printable);
    return result;
}

static json_t *hexadecimal(uint64_t value) {
    char digits[19];
    snprintf(digits, sizeof digits, "0x%llx", (unsigned long long)value);
    return json_string(digits);
}

/* json_object_set_new() and json_array_append_new() accept NULL values as a failure and own what
 * they are given even then: so the sum of their answers is all that need be looked at. */
static json_t *checked(json_t *value, int failed) {
    if (!failed)
        return value;
    json_decref(value);
    return NULL;
}

static json_t *new_frame(const struct symbol *symbol) {
    json_t *frame = json_object();
    int failed = 0;
    failed |= json_object_set_new(frame, "address", hexadecimal(symbol->address));
    failed |= json_object_set_new(frame, "function", string(symbol->function));
    failed |= json_object_set_new(frame, "file", string(symbol->file));
    failed |= json_object_set_new(frame, "line", integer(symbol->line));
    failed |= json_object_set_new(frame, "module", string(symbol->module));
    failed |= json_object_set_new(frame, "inlined", json_boolean(symbol->inlined));
    failed |= json_object_set_new(frame, "language", string(symbol->python ? "python" : "native"));
    return checked(frame, failed);
}

/* A new reference. */
static json_t *get_frame(struct frames *frames, const struct symbol *symbol) {
    uint64_t known;
    uint64_t key = (uint64_t)(uintptr_t)symbol;
    if (map_get(&frames->objects, key, &known))
        return json_incref((json_t *)(uintptr_t)known);
    json_t *frame = new_frame(symbol);
    if (frame && map_put(&frames->objects, key, (uint64_t)(uintptr_t)frame) != 0) {
        json_decref(frame);
        return NULL;
    }
    return json_incref(frame);
}

static json_t *stack_array(struct frames *frames, const struct profile_stack *stack) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < stack->count; i++)
        failed |= json_array_append_new(array, get_frame(frames, stack->symbols[i]));
    return checked(array, failed);
}

static json_t *free_stacks_array(struct frames *frames, const struct profile_site *site) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < site->free_stack_count; i++)
        failed |= json_array_append_new(array, stack_array(frames, &site->free_stacks[i]));
    return checked(array, failed);
}

static json_t *amount(uint64_t count, uint64_t bytes) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "count", integer(count));
    failed |= json_object_set_new(object, "bytes", integer(bytes));
    return checked(object, failed);
}

static json_t *numbered_amount(uint32_t distance, const struct site_distance *at) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "distance", integer(distance));
    failed |= json_object_set_new(object, "count", integer(at->count));
    failed |= json_object_set_new(object, "bytes", integer(at->bytes));
    return checked(object, failed);
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
    return checked(array, failed);
}

static json_t *threads_array(const struct profile_site *site) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < site->thread_count; i++)
        failed |= json_array_append_new(array, json_integer(site->threads[i]));
    return checked(array, failed);
}

static int set_counters(json_t *object, const struct profile *profile,
                        const struct profile_site *site) {
    int failed = 0;
    failed |= json_object_set_new(object, "id", integer(site->id));
    failed |= json_object_set_new(object, "count", integer(site->count));
    failed |= json_object_set_new(object, "bytes", integer(site->bytes));
    failed |= json_object_set_new(object, "allocations", integer(site->counters.allocations));
    failed |=
        json_object_set_new(object, "allocated_bytes", integer(site->counters.allocated_bytes));
    failed |= json_object_set_new(object, "by_distance",
                                  distances_array(profile, site->by_distance, false));
    failed |= json_object_set_new(object, "min_size", integer(site->counters.min_size));
    failed |= json_object_set_new(object, "max_size", integer(site->counters.max_size));
    failed |= json_object_set_new(object, "larger", integer(site->counters.larger));
    failed |= json_object_set_new(object, "equal", integer(site->counters.equal));
    failed |= json_object_set_new(object, "by_realloc", integer(site->counters.by_realloc));
    return failed;
}

static json_t *site_object(struct frames *frames, const struct profile *profile,
                           const struct profile_site *site) {
    json_t *object = json_object();
    int failed = set_counters(object, profile, site);
    const char *pattern =
        site->pattern == PATTERN_NONE ? NULL : profile_pattern_name(site->pattern);
    failed |= json_object_set_new(object, "threads", threads_array(site));
    failed |= json_object_set_new(object, "same_scope", integer(site->same_scope));
    failed |= json_object_set_new(object, "pattern", string(pattern));
    failed |= json_object_set_new(object, "location", get_frame(frames, profile_location(site)));
    failed |= json_object_set_new(object, "stack", stack_array(frames, &site->stack));
    failed |= json_object_set_new(object, "free_stacks", free_stacks_array(frames, site));
    return checked(object, failed);
}

static json_t *sites_array(const struct profile *profile) {
    struct frames frames;
    map_init(&frames.objects);
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < profile->site_count && !failed; i++)
        failed |= json_array_append_new(array, site_object(&frames, profile, &profile->sites[i]));
    frames_deinit(&frames);
    return checked(array, failed);
}

static json_t *totals_object(const struct profile *profile) {
    const struct snapshot_totals *totals = &profile->totals;
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "allocations", integer(totals->allocations));
    failed |= json_object_set_new(object, "allocated_bytes", integer(totals->allocated_bytes));
    failed |= json_object_set_new(object, "deallocations", integer(totals->deallocations));
    failed |=
        json_object_set_new(object, "cross_thread_frees", integer(totals->cross_thread_frees));
    failed |= json_object_set_new(object, "dropped", integer(totals->dropped));
    failed |= json_object_set_new(object, "temporary", amount(profile->count, profile->bytes));
    failed |= json_object_set_new(object, "by_distance",
                                  distances_array(profile, profile->by_distance, true));
    return checked(object, failed);
}

static json_t *arguments_array(const char *const *arguments) {
    if (!arguments)
        return json_null();
    json_t *array = json_array();
    int failed = 0;
    for (; *arguments; arguments++)
        failed |= json_array_append_new(array, string(*arguments));
    return checked(array, failed);
}

static json_t *process_object(const struct profile *profile) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "pid", json_integer(profile->pid));
    failed |= json_object_set_new(object, "executable", string(profile->executable));
    failed |= json_object_set_new(object, "arguments", arguments_array(profile->arguments));
    return checked(object, failed);
}

static json_t *profile_object(const struct profile *profile) {
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "schema", string("tmpalloc/1"));
    failed |= json_object_set_new(object, "engine", string(profile->engine));
    failed |= json_object_set_new(object, "threshold", integer(profile->threshold));
    failed |= json_object_set_new(object, "max_threshold", integer(profile->max_threshold));
    failed |= json_object_set_new(object, "process", process_object(profile));
    failed |= json_object_set_new(object, "totals", totals_object(profile));
    failed |= json_object_set_new(object, "sites", sites_array(profile));
    return checked(object, failed);
}

static int append_chunk(const char *chunk, size_t size_bytes, void *arg) {
    struct text *text = arg;
    text_append_bytes(text, chunk, size_bytes);
    return text->failed ? -1 : 0;
}

int report_json(const struct profile *profile, struct text *text, struct error *error) {
    json_t *object = profile_object(profile);
    int failed = !object || json_dump_callback(object, append_chunk, text, 0) != 0;
    json_decref(object);
    text_append(text, "\n");
    return failed || text->failed ? error_no_memory(error) : TMPALLOC_OK;
}
