#include "profile/profile_load.h"

#include <string.h>

#include "profile/profile_json.h"
#include "profile/profile_read.h"
#include "profile/profile_read_2.h"
#include "support/file_read.h"
#include "support/gzip.h"
#include "support/memory.h"
#include "support/progress.h"

#define LARGEST_FILE_BYTES (UINT64_C(1) << 30)
/* Of what is parsed at once: jansson takes about 100 bytes for each. */
#define MOST_VALUES (UINT64_C(4) << 20)

/* What a file has but for its lists. */
static const char *const members[] = {"schema",   "engine",  "threshold", "max_threshold",
                                      "complete", "process", "totals",    "build_ids"};

typedef int read_item(struct profile_reader *reader, const json_t *item);

/* The lists, of which an item refers to those of the lists above it, or of its own. */
static const struct list {
    const char *name;
    read_item *read;
    uint32_t since; /* version of the schema */
    bool needed;
} lists[] = {
    {"strings", profile_read_2_string, 2, true},
    {"frames", profile_read_frame, 1, false},
    {"stacks", profile_read_2_stack, 2, true},
    {"sites", profile_read_site, 1, true},
};

#define LISTS (sizeof lists / sizeof *lists)

/* The text's outer structure is looked at first, then one piece after the other is parsed. */
struct loading {
    struct profile_reader reader;
    const char *text;
    struct json_piece lists[LISTS]; /* parsed item by item; NULL: there is none */
};

static int cut_short(const struct loading *loading) {
    return error_set(loading->reader.error, TMPALLOC_E_IO, "%s is cut short", loading->reader.name);
}

static int no_json(const struct loading *loading, const char *at) {
    return error_set(loading->reader.error, TMPALLOC_E_IO, "%s holds no JSON at byte %zu",
                     loading->reader.name, (size_t)(at - loading->text));
}

static int refuse_step(const struct loading *loading, const struct json_walk *walk,
                       enum json_step step) {
    return step == JSON_CUT ? cut_short(loading) : no_json(loading, walk->at);
}

static uint64_t count_values(const struct json_piece *piece) {
    uint64_t count = 1;
    for (size_t i = 0; i < piece->size; i++)
        count += piece->start[i] == ',' || piece->start[i] == '[' || piece->start[i] == '{';
    return count;
}

static int parse_piece(const struct loading *loading, const struct json_piece *piece,
                       json_t **ret) {
    json_error_t problem;
    if (count_values(piece) > MOST_VALUES)
        return profile_reader_refuse(&loading->reader, "an item", "too large");
    *ret = json_loadb(piece->start, piece->size, JSON_DECODE_ANY, &problem);
    if (*ret)
        return TMPALLOC_OK;
    if (json_error_code(&problem) == json_error_out_of_memory)
        return error_no_memory(loading->reader.error);
    return no_json(loading, piece->start + problem.position);
}

/* Parses and reads the items of an array one by one. */
static int read_array(struct loading *loading, const struct json_piece *array, read_item *read) {
    struct json_walk walk;
    struct json_piece name, value;
    enum json_step step = json_walk_init(&walk, array);
    while (step == JSON_ITEM && (step = json_walk_next(&walk, &name, &value)) == JSON_ITEM) {
        json_t *item;
        int status = progress_step("loading", loading->reader.profile->site_count, 0, "call sites");
        if (status != TMPALLOC_OK)
            return error_of_status(loading->reader.error, status);
        status = parse_piece(loading, &value, &item);
        if (status != TMPALLOC_OK)
            return status;
        status = read(&loading->reader, item);
        json_decref(item);
        if (status != TMPALLOC_OK)
            return status;
    }
    return step == JSON_END ? TMPALLOC_OK : refuse_step(loading, &walk, step);
}

/* The sites become part of the profile's storage. */
static int keep_sites(struct loading *loading) {
    struct profile *profile = loading->reader.profile;
    struct profile_site *sites =
        arena_allocate(&profile->storage, profile->site_count, sizeof *sites);
    if (sites && profile->site_count > 0)
        memcpy(sites, profile->sites, profile->site_count * sizeof *sites);
    memory_release(profile->sites);
    profile->sites = sites;
    if (!sites)
        return error_no_memory(loading->reader.error);
    profile_order_sites(profile);
    return TMPALLOC_OK;
}

static int profile_load_read_list(struct loading *loading, size_t number) {
    const struct list *list = &lists[number];
    const struct json_piece *piece = &loading->lists[number];
    if (list->since > loading->reader.version || (!piece->start && !list->needed))
        return TMPALLOC_OK;
    if (!piece->start || *piece->start != '[')
        return profile_reader_refuse(&loading->reader, list->name, "no list");
    return read_array(loading, piece, list->read);
}

static int read_lists(struct loading *loading) {
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < LISTS && status == TMPALLOC_OK; i++)
        status = profile_load_read_list(loading, i);
    if (status == TMPALLOC_OK)
        return keep_sites(loading);
    memory_release(loading->reader.profile->sites);
    return status;
}

static bool is_named(const struct json_piece *name, const char *wanted) {
    size_t length = strlen(wanted);
    return name->size == length + 2 && memcmp(name->start + 1, wanted, length) == 0;
}

static int read_member(struct loading *loading, const struct json_piece *name,
                       const struct json_piece *value) {
    for (size_t i = 0; i < LISTS; i++) {
        if (is_named(name, lists[i].name))
            loading->lists[i] = *value;
    }
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *member;
        if (!is_named(name, members[i]))
            continue;
        int status = parse_piece(loading, value, &member);
        if (status != TMPALLOC_OK)
            return status;
        return json_object_set_new(loading->reader.root, members[i], member) == 0
                   ? TMPALLOC_OK
                   : error_no_memory(loading->reader.error);
    }
    return TMPALLOC_OK;
}

static int read_members(struct loading *loading, const struct json_piece *text) {
    struct json_walk walk;
    struct json_piece name, value;
    enum json_step step = json_walk_init(&walk, text);
    if (step == JSON_ITEM && !walk.object)
        return profile_reader_refuse(&loading->reader, "it", "no object");
    while (step == JSON_ITEM && (step = json_walk_next(&walk, &name, &value)) == JSON_ITEM) {
        int status = read_member(loading, &name, &value);
        if (status != TMPALLOC_OK)
            return status;
    }
    if (step != JSON_END)
        return refuse_step(loading, &walk, step);
    return json_walk_is_all(&walk) ? TMPALLOC_OK : no_json(loading, walk.at);
}

static int profile_load_read_all(struct loading *loading, const struct json_piece *text) {
    int status = read_members(loading, text);
    if (status == TMPALLOC_OK)
        status = profile_read_root(&loading->reader);
    return status == TMPALLOC_OK ? read_lists(loading) : status;
}

int profile_parse(const char *text, size_t size_bytes, const char *name, struct error *error,
                  struct profile **ret) {
    struct profile *profile = memory_allocate_zeroed(1, sizeof *profile);
    if (!profile)
        return error_no_memory(error);
    struct loading loading = {
        .reader = {.name = name, .error = error, .profile = profile, .root = json_object()},
        .text = text};
    struct profile_reader *reader = &loading.reader;
    profile_symbols_init(&reader->symbols, &profile->storage);
    map_init(&reader->ids);
    const struct json_piece whole = {text, size_bytes};
    int status = reader->root ? profile_load_read_all(&loading, &whole) : error_no_memory(error);
    profile_symbols_deinit(&reader->symbols);
    json_decref(reader->root);
    memory_release(reader->strings);
    memory_release(reader->frames);
    memory_release(reader->stacks);
    map_deinit(&reader->ids);
    if (status == TMPALLOC_OK)
        *ret = profile;
    else
        profile_destroy(profile);
    return status;
}

/* The text of a file that may be compressed. */
static int read_text(const char *path, struct text *ret, struct error *error) {
    struct text bytes;
    text_init(&bytes);
    int status = file_read_whole(path, LARGEST_FILE_BYTES, &bytes, error);
    if (status == TMPALLOC_OK && gzip_is_compressed(&bytes)) {
        status = gzip_expand(ret, &bytes, LARGEST_FILE_BYTES, path, error);
        text_deinit(&bytes);
    } else {
        *ret = bytes;
    }
    return status;
}

int profile_load(const char *path, struct error *error, struct profile **ret) {
    struct text text;
    text_init(&text);
    int status = read_text(path, &text, error);
    if (status == TMPALLOC_OK)
        status = profile_parse(text_get(&text), text.length, path, error, ret);
    text_deinit(&text);
    return status;
}
