#include "profile/profile_read.h"

#include <string.h>

#include "profile/profile_chains.h"
#include "profile/profile_names.h"
#include "profile/profile_read_1.h"
#include "profile/profile_read_2.h"
#include "support/memory.h"
#include "support/text.h"

#define SCHEMA_PREFIX  "tmpalloc/"
#define LARGEST_STATUS 255
#define LARGEST_SIGNAL 64
#define SCHEMAS        SCHEMA_PREFIX "1 and " SCHEMA_PREFIX "2"

static int profile_read_read_threads(const struct profile_reader *reader, const json_t *object,
                                     struct profile_site *site) {
    const json_t *array = json_object_get(object, "threads");
    site->thread_count = json_array_size(array);
    int64_t *threads =
        arena_allocate(&reader->profile->storage, site->thread_count, sizeof *threads);
    if (!threads)
        return profile_reader_no_memory(reader);
    site->threads = threads;
    for (size_t i = 0; i < site->thread_count; i++) {
        const json_t *thread = json_array_get(array, i);
        threads[i] = json_integer_value(thread);
        if (!json_is_integer(thread) || (i > 0 && threads[i] <= threads[i - 1]))
            return profile_reader_refuse(reader, "threads", "no list of ascending numbers");
    }
    return json_is_array(array) ? TMPALLOC_OK
                                : profile_reader_refuse(reader, "threads", "no list of numbers");
}

static int read_counters(const struct profile_reader *reader, const json_t *object,
                         struct site_counters *counters) {
    const struct number_field fields[] = {
        {"allocations", &counters->allocations}, {"allocated_bytes", &counters->allocated_bytes},
        {"min_size", &counters->min_size},       {"max_size", &counters->max_size},
        {"larger", &counters->larger},           {"equal", &counters->equal},
        {"by_realloc", &counters->by_realloc},
    };
    return profile_reader_numbers(reader, object, fields, sizeof fields / sizeof *fields);
}

static int profile_read_read_chains(const struct profile_reader *reader, const json_t *object,
                                    const struct chain_counters **ret) {
    const json_t *numbers = json_object_get(object, "chains");
    struct chain_counters *chains;
    if (!numbers)
        return TMPALLOC_OK;
    if (!(chains = arena_allocate(&reader->profile->storage, 1, sizeof *chains)))
        return profile_reader_no_memory(reader);
    if (!profile_chains_read(numbers, chains))
        return profile_reader_refuse(reader, "chains", "no list of growth chains' numbers");
    *ret = chains->count > 0 ? chains : NULL;
    return TMPALLOC_OK;
}

static int read_id(struct profile_reader *reader, const json_t *object, struct profile_site *site) {
    uint64_t id, other;
    int status = profile_reader_number(reader, json_object_get(object, "id"), "id", INT32_MAX, &id);
    if (status != TMPALLOC_OK)
        return status;
    if (id == 0 || map_get(&reader->ids, id, &other))
        return profile_reader_refuse(reader, "the id", id ? "another site's, too" : "0");
    site->id = (uint32_t)id;
    return error_of_status(reader->error, map_put(&reader->ids, id, 1));
}

static int read_site(struct profile_reader *reader, const json_t *object,
                     struct profile_site *site) {
    if (!json_is_object(object))
        return profile_reader_refuse(reader, "the description", "no object");
    bool first = reader->version == 1;
    int status = read_id(reader, object, site);
    if (status == TMPALLOC_OK)
        status = read_counters(reader, object, &site->counters);
    if (status == TMPALLOC_OK)
        status = first ? profile_read_1_distances(reader, object, &site->by_distance)
                       : profile_read_2_distances(reader, object, &site->by_distance);
    if (status == TMPALLOC_OK)
        status = profile_read_read_chains(reader, object, &site->chains);
    if (status == TMPALLOC_OK && !profile_sums_add(&reader->sums, reader->profile, site))
        status = profile_reader_refuse(reader, "the sum of all sites up to that", "too large");
    if (status == TMPALLOC_OK)
        status = profile_read_read_threads(reader, object, site);
    if (status != TMPALLOC_OK)
        return status;
    return first ? profile_read_1_frames(reader, object, site)
                 : profile_read_2_frames(reader, object, site);
}

/* Results can be incomplete without being older than the process' end. */
static void read_flags(struct profile_reader *reader, const json_t *root) {
    struct profile *profile = reader->profile;
    const json_t *process = json_object_get(root, "process");
    const json_t *outlived = json_object_get(process, "outlived");
    profile->incomplete =
        outlived ? json_is_true(outlived) : json_is_false(json_object_get(root, "complete"));
    profile->unmatched = json_is_true(json_object_get(process, "unmatched"));
    profile->limited = json_is_true(json_object_get(process, "limited"));
    profile->covered = json_is_true(json_object_get(process, "covered"));
    if (profile->interpreters && !profile->interpreters[0])
        profile->interpreters = NULL;
}

/* Absent and null is what isn't known. */
static int read_number_if_any(struct profile_reader *reader, const json_t *process, const char *key,
                              uint64_t largest, bool *known_ret, uint64_t *ret) {
    const json_t *value = json_object_get(process, key);
    *known_ret = value && !json_is_null(value);
    return *known_ret ? profile_reader_number(reader, value, key, largest, ret) : TMPALLOC_OK;
}

/* The first schema didn't know. */
static int read_ending(struct profile_reader *reader, const json_t *process) {
    struct profile_ending *ending = &reader->profile->ending;
    bool exited, signaled;
    uint64_t exit_status = 0, signal = 0;
    int status =
        read_number_if_any(reader, process, "status", LARGEST_STATUS, &exited, &exit_status);
    if (status == TMPALLOC_OK)
        status = read_number_if_any(reader, process, "signal", LARGEST_SIGNAL, &signaled, &signal);
    if (status != TMPALLOC_OK)
        return status;
    ending->pid = reader->profile->pid;
    ending->number = (int32_t)(signaled ? signal : exit_status);
    if (json_is_true(json_object_get(process, "execed")))
        ending->how = ENDING_EXECED;
    else if (signaled)
        ending->how =
            json_is_true(json_object_get(process, "stopped")) ? ENDING_STOPPED : ENDING_SIGNALED;
    else if (exited || reader->version == 1)
        ending->how = ENDING_EXITED;
    return TMPALLOC_OK;
}

static int read_children(struct profile_reader *reader, const json_t *process) {
    bool known;
    return read_number_if_any(reader, process, "uncounted_children", INT64_MAX, &known,
                              &reader->profile->totals.children);
}

static int profile_read_read_process(struct profile_reader *reader, const json_t *root) {
    struct profile *profile = reader->profile;
    const json_t *process = json_object_get(root, "process");
    uint64_t pid = 0;
    int status =
        profile_reader_number(reader, json_object_get(process, "pid"), "pid", INT64_MAX, &pid);
    profile->pid = (int64_t)pid;
    if (status == TMPALLOC_OK)
        status = profile_reader_string(reader, json_object_get(process, "executable"), "executable",
                                       &profile->executable);
    if (status == TMPALLOC_OK)
        status = profile_reader_strings(reader, json_object_get(process, "arguments"), "arguments",
                                        &profile->arguments);
    if (status == TMPALLOC_OK)
        status = profile_reader_strings(reader, json_object_get(process, "directories"),
                                        "directories", &profile->directories);
    if (status == TMPALLOC_OK)
        status = profile_reader_strings(reader, json_object_get(process, "interpreters"),
                                        "interpreters", &profile->interpreters);
    if (status == TMPALLOC_OK)
        status = profile_reader_string(reader, json_object_get(process, "executed"), "executed",
                                       &profile->executed);
    if (status == TMPALLOC_OK)
        status = profile_reader_string(reader, json_object_get(root, "engine"), "engine",
                                       &profile->engine);
    if (status == TMPALLOC_OK && !profile->engine)
        status = profile_reader_refuse(reader, "engine", "no text");
    return status == TMPALLOC_OK ? read_ending(reader, process) : status;
}

static int read_totals(const struct profile_reader *reader, const json_t *root) {
    struct snapshot_totals *totals = &reader->profile->totals;
    const struct number_field fields[] = {
        {"allocations", &totals->allocations},
        {"allocated_bytes", &totals->allocated_bytes},
        {"deallocations", &totals->deallocations},
        {"cross_thread_frees", &totals->cross_thread_frees},
        {"dropped", &totals->dropped},
    };
    return profile_reader_numbers(reader, json_object_get(root, "totals"), fields,
                                  sizeof fields / sizeof *fields);
}

static int read_kind(const struct profile_reader *reader, const json_t *root) {
    uint64_t largest = 0, threshold = 0;
    int status = profile_reader_number(reader, json_object_get(root, "max_threshold"),
                                       "max_threshold", DETECTOR_THRESHOLD_LIMIT, &largest);
    if (status == TMPALLOC_OK)
        status = profile_reader_number(reader, json_object_get(root, "threshold"), "threshold",
                                       largest, &threshold);
    reader->profile->max_threshold = (uint32_t)largest;
    reader->profile->threshold = (uint32_t)threshold;
    return status;
}

static int check_schema(struct profile_reader *reader, const json_t *root) {
    const char *schema = json_string_value(json_object_get(root, "schema"));
    if (!schema || strncmp(schema, SCHEMA_PREFIX, strlen(SCHEMA_PREFIX)) != 0)
        return profile_reader_refuse(reader, "schema", "not " SCHEMA_PREFIX "2");
    const char *version = schema + strlen(SCHEMA_PREFIX);
    reader->version = strcmp(version, "1") == 0 ? 1 : strcmp(version, "2") == 0 ? 2 : 0;
    if (reader->version != 0)
        return TMPALLOC_OK;
    struct text printable;
    text_init(&printable);
    profile_append_printable(&printable, schema);
    int status = error_set(reader->error, TMPALLOC_E_IO,
                           "%s has the schema %.40s: this tmpalloc reads " SCHEMAS, reader->name,
                           text_get(&printable));
    text_deinit(&printable);
    return status;
}

int profile_read_root(struct profile_reader *reader) {
    const json_t *root = reader->root;
    int status = check_schema(reader, root);
    if (status == TMPALLOC_OK)
        status = read_kind(reader, root);
    if (status == TMPALLOC_OK)
        status = profile_read_read_process(reader, root);
    read_flags(reader, root);
    if (status == TMPALLOC_OK)
        status = read_children(reader, json_object_get(root, "process"));
    return status == TMPALLOC_OK ? read_totals(reader, root) : status;
}

int profile_read_frame(struct profile_reader *reader, const json_t *item) {
    if (MEMORY_RESERVE(reader->frames, &reader->frame_capacity, reader->frame_count + 1))
        return profile_reader_no_memory(reader);
    struct read_frame *frame = &reader->frames[reader->frame_count];
    *frame = (struct read_frame){.entry = json_is_true(json_object_get(item, "entry"))};
    int status = profile_reader_frame(reader, item, &frame->symbol);
    reader->frame_count += status == TMPALLOC_OK;
    return status;
}

int profile_read_site(struct profile_reader *reader, const json_t *item) {
    struct profile *profile = reader->profile;
    if (MEMORY_RESERVE(profile->sites, &reader->site_capacity, profile->site_count + 1))
        return profile_reader_no_memory(reader);
    profile->sites[profile->site_count] = (struct profile_site){0};
    reader->site = profile->site_count + 1;
    return read_site(reader, item, &profile->sites[profile->site_count++]);
}
