#include "tables/chains.h"

#include "support/error.h"
#include "support/memory.h"

struct chain {
    uint64_t block; /* the number of its latest block; 0: none */
    struct chain_counters *counters;
    uint64_t steps;
    uint64_t largest;
};

struct chains {
    uint64_t mask;
    struct chain of[];
};

int chains_create(const struct detector *detector, struct chains **ret) {
    uint32_t count = detector_window_layout(detector).ring_entries;
    struct chains *chains =
        memory_allocate_zeroed(1, sizeof *chains + count * sizeof chains->of[0]);
    if (!chains)
        return TMPALLOC_E_NOMEM;
    chains->mask = count - 1;
    *ret = chains;
    return TMPALLOC_OK;
}

void chains_destroy(struct chains *chains) {
    memory_release(chains);
}

static bool has_chain(const struct chains *chains, uint64_t number) {
    return chains->of[number & chains->mask].block == number;
}

bool chains_is_replaced(const struct chains *chains, struct detector *detector,
                        const struct window *window, struct chain_block older,
                        struct chain_block newer) {
    return newer.number != older.number && newer.size_bytes > older.size_bytes &&
           !has_chain(chains, newer.number) && detector_holds(detector, window, newer.number);
}

/* k of 2^(k-1) < size <= 2^k. */
static uint32_t size_class(uint64_t size_bytes) {
    return size_bytes > 1 ? 64 - (uint32_t)__builtin_clzll(size_bytes - 1) : 0;
}

static void chains_count_size(struct chain *chain, uint64_t size_bytes) {
    struct chain_counters *counters = chain->counters;
    if (size_bytes <= chain->largest)
        return;
    if (chain->largest > 0)
        counters->final_sizes[size_class(chain->largest)]--;
    counters->final_sizes[size_class(size_bytes)]++;
    chain->largest = size_bytes;
    if (size_bytes > counters->largest)
        counters->largest = size_bytes;
}

static int chains_begin(struct chain *chain, struct chain_counters **counters) {
    if (!*counters)
        *counters = memory_allocate_zeroed(1, sizeof **counters);
    if (!*counters)
        return TMPALLOC_E_NOMEM;
    *chain = (struct chain){.counters = *counters};
    chain->counters->count++;
    return TMPALLOC_OK;
}

int chains_step(struct chains *chains, struct chain_block older, struct chain_block newer,
                struct chain_counters **counters) {
    struct chain *chain = &chains->of[newer.number & chains->mask];
    if (has_chain(chains, older.number))
        *chain = chains->of[older.number & chains->mask];
    else if (chains_begin(chain, counters) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    chain->block = newer.number;
    chain->steps++;
    chain->counters->steps++;
    chain->counters->replaced_bytes += older.size_bytes;
    if (chain->steps > chain->counters->longest)
        chain->counters->longest = chain->steps;
    chains_count_size(chain, newer.size_bytes);
    return TMPALLOC_OK;
}

void chains_hand_on(struct chains *chains, uint64_t older, uint64_t newer) {
    if (!has_chain(chains, older))
        return;
    struct chain *chain = &chains->of[newer & chains->mask];
    *chain = chains->of[older & chains->mask];
    chain->block = newer;
}

/* Sums. */

static uint64_t larger_of(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

void chain_counters_add(struct chain_counters *sum, const struct chain_counters *part) {
    sum->count += part->count;
    sum->steps += part->steps;
    sum->replaced_bytes += part->replaced_bytes;
    sum->longest = larger_of(sum->longest, part->longest);
    sum->largest = larger_of(sum->largest, part->largest);
    for (uint32_t k = 0; k < CHAIN_SIZES; k++)
        sum->final_sizes[k] += part->final_sizes[k];
}

void chain_counters_subtract(struct chain_counters *later, const struct chain_counters *earlier) {
    uint64_t sized = 0;
    later->count -= earlier->count;
    later->steps -= earlier->steps;
    later->replaced_bytes -= earlier->replaced_bytes;
    for (uint32_t k = 0; k < CHAIN_SIZES; k++) {
        uint64_t *size = &later->final_sizes[k], before = earlier->final_sizes[k];
        *size = *size > before ? *size - before : 0;
        sized += *size;
    }
    later->count = larger_of(later->count, larger_of(sized, later->steps > 0));
}
