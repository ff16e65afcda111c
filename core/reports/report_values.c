#include "reports/report_values.h"

#include "profile/profile_names.h"
#include "reports/report_selection.h"
#include "support/progress.h"

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

json_t *value_strings(const char *const *strings) {
    if (!strings)
        return json_null();
    json_t *array = json_array();
    int failed = 0;
    for (; *strings; strings++)
        failed |= json_array_append_new(array, value_text(*strings));
    return value_checked(array, failed);
}

json_t *value_checked(json_t *value, int failed) {
    if (!failed)
        return value;
    json_decref(value);
    return NULL;
}

static json_t *final_sizes(const struct chain_counters *chains) {
    json_t *array = json_array();
    int failed = 0;
    for (uint32_t k = 0; k < CHAIN_SIZES; k++) {
        if (chains->final_sizes[k] > 0)
            failed |= json_array_append_new(
                array, json_pack("[io]", (int)k, value_count(chains->final_sizes[k])));
    }
    return value_checked(array, failed);
}

json_t *value_chains(const struct chain_counters *chains) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "count", value_count(chains->count));
    failed |= json_object_set_new(object, "steps", value_count(chains->steps));
    failed |= json_object_set_new(object, "replaced_bytes", value_count(chains->replaced_bytes));
    failed |= json_object_set_new(object, "longest", value_count(chains->longest));
    failed |= json_object_set_new(object, "largest", value_count(chains->largest));
    failed |= json_object_set_new(object, "final_sizes", final_sizes(chains));
    return value_checked(object, failed);
}

void symbol_values_init(struct symbol_values *values,
                        json_t *(*create)(const struct symbol *symbol, void *arg), void *arg) {
    *values = (struct symbol_values){.create = create, .arg = arg};
    map_init(&values->objects);
}

void symbol_values_deinit(struct symbol_values *values) {
    for (size_t i = 0; i < values->objects.capacity; i++) {
        if (values->objects.slots[i].used)
            json_decref((json_t *)(uintptr_t)values->objects.slots[i].value);
    }
    map_deinit(&values->objects);
}

json_t *value_of_symbol(struct symbol_values *values, const struct symbol *symbol) {
    uint64_t known;
    uint64_t key = (uint64_t)(uintptr_t)symbol;
    if (map_get(&values->objects, key, &known))
        return json_incref((json_t *)(uintptr_t)known);
    json_t *object = values->create(symbol, values->arg);
    if (object && map_put(&values->objects, key, (uint64_t)(uintptr_t)object) != 0) {
        json_decref(object);
        return NULL;
    }
    return json_incref(object);
}

static int report_values_append_chunk(const char *chunk, size_t size_bytes, void *arg) {
    struct text *text = arg;
    text_append_bytes(text, chunk, size_bytes);
    int status = progress_step("writing", text->length >> 20, 0, "MB");
    return text->failed || status != TMPALLOC_OK ? -1 : 0;
}

int value_append(struct text *text, const json_t *value, struct error *error) {
    int failed = !value || json_dump_callback(value, report_values_append_chunk, text, 0) != 0;
    text_append(text, "\n");
    return report_end(failed ? progress_failure() : TMPALLOC_OK, text, error);
}
