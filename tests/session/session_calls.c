/* Plays a debugger over a process with a made-up stack: every public function, without a debugger.
 *
 *     session_calls [--fail-every-allocation]
 *
 * The debuggee is this process: its real libc has the entry points, its call stack is an array of
 * return addresses into frames whose CFI says that each is eight bytes large. */
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "session_results.h"
#include "session_world.h"
#include "support/memory.h"

static void a_catch_stops_at_the_free_and_is_told_then(void) {
    uint64_t *stack = make_stack(caller_a, 5);
    say("start", TMPALLOC_OK);
    say("catch --at no_such_place$", TMPALLOC_OK); /* which names of functions can't tell */
    say("catch --min-size 50 --once", TMPALLOC_OK);
    say("catch --delete 3", TMPALLOC_E_ARGUMENT);
    allocate(stack, 100, 0x1000);
    allocate(stack, 10, 0x2000);
    enter("free", stack, 0x2000, 0);
    CHECK(!world.stops);
    enter("free", stack, 0x1000, 0);
    CHECK(world.stops && strcmp(world.reason, "tmpalloc catch 2: temporary of 100B") == 0);
    tmpalloc_session_event(world.session, TMPALLOC_EVENT_STOPPED);
    CHECK(strstr(world.message, "catch 2: 0x1000 of 100B is about to be freed, distance 1"));
    CHECK(strstr(world.message, "\n  10B caller_a"));
    CHECK(world.size == 100 && world.selected_pc == (uintptr_t)caller_a + 1);
    CHECK(says("status", "catch 1             threshold 1, at no_such_place$: 0 matches\n"));
    say("catch --delete 2", TMPALLOC_E_ARGUMENT);
    say("catch --delete", TMPALLOC_OK);
}

static void a_block_is_watched_from_its_allocation_to_its_free(void) {
    uint64_t *stack = make_stack(caller_a, 5);
    say("watch 1", TMPALLOC_E_STATE);
    say("start", TMPALLOC_OK);
    allocate(stack, 100, 0x1000);
    say("watch 2", TMPALLOC_E_ARGUMENT);
    say("watch 1", TMPALLOC_OK);
    enter("free", stack, 0x1000, 0);
    CHECK(world.watched == 0);
    allocate(stack, 100, 0x2000);
    CHECK(world.watched == 0x2000);
    enter("free", stack, 0x2000, 0);
    CHECK(world.watched == 0 && strstr(world.message, "0x2000 is freed after 3 uses"));
    say("watch --delete", TMPALLOC_E_STATE);
}

static void nested_calls_count_once(void) {
    say("start", TMPALLOC_OK);
    uint64_t *outer = make_stack(caller_a, 6);
    enter("realloc", outer, 0, 10);
    uint64_t *inner = outer - 1; /* called by realloc itself */
    *inner = (uint64_t)(uintptr_t)caller_b + 1;
    enter("malloc", inner, 10, 0);
    leave(outer, 0x2000);
    CHECK(says("status", "allocations         1 (10B)"));
    enter("realloc", outer, 0x2000, 20);
    enter("free", outer, 0x2000, 0); /* realloc left by jumping to free */
    leave(outer, 0x3000);
    CHECK(says("status", "deallocations       1\n"));
}

static void an_entry_that_stops_twice_counts_once(void) {
    say("start", TMPALLOC_OK);
    uint64_t *stack = make_stack(caller_a, 5);
    enter("malloc", stack, 10, 0);
    allocate(stack, 10, 0x1000);
    enter("free", stack, 0x1000, 0);
    enter("free", stack, 0x1000, 0);
    CHECK(says("status", "allocations         1 (10B)"));
    CHECK(says("status", "deallocations       1\n"));
    enter("free", stack, 0x2000, 0);
    CHECK(says("status", "deallocations       2\n"));
}

static void abandoned_calls_leave_no_trace(void) {
    say("start", TMPALLOC_OK);
    uint64_t *deep = make_stack(caller_a, 20);
    enter("malloc", deep, 10, 0); /* never returns: longjmp */
    memset(deep, 0, sizeof *deep);
    uint64_t *stack = make_stack(caller_a, 5);
    allocate(stack, 30, 0x4000);
    CHECK(says("status", "allocations         1 (30B)"));
    allocate(stack, 30, 0); /* fails */
    CHECK(says("status", "allocations         1 (30B)"));
    enter("realloc", stack, 0x4000, 60);
    leave(stack, 0); /* fails: the old block is still there */
    enter("free", stack, 0x4000, 0);
    CHECK(says("status", "temporaries         1 (30B)"));
}

static void hardware_takes_what_fits(void) {
    world.hardware_limit = 0;
    CHECK(strstr(say("start --engine hardware", TMPALLOC_E_UNSUPPORTED), "no hardware"));
    world.hardware_limit = 4;
    CHECK(strstr(say("start --engine hardware", TMPALLOC_OK), "no debug register is left for"));
    CHECK(enabled_count() == 3);
    uint64_t *stack = make_stack(caller_b, 5);
    enter("malloc", stack, 8, 0);
    CHECK(enabled_count() == 4);
    leave(stack, 0x5000);
    CHECK(enabled_count() == 3);
    CHECK(says("status", "allocations         1 (8B)"));
    say("start --engine breakpoint", TMPALLOC_E_STATE);
}

static void lost_events_are_counted(void) {
    say("start", TMPALLOC_OK);
    world.registers_fail = true;
    enter("malloc", make_stack(caller_a, 5), 8, 0);
    world.registers_fail = false;
    CHECK(says("status", "dropped events      1"));
    CHECK(tmpalloc_session_breakpoint_hit(world.session, 123456) == TMPALLOC_OK);
}

static void results_outlive_the_process(void) {
    say("summary", TMPALLOC_E_STATE);
    world.pid = 0;
    say("start", TMPALLOC_OK);
    CHECK(world.count == 0);
    world.pid = getpid();
    tmpalloc_session_event(world.session, TMPALLOC_EVENT_MODULES);
    CHECK(strstr(world.message, "entry points"));
    uint64_t *stack = make_stack(caller_a, 5);
    allocate(stack, 16, 0x6000);
    say("mark early", TMPALLOC_OK);
    CHECK(says("mark", "early: after "));
    say("mark other", TMPALLOC_OK);
    say("mark --delete other", TMPALLOC_OK);
    enter("free", stack, 0x6000, 0);
    tmpalloc_session_event(world.session, TMPALLOC_EVENT_EXITED);
    CHECK(world.count == 0);
    CHECK(says("summary --since early", "caller_a"));
    CHECK(says("tree", "caller_a"));
    CHECK(says("site 1", "caller_a"));
    tmpalloc_amounts amounts = {0};
    int status = tmpalloc_session_count(world.session, "caller_a", &amounts);
    CHECK(status == TMPALLOC_OK && amounts.temporaries == 1 && amounts.temporary_bytes == 16);
    say("reset", TMPALLOC_OK);
    say("start --max-threshold 3", TMPALLOC_OK);
    say("stop", TMPALLOC_OK);
    say("start", TMPALLOC_E_STATE);
    say("start --max-threshold 3", TMPALLOC_OK);
}

static void reports_are_written_whole(void) {
    char line[128];
    a_call_is_two_stops_and_a_free_one();
    const char *const formats[] = {"json", "csv", "folded"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        snprintf(line, sizeof line, "report %s report.%s --force", formats[i], formats[i]);
        say(line, TMPALLOC_OK);
    }
    say("report json report.json", TMPALLOC_E_IO);
}

static void processors_that_were_not_tried_are_refused(void) {
    world.architecture = "sparc64";
    const char *text = say("start --engine breakpoint", TMPALLOC_E_UNSUPPORTED);
    CHECK(strstr(text,
                 "architecture 'sparc64' is not supported: x86_64 and aarch64 and riscv64 are"));
    world.architecture = NULL;
}

static void bad_words_are_refused(void) {
    static const char *const lines[] = {
        "bogus",
        "start --bogus",
        "start --engine agentt",
        "start --max-threshold",
        "start --max-threshold 9999",
        "start --allocator x",
        "start --allocator alloc=a:size=9,free=b",
        "start --engine hardware --within main",
        "start word",
        "summary -t -1",
        "summary --filter (",
        "summary --sort size",
        "site",
        "site x",
        "report json",
        "report yaml file",
        "help bogus",
        "load",
        "save",
        "save a b",
        "diff",
        "diff a b c",
        "summary 'open",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        say(lines[i], TMPALLOC_E_ARGUMENT);
    }
    say("help", TMPALLOC_OK);
    say("help start", TMPALLOC_OK);
    say("", TMPALLOC_OK);
    say("status", TMPALLOC_OK);
    say("stop", TMPALLOC_E_STATE);
    say("mark", TMPALLOC_E_STATE);
    say("mark x", TMPALLOC_OK);
    CHECK(says("mark", "x: kept for"));
    say("mark --delete", TMPALLOC_OK);
    say("mark stop", TMPALLOC_E_ARGUMENT);
}

static void within_and_custom_allocators(void) {
    say("start --within caller_a --allocator alloc=caller_b,free=no_such_function", TMPALLOC_OK);
    CHECK(says("status", "no function no_such_function"));
    uint64_t *stack = make_stack(caller_b, 8);
    CHECK(!arrive(address_of("malloc"), stack));
    arrive((uintptr_t)caller_a, stack);
    CHECK(arrive(address_of("malloc"), stack - 2));
    leave(stack, 0);
    CHECK(!arrive(address_of("malloc"), stack));
}

typedef void scenario(void);

static scenario *const scenarios[] = {
    a_call_is_two_stops_and_a_free_one,
    a_catch_stops_at_the_free_and_is_told_then,
    a_block_is_watched_from_its_allocation_to_its_free,
    nested_calls_count_once,
    an_entry_that_stops_twice_counts_once,
    abandoned_calls_leave_no_trace,
    hardware_takes_what_fits,
    lost_events_are_counted,
    results_outlive_the_process,
    reports_are_written_whole,
    processors_that_were_not_tried_are_refused,
    bad_words_are_refused,
    within_and_custom_allocators,
    saved_results_need_no_process,
};

#define SCENARIOS (sizeof scenarios / sizeof *scenarios)

/* They run once, before the others. */
static scenario *const slow_scenarios[] = {
    what_start_suppresses_no_report_shows,
    results_are_saved_and_loaded,
    a_check_is_a_verdict,
    a_check_in_a_batch_is_the_exit_status,
};

#define SLOW_SCENARIOS (sizeof slow_scenarios / sizeof *slow_scenarios)

static void run(scenario *play) {
    world.batch = play == a_check_in_a_batch_is_the_exit_status;
    world_begin();
    if (!world.session)
        return;
    play();
    world_end();
}

/* Lets the i-th allocation fail, for every i; afterwards everything must work again. */
static uint64_t fail_every_allocation(scenario *play) {
    uint64_t i = 1;
    for (;; i++) {
        world.faults = true;
        memory_fail_after(i);
        run(play);
        uint64_t left = memory_fail_after(0);
        world.faults = false;
        if (left != 0)
            return i - 1;
    }
}

static void run_without_leaks(scenario *play, bool faults) {
    size_t before = memory_in_use();
    run(play);
    if (faults)
        printf("%llu allocations\n", (unsigned long long)fail_every_allocation(play));
    if (memory_in_use() != before) {
        printf("a scenario leaks %zu bytes\n", memory_in_use() - before);
        failures++;
    }
}

int main(int argc, char **argv) {
    bool faults = argc > 1 && strcmp(argv[1], "--fail-every-allocation") == 0;
    for (size_t i = 0; i < SLOW_SCENARIOS; i++)
        run_without_leaks(slow_scenarios[i], false);
    for (size_t i = 0; i < SCENARIOS; i++)
        run_without_leaks(scenarios[i], faults);
    return failures ? 1 : 0;
}
