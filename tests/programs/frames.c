/* Temporaries beneath functions that are compiled with and without call frame information, some in
 * a library that is loaded late (the first argument; none if there is none), some beneath code that
 * is made at run time, and those of a pool. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NOINLINE __attribute__((noinline, noclone))

typedef int (*work_function)(int size);

static volatile int sink;
static char arena[4096];
static size_t arena_used;

NOINLINE void *pool_take(size_t size) {
    char *block = arena + arena_used % sizeof arena;
    arena_used += size % 16;
    return block;
}

NOINLINE void pool_give(void *block) {
    sink += block != NULL;
}

NOINLINE char *make(int size) {
    char *block = malloc((size_t)size);
    block[0] = 1;
    return block;
}

/* Freed by the function that allocates. */
NOINLINE int own(int size) {
    char *block = malloc((size_t)size);
    block[0] = 1;
    int total = block[0] + sink;
    free(block);
    return total;
}

NOINLINE int pair(int size) {
    char *block = make(size);
    int total = block[0] + own(size + 1);
    free(block);
    return total + 1;
}

NOINLINE int loop(int rounds) {
    int total = 0;
    for (int i = 0; i < rounds; i++)
        total += pair(100 + i);
    for (int i = 0; i < rounds; i++)
        pool_give(pool_take((size_t)(i + 5)));
    return total;
}

/* Larger than a register's worth of locals, and aligned: its frame is found by an expression. */
NOINLINE int aligned(int size) {
    char __attribute__((aligned(64))) locals[64];
    memset(locals, size, sizeof locals);
    sink += locals[size % 64];
    return own(size) + locals[1];
}

/* int f(int size) that calls `callee`: with a frame pointer, or without one. */
static work_function write_code(unsigned char *place, work_function callee, int with_pointer) {
    static const unsigned char pushed[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0xb8};
    static const unsigned char plain[] = {0x48, 0x83, 0xec, 0x08, 0x48, 0xb8};
    static const unsigned char popped[] = {0xff, 0xd0, 0x5d, 0xc3};
    static const unsigned char added[] = {0xff, 0xd0, 0x48, 0x83, 0xc4, 0x08, 0xc3};
    memcpy(place, with_pointer ? pushed : plain, sizeof pushed);
    memcpy(place + sizeof pushed, &callee, sizeof callee);
    memcpy(place + sizeof pushed + sizeof callee, with_pointer ? popped : added,
           with_pointer ? sizeof popped : sizeof added);
    return (work_function)(void *)place;
}

NOINLINE int made_at_run_time(void) {
    int writable = PROT_READ | PROT_WRITE | PROT_EXEC;
    unsigned char *code = mmap(NULL, 4096, writable, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    work_function inner = write_code(code, own, 1);
    work_function outer = write_code(code + 64, inner, 1);
    work_function without = write_code(code + 128, own, 0);
    int total = 0;
    for (int i = 0; i < 10; i++)
        total += outer(300 + i) + without(400 + i);
    munmap(code, 4096);
    return total;
}

NOINLINE int late(const char *path) {
    void *library = dlopen(path, RTLD_NOW);
    work_function work = library ? (work_function)dlsym(library, "plugin_work") : NULL;
    int total = work ? work(20) : 0;
    if (library)
        dlclose(library);
    return total;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IONBF, 0);
    sink = loop(20);
    sink += aligned(50) + made_at_run_time();
    if (argc > 1)
        sink += late(argv[1]);
    puts("done");
    return 3;
}
