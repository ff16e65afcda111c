#include "profile/profile_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile_chains.h"
#include "profile/profile_names.h"
#include "support/memory.h"
#include "support/text.h"

#define SCHEMA        "tmpalloc/1"
#define SCHEMA_PREFIX "tmpalloc/"

/* "FILE: "line" of site 3 is not a number" */
int profile_read_refuse(const struct profile_reader *reader, const char *key, const char *what) {
    char place[32] = "";
    if (reader->site > 0)
        snprintf(place, sizeof place, " of site %zu", reader->site);
    return error_set(reader->error, TMPALLOC_E_IO, "%s holds no results of tmpalloc: %s%s is %s",
                     reader->name, key, place, what);
}

static int refuse_number(const struct profile_reader *reader, const char *key, uint64_t largest) {
    char what[64];
    snprintf(what, sizeof what, "no whole number from 0 to %" PRIu64, largest);
    return profile_read_refuse(reader, key, what);
}

static int no_memory(const struct profile_reader *reader) {
    return error_no_memory(reader->error);
}

static int get_number(const struct profile_reader *reader, const json_t *object, const char *key,
                      uint64_t largest, uint64_t *ret) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > largest)
        return refuse_number(reader, key, largest);
    *ret = (uint64_t)json_integer_value(value);
    return TMPALLOC_OK;
}

struct number_field {
    const char *key;
    uint64_t *ret;
};

static int get_numbers(const struct profile_reader *reader, const json_t *object,
                       const struct number_field *fields, size_t count) {
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < count && status == TMPALLOC_OK; i++)
        status = get_number(reader, object, fields[i].key, INT64_MAX, fields[i].ret);
    return status;
}

/* A string of the profile's; null and a missing one are NULL. */
static int get_string(struct profile_reader *reader, const json_t *object, const char *key,
                      const char **ret) {
    const json_t *value = json_object_get(object, key);
    *ret = NULL;
    if (!value || json_is_null(value))
        return TMPALLOC_OK;
    if (!json_is_string(value))
        return profile_read_refuse(reader, key, "no text");
    *ret = profile_symbols_string(&reader->symbols, json_string_value(value));
    return *ret ? TMPALLOC_OK : no_memory(reader);
}

/* "0x1f" */
static int get_address(const struct profile_reader *reader, const json_t *frame, const char *key,
                       uint64_t *ret) {
    const char *text = json_string_value(json_object_get(frame, key));
    char *end = NULL;
    *ret = 0;
    if (!json_object_get(frame, key))
        return TMPALLOC_OK;
    errno = 0;
    if (text && strncmp(text, "0x", 2) == 0 && strspn(text + 2, "0123456789abcdef") > 0)
        *ret = strtoull(text, &end, 16);
    return end && *end == '\0' && errno == 0 ? TMPALLOC_OK
                                             : profile_read_refuse(reader, key, "no address");
}

static int read_frame(struct profile_reader *reader, const json_t *frame,
                      const struct symbol **ret) {
    if (!json_is_object(frame))
        return profile_read_refuse(reader, "a frame", "no object");
    struct symbol symbol = {.inlined = json_is_true(json_object_get(frame, "inlined"))};
    const char *language = json_string_value(json_object_get(frame, "language"));
    symbol.python = language && strcmp(language, "python") == 0;
    uint64_t line = 0;
    int status = get_address(reader, frame, "address", &symbol.address);
    if (status == TMPALLOC_OK)
        status = get_address(reader, frame, "offset", &symbol.offset);
    if (status == TMPALLOC_OK)
        status = get_number(reader, frame, "line", UINT32_MAX, &line);
    if (status == TMPALLOC_OK)
        status = get_string(reader, frame, "function", &symbol.function);
    if (status == TMPALLOC_OK)
        status = get_string(reader, frame, "file", &symbol.file);
    if (status == TMPALLOC_OK)
        status = get_string(reader, frame, "module", &symbol.module);
    if (status == TMPALLOC_OK && symbol.module)
        status = get_string(reader, json_object_get(reader->root, "build_ids"), symbol.module,
                            &symbol.build_id);
    if (status != TMPALLOC_OK)
        return status;
    symbol.line = (uint32_t)line;
    *ret = profile_symbols_intern(&reader->symbols, &symbol);
    return *ret ? TMPALLOC_OK : no_memory(reader);
}

/* A frame of a stack, itself or its number. */
static int get_frame(struct profile_reader *reader, const json_t *frame,
                     const struct symbol **ret) {
    if (!json_is_integer(frame))
        return read_frame(reader, frame, ret);
    json_int_t number = json_integer_value(frame);
    if (number < 0 || (uint64_t)number >= reader->numbered_count)
        return profile_read_refuse(reader, "a frame", "no number of one");
    *ret = reader->numbered[number];
    return TMPALLOC_OK;
}

static int read_stack(struct profile_reader *reader, const json_t *array, const json_t *truncated,
                      struct profile_stack *ret) {
    size_t count = json_array_size(array); /* 0 of what is no array */
    if (count == 0)
        return profile_read_refuse(reader, "a stack", "no list of frames");
    const struct symbol **symbols =
        arena_allocate(&reader->profile->storage, count, sizeof(*symbols));
    if (!symbols)
        return no_memory(reader);
    for (size_t i = 0; i < count; i++) {
        int status = get_frame(reader, json_array_get(array, i), &symbols[i]);
        if (status != TMPALLOC_OK)
            return status;
    }
    *ret = (struct profile_stack){
        .symbols = symbols, .count = count, .truncated = json_is_true(truncated)};
    return TMPALLOC_OK;
}

static int read_free_stacks(struct profile_reader *reader, const json_t *object,
                            struct profile_site *site) {
    const json_t *stacks = json_object_get(object, "free_stacks");
    const json_t *truncated = json_object_get(object, "free_truncated");
    if (!stacks)
        return TMPALLOC_OK;
    if (!json_is_array(stacks) || json_array_size(stacks) > SITE_FREE_STACKS)
        return profile_read_refuse(reader, "free_stacks", "no list of at most 4 stacks");
    for (size_t i = 0; i < json_array_size(stacks); i++) {
        int status = read_stack(reader, json_array_get(stacks, i), json_array_get(truncated, i),
                                &site->free_stacks[i]);
        if (status != TMPALLOC_OK)
            return status;
    }
    site->free_stack_count = json_array_size(stacks);
    return TMPALLOC_OK;
}

static int read_distances(const struct profile_reader *reader, const json_t *object,
                          const char *key, struct site_distance **ret) {
    const json_t *array = json_object_get(object, key);
    size_t count = (size_t)reader->profile->max_threshold + 1;
    if (json_array_size(array) != count)
        return profile_read_refuse(reader, key, "no list of max_threshold + 1 numbers and sizes");
    struct site_distance *distances =
        arena_allocate(&reader->profile->storage, count, sizeof *distances);
    if (!distances)
        return no_memory(reader);
    for (size_t i = 0; i < count; i++) {
        const struct number_field fields[] = {{"count", &distances[i].count},
                                              {"bytes", &distances[i].bytes}};
        int status = get_numbers(reader, json_array_get(array, i), fields, 2);
        if (status != TMPALLOC_OK)
            return status;
    }
    *ret = distances;
    return TMPALLOC_OK;
}

/* A part of the site's temporaries: more than all of them are no more than all. */
static void limit(struct site_distance *part, const struct site_distance *whole, size_t count) {
    for (size_t i = 0; i < count; i++) {
        part[i].count = part[i].count < whole[i].count ? part[i].count : whole[i].count;
        part[i].bytes = part[i].bytes < whole[i].bytes ? part[i].bytes : whole[i].bytes;
    }
}

/* Files that were written before there was `save` have none. */
static int read_same_scope(const struct profile_reader *reader, const json_t *object,
                           struct profile_site *site) {
    static const char key[] = "same_scope_by_distance";
    size_t count = (size_t)reader->profile->max_threshold + 1;
    struct site_distance *part = NULL;
    int status = TMPALLOC_OK;
    if (json_is_null(json_object_get(object, key)))
        return TMPALLOC_OK;
    if (json_object_get(object, key))
        status = read_distances(reader, object, key, &part);
    else if (!(part = arena_allocate(&reader->profile->storage, count, sizeof *part)))
        status = no_memory(reader);
    if (status == TMPALLOC_OK)
        limit(part, site->by_distance, count);
    site->same_scope_by_distance = part;
    return status;
}

/* The first frame that equals "location" where a file doesn't number it. */
static int read_location(const struct profile_reader *reader, const json_t *object,
                         const struct profile_stack *stack, size_t *ret) {
    if (json_object_get(object, "location_index")) {
        uint64_t index = 0;
        int status = get_number(reader, object, "location_index", stack->count - 1, &index);
        *ret = (size_t)index;
        return status;
    }
    const json_t *location = json_object_get(object, "location");
    const json_t *frames = json_object_get(object, "stack");
    for (*ret = 0; *ret < stack->count; ++*ret) {
        if (json_equal(json_array_get(frames, *ret), location))
            return TMPALLOC_OK;
    }
    return profile_read_refuse(reader, "location", "no frame of the stack");
}

/* Where it was counted is charged to nobody. */
static void mark_entry(struct profile_site *site) {
    size_t count = 1;
    while (count < site->location && site->stack.symbols[count - 1]->inlined)
        count++;
    if (count <= site->location)
        site->stack.entry_count = count;
}

static int read_frames(struct profile_reader *reader, const json_t *object,
                       struct profile_site *site) {
    int status = read_stack(reader, json_object_get(object, "stack"),
                            json_object_get(object, "truncated"), &site->stack);
    if (status == TMPALLOC_OK)
        status = read_location(reader, object, &site->stack, &site->location);
    mark_entry(site);
    if (status == TMPALLOC_OK)
        status = read_same_scope(reader, object, site);
    return status == TMPALLOC_OK ? read_free_stacks(reader, object, site) : status;
}

static int read_native(struct profile_reader *reader, const json_t *object,
                       struct profile_site *site) {
    const json_t *frames = json_object_get(object, "native");
    if (!frames)
        return TMPALLOC_OK;
    struct profile_site *native = arena_allocate(&reader->profile->storage, 1, sizeof *native);
    if (!native)
        return no_memory(reader);
    native->by_distance = site->by_distance;
    site->native = native;
    return read_frames(reader, frames, native);
}

static int read_threads(const struct profile_reader *reader, const json_t *object,
                        struct profile_site *site) {
    const json_t *array = json_object_get(object, "threads");
    site->thread_count = json_array_size(array);
    int64_t *threads =
        arena_allocate(&reader->profile->storage, site->thread_count, sizeof *threads);
    if (!threads)
        return no_memory(reader);
    site->threads = threads;
    for (size_t i = 0; i < site->thread_count; i++) {
        const json_t *thread = json_array_get(array, i);
        threads[i] = json_integer_value(thread);
        if (!json_is_integer(thread) || (i > 0 && threads[i] <= threads[i - 1]))
            return profile_read_refuse(reader, "threads", "no list of ascending numbers");
    }
    return json_is_array(array) ? TMPALLOC_OK
                                : profile_read_refuse(reader, "threads", "no list of numbers");
}

static int read_counters(const struct profile_reader *reader, const json_t *object,
                         struct site_counters *counters) {
    const struct number_field fields[] = {
        {"allocations", &counters->allocations}, {"allocated_bytes", &counters->allocated_bytes},
        {"min_size", &counters->min_size},       {"max_size", &counters->max_size},
        {"larger", &counters->larger},           {"equal", &counters->equal},
        {"by_realloc", &counters->by_realloc},
    };
    return get_numbers(reader, object, fields, sizeof fields / sizeof *fields);
}

static int read_chains(const struct profile_reader *reader, const json_t *object,
                       const struct chain_counters **ret) {
    const json_t *numbers = json_object_get(object, "chains");
    struct chain_counters *chains;
    if (!numbers)
        return TMPALLOC_OK;
    if (!(chains = arena_allocate(&reader->profile->storage, 1, sizeof *chains)))
        return no_memory(reader);
    if (!profile_chains_read(numbers, chains))
        return profile_read_refuse(reader, "chains", "no list of growth chains' numbers");
    *ret = chains->count > 0 ? chains : NULL;
    return TMPALLOC_OK;
}

static int read_id(struct profile_reader *reader, const json_t *object, struct profile_site *site) {
    uint64_t id, other;
    int status = get_number(reader, object, "id", INT32_MAX, &id);
    if (status != TMPALLOC_OK)
        return status;
    if (id == 0 || map_get(&reader->ids, id, &other))
        return profile_read_refuse(reader, "the id", id ? "another site's, too" : "0");
    site->id = (uint32_t)id;
    return map_put(&reader->ids, id, 1) ? no_memory(reader) : TMPALLOC_OK;
}

static int read_site(struct profile_reader *reader, const json_t *object,
                     struct profile_site *site) {
    if (!json_is_object(object))
        return profile_read_refuse(reader, "the description", "no object");
    struct site_distance *by_distance = NULL;
    int status = read_id(reader, object, site);
    if (status == TMPALLOC_OK)
        status = read_counters(reader, object, &site->counters);
    if (status == TMPALLOC_OK)
        status = read_distances(reader, object, "by_distance", &by_distance);
    site->by_distance = by_distance;
    if (status == TMPALLOC_OK)
        status = read_chains(reader, object, &site->chains);
    if (status == TMPALLOC_OK && !profile_sums_add(&reader->sums, reader->profile, site))
        status = profile_read_refuse(reader, "the sum of all sites up to that", "too large");
    if (status == TMPALLOC_OK)
        status = read_threads(reader, object, site);
    if (status == TMPALLOC_OK)
        status = read_frames(reader, object, site);
    return status == TMPALLOC_OK ? read_native(reader, object, site) : status;
}

static int read_arguments(struct profile_reader *reader, const json_t *process) {
    const json_t *array = json_object_get(process, "arguments");
    if (!array || json_is_null(array))
        return TMPALLOC_OK;
    size_t count = json_array_size(array);
    const char **arguments =
        arena_allocate(&reader->profile->storage, count + 1, sizeof(*arguments));
    if (!arguments)
        return no_memory(reader);
    reader->profile->arguments = arguments;
    for (size_t i = 0; i < count; i++) {
        const char *argument = json_string_value(json_array_get(array, i));
        if (!argument)
            return profile_read_refuse(reader, "arguments", "no list of texts");
        if (!(arguments[i] = profile_symbols_string(&reader->symbols, argument)))
            return no_memory(reader);
    }
    return json_is_array(array) ? TMPALLOC_OK
                                : profile_read_refuse(reader, "arguments", "no list of texts");
}

static int read_process(struct profile_reader *reader, const json_t *root) {
    struct profile *profile = reader->profile;
    const json_t *process = json_object_get(root, "process");
    uint64_t pid = 0;
    int status = get_number(reader, process, "pid", INT64_MAX, &pid);
    profile->pid = (int64_t)pid;
    if (status == TMPALLOC_OK)
        status = get_string(reader, process, "executable", &profile->executable);
    if (status == TMPALLOC_OK)
        status = read_arguments(reader, process);
    if (status == TMPALLOC_OK)
        status = get_string(reader, root, "engine", &profile->engine);
    if (status == TMPALLOC_OK && !profile->engine)
        status = profile_read_refuse(reader, "engine", "no text");
    return status;
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
    return get_numbers(reader, json_object_get(root, "totals"), fields,
                       sizeof fields / sizeof *fields);
}

static int read_kind(const struct profile_reader *reader, const json_t *root) {
    uint64_t largest = 0, threshold = 0;
    int status = get_number(reader, root, "max_threshold", DETECTOR_THRESHOLD_LIMIT, &largest);
    if (status == TMPALLOC_OK)
        status = get_number(reader, root, "threshold", largest, &threshold);
    reader->profile->incomplete = json_is_false(json_object_get(root, "complete"));
    reader->profile->max_threshold = (uint32_t)largest;
    reader->profile->threshold = (uint32_t)threshold;
    return status;
}

static int check_schema(const struct profile_reader *reader, const json_t *root) {
    const char *schema = json_string_value(json_object_get(root, "schema"));
    if (!schema || strncmp(schema, SCHEMA_PREFIX, strlen(SCHEMA_PREFIX)) != 0)
        return profile_read_refuse(reader, "schema", "not " SCHEMA);
    if (strcmp(schema, SCHEMA) == 0)
        return TMPALLOC_OK;
    struct text printable;
    text_init(&printable);
    profile_append_printable(&printable, schema);
    int status = error_set(reader->error, TMPALLOC_E_IO,
                           "%s has the schema %.40s: this tmpalloc reads " SCHEMA, reader->name,
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
        status = read_process(reader, root);
    return status == TMPALLOC_OK ? read_totals(reader, root) : status;
}

int profile_read_frame(struct profile_reader *reader, const json_t *item) {
    if (MEMORY_RESERVE(reader->numbered, &reader->numbered_capacity, reader->numbered_count + 1))
        return no_memory(reader);
    int status = read_frame(reader, item, &reader->numbered[reader->numbered_count]);
    reader->numbered_count += status == TMPALLOC_OK;
    return status;
}

int profile_read_site(struct profile_reader *reader, const json_t *item) {
    struct profile *profile = reader->profile;
    if (MEMORY_RESERVE(profile->sites, &reader->site_capacity, profile->site_count + 1))
        return no_memory(reader);
    profile->sites[profile->site_count] = (struct profile_site){0};
    reader->site = profile->site_count + 1;
    return read_site(reader, item, &profile->sites[profile->site_count++]);
}
