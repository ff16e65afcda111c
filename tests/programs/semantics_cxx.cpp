/* Like semantics.c, for C++. */
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" {
__attribute__((noinline)) void case_begins() {
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void case_ends() {
    __asm__ volatile("" ::: "memory");
}
}

static volatile size_t huge = PTRDIFF_MAX, nothing = 0;

/* So that the compiler can't leave a pair of new and delete out. */
template <typename T> static T *keep(T *block) {
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

struct alignas(64) aligned {
    char bytes[64];
};

struct sized {
    char bytes[24];
};

void single_object() {
    delete keep(new int(1));
}

void array() {
    delete[] keep(new int[10]);
}

void nothrow() {
    ::operator delete(keep(::operator new(11, std::nothrow)), std::nothrow);
    ::operator delete[](keep(::operator new[](12, std::nothrow)), std::nothrow);
}

/* Multiples of the alignment: older libraries round up to one what they ask malloc for. */
void over_aligned() {
    delete keep(new aligned);
    delete[] keep(new aligned[2]);
    ::operator delete(keep(::operator new(192, std::align_val_t(64), std::nothrow)),
                      std::align_val_t(64), std::nothrow);
}

void sized_delete() {
    void *block = keep(::operator new(24));
    ::operator delete(block, size_t(24));
    block = keep(::operator new[](25));
    ::operator delete[](block, size_t(25));
    block = keep(::operator new(64, std::align_val_t(64)));
    ::operator delete(block, size_t(64), std::align_val_t(64));
}

void new_zero() {
    ::operator delete(keep(::operator new(nothing)));
}

void delete_null() {
    delete keep(static_cast<int *>(nullptr));
    delete[] keep(static_cast<int *>(nullptr));
}

void bad_alloc() {
    try {
        keep(::operator new(huge));
    } catch (const std::bad_alloc &) {
    }
    free(keep(malloc(14)));
}

void nothrow_fails() {
    if (keep(::operator new(huge, std::nothrow)))
        abort();
}

struct thrower {
    char bytes[15];
    __attribute__((noinline)) thrower() {
        if (huge)
            throw 1;
    }
};

void constructor_throws() {
    try {
        keep(new thrower);
    } catch (int) {
    }
}

void string_grows() {
    std::string text;
    for (int i = 0; i < 1000; i++)
        text += 'x';
    keep(&text);
}

void vector_grows() {
    std::vector<int> numbers;
    for (int i = 0; i < 1000; i++)
        numbers.push_back(i);
    keep(&numbers);
}

void shared_pointer() {
    auto block = std::make_shared<int>(1);
    keep(block.get());
}

#define CASE(name)                                                                                 \
    { #name, name }
static const struct {
    const char *name;
    void (*run)();
} cases[] = {
    CASE(single_object),  CASE(array),        CASE(nothrow),      CASE(over_aligned),
    CASE(sized_delete),   CASE(new_zero),     CASE(delete_null),  CASE(bad_alloc),
    CASE(nothrow_fails),  CASE(string_grows), CASE(vector_grows), CASE(constructor_throws),
    CASE(shared_pointer),
};

int main(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        for (const auto &known : cases) {
            if (strcmp(known.name, arguments[i]) == 0) {
                case_begins();
                known.run();
                case_ends();
            }
        }
    }
    return 0;
}
