#include "session_results.h"

#include <stdlib.h>
#include <string.h>

#include "session_world.h"

void a_call_is_two_stops_and_a_free_one(void) {
    uint64_t *stack = make_stack(caller_a, 5);
    say("start", TMPALLOC_OK);
    allocate(stack, 100, 0x1000);
    enter("free", stack, 0x1000, 0);
    CHECK(!leave(make_stack(caller_b, 3), 0));
    CHECK(says("status", "allocations         1 (100B)"));
    CHECK(says("status", "temporaries         1 (100B)"));
    CHECK(says("summary", "caller_a"));
    CHECK(strstr(say_data("status", TMPALLOC_OK), "\"temporaries\": 1, \"temporary_bytes\": 100"));
    CHECK(strstr(say_data("summary -r 1", TMPALLOC_OK), "\"function\": \"caller_a\""));
    say_data("tree", TMPALLOC_E_UNSUPPORTED);
    say_data("summary --nonsense", TMPALLOC_E_ARGUMENT);
}

static void check(const char *options, uint64_t verdict, int32_t exit_status) {
    char line[256];
    snprintf(line, sizeof line, "check %s", options);
    world.exit_status = -1;
    bool passes = says(line, verdict == 0   ? "check passed"
                             : verdict == 1 ? "check failed"
                                            : "nothing to check");
    CHECK(passes && world.failed == verdict && world.exit_status == exit_status);
}

void results_are_saved_and_loaded(void) {
    a_call_is_two_stops_and_a_free_one();
    say("load x.json", TMPALLOC_E_STATE);
    say("save saved.json --force", TMPALLOC_OK);
    say("save saved.json", TMPALLOC_E_IO);
    say("save nowhere/saved.json", TMPALLOC_E_IO);
    say("stop", TMPALLOC_OK);
    say("load nowhere.json", TMPALLOC_E_IO);
    CHECK(says("status", "stopped"));
    say("load saved.json saved.json", TMPALLOC_OK);
    CHECK(says("status", "breakpoint engine from 2 files (saved.json, saved.json)"));
    CHECK(says("summary", "caller_a") && says("summary", "200B"));
    CHECK(says("diff saved.json", "1 worse"));
    CHECK(says("diff saved.json saved.json", "1 unchanged"));
    say("save sum.json --force", TMPALLOC_OK);
    say("summary --since early", TMPALLOC_E_ARGUMENT);
    say("summary -t 17", TMPALLOC_E_ARGUMENT);
    say("mark early", TMPALLOC_E_STATE);
    say("reset", TMPALLOC_E_STATE);
    say("start", TMPALLOC_OK);
    CHECK(says("summary", "100B"));
}

/* Needs the file of the scene before; quick, so that every allocation may fail. */
void saved_results_need_no_process(void) {
    world.pid = 0;
    setenv("HOME", ".", 1);
    say("load ~/saved.json", TMPALLOC_OK);
    say("load saved.json saved.json", TMPALLOC_OK);
    CHECK(says("status", "2 files"));
    CHECK(says("diff ~/saved.json --suppress=~/known.supp", "1 worse"));
    check("--max-count 1 --baseline saved.json --at caller_a", 1, -1);
    say("save again.json --force", TMPALLOC_OK);
}

void a_check_is_a_verdict(void) {
    check("--max-count 0", 2, -1);
    a_call_is_two_stops_and_a_free_one();
    CHECK(world.failed == 2);
    check("--max-count 1", 0, -1);
    check("--max-count 0", 1, -1);
    check("--max-count 0 --exit always", 1, 1);
    check("--max-count 1 --exit always", 0, -1);
    check("--max-bytes 100", 0, -1);
    check("--max-bytes 99B", 1, -1);
    check("--max-bytes 1TB", 0, -1);
    check("--max-count 0 --at caller_b", 2, -1);
    check("--max-count 0 --at caller_a", 1, -1);
    say("save base.json --force", TMPALLOC_OK);
    allocate(make_stack(caller_b, 5), 100, 0x1000);
    enter("free", make_stack(caller_b, 5), 0x1000, 0);
    check("--baseline base.json", 1, -1);
    check("--baseline base.json --tolerance 99", 1, -1);
    check("--baseline base.json --tolerance 100", 0, -1);
    CHECK(says("check --baseline base.json", "caller_b"));
    check("--max-count 0 --report json verdict.json --force", 1, -1);
    say("mark early", TMPALLOC_OK);
    check("--max-count 0 --since early", 2, -1);
    allocate(make_stack(caller_a, 5), 100, 0x1000);
    check("--max-count 0 --since early", 0, -1);
    enter("free", make_stack(caller_a, 5), 0x1000, 0);
    check("--max-count 0 --since early", 1, -1);
    check("--max-bytes 100 --since early", 0, -1);
    say("check --max-count 9 --report json nowhere/verdict.json", TMPALLOC_E_IO);
    CHECK(world.failed == 2);
}

void a_check_in_a_batch_is_the_exit_status(void) {
    a_call_is_two_stops_and_a_free_one();
    check("--max-count 1", 0, -1);
    check("--max-count 0", 1, 1);
    check("--max-count 0 --exit never", 1, -1);
    check("--max-count 0 --at nowhere", 2, 2);
    static const char *const refused[] = {
        "check",
        "check --max-cout 1",
        "check --max-count x",
        "check --max-bytes -1",
        "check --max-count 1 --tolerance 3",
        "check --baseline base.json --tolerance -3",
        "check --max-count 1 --at (",
        "check --max-count 1 --report json",
        "check --max-count 1 verdict.json",
        "check --max-count 1 --report yaml verdict.json",
        "check --max-count 1 --exit sometimes",
        "check --max-count 1 -t 17",
        "check --max-count 1 --since nothing",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        world.failed = 9;
        world.exit_status = -1;
        say(refused[i], TMPALLOC_E_ARGUMENT);
        CHECK(world.failed == 2 && world.exit_status == 2);
    }
    say("check --baseline nowhere.json", TMPALLOC_E_IO);
}

void what_start_suppresses_no_report_shows(void) {
    FILE *file = fopen("known.supp", "w");
    if (file) {
        fputs("caller_b # known\n", file);
        fclose(file);
    }
    say("start --suppress nowhere.supp", TMPALLOC_E_IO);
    say("start --suppress known.supp", TMPALLOC_OK);
    allocate(make_stack(caller_b, 5), 100, 0x1000);
    enter("free", make_stack(caller_b, 5), 0x1000, 0);
    CHECK(says("summary", "No temporary allocations that match; 1 elsewhere"));
    CHECK(says("site 1", "caller_b"));
    check("--max-count 0", 2, -1);
    allocate(make_stack(caller_a, 5), 10, 0x2000);
    check("--max-count 0", 0, -1);
}
