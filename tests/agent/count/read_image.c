/* Prints what the reader makes of a dump by the observer, as JSON.
 *
 *     read_image DUMP
 *     read_image --fail-every-allocation DUMP
 *
 * The second form lets each allocation of the core fail in turn, and prints how many there were;
 * it fails itself when one gave no TMPALLOC_E_NOMEM, or leaked. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "dump.h"
#include "engines/agent_image.h"
#include "support/memory.h"

static void die(const char *what) {
    fprintf(stderr, "read_image: %s\n", what);
    exit(2);
}

static struct dump load(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        die("the dump can't be opened");
    struct dump dump = {.size = (size_t)ftell(file)};
    unsigned char *bytes = malloc(dump.size + 1);
    rewind(file);
    if (!bytes || fread(bytes, 1, dump.size, file) != dump.size)
        die("the dump can't be read");
    fclose(file);
    dump.bytes = bytes;
    return dump;
}

static void print_stack(const struct stack *stack) {
    printf("{\"truncated\": %" PRIu32 ", \"frames\": [", stack->truncated);
    for (uint32_t i = 0; i < stack->count; i++)
        printf("%s[%" PRIu64 ", %" PRIu32 "]", i ? ", " : "", stack->frames[i].offset,
               stack->frames[i].exact);
    printf("]}");
}

static void print_distances(const struct site_distance *by_distance, uint32_t max_threshold) {
    for (uint32_t d = 0; d <= max_threshold; d++)
        printf("%s{\"count\": %" PRIu64 ", \"bytes\": %" PRIu64 "}", d ? ", " : "",
               by_distance[d].count, by_distance[d].bytes);
}

static void print_site(const struct snapshot_site *site, uint32_t max_threshold,
                       const struct stacks *stacks) {
    printf("{\"allocations\": %" PRIu64 ", \"allocated_bytes\": %" PRIu64,
           site->counters.allocations, site->counters.allocated_bytes);
    printf(", \"min_size\": %" PRIu64 ", \"max_size\": %" PRIu64, site->counters.min_size,
           site->counters.max_size);
    printf(", \"larger\": %" PRIu64 ", \"equal\": %" PRIu64, site->counters.larger,
           site->counters.equal);
    printf(", \"by_realloc\": %" PRIu64 ", \"by_distance\": [", site->counters.by_realloc);
    print_distances(site->by_distance, max_threshold);
    printf("], \"threads\": [");
    for (size_t i = 0; i < site->thread_count; i++)
        printf("%s%" PRId64, i ? ", " : "", site->threads[i]);
    printf("], \"free_stacks\": [");
    for (size_t i = 0; i < SITE_FREE_STACKS && site->free_stacks[i] != SITE_NO_STACK; i++) {
        printf(i ? ", " : "");
        print_stack(stacks_get(stacks, site->free_stacks[i]));
    }
    printf("], \"stack\": ");
    print_stack(stacks_get(stacks, site->stack));
    printf("}");
}

static void print_block(const struct snapshot_block *block, const struct stacks *stacks,
                        bool more) {
    printf("%s\n{\"address\": %" PRIu64 ", \"size\": %" PRIu64 ", \"age\": %" PRIu64
           ", \"tid\": %" PRId64 ", \"stack\": ",
           more ? "," : "", block->address, block->size_bytes, block->age, block->tid);
    print_stack(stacks_get(stacks, block->stack));
    printf("}");
}

static void print_snapshot(const struct snapshot *snapshot, const struct agent_image_facts *facts,
                           const struct stacks *stacks) {
    const struct snapshot_totals *totals = &snapshot->totals;
    printf("{\"pid\": %" PRId64 ", \"tracking\": %d, \"memory_bytes\": %" PRIu64
           ", \"memory_limit_bytes\": %" PRIu64 ",\n",
           facts->pid, facts->tracking, facts->memory_bytes, facts->memory_limit_bytes);
    printf("\"totals\": {\"allocations\": %" PRIu64 ", \"allocated_bytes\": %" PRIu64
           ", \"deallocations\": %" PRIu64 ", \"cross_thread_frees\": %" PRIu64
           ", \"dropped\": %" PRIu64 "},\n\"sites\": [",
           totals->allocations, totals->allocated_bytes, totals->deallocations,
           totals->cross_thread_frees, totals->dropped);
    for (size_t i = 0; i < snapshot->site_count; i++) {
        printf(i ? ",\n" : "\n");
        print_site(&snapshot->sites[i], snapshot->max_threshold, stacks);
    }
    printf("], \"blocks\": [");
    for (size_t i = 0; i < snapshot->block_count; i++)
        print_block(&snapshot->blocks[i], stacks, i > 0);
    printf("]}\n");
}

static int read_dump(struct dump *dump, bool print, struct error *error) {
    struct stacks *stacks;
    struct agent_image_facts facts;
    struct snapshot snapshot;
    if (stacks_create(&stacks) != TMPALLOC_OK)
        return error_no_memory(error);
    const struct agent_image_source source = dump_source(dump);
    int status = agent_image_read(&source, dump_number(dump, 0), stacks, &facts, &snapshot, error);
    if (status == TMPALLOC_OK) {
        if (print)
            print_snapshot(&snapshot, &facts, stacks);
        snapshot_deinit(&snapshot);
    }
    stacks_destroy(stacks);
    return status;
}

static int fail_every_allocation(struct dump *dump) {
    for (uint64_t failing = 1;; failing++) {
        struct error error;
        memory_fail_after(failing);
        int status = read_dump(dump, false, &error);
        if (memory_in_use() != 0)
            die("leak");
        if (memory_fail_after(0) != 0) {
            printf("%" PRIu64 "\n", failing - 1);
            return status == TMPALLOC_OK ? 0 : 1;
        }
        if (status != TMPALLOC_E_NOMEM)
            die("a failed allocation was not reported");
    }
}

static int print_dump(struct dump *dump) {
    struct error error;
    int status = read_dump(dump, true, &error);
    if (status != TMPALLOC_OK)
        fprintf(stderr, "%d: %s\n", status, error.text);
    return status == TMPALLOC_OK ? 0 : 1;
}

int main(int argc, char **argv) {
    bool fail = argc == 3 && strcmp(argv[1], "--fail-every-allocation") == 0;
    if (argc != 2 + fail)
        die("usage: read_image [--fail-every-allocation] DUMP");
    struct dump dump = load(argv[1 + fail]);
    int result = fail ? fail_every_allocation(&dump) : print_dump(&dump);
    free((void *)dump.bytes);
    return result;
}
