#include "profile/profile_read_1.h"

/* A frame of a stack, itself or its number. */
static int get_frame(struct profile_reader *reader, const json_t *frame,
                     const struct symbol **ret) {
    if (!json_is_integer(frame))
        return profile_reader_frame(reader, frame, ret);
    json_int_t number = json_integer_value(frame);
    if (number < 0 || (uint64_t)number >= reader->frame_count)
        return profile_reader_refuse(reader, "a frame", "no number of one");
    *ret = reader->frames[number].symbol;
    return TMPALLOC_OK;
}

static int profile_read_1_read_stack(struct profile_reader *reader, const json_t *array,
                                     const json_t *truncated, struct profile_stack *ret) {
    size_t count = json_array_size(array); /* 0 of what is no array */
    if (count == 0)
        return profile_reader_refuse(reader, "a stack", "no list of frames");
    const struct symbol **symbols =
        arena_allocate(&reader->profile->storage, count, sizeof(*symbols));
    if (!symbols)
        return profile_reader_no_memory(reader);
    for (size_t i = 0; i < count; i++) {
        int status = get_frame(reader, json_array_get(array, i), &symbols[i]);
        if (status != TMPALLOC_OK)
            return status;
    }
    *ret = (struct profile_stack){
        .symbols = symbols, .count = count, .truncated = json_is_true(truncated)};
    return TMPALLOC_OK;
}

static int profile_read_1_read_free_stacks(struct profile_reader *reader, const json_t *object,
                                           struct profile_site *site) {
    const json_t *stacks = json_object_get(object, "free_stacks");
    const json_t *truncated = json_object_get(object, "free_truncated");
    site->free_stack_count = 0;
    if (!stacks)
        return TMPALLOC_OK;
    if (!json_is_array(stacks) || json_array_size(stacks) > SITE_FREE_STACKS)
        return profile_reader_refuse(reader, "free_stacks", "no list of at most 4 stacks");
    for (size_t i = 0; i < json_array_size(stacks); i++) {
        int status = profile_read_1_read_stack(reader, json_array_get(stacks, i),
                                               json_array_get(truncated, i), &site->free_stacks[i]);
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
        return profile_reader_refuse(reader, key, "no list of max_threshold + 1 numbers and sizes");
    struct site_distance *distances =
        arena_allocate(&reader->profile->storage, count, sizeof *distances);
    if (!distances)
        return profile_reader_no_memory(reader);
    for (size_t i = 0; i < count; i++) {
        const struct number_field fields[] = {{"count", &distances[i].count},
                                              {"bytes", &distances[i].bytes}};
        int status = profile_reader_numbers(reader, json_array_get(array, i), fields, 2);
        if (status != TMPALLOC_OK)
            return status;
    }
    *ret = distances;
    return TMPALLOC_OK;
}

int profile_read_1_distances(const struct profile_reader *reader, const json_t *site,
                             const struct site_distance **ret) {
    struct site_distance *distances = NULL;
    int status = read_distances(reader, site, "by_distance", &distances);
    *ret = distances;
    return status;
}

/* The first frame that equals "location" where a file doesn't number it. */
static int read_location(const struct profile_reader *reader, const json_t *object,
                         const struct profile_stack *stack, size_t *ret) {
    const json_t *given = json_object_get(object, "location_index");
    if (given) {
        uint64_t index = 0;
        int status =
            profile_reader_number(reader, given, "location_index", stack->count - 1, &index);
        *ret = (size_t)index;
        return status;
    }
    const json_t *location = json_object_get(object, "location");
    const json_t *frames = json_object_get(object, "stack");
    for (*ret = 0; *ret < stack->count; ++*ret) {
        if (json_equal(json_array_get(frames, *ret), location))
            return TMPALLOC_OK;
    }
    return profile_reader_refuse(reader, "location", "no frame of the stack");
}

static uint32_t profile_read_1_count_outer(const struct profile_stack *stack, size_t first) {
    uint32_t count = 0;
    for (size_t i = first; i < stack->count; i++)
        count += !stack->symbols[i]->inlined && !stack->symbols[i]->python;
    return count;
}

static int profile_read_1_add_scope(struct profile_reader *reader, uint32_t distance,
                                    const struct site_distance *part, uint32_t shared_frames,
                                    struct site_scope **scopes) {
    struct site_scope *scope = arena_allocate(&reader->profile->storage, 1, sizeof *scope);
    if (!scope)
        return profile_reader_no_memory(reader);
    *scope = (struct site_scope){.next = *scopes,
                                 .distance = distance,
                                 .shared_frames = shared_frames,
                                 .count = part->count,
                                 .bytes = part->bytes};
    *scopes = scope;
    return TMPALLOC_OK;
}

/* What was freed while the call of the location's function was still active; of inner frames it
 * isn't known.  Files that were written before there was `save` have none. */
static int read_same_scope(struct profile_reader *reader, const json_t *object, size_t location,
                           struct profile_site *site) {
    static const char key[] = "same_scope_by_distance";
    struct site_distance *parts = NULL;
    struct site_scope *scopes = NULL;
    uint32_t outer_frames = profile_read_1_count_outer(&site->stack, location);
    int status = TMPALLOC_OK;
    if (json_object_get(object, key))
        status = read_distances(reader, object, key, &parts);
    for (uint32_t i = 0; parts && status == TMPALLOC_OK && i <= reader->profile->max_threshold;
         i++) {
        struct site_distance left = site->by_distance[i];
        profile_reader_limit(&parts[i], &left);
        if (parts[i].count > 0)
            status = profile_read_1_add_scope(reader, i, &parts[i], outer_frames, &scopes);
    }
    site->scopes = scopes;
    return status;
}

static int read_frames(struct profile_reader *reader, const json_t *object,
                       struct profile_site *site) {
    size_t location = 0;
    int status = profile_read_1_read_stack(reader, json_object_get(object, "stack"),
                                           json_object_get(object, "truncated"), &site->stack);
    if (status == TMPALLOC_OK)
        status = read_location(reader, object, &site->stack, &location);
    if (status == TMPALLOC_OK)
        status = read_same_scope(reader, object, location, site);
    return status == TMPALLOC_OK ? profile_read_1_read_free_stacks(reader, object, site) : status;
}

/* The module of the first frame that isn't shown by default. */
static const char *find_interpreter(const struct profile_stack *shown,
                                    const struct profile_stack *native) {
    size_t i = 0;
    while (i < shown->count && i < native->count && shown->symbols[i] == native->symbols[i])
        i++;
    return i < native->count ? native->symbols[i]->module : NULL;
}

static int note_interpreter(struct profile_reader *reader, const char *module) {
    if (!module || reader->profile->interpreters)
        return TMPALLOC_OK;
    const char **list = arena_allocate(&reader->profile->storage, 2, sizeof *list);
    if (!list)
        return profile_reader_no_memory(reader);
    list[0] = module;
    reader->profile->interpreters = list;
    return TMPALLOC_OK;
}

/* `native` has the interpreter's frames, too, if there are any. */
int profile_read_1_frames(struct profile_reader *reader, const json_t *object,
                          struct profile_site *site) {
    int status = read_frames(reader, object, site);
    const json_t *native = json_object_get(object, "native");
    if (status != TMPALLOC_OK || !native)
        return status;
    const struct profile_stack shown = site->stack;
    status = read_frames(reader, native, site);
    return status == TMPALLOC_OK ? note_interpreter(reader, find_interpreter(&shown, &site->stack))
                                 : status;
}
