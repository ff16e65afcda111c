#include "report_values.h"

json_t *value_count(uint64_t value) {
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *value_take(struct text *text) {
    json_t *result = text->failed ? NULL : json_stringn(text_get(text), text->length);
    text_clear(text);
    return result;
}

json_t *value_text(const char *value) {
    if (!value)
        return json_null();
    json_t *exact = json_string(value);
    if (exact)
        return exact;
    struct text printable;
    text_init(&printable);
    profile_append_printable(&printable, value);
    json_t *result = value_take(&printable);
    text_deinit(&printable);
    return result;
}

json_t *value_checked(json_t *value, int failed) {
    if (!failed)
        return value;
    json_decref(value);
    return NULL;
}

static int append_chunk(const char *chunk, size_t size_bytes, void *arg) {
    struct text *text = arg;
    text_append_bytes(text, chunk, size_bytes);
    return text->failed ? -1 : 0;
}

int value_append(struct text *text, const json_t *value, struct error *error) {
    int failed = !value || json_dump_callback(value, append_chunk, text, 0) != 0;
    text_append(text, "\n");
    return failed || text->failed ? error_no_memory(error) : TMPALLOC_OK;
}
