#include "profile/locations.h"
#include "profile/profile_names.h"
#include "profile/profile_suppress.h"
#include "reports/report.h"
#include "reports/report_values.h"
#include "support/progress.h"

/* The file format names its version by this. */
#define SCHEMA "https://www.speedscope.app/file-format-schema.json"

static json_t *frame_object(const struct symbol *symbol, struct text *scratch) {
    json_t *frame = json_object();
    profile_append_name(scratch, symbol);
    int failed = json_object_set_new(frame, "name", value_take(scratch));
    const char *file = symbol->file ? symbol->file : symbol->module;
    if (file)
        failed |= json_object_set_new(frame, "file", value_text(file));
    if (symbol->line > 0)
        failed |= json_object_set_new(frame, "line", value_count(symbol->line));
    return value_checked(frame, failed);
}

static json_t *shared_object(const struct locations *frames) {
    struct text scratch;
    text_init(&scratch);
    json_t *array = json_array();
    int failed = 0;
    for (uint32_t i = 0; i < locations_count(frames); i++)
        failed |= json_array_append_new(array, frame_object(locations_get(frames, i), &scratch));
    text_deinit(&scratch);
    json_t *object = json_object();
    failed |= json_object_set_new(object, "frames", value_checked(array, failed));
    return value_checked(object, failed);
}

/* Frame numbers from the outermost in. */
static json_t *sample_array(struct locations *frames, const struct profile_stack *stack) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = stack->count; i > 0; i--) {
        uint32_t frame = locations_intern(frames, stack->symbols[i - 1]);
        failed |= frame == LOCATION_NONE;
        failed |= json_array_append_new(array, value_count(frame));
    }
    return value_checked(array, failed);
}

/* The stacks of all sites with temporaries. */
static json_t *samples_array(struct locations *frames, const struct profile *profile) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < profile->site_count && !failed; i++) {
        failed |= progress_step("writing", i, profile->site_count, "call sites");
        if (profile->sites[i].count > 0)
            failed |= json_array_append_new(array, sample_array(frames, &profile->sites[i].stack));
    }
    struct profile_site suppressed;
    if (profile_suppressed_site(profile, &suppressed))
        failed |= json_array_append_new(array, sample_array(frames, &suppressed.stack));
    return value_checked(array, failed);
}

static json_t *weights_array(const struct profile *profile, bool by_bytes, uint64_t *sum_ret) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < profile->site_count; i++) {
        const struct profile_site *site = &profile->sites[i];
        uint64_t weight = by_bytes ? site->bytes : site->count;
        if (site->count > 0)
            failed |= json_array_append_new(array, value_count(weight));
        *sum_ret += weight;
    }
    uint64_t suppressed = by_bytes ? profile->suppressed.bytes : profile->suppressed.count;
    if (profile->suppressed.count > 0)
        failed |= json_array_append_new(array, value_count(suppressed));
    *sum_ret += suppressed;
    return value_checked(array, failed);
}

/* Both profiles refer to one array of samples. */
static json_t *sampled_object(const struct profile *profile, json_t *samples, bool by_bytes) {
    uint64_t sum = 0;
    json_t *weights = weights_array(profile, by_bytes, &sum);
    json_t *object = json_object();
    int failed = json_object_set_new(object, "type", json_string("sampled"));
    failed |= json_object_set_new(
        object, "name",
        json_string(by_bytes ? "bytes of temporary allocations" : "temporary allocations"));
    failed |= json_object_set_new(object, "unit", json_string(by_bytes ? "bytes" : "none"));
    failed |= json_object_set_new(object, "startValue", json_integer(0));
    failed |= json_object_set_new(object, "endValue", value_count(sum));
    failed |= json_object_set(object, "samples", samples);
    failed |= json_object_set_new(object, "weights", weights);
    return value_checked(object, failed);
}

static json_t *profiles_array(struct locations *frames, const struct profile *profile) {
    json_t *samples = samples_array(frames, profile);
    json_t *array = json_array();
    int failed = json_array_append_new(array, sampled_object(profile, samples, true));
    failed |= json_array_append_new(array, sampled_object(profile, samples, false));
    json_decref(samples);
    return value_checked(array, failed);
}

static json_t *file_object(struct locations *frames, const struct profile *profile) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "$schema", json_string(SCHEMA));
    failed |= json_object_set_new(object, "exporter", json_string("tmpalloc@" TMPALLOC_VERSION));
    const char *name = profile->executable ? profile->executable : "unknown program";
    failed |= json_object_set_new(object, "name", value_text(name));
    failed |= json_object_set_new(object, "activeProfileIndex", json_integer(0));
    failed |= json_object_set_new(object, "profiles", profiles_array(frames, profile));
    failed |= json_object_set_new(object, "shared", shared_object(frames));
    return value_checked(object, failed);
}

int report_speedscope(const struct profile *profile, struct text *text, struct error *error) {
    struct locations *frames;
    if (locations_create(&frames) != TMPALLOC_OK)
        return error_no_memory(error);
    json_t *file = file_object(frames, profile);
    locations_destroy(frames);
    int status = value_append(text, file, error);
    json_decref(file);
    return status;
}
