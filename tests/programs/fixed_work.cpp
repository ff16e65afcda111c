// Does the same new and delete each time between begin_work() and end_work(): 5 allocations of 526
// bytes in all, 5 frees.
#include <cstdio>
#include <new>
#include <vector>

struct alignas(64) Line {
    char bytes[64];
};

static void *volatile block;

extern "C" __attribute__((noinline)) void begin_work() {
    __asm__ volatile("");
}

extern "C" __attribute__((noinline)) void end_work() {
    __asm__ volatile("");
}

__attribute__((noinline)) static void work() {
    block = new int;
    delete static_cast<int *>(block);
    block = new char[50];
    delete[] static_cast<char *>(block);
    block = new (std::nothrow) double;
    delete static_cast<double *>(block);
    block = new Line;
    delete static_cast<Line *>(block);
    std::vector<int> numbers;
    numbers.reserve(100);
    block = numbers.data();
}

int main() {
    begin_work();
    work();
    end_work();
    std::puts("ended normally");
    return 7;
}
