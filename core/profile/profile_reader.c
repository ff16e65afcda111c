#include "profile/profile_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int profile_reader_refuse(const struct profile_reader *reader, const char *key, const char *what) {
    char place[32] = "";
    if (reader->site > 0)
        snprintf(place, sizeof place, " of site %zu", reader->site);
    return error_set(reader->error, TMPALLOC_E_IO, "%s holds no results of tmpalloc: %s%s is %s",
                     reader->name, key, place, what);
}

int profile_reader_no_memory(const struct profile_reader *reader) {
    return error_no_memory(reader->error);
}

static int refuse_number(const struct profile_reader *reader, const char *key, uint64_t largest) {
    char what[64];
    snprintf(what, sizeof what, "no whole number from 0 to %" PRIu64, largest);
    return profile_reader_refuse(reader, key, what);
}

int profile_reader_number(const struct profile_reader *reader, const json_t *value, const char *key,
                          uint64_t largest, uint64_t *ret) {
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > largest)
        return refuse_number(reader, key, largest);
    *ret = (uint64_t)json_integer_value(value);
    return TMPALLOC_OK;
}

int profile_reader_numbers(const struct profile_reader *reader, const json_t *object,
                           const struct number_field *fields, size_t count) {
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < count && status == TMPALLOC_OK; i++)
        status = profile_reader_number(reader, json_object_get(object, fields[i].key),
                                       fields[i].key, INT64_MAX, fields[i].ret);
    return status;
}

int profile_reader_string(struct profile_reader *reader, const json_t *value, const char *key,
                          const char **ret) {
    *ret = NULL;
    if (!value || json_is_null(value))
        return TMPALLOC_OK;
    if (!json_is_string(value))
        return profile_reader_refuse(reader, key, "no text");
    *ret = profile_symbols_string(&reader->symbols, json_string_value(value));
    return *ret ? TMPALLOC_OK : profile_reader_no_memory(reader);
}

int profile_reader_strings(struct profile_reader *reader, const json_t *value, const char *key,
                           const char *const **ret) {
    *ret = NULL;
    if (!value || json_is_null(value))
        return TMPALLOC_OK;
    size_t count = json_array_size(value);
    const char **strings = arena_allocate(&reader->profile->storage, count + 1, sizeof *strings);
    if (!strings)
        return profile_reader_no_memory(reader);
    for (size_t i = 0; i < count; i++) {
        const json_t *string = json_array_get(value, i);
        if (!json_is_string(string))
            return profile_reader_refuse(reader, key, "no list of texts");
        int status = profile_reader_string(reader, string, key, &strings[i]);
        if (status != TMPALLOC_OK)
            return status;
    }
    *ret = strings;
    return json_is_array(value) ? TMPALLOC_OK
                                : profile_reader_refuse(reader, key, "no list of texts");
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
                                             : profile_reader_refuse(reader, key, "no address");
}

static int get_string(struct profile_reader *reader, const json_t *frame, const char *key,
                      const char **ret) {
    const json_t *value = json_object_get(frame, key);
    if (reader->version == 1)
        return profile_reader_string(reader, value, key, ret);
    *ret = NULL;
    if (!value || json_is_null(value))
        return TMPALLOC_OK;
    uint64_t number = 0;
    if (!json_is_integer(value) || reader->string_count == 0 ||
        profile_reader_number(reader, value, key, reader->string_count - 1, &number) != TMPALLOC_OK)
        return profile_reader_refuse(reader, key, "no number of a string");
    *ret = reader->strings[number];
    return TMPALLOC_OK;
}

static int get_strings(struct profile_reader *reader, const json_t *frame, struct symbol *symbol) {
    int status = get_string(reader, frame, "function", &symbol->function);
    if (status == TMPALLOC_OK)
        status = get_string(reader, frame, "file", &symbol->file);
    if (status == TMPALLOC_OK)
        status = get_string(reader, frame, "module", &symbol->module);
    if (status != TMPALLOC_OK || !symbol->module)
        return status;
    const json_t *build_ids = json_object_get(reader->root, "build_ids");
    return profile_reader_string(reader, json_object_get(build_ids, symbol->module), symbol->module,
                                 &symbol->build_id);
}

int profile_reader_frame(struct profile_reader *reader, const json_t *frame,
                         const struct symbol **ret) {
    if (!json_is_object(frame))
        return profile_reader_refuse(reader, "a frame", "no object");
    struct symbol symbol = {.inlined = json_is_true(json_object_get(frame, "inlined"))};
    const char *language = json_string_value(json_object_get(frame, "language"));
    symbol.python = language && strcmp(language, "python") == 0;
    uint64_t line = 0;
    int status = get_address(reader, frame, "address", &symbol.address);
    if (status == TMPALLOC_OK)
        status = get_address(reader, frame, "offset", &symbol.offset);
    if (status == TMPALLOC_OK)
        status = profile_reader_number(reader, json_object_get(frame, "line"), "line", UINT32_MAX,
                                       &line);
    if (status == TMPALLOC_OK)
        status = get_strings(reader, frame, &symbol);
    if (status != TMPALLOC_OK)
        return status;
    symbol.line = (uint32_t)line;
    *ret = profile_symbols_intern(&reader->symbols, &symbol);
    return *ret ? TMPALLOC_OK : profile_reader_no_memory(reader);
}

void profile_reader_limit(struct site_distance *part, struct site_distance *left) {
    part->count = part->count < left->count ? part->count : left->count;
    part->bytes = part->bytes < left->bytes ? part->bytes : left->bytes;
    left->count -= part->count;
    left->bytes -= part->bytes;
}
