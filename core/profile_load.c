#include "profile_load.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "profile_amounts.h"
#include "profile_json.h"
#include "profile_symbols.h"
#include "profile_threshold.h"
#include "report.h"

#define SCHEMA        "tmpalloc/1"
#define SCHEMA_PREFIX "tmpalloc/"

#define LARGEST_FILE_BYTES (UINT64_C(1) << 30)
/* Of what is parsed at once: jansson takes about 100 bytes for each. */
#define MOST_VALUES (UINT64_C(4) << 20)

/* What a file has but for its sites and numbered frames. */
static const char *const members[] = {"schema",   "engine",  "threshold", "max_threshold",
                                      "complete", "process", "totals",    "build_ids"};

struct reader {
    const char *name;
    struct error *error;
    struct profile *profile;
    struct profile_symbols symbols;
    const char *text;
    json_t *root;             /* the members */
    struct json_piece frames; /* the arrays that are parsed item by item; NULL: there is none */
    struct json_piece sites;
    const struct symbol **numbered; /* frames that stacks may refer to by number */
    size_t numbered_count;
    size_t numbered_capacity;
    size_t site_capacity;     /* of profile->sites, until these move to the profile's storage */
    struct profile_sums sums; /* of the sites so far */
    size_t site;              /* the one that is read, from 1; 0: none */
};

/* "FILE: "line" of site 3 is not a number" */
static int refuse(const struct reader *reader, const char *key, const char *what) {
    char place[32] = "";
    if (reader->site > 0)
        snprintf(place, sizeof place, " of site %zu", reader->site);
    return error_set(reader->error, TMPALLOC_E_IO, "%s holds no results of tmpalloc: %s%s is %s",
                     reader->name, key, place, what);
}

static int refuse_number(const struct reader *reader, const char *key, uint64_t largest) {
    char what[64];
    snprintf(what, sizeof what, "no whole number from 0 to %" PRIu64, largest);
    return refuse(reader, key, what);
}

static int no_memory(const struct reader *reader) {
    return error_no_memory(reader->error);
}

static int get_number(const struct reader *reader, const json_t *object, const char *key,
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

static int get_numbers(const struct reader *reader, const json_t *object,
                       const struct number_field *fields, size_t count) {
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < count && status == TMPALLOC_OK; i++)
        status = get_number(reader, object, fields[i].key, INT64_MAX, fields[i].ret);
    return status;
}

/* A string of the profile's; null and a missing one are NULL. */
static int get_string(struct reader *reader, const json_t *object, const char *key,
                      const char **ret) {
    const json_t *value = json_object_get(object, key);
    *ret = NULL;
    if (!value || json_is_null(value))
        return TMPALLOC_OK;
    if (!json_is_string(value))
        return refuse(reader, key, "no text");
    *ret = profile_symbols_string(&reader->symbols, json_string_value(value));
    return *ret ? TMPALLOC_OK : no_memory(reader);
}

/* "0x1f" */
static int get_address(const struct reader *reader, const json_t *frame, const char *key,
                       uint64_t *ret) {
    const char *text = json_string_value(json_object_get(frame, key));
    char *end = NULL;
    *ret = 0;
    if (!json_object_get(frame, key))
        return TMPALLOC_OK;
    errno = 0;
    if (text && strncmp(text, "0x", 2) == 0 && strspn(text + 2, "0123456789abcdef") > 0)
        *ret = strtoull(text, &end, 16);
    return end && *end == '\0' && errno == 0 ? TMPALLOC_OK : refuse(reader, key, "no address");
}

static int read_frame(struct reader *reader, const json_t *frame, const struct symbol **ret) {
    if (!json_is_object(frame))
        return refuse(reader, "a frame", "no object");
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
static int get_frame(struct reader *reader, const json_t *frame, const struct symbol **ret) {
    if (!json_is_integer(frame))
        return read_frame(reader, frame, ret);
    json_int_t number = json_integer_value(frame);
    if (number < 0 || (uint64_t)number >= reader->numbered_count)
        return refuse(reader, "a frame", "no number of one");
    *ret = reader->numbered[number];
    return TMPALLOC_OK;
}

static int read_stack(struct reader *reader, const json_t *array, const json_t *truncated,
                      struct profile_stack *ret) {
    size_t count = json_array_size(array); /* 0 of what is no array */
    if (count == 0)
        return refuse(reader, "a stack", "no list of frames");
    const struct symbol **symbols =
        arena_allocate(&reader->profile->storage, count, sizeof(*symbols));
    if (!symbols)
        return no_memory(reader);
    for (size_t i = 0; i < count; i++) {
        int status = get_frame(reader, json_array_get(array, i), &symbols[i]);
        if (status != TMPALLOC_OK)
            return status;
    }
    *ret = (struct profile_stack){symbols, count, json_is_true(truncated)};
    return TMPALLOC_OK;
}

static int read_free_stacks(struct reader *reader, const json_t *object,
                            struct profile_site *site) {
    const json_t *stacks = json_object_get(object, "free_stacks");
    const json_t *truncated = json_object_get(object, "free_truncated");
    if (!stacks)
        return TMPALLOC_OK;
    if (!json_is_array(stacks) || json_array_size(stacks) > SITE_FREE_STACKS)
        return refuse(reader, "free_stacks", "no list of at most 4 stacks");
    for (size_t i = 0; i < json_array_size(stacks); i++) {
        int status = read_stack(reader, json_array_get(stacks, i), json_array_get(truncated, i),
                                &site->free_stacks[i]);
        if (status != TMPALLOC_OK)
            return status;
    }
    site->free_stack_count = json_array_size(stacks);
    return TMPALLOC_OK;
}

static int read_distances(const struct reader *reader, const json_t *object, const char *key,
                          const struct site_distance **ret) {
    const json_t *array = json_object_get(object, key);
    size_t count = (size_t)reader->profile->max_threshold + 1;
    if (json_array_size(array) != count)
        return refuse(reader, key, "no list of max_threshold + 1 numbers and sizes");
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

/* A part of the site's temporaries; a file of reports written before it was saved has none. */
static int read_same_scope(const struct reader *reader, const json_t *object,
                           const struct site_distance *whole, const struct site_distance **ret) {
    static const char key[] = "same_scope_by_distance";
    size_t count = (size_t)reader->profile->max_threshold + 1;
    if (!json_object_get(object, key)) {
        *ret = arena_allocate(&reader->profile->storage, count, sizeof **ret);
        return *ret ? TMPALLOC_OK : no_memory(reader);
    }
    int status = read_distances(reader, object, key, ret);
    for (size_t i = 0; i < count && status == TMPALLOC_OK; i++) {
        if ((*ret)[i].count > whole[i].count || (*ret)[i].bytes > whole[i].bytes)
            status = refuse(reader, key, "more than by_distance");
    }
    return status;
}

/* The first frame that equals "location" where a file doesn't number it. */
static int read_location(const struct reader *reader, const json_t *object,
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
    return refuse(reader, "location", "no frame of the stack");
}

static int read_frames(struct reader *reader, const json_t *object, struct profile_site *site) {
    int status = read_stack(reader, json_object_get(object, "stack"),
                            json_object_get(object, "truncated"), &site->stack);
    if (status == TMPALLOC_OK)
        status = read_location(reader, object, &site->stack, &site->location);
    if (status == TMPALLOC_OK)
        status = read_same_scope(reader, object, site->by_distance, &site->same_scope_by_distance);
    return status == TMPALLOC_OK ? read_free_stacks(reader, object, site) : status;
}

static int read_native(struct reader *reader, const json_t *object, struct profile_site *site) {
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

static int read_threads(const struct reader *reader, const json_t *object,
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
            return refuse(reader, "threads", "no list of ascending numbers");
    }
    return json_is_array(array) ? TMPALLOC_OK : refuse(reader, "threads", "no list of numbers");
}

static int read_counters(const struct reader *reader, const json_t *object,
                         struct site_counters *counters) {
    const struct number_field fields[] = {
        {"allocations", &counters->allocations}, {"allocated_bytes", &counters->allocated_bytes},
        {"min_size", &counters->min_size},       {"max_size", &counters->max_size},
        {"larger", &counters->larger},           {"equal", &counters->equal},
        {"by_realloc", &counters->by_realloc},
    };
    return get_numbers(reader, object, fields, sizeof fields / sizeof *fields);
}

static int read_order(const struct reader *reader, const json_t *object,
                      struct profile_site *site) {
    uint64_t order = reader->site - 1;
    int status = TMPALLOC_OK;
    if (json_object_get(object, "order"))
        status = get_number(reader, object, "order", UINT32_MAX, &order);
    site->order = (uint32_t)order;
    return status;
}

static int read_site(struct reader *reader, const json_t *object, struct profile_site *site) {
    if (!json_is_object(object))
        return refuse(reader, "the description", "no object");
    int status = read_counters(reader, object, &site->counters);
    if (status == TMPALLOC_OK)
        status = read_distances(reader, object, "by_distance", &site->by_distance);
    if (status == TMPALLOC_OK && !profile_sums_add(&reader->sums, reader->profile, site))
        status = refuse(reader, "the sum of all sites up to that", "too large");
    if (status == TMPALLOC_OK)
        status = read_threads(reader, object, site);
    if (status == TMPALLOC_OK)
        status = read_frames(reader, object, site);
    if (status == TMPALLOC_OK)
        status = read_native(reader, object, site);
    return status == TMPALLOC_OK ? read_order(reader, object, site) : status;
}

static int read_arguments(struct reader *reader, const json_t *process) {
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
            return refuse(reader, "arguments", "no list of texts");
        if (!(arguments[i] = profile_symbols_string(&reader->symbols, argument)))
            return no_memory(reader);
    }
    return json_is_array(array) ? TMPALLOC_OK : refuse(reader, "arguments", "no list of texts");
}

static int read_process(struct reader *reader, const json_t *root) {
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
        status = refuse(reader, "engine", "no text");
    return status;
}

static int read_totals(const struct reader *reader, const json_t *root) {
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

static int read_kind(const struct reader *reader, const json_t *root) {
    uint64_t largest = 0, threshold = 0;
    int status = get_number(reader, root, "max_threshold", DETECTOR_THRESHOLD_LIMIT, &largest);
    if (status == TMPALLOC_OK)
        status = get_number(reader, root, "threshold", largest, &threshold);
    reader->profile->incomplete = json_is_false(json_object_get(root, "complete"));
    reader->profile->max_threshold = (uint32_t)largest;
    reader->profile->threshold = (uint32_t)threshold;
    return status;
}

static int check_schema(const struct reader *reader, const json_t *root) {
    const char *schema = json_string_value(json_object_get(root, "schema"));
    if (!schema || strncmp(schema, SCHEMA_PREFIX, strlen(SCHEMA_PREFIX)) != 0)
        return refuse(reader, "schema", "not " SCHEMA);
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

/* Parsing: the text's outer structure first, then one piece after the other. */

static int cut_short(const struct reader *reader) {
    return error_set(reader->error, TMPALLOC_E_IO, "%s is cut short", reader->name);
}

static int no_json(const struct reader *reader, const char *at) {
    return error_set(reader->error, TMPALLOC_E_IO, "%s holds no JSON at byte %zu", reader->name,
                     (size_t)(at - reader->text));
}

static int refuse_step(const struct reader *reader, const struct json_walk *walk,
                       enum json_step step) {
    return step == JSON_CUT ? cut_short(reader) : no_json(reader, walk->at);
}

static uint64_t count_values(const struct json_piece *piece) {
    uint64_t count = 1;
    for (size_t i = 0; i < piece->size; i++)
        count += piece->start[i] == ',' || piece->start[i] == '[' || piece->start[i] == '{';
    return count;
}

static int parse_piece(const struct reader *reader, const struct json_piece *piece, json_t **ret) {
    json_error_t problem;
    if (count_values(piece) > MOST_VALUES)
        return refuse(reader, "an item", "too large");
    *ret = json_loadb(piece->start, piece->size, JSON_DECODE_ANY, &problem);
    if (*ret)
        return TMPALLOC_OK;
    if (json_error_code(&problem) == json_error_out_of_memory)
        return no_memory(reader);
    return no_json(reader, piece->start + problem.position);
}

typedef int read_item(struct reader *reader, const json_t *item);

/* Parses and reads the items of an array one by one. */
static int read_array(struct reader *reader, const struct json_piece *array, read_item *read) {
    struct json_walk walk;
    struct json_piece name, value;
    enum json_step step = json_walk_init(&walk, array);
    while (step == JSON_ITEM && (step = json_walk_next(&walk, &name, &value)) == JSON_ITEM) {
        json_t *item;
        int status = parse_piece(reader, &value, &item);
        if (status != TMPALLOC_OK)
            return status;
        status = read(reader, item);
        json_decref(item);
        if (status != TMPALLOC_OK)
            return status;
    }
    return step == JSON_END ? TMPALLOC_OK : refuse_step(reader, &walk, step);
}

static int add_numbered(struct reader *reader, const json_t *item) {
    void *numbered = reader->numbered;
    if (memory_reserve(&numbered, &reader->numbered_capacity, reader->numbered_count + 1,
                       sizeof(*reader->numbered)) != 0)
        return no_memory(reader);
    reader->numbered = numbered;
    int status = read_frame(reader, item, &reader->numbered[reader->numbered_count]);
    reader->numbered_count += status == TMPALLOC_OK;
    return status;
}

static int add_site(struct reader *reader, const json_t *item) {
    struct profile *profile = reader->profile;
    void *sites = profile->sites;
    if (memory_reserve(&sites, &reader->site_capacity, profile->site_count + 1,
                       sizeof *profile->sites) != 0)
        return no_memory(reader);
    profile->sites = sites;
    profile->sites[profile->site_count] = (struct profile_site){0};
    reader->site = profile->site_count + 1;
    return read_site(reader, item, &profile->sites[profile->site_count++]);
}

/* The sites become part of the profile's storage. */
static int keep_sites(struct reader *reader) {
    struct profile *profile = reader->profile;
    struct profile_site *sites =
        arena_allocate(&profile->storage, profile->site_count, sizeof *sites);
    if (sites && profile->site_count > 0)
        memcpy(sites, profile->sites, profile->site_count * sizeof *sites);
    memory_release(profile->sites);
    profile->sites = sites;
    return sites && profile_judge(profile) == TMPALLOC_OK ? TMPALLOC_OK : no_memory(reader);
}

static int read_sites(struct reader *reader) {
    if (!reader->sites.start || *reader->sites.start != '[')
        return refuse(reader, "sites", "no list");
    if (reader->frames.start && *reader->frames.start != '[')
        return refuse(reader, "frames", "no list");
    int status = TMPALLOC_OK;
    if (reader->frames.start)
        status = read_array(reader, &reader->frames, add_numbered);
    if (status == TMPALLOC_OK)
        status = read_array(reader, &reader->sites, add_site);
    if (status == TMPALLOC_OK)
        return keep_sites(reader);
    memory_release(reader->profile->sites);
    return status;
}

static bool is_named(const struct json_piece *name, const char *wanted) {
    size_t length = strlen(wanted);
    return name->size == length + 2 && memcmp(name->start + 1, wanted, length) == 0;
}

static int read_member(struct reader *reader, const struct json_piece *name,
                       const struct json_piece *value) {
    if (is_named(name, "sites"))
        reader->sites = *value;
    if (is_named(name, "frames"))
        reader->frames = *value;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *member;
        if (!is_named(name, members[i]))
            continue;
        int status = parse_piece(reader, value, &member);
        if (status != TMPALLOC_OK)
            return status;
        return json_object_set_new(reader->root, members[i], member) == 0 ? TMPALLOC_OK
                                                                          : no_memory(reader);
    }
    return TMPALLOC_OK;
}

static int read_members(struct reader *reader, const struct json_piece *text) {
    struct json_walk walk;
    struct json_piece name, value;
    enum json_step step = json_walk_init(&walk, text);
    if (step == JSON_ITEM && !walk.object)
        return refuse(reader, "it", "no object");
    while (step == JSON_ITEM && (step = json_walk_next(&walk, &name, &value)) == JSON_ITEM) {
        int status = read_member(reader, &name, &value);
        if (status != TMPALLOC_OK)
            return status;
    }
    if (step != JSON_END)
        return refuse_step(reader, &walk, step);
    return json_walk_is_all(&walk) ? TMPALLOC_OK : no_json(reader, walk.at);
}

static int read_all(struct reader *reader, const struct json_piece *text) {
    int status = read_members(reader, text);
    if (status == TMPALLOC_OK)
        status = check_schema(reader, reader->root);
    if (status == TMPALLOC_OK)
        status = read_kind(reader, reader->root);
    if (status == TMPALLOC_OK)
        status = read_process(reader, reader->root);
    if (status == TMPALLOC_OK)
        status = read_totals(reader, reader->root);
    return status == TMPALLOC_OK ? read_sites(reader) : status;
}

int profile_parse(const char *text, size_t size_bytes, const char *name, struct error *error,
                  struct profile **ret) {
    struct profile *profile = memory_allocate_zeroed(1, sizeof *profile);
    if (!profile)
        return error_no_memory(error);
    struct reader reader = {
        .name = name, .error = error, .profile = profile, .text = text, .root = json_object()};
    profile_symbols_init(&reader.symbols, &profile->storage);
    const struct json_piece whole = {text, size_bytes};
    int status = reader.root ? read_all(&reader, &whole) : error_no_memory(error);
    profile_symbols_deinit(&reader.symbols);
    json_decref(reader.root);
    memory_release(reader.numbered);
    if (status == TMPALLOC_OK)
        *ret = profile;
    else
        profile_destroy(profile);
    return status;
}

int profile_load(const char *path, struct error *error, struct profile **ret) {
    struct text text;
    text_init(&text);
    int status = report_read_file(path, LARGEST_FILE_BYTES, &text, error);
    if (status == TMPALLOC_OK)
        status = profile_parse(text_get(&text), text.length, path, error, ret);
    text_deinit(&text);
    return status;
}
