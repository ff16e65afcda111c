// Makes malloc/free pairs in one of several ways and prints how many nanoseconds a pair takes.
//
//     allocations CASE THREADS PAIRS
//
// Each thread makes that many; the slowest one's processor time is printed, which is what other
// programs on the machine change least.
#include <pthread.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int PATH_DEPTH = 20;
constexpr long PATHS = 64;
constexpr int PATH_BITS = 6;

// Keeps the compiler from knowing what a value is, and from leaving a function by a tail call.
template <typename Value> void use(Value &value) {
    asm volatile("" : "+r"(value) : : "memory");
}

__attribute__((noinline)) void pair() {
    void *block = std::malloc(32);
    use(block);
    std::free(block);
    asm volatile("");
}

__attribute__((noinline)) void descend(int depth, long pairs) {
    if (depth > 0)
        descend(depth - 1, pairs);
    else
        for (long i = 0; i < pairs; i++)
            pair();
    use(depth);
}

void left(int depth, long path);
void right(int depth, long path);

// The path's bits, again and again, say which way to go.
void go_on(int depth, long path) {
    if (depth == 0)
        pair();
    else if (path >> depth % PATH_BITS & 1)
        right(depth - 1, path);
    else
        left(depth - 1, path);
    use(depth);
}

__attribute__((noinline)) void left(int depth, long path) {
    go_on(depth, path);
    asm volatile("# left");
}

__attribute__((noinline)) void right(int depth, long path) {
    go_on(depth, path);
    asm volatile("# right");
}

template <int depth> void at_depth(long pairs) {
    descend(depth, pairs);
}

void paths(long pairs) {
    for (long i = 0; i < pairs; i++)
        left(PATH_DEPTH, i % PATHS);
}

// Two pairs each: a string that is too long to need no memory, and its copy.
void strings(long pairs) {
    for (long i = 0; i < pairs; i += 2) {
        std::string text("a text that is too long to be kept in the string itself");
        std::string copy = text + '!';
        char *content = copy.data();
        use(content);
    }
}

// Eight pairs each: the vector grows from 1 to 128.
void vectors(long pairs) {
    for (long i = 0; i < pairs; i += 8) {
        std::vector<int> numbers;
        for (int number = 0; number < 128; number++)
            numbers.push_back(number);
        int *content = numbers.data();
        use(content);
    }
}

struct Case {
    const char *name;
    void (*run)(long pairs);
};

constexpr Case CASES[] = {{"depth-5", at_depth<5>},   {"depth-20", at_depth<20>},
                          {"depth-60", at_depth<60>}, {"paths", paths},
                          {"strings", strings},       {"vectors", vectors}};

struct Thread {
    const Case *made;
    long pairs;
    pthread_barrier_t *begin;
    double nanoseconds;
};

double now() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

void *run(void *arg) {
    Thread *thread = static_cast<Thread *>(arg);
    thread->made->run(1000);
    if (thread->begin)
        pthread_barrier_wait(thread->begin);
    double begin = now();
    thread->made->run(thread->pairs);
    thread->nanoseconds = now() - begin;
    return nullptr;
}

// The first thread is the process' own: one alone is a program that never had another.
double slowest(const Case &made, int count, long pairs) {
    std::vector<Thread> threads(count, {&made, pairs, nullptr, 0});
    std::vector<pthread_t> others(count);
    pthread_barrier_t begin;
    pthread_barrier_init(&begin, nullptr, count);
    for (int i = 1; i < count; i++) {
        threads[0].begin = threads[i].begin = &begin;
        pthread_create(&others[i], nullptr, run, &threads[i]);
    }
    run(&threads[0]);
    double result = threads[0].nanoseconds;
    for (int i = 1; i < count; i++) {
        pthread_join(others[i], nullptr);
        result = threads[i].nanoseconds > result ? threads[i].nanoseconds : result;
    }
    return result / pairs;
}

} // namespace

int main(int argc, char **argv) {
    for (const Case &made : CASES) {
        if (argc == 4 && std::strcmp(argv[1], made.name) == 0) {
            std::printf("%.3f\n", slowest(made, std::atoi(argv[2]), std::atol(argv[3])));
            return 0;
        }
    }
    return 2;
}
