/* One behaviour after the other: each argument names a case, which runs between case_begins() and
 * case_ends().  What it should count is in test_semantics.py; sizes here are chosen to tell the
 * blocks of a case apart. */
#include <alloca.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

__attribute__((noinline)) void case_begins(void) {
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void case_ends(void) {
    __asm__ volatile("" ::: "memory");
}

static volatile size_t huge = PTRDIFF_MAX, zero = 0;
static void *volatile old_block;
static const char *volatile plugin_path;

/* --- other threads, created before any case ----------------------------------------------------
 */

static sem_t work, done;
static void (*volatile job)(void);

static void *run_jobs(void *arg) {
    for (;;) {
        sem_wait(&work);
        job();
        sem_post(&done);
    }
    return arg;
}

static void in_worker(void (*function)(void)) {
    job = function;
    sem_post(&work);
    sem_wait(&done);
}

/* --- the malloc family -------------------------------------------------------------------------
 */

void failed_calls(void) {
    void *block = NULL;
    free(malloc(huge));
    free(calloc(huge, 2));
    free(reallocarray(NULL, huge, 4));
    free(aligned_alloc(64, huge));
    if (posix_memalign(&block, 3, 10) == 0 || posix_memalign(&block, 64, huge) == 0)
        abort();
}

void failed_call_between(void) {
    void *block = malloc(10);
    void *none = malloc(huge);
    free(block);
    free(none);
}

void malloc_zero(void) {
    free(malloc(zero));
}

void calloc_product(void) {
    free(calloc(3, 7));
}

void reallocarray_product(void) {
    void *block = reallocarray(NULL, 5, 3);
    block = reallocarray(block, 100, 3);
    free(block);
}

void aligned_family(void) {
    void *block = NULL;
    free(aligned_alloc(64, 128));
    free(memalign(64, 101));
    if (posix_memalign(&block, 64, 102) != 0)
        abort();
    free(block);
    free(valloc(103));
    free(pvalloc(104));
}

void realloc_null(void) {
    free(realloc(NULL, 10));
}

void realloc_grows(void) {
    void *block = malloc(16);
    for (size_t size = 32; size <= 256; size *= 2)
        block = realloc(block, size);
    free(block);
}

void realloc_in_place(void) {
    void *block = malloc(30);
    if (realloc(block, 20) != block)
        abort();
    free(block);
}

void realloc_moves(void) {
    void *block = malloc(30), *wall = malloc(31), *moved = realloc(block, 5000);
    if (moved == block)
        abort();
    free(wall);
    free(moved);
}

void realloc_zero(void) {
    if (realloc(malloc(10), zero))
        abort();
}

void realloc_fails(void) {
    void *block = malloc(10);
    if (realloc(block, huge))
        abort();
    free(block);
}

void free_null(void) {
    free(NULL);
}

void frees_an_old_block(void) {
    free(old_block);
}

void freed_at_distance(void) {
    void *blocks[19];
    for (int i = 0; i < 19; i++)
        blocks[i] = malloc(100 + i);
    for (int i = 0; i < 19; i++)
        free(blocks[i]);
}

void alloca_is_none(void) {
    memset(alloca(100), 1, 100);
}

/* --- threads ------------------------------------------------------------------------------------
 */

static void *volatile shared;

static void free_shared(void) {
    free(shared);
}

void freed_by_another_thread(void) {
    void *first = shared = malloc(5000);
    in_worker(free_shared);
    void *later = malloc(5000);
    if (later != first)
        abort();
    free(later);
}

static void allocate_shared(void) {
    shared = malloc(5000);
}

/* The block goes to the other thread and comes back under its old address: it is nobody's. */
void address_through_another_thread(void) {
    void *first = malloc(5000);
    free(first);
    in_worker(allocate_shared);
    if (shared != first)
        abort();
    free(shared);
}

static pthread_t leaver;
static sem_t leave;

static void *allocate_and_leave(void *arg) {
    sem_wait(&leave);
    allocate_shared();
    return arg;
}

void thread_exits(void) {
    sem_post(&leave);
    pthread_join(leaver, NULL);
    free(shared);
}

static void allocate_two(void) {
    void *block = malloc(70);
    free(malloc(71));
    free(block);
}

void own_windows(void) {
    void *block = malloc(60);
    in_worker(allocate_two);
    free(block);
}

/* --- processes ----------------------------------------------------------------------------------
 */

void fork_child(void) {
    void *block = malloc(40);
    int status;
    if (fork() == 0) {
        for (int i = 0; i < 50; i++)
            free(malloc(41));
        free(block);
        _exit(7);
    }
    if (wait(&status) < 0 || WEXITSTATUS(status) != 7)
        abort();
    free(block);
}

void spawned_child(void) {
    static char name[] = "/bin/true";
    char *arguments[] = {name, NULL};
    pid_t child;
    int status;
    void *block = malloc(42);
    if (posix_spawn(&child, name, NULL, NULL, arguments, NULL) != 0 || wait(&status) < 0)
        abort();
    if (status != 0)
        abort();
    free(block);
}

/* --- the C library ------------------------------------------------------------------------------
 */

void strdup_once(void) {
    free(strdup("1234567"));
}

void library_calls(void) {
    char *line = NULL;
    size_t size = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (getline(&line, &size, file) > 0)
        continue;
    fclose(file);
    free(line);
    if (asprintf(&line, "%0200d", 1) != 200)
        abort();
    free(line);
    free(strndup("1234567", 3));
}

void mapped(void) {
    char *range = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(range + 4096, 4096);
    munmap(range, 4096);
    munmap(range + 2 * 4096, 4096);
    range = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(range, 8192);
    if (mmap(NULL, 0, PROT_READ, MAP_PRIVATE, -1, 0) != MAP_FAILED)
        abort();
}

/* --- unusual stacks -----------------------------------------------------------------------------
 */

static ucontext_t main_context, coroutine_context;

void coroutine(void) {
    for (int i = 0; i < 3; i++) {
        void *block = malloc(80);
        swapcontext(&coroutine_context, &main_context);
        free(block);
    }
}

void coroutines(void) {
    static char stack[64 * 1024];
    getcontext(&coroutine_context);
    coroutine_context.uc_stack.ss_sp = stack;
    coroutine_context.uc_stack.ss_size = sizeof(stack);
    coroutine_context.uc_link = &main_context;
    makecontext(&coroutine_context, coroutine, 0);
    for (int i = 0; i < 4; i++) {
        swapcontext(&main_context, &coroutine_context);
        free(malloc(81));
    }
}

static void handle_on_other_stack(int number) {
    (void)number;
    free(malloc(90));
}

void alternate_stack(void) {
    static char stack[64 * 1024];
    const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_handler = handle_on_other_stack, .sa_flags = SA_ONSTACK};
    sigaltstack(&alternate, NULL);
    sigaction(SIGALRM, &action, NULL);
    raise(SIGALRM);
    free(malloc(91));
}

static jmp_buf jump;

static void leave_from_handler(int number) {
    (void)number;
    free(malloc(92));
    longjmp(jump, 1);
}

void jumps_out_of_a_handler(void) {
    struct sigaction action = {.sa_handler = leave_from_handler, .sa_flags = SA_NODEFER};
    sigaction(SIGALRM, &action, NULL);
    if (setjmp(jump) == 0)
        raise(SIGALRM);
    free(malloc(93));
}

/* --- libraries loaded later ---------------------------------------------------------------------
 */

void plugin(void) {
    for (int i = 0; i < 2; i++) {
        void *library = dlopen(plugin_path, RTLD_NOW);
        void (*allocates)(void) = (void (*)(void))dlsym(library, "plugin_allocates");
        allocates();
        dlclose(library);
    }
}

/* ------------------------------------------------------------------------------------------------
 */

#define CASE(name)                                                                                 \
    { #name, name }
static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    CASE(failed_calls),
    CASE(failed_call_between),
    CASE(malloc_zero),
    CASE(calloc_product),
    CASE(aligned_family),
    CASE(reallocarray_product),
    CASE(realloc_null),
    CASE(realloc_grows),
    CASE(realloc_in_place),
    CASE(realloc_moves),
    CASE(realloc_zero),
    CASE(realloc_fails),
    CASE(free_null),
    CASE(frees_an_old_block),
    CASE(freed_at_distance),
    CASE(alloca_is_none),
    CASE(own_windows),
    CASE(freed_by_another_thread),
    CASE(fork_child),
    CASE(address_through_another_thread),
    CASE(spawned_child),
    CASE(thread_exits),
    CASE(strdup_once),
    CASE(library_calls),
    CASE(mapped),
    CASE(coroutines),
    CASE(alternate_stack),
    CASE(jumps_out_of_a_handler),
    CASE(plugin),
};

static void run_case(const char *name) {
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(cases[i].name, name) != 0)
            continue;
        case_begins();
        cases[i].run();
        case_ends();
        return;
    }
    abort();
}

int main(int count, char **arguments) {
    pthread_t worker;
    mallopt(M_ARENA_MAX, 1); /* so that one thread gets what another one freed */
    plugin_path = arguments[1];
    old_block = malloc(50);
    sem_init(&leave, 0, 0);
    sem_init(&work, 0, 0);
    sem_init(&done, 0, 0);
    pthread_create(&worker, NULL, run_jobs, NULL);
    pthread_create(&leaver, NULL, allocate_and_leave, NULL);
    for (int i = 2; i < count; i++)
        run_case(arguments[i]);
    puts("done");
    return 0;
}
