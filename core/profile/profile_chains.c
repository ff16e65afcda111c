#include "profile/profile_chains.h"

#include "profile/profile_amounts.h"

static bool get_amount(const json_t *object, const char *key, uint64_t *ret) {
    const json_t *value = json_object_get(object, key);
    *ret = (uint64_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

/* [[k, count], ...] with ascending k. */
static bool get_sizes(const json_t *array, struct chain_counters *ret) {
    uint64_t chains = 0;
    json_int_t before = -1;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *pair = json_array_get(array, i);
        const json_t *size = json_array_get(pair, 0), *count = json_array_get(pair, 1);
        json_int_t k = json_integer_value(size);
        if (!json_is_integer(size) || !json_is_integer(count) || json_integer_value(count) < 0 ||
            k <= before || k >= CHAIN_SIZES)
            return false;
        ret->final_sizes[k] = (uint64_t)json_integer_value(count);
        before = k;
        if (!profile_amount_add(&chains, ret->final_sizes[k]))
            return false;
    }
    return json_is_array(array) && chains <= ret->count;
}

bool profile_chains_read(const json_t *object, struct chain_counters *ret) {
    *ret = (struct chain_counters){0};
    return get_amount(object, "count", &ret->count) && get_amount(object, "steps", &ret->steps) &&
           get_amount(object, "replaced_bytes", &ret->replaced_bytes) &&
           get_amount(object, "longest", &ret->longest) &&
           get_amount(object, "largest", &ret->largest) &&
           get_sizes(json_object_get(object, "final_sizes"), ret) && ret->count <= ret->steps;
}
