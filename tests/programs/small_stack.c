/* Signal handlers that allocate and free on an alternate stack as small as it may be: besides what
   the kernel stores there 720 bytes are left, of 4 KB where it stores AVX-512's registers.  Each
   call is the first of its site, at several depths, and in a thread the first of all.  Ends with
   status 1 when a call takes more than 1 KB. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

#define NOINLINE __attribute__((noinline))
#define LEFT     720
#define MOST     1024
#define PAINT    0xa5

struct stack {
    unsigned char *start;
    size_t size;
};

enum action { NOTHING, ALLOCATE, RESIZE, FREE, CLEAR, ACTIONS };

static __thread enum action action;
static __thread int depth;
static __thread void *block;
static size_t most;

NOINLINE void case_begins(void) {
    __asm__ volatile("" ::: "memory");
}
NOINLINE void case_ends(void) {
    __asm__ volatile("" ::: "memory");
}

NOINLINE static void act(int frames) {
    if (frames > 0)
        act(frames - 1);
    else if (action == ALLOCATE)
        block = malloc(100);
    else if (action == RESIZE)
        block = realloc(block, 300);
    else if (action == FREE)
        free(block);
    else if (action == CLEAR)
        free(calloc(3, 10));
    __asm__ volatile("" ::: "memory");
}

static void handle(int number) {
    (void)number;
    act(depth);
}

/* Between pages that can't be touched. */
static struct stack set_stack(void) {
    size_t kernel = getauxval(AT_MINSIGSTKSZ);
    struct stack stack = {.size = (kernel ? kernel : 4096 - LEFT) + LEFT};
    size_t room = (stack.size + 4095) / 4096 * 4096;
    unsigned char *pages =
        mmap(NULL, room + 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + 4096, room, PROT_READ | PROT_WRITE);
    stack.start = pages + 4096;
    memset(stack.start, PAINT, room);
    const stack_t set = {.ss_sp = stack.start, .ss_size = stack.size};
    sigaltstack(&set, NULL);
    return stack;
}

static size_t use(struct stack stack, enum action next) {
    size_t untouched = 0;
    action = next;
    memset(stack.start, PAINT, stack.size);
    raise(SIGALRM);
    while (untouched < stack.size && stack.start[untouched] == PAINT)
        untouched++;
    return stack.size - untouched;
}

static void *run(void *arg) {
    (void)arg;
    struct stack stack = set_stack();
    for (depth = 0; depth < 4; depth++) {
        size_t without = use(stack, NOTHING);
        for (enum action next = ALLOCATE; next < ACTIONS; next++) {
            size_t taken = use(stack, next) - without;
            if (taken > most)
                most = taken;
        }
    }
    return NULL;
}

int main(void) {
    pthread_t thread;
    const struct sigaction handled = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
    sigaction(SIGALRM, &handled, NULL);
    case_begins();
    run(NULL);
    pthread_create(&thread, NULL, run, NULL);
    pthread_join(thread, NULL);
    case_ends();
    return most <= MOST ? 0 : 1;
}
