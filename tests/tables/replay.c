/* Feeds a tracker with a trace and prints its counters as JSON.
 *
 *     replay [--threshold N] [--max-threshold N] [--fail-every-allocation] TRACE
 *
 * One event a line, fields separated by blanks, '#' starts a comment:
 *     a TID ADDRESS SIZE SITE      thread TID allocated SIZE bytes at ADDRESS
 *     f TID ADDRESS                thread TID frees ADDRESS
 *     r TID OLD NEW SIZE SITE      realloc; OLD or NEW may be 0
 *     x TID                        thread TID exits
 *     s                            tracking stops and starts again
 *     z                            reset
 * Addresses are hexadecimal.  A SITE is a word; each becomes a stack of one frame.
 *
 * --fail-every-allocation replays the trace again and again, each time with the next allocation of
 * the core failing, until none is left to fail.  It prints the number of failed allocations and
 * fails itself when one gave no TMPALLOC_E_NOMEM, changed the totals, or leaked.
 *
 * Either way the detector is walked through again and again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/error.h"
#include "support/memory.h"
#include "tables/tracker.h"

#define WORD_BYTES 64
#define TID_LIMIT  4096

/* A walk through a whole detector takes longer than a thousand events. */
#define EVENTS_PER_CHECK 8

struct event {
    char kind;
    int64_t tid;
    uint64_t old_address;
    uint64_t new_address;
    uint64_t size_bytes;
    uint32_t site;
};

struct trace {
    struct event *events;
    size_t count;
    char (*sites)[WORD_BYTES];
    uint32_t site_count;
};

struct replay {
    struct tracker *tracker;
    uint64_t exits[TID_LIMIT]; /* threads of this id that exited */
    int status;                /* of the first call that failed */
    uint64_t failures;
};

static void die(const char *what) {
    fprintf(stderr, "replay: %s\n", what);
    exit(2);
}

static void *checked(void *block) {
    if (!block)
        die("out of memory");
    return block;
}

static uint32_t site_number(struct trace *trace, const char *word) {
    for (uint32_t i = 0; i < trace->site_count; i++) {
        if (strcmp(trace->sites[i], word) == 0)
            return i;
    }
    trace->sites = checked(realloc(trace->sites, (trace->site_count + 1) * sizeof *trace->sites));
    snprintf(trace->sites[trace->site_count], WORD_BYTES, "%s", word);
    return trace->site_count++;
}

static struct event parse_event(struct trace *trace, const char *line) {
    struct event event = {.kind = line[strspn(line, " \t")]};
    char word[WORD_BYTES] = "";
    int fields = 0, wanted = 0;
    if (event.kind == 'a') {
        fields = sscanf(line, " a %" SCNd64 " %" SCNx64 " %" SCNu64 " %63s", &event.tid,
                        &event.new_address, &event.size_bytes, word);
        wanted = 4;
    } else if (event.kind == 'f') {
        fields = sscanf(line, " f %" SCNd64 " %" SCNx64, &event.tid, &event.old_address);
        wanted = 2;
    } else if (event.kind == 'r') {
        fields = sscanf(line, " r %" SCNd64 " %" SCNx64 " %" SCNx64 " %" SCNu64 " %63s", &event.tid,
                        &event.old_address, &event.new_address, &event.size_bytes, word);
        wanted = 5;
    } else if (event.kind == 'x') {
        fields = sscanf(line, " x %" SCNd64, &event.tid);
        wanted = 1;
    } else if (event.kind != 's' && event.kind != 'z') {
        die("unknown event");
    }
    if (fields != wanted || event.tid < 0 || event.tid >= TID_LIMIT)
        die("bad event");
    if (word[0])
        event.site = site_number(trace, word);
    return event;
}

static void read_trace(const char *path, struct trace *trace) {
    char line[256];
    size_t capacity = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        die("the trace can't be opened");
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "#\n")] = '\0';
        if (!line[strspn(line, " \t")])
            continue;
        if (trace->count == capacity) {
            capacity = capacity ? capacity * 2 : 1024;
            trace->events = checked(realloc(trace->events, capacity * sizeof *trace->events));
        }
        trace->events[trace->count++] = parse_event(trace, line);
    }
    fclose(file);
}

static void note(struct replay *replay, int status) {
    if (!status)
        return;
    if (!replay->status)
        replay->status = status;
    replay->failures++;
}

/* What changes nothing when it fails is tried twice: then the one failing allocation is over. */

static struct tracker_thread *get_thread(struct replay *replay, int64_t tid) {
    uint64_t key = (replay->exits[tid] << 16 | (uint64_t)tid) + 1;
    struct tracker_thread *thread = tracker_get_thread(replay->tracker, key, tid);
    if (!thread) {
        note(replay, TMPALLOC_E_NOMEM);
        thread = tracker_get_thread(replay->tracker, key, tid);
    }
    return checked(thread);
}

static uint32_t get_stack(struct replay *replay, uint32_t site) {
    struct frame frame = {.offset = site, .module = FRAME_NO_MODULE};
    struct stack stack = {.frames = &frame, .count = 1};
    uint32_t number;
    int status = stacks_intern(tracker_stacks(replay->tracker), &stack, &number);
    note(replay, status);
    if (status && stacks_intern(tracker_stacks(replay->tracker), &stack, &number))
        die("a second allocation failed");
    return number;
}

static void replay_event(struct replay *replay, const struct event *event) {
    struct tracker *tracker = replay->tracker;
    if (event->kind == 's') {
        tracker_flush(tracker);
        return;
    }
    if (event->kind == 'z') {
        tracker_reset(tracker);
        return;
    }
    struct tracker_thread *thread = get_thread(replay, event->tid);
    if (event->kind == 'x') {
        tracker_thread_exited(tracker, thread);
        replay->exits[event->tid]++;
        return;
    }
    struct tracker_release freed = {0};
    struct site *site = NULL;
    if (event->old_address)
        note(replay,
             tracker_freed(tracker, thread, event->old_address, event->new_address != 0, &freed));
    if (!event->new_address)
        return;
    note(replay, tracker_allocated(tracker, thread, event->new_address, event->size_bytes,
                                   get_stack(replay, event->site), &site));
    note(replay, tracker_reallocated(&freed, event->size_bytes, site));
}

static void run(const struct trace *trace, uint32_t max_threshold, struct replay *replay,
                struct snapshot *snapshot) {
    *replay = (struct replay){0};
    int status = tracker_create(max_threshold, &replay->tracker);
    note(replay, status);
    if (status && tracker_create(max_threshold, &replay->tracker))
        die("a second allocation failed");
    for (size_t i = 0; i < trace->count; i++) {
        replay_event(replay, &trace->events[i]);
        if (i % EVENTS_PER_CHECK == 0 && !tracker_is_valid(replay->tracker))
            die("an event left the detector in a state that none leaves it in");
    }
    status = tracker_snapshot(replay->tracker, snapshot);
    note(replay, status);
    if (status && tracker_snapshot(replay->tracker, snapshot))
        die("a second allocation failed");
}

static void finish(struct replay *replay, struct snapshot *snapshot) {
    snapshot_deinit(snapshot);
    tracker_destroy(replay->tracker);
    if (memory_in_use() != 0)
        die("memory leaked");
}

static struct site_distance sum_of(const struct snapshot_site *site, uint32_t first,
                                   uint32_t last) {
    struct site_distance sum = {0};
    for (uint32_t d = first; d <= last; d++) {
        sum.count += site->by_distance[d].count;
        sum.bytes += site->by_distance[d].bytes;
    }
    return sum;
}

static struct site_distance sum_of_all(const struct snapshot *snapshot, uint32_t first,
                                       uint32_t last) {
    struct site_distance sum = {0};
    for (size_t i = 0; i < snapshot->site_count; i++) {
        struct site_distance part = sum_of(&snapshot->sites[i], first, last);
        sum.count += part.count;
        sum.bytes += part.bytes;
    }
    return sum;
}

static void print_chains(const struct chain_counters *chains) {
    const char *separator = "";
    printf(", \"chains\": {\"count\": %" PRIu64 ", \"steps\": %" PRIu64
           ", \"replaced_bytes\": %" PRIu64 ", \"longest\": %" PRIu64 ", \"largest\": %" PRIu64
           ", \"final_sizes\": [",
           chains->count, chains->steps, chains->replaced_bytes, chains->longest, chains->largest);
    for (uint32_t k = 0; k < CHAIN_SIZES; k++) {
        if (chains->final_sizes[k] == 0)
            continue;
        printf("%s[%" PRIu32 ", %" PRIu64 "]", separator, k, chains->final_sizes[k]);
        separator = ", ";
    }
    printf("]}");
}

static void print_site(const struct trace *trace, const struct stacks *stacks,
                       const struct snapshot_site *site, uint32_t threshold,
                       uint32_t max_threshold) {
    struct site_distance sum = sum_of(site, 0, threshold);
    printf("{\"site\": \"%s\", \"count\": %" PRIu64 ", \"bytes\": %" PRIu64,
           trace->sites[stacks_get(stacks, site->stack)->frames[0].offset], sum.count, sum.bytes);
    printf(", \"allocations\": %" PRIu64 ", \"allocated_bytes\": %" PRIu64,
           site->counters.allocations, site->counters.allocated_bytes);
    printf(", \"min_size\": %" PRIu64 ", \"max_size\": %" PRIu64, site->counters.min_size,
           site->counters.max_size);
    printf(", \"larger\": %" PRIu64 ", \"equal\": %" PRIu64 ", \"by_realloc\": %" PRIu64,
           site->counters.larger, site->counters.equal, site->counters.by_realloc);
    printf(", \"threads\": [");
    for (size_t i = 0; i < site->thread_count; i++)
        printf("%s%" PRId64, i ? ", " : "", site->threads[i]);
    printf("], \"by_distance\": [");
    for (uint32_t d = 0; d <= max_threshold; d++)
        printf("%s{\"count\": %" PRIu64 ", \"bytes\": %" PRIu64 "}", d ? ", " : "",
               site->by_distance[d].count, site->by_distance[d].bytes);
    printf("]");
    if (site->chains)
        print_chains(site->chains);
    printf("}");
}

static void print_totals(const struct snapshot *snapshot, uint32_t threshold) {
    const struct snapshot_totals *totals = &snapshot->totals;
    printf("{\"allocations\": %" PRIu64 ", \"allocated_bytes\": %" PRIu64, totals->allocations,
           totals->allocated_bytes);
    printf(", \"deallocations\": %" PRIu64 ", \"cross_thread_frees\": %" PRIu64,
           totals->deallocations, totals->cross_thread_frees);
    struct site_distance sum = sum_of_all(snapshot, 0, threshold);
    printf(", \"temporary\": {\"count\": %" PRIu64 ", \"bytes\": %" PRIu64 "}, \"by_distance\": [",
           sum.count, sum.bytes);
    for (uint32_t d = 0; d <= snapshot->max_threshold; d++) {
        sum = sum_of_all(snapshot, d, d);
        printf("%s{\"distance\": %" PRIu32 ", \"count\": %" PRIu64 ", \"bytes\": %" PRIu64 "}",
               d ? ", " : "", d, sum.count, sum.bytes);
    }
    printf("]}");
}

static void print_block(const struct trace *trace, const struct stacks *stacks,
                        const struct snapshot_block *block) {
    printf("{\"tid\": %" PRId64 ", \"age\": %" PRIu64 ", \"address\": %" PRIu64
           ", \"size\": %" PRIu64 ", \"site\": \"%s\"}",
           block->tid, block->age, block->address, block->size_bytes,
           trace->sites[stacks_get(stacks, block->stack)->frames[0].offset]);
}

static void print(const struct trace *trace, uint32_t threshold, uint32_t max_threshold) {
    static struct replay replay;
    struct snapshot snapshot;
    run(trace, max_threshold, &replay, &snapshot);
    printf("{\"threshold\": %" PRIu32 ", \"max_threshold\": %" PRIu32 ", \"totals\": ", threshold,
           max_threshold);
    print_totals(&snapshot, threshold);
    printf(", \"sites\": [");
    for (size_t i = 0; i < snapshot.site_count; i++) {
        printf("%s", i ? ", " : "");
        print_site(trace, tracker_stacks(replay.tracker), &snapshot.sites[i], threshold,
                   max_threshold);
    }
    printf("], \"blocks\": [");
    for (size_t i = 0; i < snapshot.block_count; i++) {
        printf("%s", i ? ", " : "");
        print_block(trace, tracker_stacks(replay.tracker), &snapshot.blocks[i]);
    }
    printf("]}\n");
    finish(&replay, &snapshot);
    if (replay.status)
        die("an allocation failed");
}

static void fail_every_allocation(const struct trace *trace, uint32_t max_threshold) {
    static struct replay replay;
    struct snapshot snapshot;
    run(trace, max_threshold, &replay, &snapshot);
    struct snapshot_totals expected = snapshot.totals;
    finish(&replay, &snapshot);
    uint64_t failing = 1;
    for (;; failing++) {
        memory_fail_after(failing);
        run(trace, max_threshold, &replay, &snapshot);
        bool none_left = memory_fail_after(0) != 0;
        if (memcmp(&snapshot.totals, &expected, sizeof expected) != 0)
            die("a failed allocation changed the totals");
        finish(&replay, &snapshot);
        if (none_left)
            break;
        if (replay.status != TMPALLOC_E_NOMEM || replay.failures != 1)
            die("a failed allocation was not reported");
    }
    printf("%" PRIu64 "\n", failing - 1);
}

int main(int argc, char **argv) {
    uint32_t threshold = 1, max_threshold = 16;
    bool failing = false;
    struct trace trace = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--threshold") == 0 && i + 1 < argc)
            threshold = (uint32_t)atoi(argv[++i]);
        else if (strcmp(argv[i], "--max-threshold") == 0 && i + 1 < argc)
            max_threshold = (uint32_t)atoi(argv[++i]);
        else if (strcmp(argv[i], "--fail-every-allocation") == 0)
            failing = true;
        else
            read_trace(argv[i], &trace);
    }
    if (threshold > max_threshold || max_threshold > DETECTOR_THRESHOLD_LIMIT)
        die("bad threshold");
    if (failing)
        fail_every_allocation(&trace, max_threshold);
    else
        print(&trace, threshold, max_threshold);
    free(trace.events);
    free(trace.sites);
    return 0;
}
