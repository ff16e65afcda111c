/* Plays a debugger over a process with a made-up stack: every public function, without a debugger.
 *
 *     session_calls [--fail-every-allocation]
 *
 * The debuggee is this process: its real libc has the entry points, its call stack is an array of
 * return addresses into frames whose CFI says that each is eight bytes large. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/memory.h"
#include "tmpalloc/tmpalloc.h"

#define BREAKPOINTS 64
#define STACK_CELLS 64
#define THREAD_KEY  7

/* Every frame of `caller` is its return address alone; `outermost` has no caller. */
__asm__(".text\n"
        ".globl caller_a, caller_b, outermost\n"
        ".type caller_a, @function\n.type caller_b, @function\n.type outermost, @function\n"
        "caller_a:\n.cfi_startproc\n nop\n nop\n ret\n.cfi_endproc\n.size caller_a, . - caller_a\n"
        "caller_b:\n.cfi_startproc\n nop\n nop\n ret\n.cfi_endproc\n.size caller_b, . - caller_b\n"
        "outermost:\n.cfi_startproc\n.cfi_undefined rip\n nop\n nop\n ret\n.cfi_endproc\n"
        ".size outermost, . - outermost\n");
extern char caller_a[], caller_b[], outermost[];

struct breakpoint {
    uint64_t id;
    uint64_t address;
    bool enabled;
};

static struct {
    struct breakpoint breakpoints[BREAKPOINTS];
    size_t count;
    size_t hardware_limit;
    uint64_t stack[STACK_CELLS];
    uint64_t rsp, rdi, rsi, rdx, rax, pc;
    int64_t pid;
    bool registers_fail;
    char message[1024];
    bool batch;
    uint64_t failed; /* the variables of these names */
    uint64_t size;
    uint64_t selected_pc; /* of the frame that was selected */
    uint64_t watched;     /* address of the watchpoint; 0: there is none */
    bool stops;           /* what the latest hit was answered with */
    int32_t exit_status;  /* -1: the debugger goes on */
    tmpalloc_session *session;
    bool faults; /* allocations may fail: answers are only checked to be clean */
} world;

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!world.faults && !(condition)) {                                                       \
            printf("line %d: %s\n", __LINE__, #condition);                                         \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

/* Where the program's calls of this function go. */
static uint64_t address_of(const char *function) {
    return (uintptr_t)dlsym(RTLD_DEFAULT, function);
}

/* --- the debugger's primitives ------------------------------------------------------------------
 */

static void get_process(void *arg, struct tmpalloc_process *ret, int *status) {
    (void)arg;
    *ret = (struct tmpalloc_process){.pid = world.pid, .stopped = 1, .local = 0};
    snprintf(ret->architecture, sizeof ret->architecture, "x86_64");
    snprintf(ret->executable, sizeof ret->executable, "/proc/self/exe");
    *status = TMPALLOC_OK;
}

/* Link-time address of a file's .text, 0 when it has none. */
static uint64_t text_of(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (file < 0 || fstat(file, &info) != 0)
        return 0;
    char *image = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    const ElfW(Ehdr) *header = (const void *)image;
    const ElfW(Shdr) *sections = (const void *)(image + header->e_shoff);
    const char *names = image + sections[header->e_shstrndx].sh_offset;
    uint64_t address = 0;
    for (int i = 0; i < header->e_shnum; i++) {
        if (strcmp(names + sections[i].sh_name, ".text") == 0)
            address = sections[i].sh_addr;
    }
    munmap(image, (size_t)info.st_size);
    return address;
}

struct emission {
    tmpalloc_emit_module emit;
    void *arg;
    int status;
};

/* The program and the file with its malloc are all that matters. */
static bool is_relevant(const struct dl_phdr_info *info) {
    Dl_info allocator;
    return info->dlpi_name[0] == '\0' ||
           (dladdr((void *)(uintptr_t)address_of("malloc"), &allocator) &&
            (uintptr_t)allocator.dli_fbase == info->dlpi_addr);
}

static int emit_object(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)size;
    if (!is_relevant(info))
        return 0;
    struct emission *emission = arg;
    const char *path = info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe";
    uint64_t text = text_of(path);
    if (text == 0)
        return 0;
    const struct tmpalloc_module module = {path, info->dlpi_addr + text};
    emission->status = emission->emit(emission->arg, &module);
    return emission->status;
}

static void get_modules(void *arg, tmpalloc_emit_module emit, void *emit_arg, int *status) {
    (void)arg;
    struct emission emission = {emit, emit_arg, TMPALLOC_OK};
    dl_iterate_phdr(emit_object, &emission);
    *status = emission.status;
}

static void read_memory(void *arg, uint64_t address, void *buffer, uint64_t size, int *status) {
    (void)arg;
    int file = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    if (pread(file, buffer, size, (off_t)address) == (ssize_t)size)
        *status = TMPALLOC_OK;
    close(file);
}

static void read_registers(void *arg, const char *const *names, uint32_t count, uint64_t *values,
                           int *status) {
    (void)arg;
    for (uint32_t i = 0; i < count; i++) {
        const struct {
            const char *name;
            uint64_t value;
        } known[] = {{"rsp", world.rsp}, {"rdi", world.rdi}, {"rsi", world.rsi},
                     {"rdx", world.rdx}, {"rax", world.rax}, {"pc", world.pc}};
        values[i] = 0;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            if (strcmp(names[i], known[k].name) == 0)
                values[i] = known[k].value;
        }
    }
    if (!world.registers_fail)
        *status = TMPALLOC_OK;
}

static void get_thread(void *arg, struct tmpalloc_thread *ret, int *status) {
    (void)arg;
    *ret = (struct tmpalloc_thread){.key = THREAD_KEY, .tid = 77, .pid = world.pid};
    *status = TMPALLOC_OK;
}

static void is_alive(void *arg, uint64_t key, int32_t *ret, int *status) {
    (void)arg;
    *ret = key == THREAD_KEY;
    *status = TMPALLOC_OK;
}

static struct breakpoint *by_id(uint64_t id) {
    for (size_t i = 0; i < world.count; i++) {
        if (world.breakpoints[i].id == id)
            return &world.breakpoints[i];
    }
    return NULL;
}

static size_t enabled_count(void) {
    size_t count = 0;
    for (size_t i = 0; i < world.count; i++)
        count += world.breakpoints[i].enabled;
    return count;
}

static void insert(void *arg, uint64_t id, uint64_t address, uint32_t kind, int *status) {
    (void)arg;
    if (kind == TMPALLOC_HARDWARE && enabled_count() >= world.hardware_limit)
        return;
    if (world.count == BREAKPOINTS)
        return;
    world.breakpoints[world.count++] = (struct breakpoint){id, address, true};
    *status = TMPALLOC_OK;
}

static void enable(void *arg, uint64_t id, int32_t enabled, int *status) {
    (void)arg;
    struct breakpoint *breakpoint = by_id(id);
    if (!breakpoint)
        return;
    breakpoint->enabled = enabled;
    *status = TMPALLOC_OK;
}

static void remove_breakpoint(void *arg, uint64_t id, int *status) {
    (void)arg;
    struct breakpoint *breakpoint = by_id(id);
    if (!breakpoint)
        return;
    *breakpoint = world.breakpoints[--world.count];
    *status = TMPALLOC_OK;
}

static void message(void *arg, const char *text, int *status) {
    (void)arg;
    snprintf(world.message, sizeof world.message, "%s", text);
    *status = TMPALLOC_OK;
}

static void set_variable(void *arg, const char *name, uint64_t number, int *status) {
    (void)arg;
    if (strcmp(name, "failed") == 0)
        world.failed = number;
    if (strcmp(name, "size") == 0)
        world.size = number;
    *status = TMPALLOC_OK;
}

static void select_frame(void *arg, uint64_t key, uint64_t pc, uint32_t inlined, int *status) {
    (void)arg;
    CHECK(key == THREAD_KEY && inlined == 0);
    world.selected_pc = pc;
    *status = TMPALLOC_OK;
}

static void insert_watchpoint(void *arg, uint64_t address, uint32_t bytes, int *status) {
    (void)arg;
    CHECK(bytes == 8 && world.watched == 0);
    world.watched = address;
    *status = TMPALLOC_OK;
}

static void end_watchpoint(void *arg, uint64_t *hits_ret, int *status) {
    (void)arg;
    CHECK(world.watched != 0);
    world.watched = 0;
    *hits_ret = 3;
    *status = TMPALLOC_OK;
}

static void quit(void *arg, int32_t exit_status, int *status) {
    (void)arg;
    world.exit_status = exit_status;
    *status = TMPALLOC_OK;
}

/* --- the debuggee --------------------------------------------------------------------------------
 */

/* Arrives at an address with this stack pointer; false: no breakpoint stops there. */
static bool arrive(uint64_t address, uint64_t *stack_pointer) {
    world.rsp = (uint64_t)(uintptr_t)stack_pointer;
    world.pc = address;
    for (size_t i = 0; i < world.count; i++) {
        const struct breakpoint *breakpoint = &world.breakpoints[i];
        if (breakpoint->address == world.pc && breakpoint->enabled) {
            int status = tmpalloc_session_breakpoint_hit(world.session, breakpoint->id);
            world.stops = status == TMPALLOC_STOP;
            CHECK(status >= TMPALLOC_OK || world.registers_fail);
            return true;
        }
    }
    return false;
}

/* The stack at the entry of a function that `caller` called, `depth` cells below the top. */
static uint64_t *make_stack(const char *caller, size_t depth) {
    uint64_t *top = &world.stack[STACK_CELLS - depth];
    for (size_t i = 0; i + 1 < depth; i++)
        top[i] = (uint64_t)(uintptr_t)caller + 1;
    top[depth - 1] = (uint64_t)(uintptr_t)outermost + 1;
    return top;
}

static void enter(const char *function, uint64_t *stack, uint64_t rdi, uint64_t rsi) {
    world.rdi = rdi;
    world.rsi = rsi;
    arrive(address_of(function), stack);
}

static bool leave(uint64_t *stack, uint64_t result) {
    world.rax = result;
    return arrive(stack[0], stack + 1);
}

static void allocate(uint64_t *stack, uint64_t size, uint64_t address) {
    enter("malloc", stack, size, 0);
    leave(stack, address);
}

/* --- the user ------------------------------------------------------------------------------------
 */

static const char *answer(const char *line, int status, const char *text, int wanted) {
    if (!text || (status != TMPALLOC_OK && (strchr(text, '\n') != text + strlen(text) - 1))) {
        printf("'%s': not one line: %s\n", line, text ? text : "NULL");
        failures++;
    }
    if (!world.faults && status != wanted) {
        printf("'%s': status %d, wanted %d: %s\n", line, status, wanted, text);
        failures++;
    }
    return text;
}

static const char *say(const char *line, int wanted) {
    const char *text = NULL;
    int status = tmpalloc_session_execute(world.session, line, NULL, &text);
    return answer(line, status, text, wanted);
}

static const char *say_data(const char *line, int wanted) {
    const char *text = NULL;
    int status = tmpalloc_session_data(world.session, line, &text);
    return answer(line, status, text, wanted);
}

static bool says(const char *line, const char *part) {
    const char *text = say(line, TMPALLOC_OK);
    bool found = strstr(text, part) != NULL;
    if (!found && !world.faults)
        printf("'%s' says: %s", line, text);
    return found;
}

static void begin(void) {
    const struct tmpalloc_host host = {
        .version = TMPALLOC_HOST_VERSION,
        .batch = world.batch,
        .process = get_process,
        .modules = get_modules,
        .read_memory = read_memory,
        .read_registers = read_registers,
        .current_thread = get_thread,
        .thread_alive = is_alive,
        .insert_breakpoint = insert,
        .enable_breakpoint = enable,
        .remove_breakpoint = remove_breakpoint,
        .message = message,
        .set_variable = set_variable,
        .quit = quit,
        .select_frame = select_frame,
        .insert_watchpoint = insert_watchpoint,
        .end_watchpoint = end_watchpoint,
    };
    world.failed = 9;
    world.exit_status = -1;
    memset(&world.breakpoints, 0, sizeof world.breakpoints);
    world.count = 0;
    world.session = NULL;
    world.pid = getpid();
    world.registers_fail = false;
    int status = tmpalloc_session_create(&host, &world.session);
    CHECK(status == TMPALLOC_OK);
}

static void end(void) {
    tmpalloc_session_destroy(world.session);
    CHECK(world.count == 0);
}

static void a_call_is_two_stops_and_a_free_one(void) {
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

static void a_catch_stops_at_the_free_and_is_told_then(void) {
    uint64_t *stack = make_stack(caller_a, 5);
    say("catch", TMPALLOC_E_STATE);
    say("start", TMPALLOC_OK);
    say("catch --at no_such_place", TMPALLOC_OK);
    say("catch --min-size 50 --once", TMPALLOC_OK);
    say("catch --delete 3", TMPALLOC_E_ARGUMENT);
    allocate(stack, 100, 0x1000);
    allocate(stack, 10, 0x2000);
    enter("free", stack, 0x2000, 0);
    CHECK(!world.stops);
    enter("free", stack, 0x1000, 0);
    CHECK(world.stops);
    tmpalloc_session_event(world.session, TMPALLOC_EVENT_STOPPED);
    CHECK(strstr(world.message, "catch 2: 0x1000 of 100B is about to be freed, distance 1"));
    CHECK(strstr(world.message, "\n  10B caller_a"));
    CHECK(world.size == 100 && world.selected_pc == (uintptr_t)caller_a + 1);
    CHECK(says("status", "catch 1             threshold 1, at no_such_place: 0 matches\n"));
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
    enter("free", stack, 0x6000, 0);
    tmpalloc_session_event(world.session, TMPALLOC_EVENT_EXITED);
    CHECK(world.count == 0);
    CHECK(says("summary --since early", "caller_a"));
    CHECK(says("tree", "caller_a"));
    CHECK(says("site 1", "caller_a"));
    uint64_t count = 0, bytes = 0;
    int status = tmpalloc_session_count(world.session, "caller_a", &count, &bytes);
    CHECK(status == TMPALLOC_OK && count == 1 && bytes == 16);
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
        "mark",
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
    say("mark x", TMPALLOC_E_STATE);
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

#include "session_results.h"

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
    begin();
    if (!world.session)
        return;
    play();
    end();
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
