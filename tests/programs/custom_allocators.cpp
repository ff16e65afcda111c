// A pool of C functions and one of C++ methods on top of malloc, each used between case_begins()
// and case_ends().
#include <cstdlib>

extern "C" {
__attribute__((noinline)) void case_begins() {
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void case_ends() {
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void *pool_take(void *pool, size_t size) {
    __asm__ volatile("" : "+r"(pool));
    free(malloc(1000));
    return malloc(size + 16);
}

__attribute__((noinline)) void pool_give(void *pool, void *block) {
    __asm__ volatile("" : "+r"(pool));
    free(block);
}

__attribute__((noinline)) void *pool_resize(void *pool, void *block, size_t size) {
    __asm__ volatile("" : "+r"(pool));
    return realloc(block, size + 16);
}
}

class Arena {
  public:
    __attribute__((noinline)) void *take(size_t size) {
        __asm__ volatile("" : "+r"(size));
        return malloc(size + 32);
    }
    __attribute__((noinline)) void give(void *block) {
        __asm__ volatile("" : "+r"(block));
        free(block);
    }
};

int main() {
    Arena arena;
    case_begins();
    void *block = pool_take(nullptr, 10);
    block = pool_resize(nullptr, block, 20);
    pool_give(nullptr, block);
    block = arena.take(30);
    arena.give(block);
    block = malloc(40);
    __asm__ volatile("" : "+r"(block));
    free(block);
    case_ends();
    return 0;
}
