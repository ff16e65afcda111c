#include "profile/profile_read_2.h"

#include <string.h>

#include "support/memory.h"

/* What a file can make larger than itself, each of 16 bytes. */
#define MOST_DISTANCES (UINT64_C(32) << 20)

int profile_read_2_string(struct profile_reader *reader, const json_t *item) {
    if (MEMORY_RESERVE(reader->strings, &reader->string_capacity, reader->string_count + 1))
        return profile_reader_no_memory(reader);
    if (!json_is_string(item))
        return profile_reader_refuse(reader, "one of strings", "no text");
    int status =
        profile_reader_string(reader, item, "strings", &reader->strings[reader->string_count]);
    reader->string_count += status == TMPALLOC_OK;
    return status;
}

static size_t count_entries(const struct profile_reader *reader, const json_t *stack) {
    size_t count = 0, most = json_array_size(stack);
    while (count < most && reader->frames[json_integer_value(json_array_get(stack, count))].entry)
        count++;
    return count < most ? count : 0;
}

int profile_read_2_stack(struct profile_reader *reader, const json_t *item) {
    size_t count = json_array_size(item); /* 0 of what is no array */
    if (count == 0)
        return profile_reader_refuse(reader, "one of stacks", "no list of frames");
    const struct symbol **symbols =
        arena_allocate(&reader->profile->storage, count, sizeof(*symbols));
    if (!symbols ||
        MEMORY_RESERVE(reader->stacks, &reader->stack_capacity, reader->stack_count + 1))
        return profile_reader_no_memory(reader);
    for (size_t i = 0; i < count; i++) {
        const json_t *frame = json_array_get(item, i);
        json_int_t number = json_integer_value(frame);
        if (!json_is_integer(frame) || number < 0 || (uint64_t)number >= reader->frame_count)
            return profile_reader_refuse(reader, "a frame in stacks", "no number of one");
        symbols[i] = reader->frames[number].symbol;
    }
    reader->stacks[reader->stack_count++] = (struct profile_stack){
        .symbols = symbols, .count = count, .entry_count = count_entries(reader, item)};
    return TMPALLOC_OK;
}

static int read_pair(const struct profile_reader *reader, const json_t *pair,
                     struct site_distance *ret) {
    static const char key[] = "by_distance";
    if (json_array_size(pair) != 2)
        return profile_reader_refuse(reader, key, "no list of pairs of numbers");
    int status =
        profile_reader_number(reader, json_array_get(pair, 0), key, INT64_MAX, &ret->count);
    return status == TMPALLOC_OK
               ? profile_reader_number(reader, json_array_get(pair, 1), key, INT64_MAX, &ret->bytes)
               : status;
}

int profile_read_2_distances(const struct profile_reader *reader, const json_t *site,
                             const struct site_distance **ret) {
    const json_t *array = json_object_get(site, "by_distance");
    size_t count = (size_t)reader->profile->max_threshold + 1;
    if (!json_is_array(array) || json_array_size(array) > count)
        return profile_reader_refuse(reader, "by_distance",
                                     "no list of at most max_threshold + 1 pairs");
    if (reader->site * count > MOST_DISTANCES)
        return profile_reader_refuse(reader, "the sum of all by_distance up to that", "too large");
    struct site_distance *distances =
        arena_allocate(&reader->profile->storage, count, sizeof *distances);
    if (!distances)
        return profile_reader_no_memory(reader);
    *ret = distances;
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < json_array_size(array) && status == TMPALLOC_OK; i++)
        status = read_pair(reader, json_array_get(array, i), &distances[i]);
    return status;
}

/* [distance, shared frames, count, bytes] */
static int read_scope(const struct profile_reader *reader, const json_t *item,
                      struct site_scope *ret) {
    const uint64_t largest[] = {reader->profile->max_threshold, UINT32_MAX, INT64_MAX, INT64_MAX};
    uint64_t numbers[4] = {0};
    int status = json_array_size(item) == 4
                     ? TMPALLOC_OK
                     : profile_reader_refuse(reader, "scopes", "no list of four numbers each");
    for (size_t i = 0; i < 4 && status == TMPALLOC_OK; i++)
        status = profile_reader_number(reader, json_array_get(item, i), "scopes", largest[i],
                                       &numbers[i]);
    *ret = (struct site_scope){.distance = (uint32_t)numbers[0],
                               .shared_frames = (uint32_t)numbers[1],
                               .count = numbers[2],
                               .bytes = numbers[3]};
    return status;
}

/* The scopes of a site are no more than its temporaries, which `left` counts down. */
static int profile_read_2_read_list(const struct profile_reader *reader, const json_t *array,
                                    struct site_distance *left, struct site_scope **end) {
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct site_scope *scope = arena_allocate(&reader->profile->storage, 1, sizeof *scope);
        if (!scope)
            return profile_reader_no_memory(reader);
        int status = read_scope(reader, json_array_get(array, i), scope);
        if (status != TMPALLOC_OK)
            return status;
        struct site_distance part = {scope->count, scope->bytes};
        profile_reader_limit(&part, &left[scope->distance]);
        scope->count = part.count;
        scope->bytes = part.bytes;
        *end = scope;
        end = &scope->next;
    }
    return TMPALLOC_OK;
}

/* *ret is NULL when it fails. */
static int copy_distances(const struct profile_reader *reader, const struct profile_site *site,
                          struct site_distance **ret) {
    size_t count = (size_t)reader->profile->max_threshold + 1;
    *ret = memory_allocate_zeroed(count, sizeof **ret);
    if (!*ret)
        return profile_reader_no_memory(reader);
    memcpy(*ret, site->by_distance, count * sizeof **ret);
    return TMPALLOC_OK;
}

static int read_scopes(const struct profile_reader *reader, const json_t *object,
                       struct profile_site *site) {
    const json_t *array = json_object_get(object, "scopes");
    struct site_distance *left;
    struct site_scope *first = NULL;
    if (array && !json_is_array(array))
        return profile_reader_refuse(reader, "scopes", "no list");
    int status = copy_distances(reader, site, &left);
    if (status == TMPALLOC_OK)
        status = profile_read_2_read_list(reader, array, left, &first);
    memory_release(left);
    site->scopes = first;
    return status;
}

static int get_stack(const struct profile_reader *reader, const json_t *number,
                     struct profile_stack *ret) {
    json_int_t value = json_integer_value(number);
    if (!json_is_integer(number) || value < 0 || (uint64_t)value >= reader->stack_count)
        return profile_reader_refuse(reader, "a stack", "no number of one");
    *ret = reader->stacks[value];
    return TMPALLOC_OK;
}

/* What free stacks took is no more than the site's temporaries, which `left` counts down.  *ret
 * stays NULL for a file that doesn't say it. */
static int read_free_counts(const struct profile_reader *reader, const json_t *item,
                            struct site_distance *left, const struct free_counts **ret) {
    static const char key[] = "by_distance of free_stacks";
    const json_t *array = json_object_get(item, "by_distance");
    size_t length = json_array_size(array);
    if (!array)
        return TMPALLOC_OK;
    if (!json_is_array(array) || length > (size_t)reader->profile->max_threshold + 1)
        return profile_reader_refuse(reader, key, "no list of at most max_threshold + 1 numbers");
    struct free_counts *counts = free_counts_create(&reader->profile->storage, length);
    if (!counts)
        return profile_reader_no_memory(reader);
    for (size_t i = 0; i < length; i++) {
        struct site_distance part = {0};
        int status =
            profile_reader_number(reader, json_array_get(array, i), key, INT64_MAX, &part.count);
        if (status != TMPALLOC_OK)
            return status;
        profile_reader_limit(&part, &left[i]);
        counts->by_distance[i] = part.count;
    }
    *ret = counts;
    return TMPALLOC_OK;
}

static int read_free_stack(const struct profile_reader *reader, const json_t *item,
                           bool all_truncated, struct site_distance *left,
                           struct profile_site *site) {
    const json_t *truncated = json_object_get(item, "truncated");
    size_t number = site->free_stack_count++;
    struct profile_stack *stack = &site->free_stacks[number];
    int status = get_stack(reader, json_object_get(item, "stack"), stack);
    stack->truncated = truncated ? json_is_true(truncated) : all_truncated;
    return status == TMPALLOC_OK ? read_free_counts(reader, item, left, &site->free_counts[number])
                                 : status;
}

static int profile_read_2_read_free_stacks(const struct profile_reader *reader,
                                           const json_t *object, struct profile_site *site) {
    const json_t *array = json_object_get(object, "free_stacks");
    bool all_truncated = json_is_true(json_object_get(object, "free_truncated"));
    struct site_distance *left;
    if (!json_is_array(array) || json_array_size(array) > SITE_FREE_STACKS)
        return profile_reader_refuse(reader, "free_stacks", "no list of at most 4 stacks");
    int status = copy_distances(reader, site, &left);
    for (size_t i = 0; i < json_array_size(array) && status == TMPALLOC_OK; i++)
        status = read_free_stack(reader, json_array_get(array, i), all_truncated, left, site);
    memory_release(left);
    return status;
}

/* Who is charged is judged anew; but what says it must be of the stack. */
static int check_location(const struct profile_reader *reader, const json_t *object,
                          const struct profile_site *site) {
    const char *key;
    json_t *position;
    uint64_t unused;
    int status = TMPALLOC_OK;
    json_t *location = json_object_get(object, "location");
    if (location && !json_is_object(location))
        return profile_reader_refuse(reader, "location", "no object");
    json_object_foreach(location, key, position) {
        if (status == TMPALLOC_OK)
            status =
                profile_reader_number(reader, position, "location", site->stack.count - 1, &unused);
    }
    return status;
}

int profile_read_2_frames(struct profile_reader *reader, const json_t *object,
                          struct profile_site *site) {
    int status = get_stack(reader, json_object_get(object, "stack"), &site->stack);
    site->stack.truncated = json_is_true(json_object_get(object, "truncated"));
    if (status == TMPALLOC_OK)
        status = check_location(reader, object, site);
    if (status == TMPALLOC_OK)
        status = read_scopes(reader, object, site);
    return status == TMPALLOC_OK ? profile_read_2_read_free_stacks(reader, object, site) : status;
}
