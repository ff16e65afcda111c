/* Patches functions, uses them, and undoes it.
 *
 *     cases       the functions of targets/patchable.s
 *     allocator   every entry point that the process has: prints what became of each
 *     stopped     patches and undoes malloc and free while other threads are in them
 *     unloaded PLUGIN, breakpoint, crowded, faults */
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

#include "agent/patch/patch.h"
#include "check.h"
#include "patch_hooks.h"
#include "patch_text.h"
#include "support/memory.h"
#include "tmpalloc/agent_image.h"
#include "tmpalloc/tmpalloc.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static int patch(uintptr_t function, int hook) {
    struct patch_span span;
    return patch_entry(function, 0, hook_at(hook), &hook_originals[hook], &span);
}

/* cases */

struct test_case {
    uintptr_t function;
    int64_t expected;
    const char *name;
};

extern struct test_case __start_cases[], __stop_cases[];

static const long arguments[] = {-5, -1, 0, 1, 2, 3, 7, 8, 15, 16, 1000};

typedef long function_of_number(long);

static void record(uintptr_t function, long *results) {
    for (size_t i = 0; i < COUNT(arguments); i++)
        results[i] = ((function_of_number *)function)(arguments[i]);
}

static void compare(uintptr_t function, const long *expected) {
    long results[COUNT(arguments)];
    record(function, results);
    CHECK(memcmp(results, expected, sizeof results) == 0);
}

static void use_case(const struct test_case *tested) {
    long results[COUNT(arguments)];
    hook_counts[0] = 0;
    patch_undo();
    record(tested->function, results);
    CHECK(patch(tested->function, 0) == TMPALLOC_OK);
    CHECK(hook_counts[0] == 0);
    compare(tested->function, results);
    uint64_t counted = hook_counts[0];
    CHECK(counted >= COUNT(arguments));
    compare(hook_originals[0], results);
    patch_undo();
    uintptr_t original = hook_originals[0];
    counted = hook_counts[0];
    compare(tested->function, results);
    compare(original, results);
    CHECK(hook_counts[0] == counted);
    CHECK(patch(tested->function, 1) == TMPALLOC_OK && hook_originals[1] == original);
    CHECK(patch(tested->function, 0) == TMPALLOC_OK && hook_originals[0] == original);
    compare(tested->function, results);
    CHECK(hook_counts[1] == 0);
}

static void check_cases(void) {
    for (const struct test_case *tested = __start_cases; tested < __stop_cases; tested++) {
        struct text before = text_now();
        int status = patch(tested->function, 0);
        printf("%s %d %d\n", tested->name, (int)tested->expected, status);
        if (status == TMPALLOC_OK && tested->expected == TMPALLOC_OK)
            use_case(tested);
        patch_undo();
        CHECK(text_is_unchanged(&before));
    }
}

/* allocator */

/* Those that call no other. */
static const char *const names[AGENT_ENTRY_COUNT] = {
#define NAME(kind, name, ...) #name,
    FOR_EACH_C_FUNCTION(NAME) FOR_EACH_MAPPING(NAME) FOR_EACH_OPERATOR(NAME)
#undef NAME
};

static uintptr_t functions[AGENT_ENTRY_COUNT];
static int statuses[AGENT_ENTRY_COUNT];
static atomic_ulong calls[AGENT_ENTRY_COUNT];

static void *call(int entry, size_t a, size_t b, size_t c) {
    void *(*function)(size_t, size_t, size_t) = (void *(*)(size_t, size_t, size_t))functions[entry];
    calls[entry]++;
    return function(a, b, c);
}

static void give_back(int entry, void *block, size_t size, size_t alignment) {
    if (!functions[entry])
        entry = AGENT_ENTRY_free;
    call(entry, (size_t)block, size, alignment);
}

static void use_block(void *block, size_t size) {
    CHECK(block);
    memset(block, 0x5a, size);
}

static void use_c(size_t size) {
    void *block = call(AGENT_ENTRY_malloc, size, 0, 0);
    use_block(block, size);
    block = call(AGENT_ENTRY_realloc, (size_t)block, size * 3, 0);
    use_block(block, size * 3);
    call(AGENT_ENTRY_free, (size_t)block, 0, 0);
    block = call(AGENT_ENTRY_calloc, 3, size, 0);
    CHECK(*(char *)block == 0);
    if (functions[AGENT_ENTRY_reallocarray])
        block = call(AGENT_ENTRY_reallocarray, (size_t)block, size, 7);
    use_block(block, size * 3);
    give_back(AGENT_ENTRY_free_sized, block, size * 3, 0);
    call(AGENT_ENTRY_free, 0, 0, 0);
}

static void use_aligned(size_t size) {
    static const int entries[] = {AGENT_ENTRY_memalign, AGENT_ENTRY_aligned_alloc};
    void *block = NULL;
    for (size_t i = 0; i < COUNT(entries); i++) {
        if (!functions[entries[i]])
            continue;
        block = call(entries[i], 64, size * 64, 0);
        CHECK((uintptr_t)block % 64 == 0);
        use_block(block, size);
        call(AGENT_ENTRY_free, (size_t)block, 0, 0);
    }
    CHECK((int)(intptr_t)call(AGENT_ENTRY_posix_memalign, (size_t)&block, 128, size) == 0);
    use_block(block, size);
    call(AGENT_ENTRY_free, (size_t)block, 0, 0);
    for (int entry = AGENT_ENTRY_valloc; entry <= AGENT_ENTRY_pvalloc; entry++) {
        if (!functions[entry])
            continue;
        block = call(entry, size, 0, 0);
        use_block(block, size);
        call(AGENT_ENTRY_free, (size_t)block, 0, 0);
    }
}

static void use_mappings(size_t size) {
    for (int entry = AGENT_ENTRY_mmap; entry <= AGENT_ENTRY_mmap64; entry++) {
        void *(*map)(void *, size_t, int, int, int, off_t) =
            (void *(*)(void *, size_t, int, int, int, off_t))functions[entry];
        calls[entry]++;
        void *pages =
            map(NULL, size * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(pages != MAP_FAILED);
        use_block(pages, size);
        CHECK((int)(intptr_t)call(AGENT_ENTRY_munmap, (size_t)pages, size * 4096, 0) == 0);
    }
}

/* How an operator's block is deleted: with what arguments after the block. */
struct operators {
    int allocate;
    int release;
    bool sized;
};

/* Where there is no such operator, the plain one does. */
static void release_with(const struct operators *pair, int plain, void *block, size_t size,
                         size_t alignment) {
    static const char nothrow;
    if (!functions[pair->release])
        call(plain, (size_t)block, alignment, 0);
    else if (pair->sized)
        call(pair->release, (size_t)block, size, alignment);
    else
        call(pair->release, (size_t)block, alignment ? alignment : (size_t)&nothrow,
             (size_t)&nothrow);
}

static void use_operators(size_t size) {
    static const char nothrow;
    static const struct operators operators[] = {
        {AGENT_ENTRY__Znwm, AGENT_ENTRY__ZdlPv, false},
        {AGENT_ENTRY__Znam, AGENT_ENTRY__ZdaPv, false},
        {AGENT_ENTRY__Znwm, AGENT_ENTRY__ZdlPvm, true},
        {AGENT_ENTRY__Znam, AGENT_ENTRY__ZdaPvm, true},
        {AGENT_ENTRY__ZnwmRKSt9nothrow_t, AGENT_ENTRY__ZdlPvRKSt9nothrow_t, false},
        {AGENT_ENTRY__ZnamRKSt9nothrow_t, AGENT_ENTRY__ZdaPvRKSt9nothrow_t, false},
    };
    for (size_t i = 0; i < COUNT(operators) && functions[operators[i].allocate]; i++) {
        void *block = call(operators[i].allocate, size, (size_t)&nothrow, 0);
        use_block(block, size);
        release_with(&operators[i], AGENT_ENTRY__ZdlPv, block, size, 0);
    }
}

static void use_aligned_operators(size_t size) {
    static const char nothrow;
    static const struct operators operators[] = {
        {AGENT_ENTRY__ZnwmSt11align_val_t, AGENT_ENTRY__ZdlPvSt11align_val_t, false},
        {AGENT_ENTRY__ZnamSt11align_val_t, AGENT_ENTRY__ZdaPvSt11align_val_t, false},
        {AGENT_ENTRY__ZnwmSt11align_val_t, AGENT_ENTRY__ZdlPvmSt11align_val_t, true},
        {AGENT_ENTRY__ZnamSt11align_val_t, AGENT_ENTRY__ZdaPvmSt11align_val_t, true},
        {AGENT_ENTRY__ZnwmSt11align_val_tRKSt9nothrow_t,
         AGENT_ENTRY__ZdlPvSt11align_val_tRKSt9nothrow_t, false},
        {AGENT_ENTRY__ZnamSt11align_val_tRKSt9nothrow_t,
         AGENT_ENTRY__ZdaPvSt11align_val_tRKSt9nothrow_t, false},
    };
    for (size_t i = 0; i < COUNT(operators) && functions[operators[i].allocate]; i++) {
        void *block = call(operators[i].allocate, size, 64, (size_t)&nothrow);
        use_block(block, size);
        CHECK((uintptr_t)block % 64 == 0);
        release_with(&operators[i], AGENT_ENTRY__ZdlPvSt11align_val_t, block, size, 64);
    }
}

#define ROUNDS  1500
#define THREADS 4

static void *use_all(void *arg) {
    (void)arg;
    for (size_t i = 0; i < ROUNDS; i++) {
        size_t size = 1 + i * 37 % 2000 + (i % 100 == 0) * 200000;
        use_c(size);
        use_aligned(size);
        use_mappings(1 + i % 5);
        use_operators(size);
        use_aligned_operators(size);
    }
    return NULL;
}

static void use_in_threads(void) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, use_all, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

/* The first entry point with a function, which is the one that is patched. */
static int first_of(int entry) {
    int first = 0;
    while (functions[first] != functions[entry])
        first++;
    return first;
}

static void patch_all(uintptr_t *originals) {
    for (int i = 0; i < AGENT_ENTRY_COUNT; i++) {
        if (functions[i] && first_of(i) == i)
            statuses[i] = patch(functions[i], i);
        statuses[i] = statuses[first_of(i)];
    }
    memcpy(originals, hook_originals, sizeof hook_originals);
}

/* What the C library has besides works with every allocator. */
static bool is_general(int entry) {
    return entry == AGENT_ENTRY_reallocarray || entry == AGENT_ENTRY_mmap ||
           entry == AGENT_ENTRY_mmap64 || entry == AGENT_ENTRY_munmap;
}

static void find_all(void) {
    Dl_info allocator, info;
    CHECK(dladdr(dlsym(RTLD_DEFAULT, "malloc"), &allocator));
    for (int i = 0; i < AGENT_ENTRY_COUNT; i++) {
        void *found = names[i] ? dlsym(RTLD_DEFAULT, names[i]) : NULL;
        if (found && dladdr(found, &info) &&
            (info.dli_fbase == allocator.dli_fbase || is_general(i)))
            functions[i] = (uintptr_t)found;
    }
}

static void check_counts(void) {
    uint64_t expected[AGENT_ENTRY_COUNT] = {0};
    for (int i = 0; i < AGENT_ENTRY_COUNT; i++)
        expected[first_of(i)] += calls[i];
    for (int i = 0; i < AGENT_ENTRY_COUNT; i++) {
        if (functions[i] && first_of(i) == i && statuses[i] == TMPALLOC_OK)
            CHECK(hook_counts[i] >= expected[i] && hook_counts[i] >= ROUNDS * THREADS);
    }
}

static void check_allocator(void) {
    uintptr_t originals[HOOK_COUNT];
    uintptr_t again[HOOK_COUNT];
    find_all();
    use_all(NULL);
    memset(calls, 0, sizeof calls);
    struct text before = text_now();
    patch_all(originals);
    use_in_threads();
    check_counts();
    patch_undo();
    CHECK(text_is_unchanged(&before));
    uint64_t counted = hook_counts[AGENT_ENTRY_malloc];
    use_in_threads();
    CHECK(hook_counts[AGENT_ENTRY_malloc] == counted);
    before = text_now();
    for (int i = 0; i < 100; i++) {
        patch_all(again);
        CHECK(memcmp(originals, again, sizeof again) == 0);
        use_c(100);
        patch_undo();
    }
    CHECK(text_is_unchanged(&before));
    for (int i = 0; i < AGENT_ENTRY_COUNT; i++) {
        if (functions[i])
            printf("%s %s\n", names[i], statuses[i] == TMPALLOC_OK ? "patched" : "refused");
    }
}

/* stopped: signals do what a debugger does. */

static atomic_int arrived;
static atomic_int released;
static atomic_bool finished;
static _Atomic uintptr_t places[THREADS];
static __thread int self;

static void wait_for_release(int signal, siginfo_t *info, void *context) {
    (void)signal;
    (void)info;
    int round = released;
    places[self] = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    arrived++;
    while (released == round)
        sched_yield();
}

static void *allocate_for_ever(void *arg) {
    self = (int)(intptr_t)arg;
    arrived++;
    while (!finished) {
        void *volatile block = malloc(24);
        free(block);
    }
    return NULL;
}

static void stop_threads(const pthread_t *threads) {
    arrived = 0;
    for (int i = 0; i < THREADS; i++)
        pthread_kill(threads[i], SIGUSR1);
    while (arrived < THREADS)
        sched_yield();
}

static bool may_patch(uintptr_t function) {
    for (int i = 0; i < THREADS; i++) {
        if (places[i] - function - 1 < 31)
            return false;
    }
    return true;
}

static void check_stopped(void) {
    pthread_t threads[THREADS];
    struct sigaction action = {.sa_sigaction = wait_for_release, .sa_flags = SA_SIGINFO};
    uintptr_t allocate = (uintptr_t)dlsym(RTLD_DEFAULT, "malloc");
    uintptr_t release = (uintptr_t)dlsym(RTLD_DEFAULT, "free");
    sigaction(SIGUSR1, &action, NULL);
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, allocate_for_ever, (void *)i);
    while (arrived < THREADS)
        sched_yield();
    int patched = 0;
    for (int i = 0; i < 1000; i++) {
        stop_threads(threads);
        patch_undo();
        if (i % 3 && may_patch(allocate) && may_patch(release)) {
            CHECK(patch(allocate, 0) == TMPALLOC_OK && patch(release, 1) == TMPALLOC_OK);
            patched++;
        }
        released++;
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL); /* or the threads get nowhere */
    }
    finished = true;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    patch_undo();
    printf("patched %d counted %d\n", patched, hook_counts[0] > 0 && hook_counts[1] > 0);
}

/* The rest. */

static void check_unloaded(const char *path) {
    for (int i = 0; i < 3; i++) {
        void *plugin = dlopen(path, RTLD_NOW);
        CHECK(plugin);
        function_of_number *function = (function_of_number *)dlsym(plugin, "plugin_function");
        CHECK(patch((uintptr_t)function, 0) == TMPALLOC_OK);
        CHECK(function(4) == 12 && hook_counts[0] == (uint64_t)i + 1);
        dlclose(plugin);
        CHECK(!dlopen(path, RTLD_NOW | RTLD_NOLOAD));
        patch_undo();
    }
}

static void set_byte(uintptr_t address, uint8_t value) {
    void *page = (void *)(address & -4096UL);
    CHECK(mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
    *(volatile uint8_t *)address = value;
    CHECK(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
}

static const struct test_case *case_named(const char *name) {
    const struct test_case *tested = __start_cases;
    while (strcmp(tested->name, name) != 0)
        tested++;
    return tested;
}

static void check_breakpoint(void) {
    uintptr_t function = case_named("plain")->function;
    struct text before = text_now();
    CHECK(patch(function, 0) == TMPALLOC_OK);
    uint8_t jump = *(uint8_t *)function;
    set_byte(function, 0xcc);
    patch_undo();
    CHECK(*(uint8_t *)function == 0xcc);
    CHECK(patch(function, 0) == TMPALLOC_E_UNSUPPORTED);
    set_byte(function, jump);
    CHECK(((function_of_number *)function)(4) == 7 && hook_counts[0] == 1);
    patch_undo();
    CHECK(text_is_unchanged(&before));
}

static bool occupy(uintptr_t address, size_t size) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    return mmap((void *)address, size, PROT_NONE, flags, -1, 0) != MAP_FAILED;
}

static void occupy_pages(uintptr_t start, uintptr_t end) {
    for (uintptr_t page = start; page < end; page += 4096)
        occupy(page, 4096);
}

/* Leaves no page free nearby. */
static void check_crowded(void) {
    uintptr_t function = case_named("plain")->function;
    uintptr_t start = (function & -4096UL) - (1UL << 30);
    size_t block = 64 << 10;
    struct text before = text_now();
    for (uintptr_t at = start; at < function + (1UL << 30); at += block) {
        if (!occupy(at, block))
            occupy_pages(at, at + block);
    }
    CHECK(patch(function, 0) == TMPALLOC_E_NOMEM);
    CHECK(text_is_unchanged(&before));
}

static void check_faults(void) {
    uintptr_t function = case_named("plain")->function;
    int status;
    uint64_t i = 0;
    do {
        struct text before = text_now();
        memory_fail_after(++i);
        status = patch(function, 0);
        CHECK(status == TMPALLOC_OK || status == TMPALLOC_E_NOMEM);
        if (memory_fail_after(0) != 0)
            break;
        CHECK(status == TMPALLOC_E_NOMEM && text_is_unchanged(&before));
    } while (true);
    CHECK(i > 2 && status == TMPALLOC_OK && ((function_of_number *)function)(4) == 7);
}

int main(int count, char **words) {
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {{"cases", check_cases},     {"allocator", check_allocator},
                 {"stopped", check_stopped}, {"breakpoint", check_breakpoint},
                 {"crowded", check_crowded}, {"faults", check_faults}};
    for (size_t i = 0; i < COUNT(modes); i++) {
        if (count == 2 && strcmp(words[1], modes[i].name) == 0)
            modes[i].run();
    }
    if (count == 3)
        check_unloaded(words[2]);
    return 0;
}
