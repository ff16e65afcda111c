// Allocators with arguments and results of every kind, which check what they get; status 1: a value
// was another one than the caller's.
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#define LONE __attribute__((noinline))

struct Slice {
    void *start;
    size_t size_bytes;
};

static void require(bool condition) {
    if (!condition) {
        puts("wrong value");
        exit(1);
    }
}

extern "C" {
LONE void *take_of_many(int one, double half, size_t size, const char *text, long four, long five,
                        long six, double quarter, long seven, long eight, long nine) {
    require(one == 1 && half == 0.5 && text[0] == 'x' && four == 4 && five == 5 && six == 6);
    require(quarter == 0.25 && seven == 7 && eight == 8 && nine == 9);
    return malloc(size + 1);
}

LONE Slice take_slice(size_t size) {
    return {malloc(size + 2), size};
}

LONE void *take_formatted(size_t size, const char *format, ...) {
    char text[32];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    require(text[0] == '1' && text[2] == '5' && text[4] == '7');
    return malloc(size + 3);
}

LONE void *take_or_throw(size_t size) {
    free(malloc(1000));
    if (size == 0)
        throw std::runtime_error("nothing to take");
    return malloc(size + 4);
}

LONE void give(void *block) {
    free(block);
}

LONE int give_and_tell(int number, void *block) {
    free(block);
    return number + 1;
}

// A branch leads to within its first bytes.
void *take_stubborn(size_t size, long times);
__asm__(".globl take_stubborn\n"
        ".type take_stubborn, @function\n"
        "take_stubborn:\n"
        ".cfi_startproc\n"
        "xor %eax, %eax\n"
        "1: dec %rsi\n"
        "jnz 1b\n"
        "jmp malloc@plt\n"
        ".cfi_endproc\n"
        ".size take_stubborn, .-take_stubborn\n");
}

LONE static void *take_hidden(size_t size) {
    __asm__ volatile("" : "+r"(size));
    return malloc(size + 5);
}

// The last frame of a stack that ends with its page would do as well.
LONE static void use() {
    give(take_of_many(1, 0.5, 10, "x", 4, 5, 6, 0.25, 7, 8, 9));
    Slice slice = take_slice(20);
    require(slice.size_bytes == 20 && slice.start);
    require(give_and_tell(41, slice.start) == 42);
    give(take_formatted(30, "%d.%d %g", 1, 5, 7.0));
    try {
        give(take_or_throw(0));
    } catch (const std::runtime_error &) {
    }
    give(take_or_throw(40));
    give(take_hidden(50));
    give(take_stubborn(60, 3));
}

extern "C" {
LONE void case_begins() {
    __asm__ volatile("" ::: "memory");
}

LONE void case_ends() {
    __asm__ volatile("" ::: "memory");
}
}

int main() {
    case_begins();
    use();
    case_ends();
    return 0;
}
