// Temporaries with known sizes and distances, in an order that each function's comment tells.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>

struct Record {
    char text[24];
    explicit Record(const char *words) {
        std::strcpy(text, words);
    }
};

__attribute__((noinline)) static Record *make(const char *words) {
    return new Record(words);
}

__attribute__((noinline)) static void *keep(std::size_t size) {
    void *volatile kept = std::malloc(size);
    return kept;
}

__attribute__((noinline)) static void release(Record *record) {
    int length = static_cast<int>(std::strlen(record->text));
    delete record;
    if (length == 0)
        std::puts("empty");
}

// Distances 0, 1 and 3; in between 33 bytes, and 10, 11 and 12.
__attribute__((noinline)) static void release_records() {
    release(make("at once"));
    Record *second = make("after one");
    void *kept[4] = {keep(33)};
    release(second);
    Record *third = make("after three");
    for (int i = 0; i < 3; i++)
        kept[i + 1] = keep(10 + i);
    release(third);
    for (void *block : kept)
        std::free(block);
}

// Of 100, 200 and 300 bytes: the first two end by realloc.
__attribute__((noinline)) static void grow() {
    char *volatile text = static_cast<char *>(std::malloc(100));
    std::strcpy(text, "grows");
    text = static_cast<char *>(std::realloc(text, 200));
    text = static_cast<char *>(std::realloc(text, 300));
    std::free(text);
}

static void *run_thread(void *size) {
    void *volatile block = std::malloc(reinterpret_cast<std::size_t>(size));
    std::free(block);
    return nullptr;
}

// One temporary of 5000 bytes, then one of 6000, in threads of their own.
__attribute__((noinline)) static void run_threads() {
    for (std::size_t size = 5000; size <= 6000; size += 1000) {
        pthread_t thread;
        pthread_create(&thread, nullptr, run_thread, reinterpret_cast<void *>(size));
        pthread_join(thread, nullptr);
    }
}

int main() {
    release_records();
    grow();
    run_threads();
    return 3;
}
