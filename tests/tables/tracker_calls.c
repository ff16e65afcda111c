/* Calls what traces can't say: stacks, snapshots and their differences, scopes, free stacks,
 * looking and putting back.  Prints the checks that failed; the status is 1 when there were any. */
#include <stdio.h>

#include "support/memory.h"
#include "tables/tracker.h"

static int failed;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("%s: %s\n", __func__, #condition);                                              \
            failed = 1;                                                                            \
        }                                                                                          \
    } while (0)

static uint32_t intern(struct stacks *stacks, struct frame inner, uint32_t count, bool truncated) {
    struct frame frames[2] = {inner, {.offset = 0x99, .module = 3}};
    struct stack stack = {.frames = frames, .count = count, .truncated = truncated};
    uint32_t number = UINT32_MAX;
    CHECK(stacks_intern(stacks, &stack, &number) == 0);
    return number;
}

static void distinct_stacks_get_distinct_numbers(void) {
    struct stacks *stacks;
    struct frame frame = {.offset = 1, .module = 2, .exact = 1};
    CHECK(stacks_create(&stacks) == 0);
    CHECK(intern(stacks, frame, 2, false) == 0);
    CHECK(intern(stacks, frame, 2, true) == 1);
    CHECK(intern(stacks, frame, 1, false) == 2);
    CHECK(intern(stacks, (struct frame){.offset = 1, .module = 2}, 2, false) == 3);
    CHECK(intern(stacks, (struct frame){.offset = 1, .module = 4, .exact = 1}, 2, false) == 4);
    CHECK(intern(stacks, (struct frame){.offset = 7, .module = 2, .exact = 1}, 2, false) == 5);
    CHECK(intern(stacks, frame, 0, false) == 6);
    const struct stack *first = stacks_get(stacks, 0);
    for (uint64_t i = 0; i < 20000; i++)
        CHECK(intern(stacks, (struct frame){.offset = 100 + i}, 2, false) == 7 + i);
    CHECK(stacks_count(stacks) == 20007 && stacks_get(stacks, 0) == first);
    CHECK(first->count == 2 && first->frames[0].offset == 1 && first->frames[1].offset == 0x99);
    CHECK(intern(stacks, frame, 2, true) == 1 && intern(stacks, frame, 0, false) == 6);
    stacks_destroy(stacks);
}

static struct tracker *new_tracker(struct tracker_thread **first, struct tracker_thread **second) {
    struct tracker *tracker = NULL;
    CHECK(tracker_create(4, &tracker) == 0);
    for (uint64_t i = 0; i < 3; i++)
        intern(tracker_stacks(tracker), (struct frame){.offset = i}, 1, false);
    *first = tracker_get_thread(tracker, 10, 1);
    *second = tracker_get_thread(tracker, 20, 2);
    CHECK(tracker_thread_count(tracker) == 2 && tracker_get_thread(tracker, 10, 1) == *first);
    return tracker;
}

static void make_temporary(struct tracker *tracker, struct tracker_thread *thread, uint32_t stack,
                           uint32_t shared_frames, uint32_t free_stack) {
    struct tracker_release release;
    struct site *site;
    CHECK(tracker_allocated(tracker, thread, 0x100, 8, stack, &site) == 0);
    tracker_freed(tracker, thread, 0x100, false, &release);
    CHECK(release.verdict == DETECTOR_TEMPORARY && release.block.site == site);
    CHECK(tracker_count_scope(&release, shared_frames, SITE_NO_STACK) == 0);
    site_add_free_stack(site, free_stack);
}

static uint64_t scope_count(const struct snapshot_site *site, uint32_t shared_frames) {
    uint64_t count = 0;
    for (const struct site_scope *scope = site->scopes; scope; scope = scope->next)
        count += scope->shared_frames == shared_frames ? scope->count : 0;
    return count;
}

static void snapshots_sum_over_threads(void) {
    struct tracker_thread *first, *second;
    struct tracker *tracker = new_tracker(&first, &second);
    struct snapshot snapshot;
    for (uint32_t i = 0; i < 3; i++)
        make_temporary(tracker, first, 1, 5, 40 + i);
    make_temporary(tracker, second, 1, 5, 40);
    make_temporary(tracker, second, 1, 6, 50);
    make_temporary(tracker, second, 1, 6, 51);
    tracker_thread_exited(tracker, second);
    CHECK(tracker_snapshot(tracker, &snapshot) == 0 && snapshot.site_count == 1);
    const struct snapshot_site *site = &snapshot.sites[0];
    CHECK(site->stack == 1 && site->counters.allocations == 6 && site->by_distance[0].count == 6);
    CHECK(scope_count(site, 5) == 4 && scope_count(site, 6) == 2);
    CHECK(site->thread_count == 2 && site->threads[0] == 1 && site->threads[1] == 2);
    uint64_t known = 0;
    for (size_t i = 0; i < SITE_FREE_STACKS; i++)
        known += site->free_stacks[i] >= 40 && site->free_stacks[i] <= 51;
    CHECK(known == SITE_FREE_STACKS);
    snapshot_deinit(&snapshot);
    tracker_destroy(tracker);
}

static void differences_show_what_came_after(void) {
    struct tracker_thread *first, *second;
    struct tracker *tracker = new_tracker(&first, &second);
    struct snapshot earlier, later;
    make_temporary(tracker, first, 0, 5, 40);
    make_temporary(tracker, first, 2, 5, 40);
    CHECK(tracker_snapshot(tracker, &earlier) == 0);
    make_temporary(tracker, second, 1, 5, 40);
    make_temporary(tracker, second, 2, 5, 40);
    CHECK(tracker_snapshot(tracker, &later) == 0);
    snapshot_subtract(&later, &earlier);
    CHECK(later.totals.allocations == 2 && later.totals.deallocations == 2);
    CHECK(later.site_count == 2 && later.sites[0].stack == 1 && later.sites[1].stack == 2);
    CHECK(later.sites[1].counters.allocations == 1 && later.sites[1].by_distance[0].bytes == 8);
    CHECK(scope_count(&later.sites[1], 5) == 1);
    CHECK(earlier.site_count == 2 && earlier.sites[1].counters.allocations == 1);
    snapshot_deinit(&earlier);
    snapshot_deinit(&later);
    tracker_destroy(tracker);
}

static void a_reset_leaves_nothing_to_report(void) {
    struct tracker_thread *first, *second;
    struct tracker *tracker = new_tracker(&first, &second);
    struct snapshot snapshot;
    make_temporary(tracker, first, 0, 5, 40);
    tracker_reset(tracker);
    CHECK(tracker_snapshot(tracker, &snapshot) == 0 && snapshot.site_count == 0);
    snapshot_deinit(&snapshot);
    make_temporary(tracker, first, 0, 6, 41);
    CHECK(tracker_snapshot(tracker, &snapshot) == 0 && snapshot.site_count == 1);
    CHECK(scope_count(&snapshot.sites[0], 5) == 0 && scope_count(&snapshot.sites[0], 6) == 1);
    CHECK(snapshot.sites[0].free_stacks[0] == 41);
    CHECK(snapshot.sites[0].free_stacks[1] == SITE_NO_STACK);
    CHECK(snapshot.sites[0].counters.equal == 1);
    snapshot_deinit(&snapshot);
    tracker_destroy(tracker);
}

static void a_block_that_was_put_back_can_be_freed(uint64_t address) {
    struct tracker_thread *first, *second;
    struct tracker *tracker = new_tracker(&first, &second);
    struct tracker_release release;
    struct detector_block block;
    CHECK(tracker_allocated(tracker, first, address, 8, 0, NULL) == 0);
    CHECK(tracker_find(tracker, address, &block) && block.owner == first && block.distance == 0);
    tracker_take(tracker, first, address, &release);
    CHECK(release.verdict == DETECTOR_TEMPORARY && !tracker_find(tracker, address, &block));
    tracker_put_back(tracker, &release);
    CHECK(tracker_allocated(tracker, first, 0x900, 8, 0, NULL) == 0);
    CHECK(tracker_totals(tracker)->deallocations == 0);
    tracker_freed(tracker, first, address, false, &release);
    CHECK(release.verdict == DETECTOR_TEMPORARY && release.block.distance == 1);
    CHECK(release.block.size_bytes == 8 && !tracker_find(tracker, address, &block));
    CHECK(tracker_totals(tracker)->deallocations == 1);
    tracker_destroy(tracker);
}

static void only_its_own_window_is_flushed_for_a_thread(void) {
    struct tracker_thread *first, *second;
    struct tracker *tracker = new_tracker(&first, &second);
    struct detector_block block;
    CHECK(tracker_allocated(tracker, first, 0x100, 8, 0, NULL) == 0);
    CHECK(tracker_allocated(tracker, second, 0x200, 8, 0, NULL) == 0);
    tracker_flush_thread(tracker, first);
    CHECK(!tracker_find(tracker, 0x100, &block) && tracker_find(tracker, 0x200, &block));
    tracker_destroy(tracker);
}

static bool report_exit(void *arg, struct tracker_thread *thread) {
    tracker_thread_exited(arg, thread);
    return true;
}

static void threads_may_exit_while_they_are_visited(void) {
    struct tracker_thread *first, *second;
    struct tracker *tracker = new_tracker(&first, &second);
    tracker_for_each_thread(tracker, report_exit, tracker);
    CHECK(tracker_thread_count(tracker) == 0);
    size_t before = memory_in_use();
    for (uint64_t key = 100; key < 10000; key++)
        tracker_thread_exited(tracker, tracker_get_thread(tracker, key, 1));
    CHECK(memory_in_use() == before);
    tracker_destroy(tracker);
}

/* All share a word, or are too high for one: each allocation puts a word aside. */
static void memory_follows_the_windows_not_the_words_put_aside(uint64_t base, uint64_t step) {
    struct tracker_thread *first, *second;
    struct tracker *tracker = new_tracker(&first, &second);
    size_t before = 0;
    for (uint64_t i = 0; i < 4000; i++) {
        if (i == 100)
            before = memory_in_use();
        CHECK(tracker_allocated(tracker, i % 2 ? first : second, base + i * step, 8, 0, NULL) == 0);
    }
    CHECK(memory_in_use() == before);
    tracker_destroy(tracker);
}

int main(void) {
    distinct_stacks_get_distinct_numbers();
    snapshots_sum_over_threads();
    differences_show_what_came_after();
    a_reset_leaves_nothing_to_report();
    a_block_that_was_put_back_can_be_freed(0x7f0012345670);
    a_block_that_was_put_back_can_be_freed(UINT64_C(0xffff000012345670));
    only_its_own_window_is_flushed_for_a_thread();
    threads_may_exit_while_they_are_visited();
    memory_follows_the_windows_not_the_words_put_aside(0x1230, UINT64_C(1) << 36);
    memory_follows_the_windows_not_the_words_put_aside(UINT64_C(1) << 63, 16);
    if (memory_in_use() != 0)
        failed = printf("memory leaked\n");
    return failed != 0;
}
