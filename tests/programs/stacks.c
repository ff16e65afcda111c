/* One way of building a stack per argument; shows it to the debugger with show(). */
#define _GNU_SOURCE

#include <alloca.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

static volatile int sink;

/* Not a tail call of anything: the caller's frame stays. */
#define KEEP_FRAME() __asm__ volatile("")

NOINLINE void show(void) {
    void *frames[1200];
    int count = backtrace(frames, 1200);
    __asm__ volatile("int3" : : "D"(frames), "S"((long)count) : "memory");
}

static NOINLINE void recurse(int depth) {
    if (depth == 0)
        show();
    else
        recurse(depth - 1);
    KEEP_FRAME();
}

static void recursion(void) {
    for (int round = 0; round < 3; round++) {
        for (int depth = 0; depth < 20; depth++)
            recurse(depth);
    }
}

static void deep(void) {
    recurse(1100);
}

static NOINLINE void leaf(int value) {
    sink = value;
    show();
    KEEP_FRAME();
}

/* Every callee-saved register has another value each time. */
static NOINLINE int busy(int a, int b, int c, int d, int e) {
    leaf(a);
    sink = a + b + c + d + e;
    sink = a * b * c * d * e;
    return a ^ b ^ c ^ d ^ e;
}

static void loop(void) {
    int total = 0;
    for (int i = 0; i < 100; i++)
        total += busy(i, i * 3, total, total - i, i ^ 5);
    sink = total;
}

static NOINLINE void with_alloca(int size) {
    char *room = alloca((size_t)size);
    memset(room, size, (size_t)size);
    show();
    sink = room[size / 2];
}

static void alloca_sizes(void) {
    for (int i = 0; i < 40; i++)
        with_alloca(64 + i % 10 * 112);
}

static NOINLINE void large_frame(int depth) {
    volatile char room[9000];
    room[depth] = 1;
    if (depth)
        large_frame(depth - 1);
    else
        show();
    sink = room[depth];
}

static void large(void) {
    large_frame(5);
}

/* Realigns the stack, and needs a pointer to its arguments while doing so. */
static NOINLINE void aligned(int size, ...) {
    __attribute__((aligned(128))) volatile char room[256];
    char *more = alloca((size_t)size);
    room[3] = 1;
    memset(more, 1, (size_t)size);
    show();
    sink = room[3] + more[0];
}

static void realigned(void) {
    for (int i = 0; i < 30; i++) {
        with_alloca(16 + i % 3 * 16);
        aligned(100 + i % 4 * 50, i);
    }
}

static NOINLINE void tail(int value) {
    sink = value;
    leaf(value);
}

static void tail_call(void) {
    for (int i = 0; i < 5; i++)
        tail(i);
}

static void on_signal(int signal) {
    sink = signal;
    show();
}

static void on_fault(int signal, siginfo_t *info, void *context) {
    sink = signal;
    show();
    /* Behind the faulting two-byte instruction. */
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
    (void)info;
}

static void handle(int signal, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(signal, &action, NULL);
}

static NOINLINE void raise_inside(int depth) {
    if (depth)
        raise_inside(depth - 1);
    else
        raise(SIGUSR1);
    KEEP_FRAME();
}

static void signals(void) {
    handle(SIGUSR1, on_signal, 0);
    for (int i = 0; i < 10; i++)
        raise_inside(i % 3);
}

static void use_alternate_stack(void) {
    stack_t stack = {.ss_size = 1 << 16};
    stack.ss_sp = malloc(stack.ss_size);
    sigaltstack(&stack, NULL);
}

static void alternate_stack(void) {
    use_alternate_stack();
    handle(SIGUSR1, on_signal, SA_ONSTACK);
    for (int i = 0; i < 10; i++)
        raise_inside(i % 3);
}

/* Interrupted at an instruction, not at a call. */
static NOINLINE void fault(int value) {
    register long zero __asm__("rax") = 0;
    sink = value;
    __asm__ volatile("mov (%0), %%ecx" : : "r"(zero) : "rcx", "memory");
    sink = value + 1;
}

static void faults(void) {
    use_alternate_stack();
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGSEGV, &action, NULL);
    for (int i = 0; i < 10; i++)
        fault(i);
}

static void *thread_main(void *arg) {
    for (int i = 0; i < 5; i++)
        recurse(i);
    return arg;
}

static void threads(void) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, thread_main, NULL);
        pthread_join(threads[i], NULL);
    }
}

static ucontext_t main_context, other_context;

static void in_coroutine(void) {
    for (int i = 0; i < 4; i++) {
        recurse(i);
        swapcontext(&other_context, &main_context);
    }
}

static void coroutine(void) {
    getcontext(&other_context);
    other_context.uc_stack.ss_size = 1 << 16;
    other_context.uc_stack.ss_sp = malloc(1 << 16);
    other_context.uc_link = &main_context;
    makecontext(&other_context, in_coroutine, 0);
    for (int i = 0; i < 4; i++)
        swapcontext(&main_context, &other_context);
}

static jmp_buf out;

static NOINLINE void jump(int depth) {
    if (depth)
        jump(depth - 1);
    show();
    longjmp(out, 1);
}

static void long_jump(void) {
    for (volatile int i = 0; i < 5; i++) {
        if (setjmp(out) == 0)
            jump(i);
    }
}

/* Two libraries with other code that take turns at one address. */
static void libraries(void) {
    for (int i = 0; i < 6; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/turn%d.so", getenv("LIBRARIES"), i % 2);
        void *library = dlopen(path, RTLD_NOW);
        void (*call)(void (*)(void));
        *(void **)&call = dlsym(library, "call");
        call(show);
        dlclose(library);
    }
}

static void plain(void) {
    show();
    show();
    KEEP_FRAME();
}

static const struct {
    const char *name;
    void (*run)(void);
} scenes[] = {
    {"recursion", recursion}, {"deep", deep},           {"loop", loop},
    {"alloca", alloca_sizes}, {"large", large},         {"realigned", realigned},
    {"tail_call", tail_call}, {"signals", signals},     {"alternate_stack", alternate_stack},
    {"faults", faults},       {"threads", threads},     {"coroutine", coroutine},
    {"long_jump", long_jump}, {"libraries", libraries}, {"plain", plain}};

int main(int argc, char **argv) {
    void *frames[1];
    backtrace(frames, 1); /* loads libgcc_s */
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
        if (argc > 1 && strcmp(argv[1], scenes[i].name) == 0)
            scenes[i].run();
    }
    return 0;
}
