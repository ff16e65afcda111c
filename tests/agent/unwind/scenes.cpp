// Call stacks that are hard to unwind: scenes ROUNDS THREADS PLUGIN PLUGIN
#include <alloca.h>
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <map>
#include <pthread.h>
#include <search.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <sys/time.h>
#include <thread>
#include <ucontext.h>
#include <vector>

#define NOINLINE __attribute__((noinline))

namespace {

struct Chance {
    uint64_t state;
    unsigned operator()(unsigned limit) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<unsigned>(state >> 33) % limit;
    }
};

thread_local Chance chance{1};
volatile unsigned sink;
void *volatile escaped;

NOINLINE void touch() {
    void *block = malloc(16 + chance(64));
    escaped = block;
    free(block);
}

NOINLINE int touching(int value) {
    touch();
    return value + 1;
}

// Recursion.

NOINLINE unsigned odd(unsigned depth);

NOINLINE unsigned even(unsigned depth) {
    if (chance(8) == 0)
        touch();
    unsigned below = depth ? odd(depth - 1) : 0;
    return below + 1;
}

NOINLINE unsigned odd(unsigned depth) {
    volatile char room[200];
    room[depth % 200] = 1;
    if (depth == 0)
        touch();
    unsigned below = depth ? even(depth - 1) : 0;
    return below + room[depth % 200];
}

void recursion() {
    sink = even(chance(40));
}

void deep_recursion() {
    sink = even(3000);
}

// Frames of unusual shape.

NOINLINE void with_alloca(unsigned depth) {
    size_t size = 16 + 64 * chance(4);
    char *room = static_cast<char *>(alloca(size));
    memset(room, 1, size);
    touch();
    if (depth)
        with_alloca(depth - 1);
    sink = sink + static_cast<unsigned>(room[size - 1]);
}

NOINLINE void fill(char *room, size_t size) {
    memset(room, static_cast<int>(size), size);
}

NOINLINE void realigned(unsigned depth) {
    alignas(64) char room[128];
    fill(room, sizeof room);
    touch();
    if (depth)
        realigned(depth - 1);
    sink = sink + static_cast<unsigned>(room[5]);
}

NOINLINE void realigned_with_alloca(unsigned depth, int a, int b, int c, int d, int e, int f,
                                    int g) {
    alignas(128) char room[128];
    char *more = static_cast<char *>(alloca(16 + 16 * chance(8)));
    fill(room, sizeof room);
    fill(more, 16);
    touch();
    if (depth)
        realigned_with_alloca(depth - 1, b, c, d, e, f, g, a);
    sink = sink + static_cast<unsigned>(room[5] + more[3] + g);
}

NOINLINE void wide(unsigned depth) {
    double sums[8] = {};
    for (unsigned i = 0; i < 64; i++)
        sums[i % 8] += i * depth;
    touch();
    alignas(32) double copy[8];
    memcpy(copy, sums, sizeof copy);
    fill(reinterpret_cast<char *>(copy), 8);
    if (depth)
        wide(depth - 1);
    sink = sink + static_cast<unsigned>(copy[3]);
}

NOINLINE int last_of_chain(int value) {
    touch();
    return value;
}

NOINLINE int chain(int value) {
    touch();
    if (value <= 0)
        return last_of_chain(value);
    return chain(value - 1);
}

void shapes() {
    with_alloca(chance(4));
    realigned(chance(4));
    realigned_with_alloca(chance(4), 1, 2, 3, 4, 5, 6, 7);
    wide(chance(3));
    sink = static_cast<unsigned>(chain(static_cast<int>(chance(5))));
}

// Signals.

void on_signal(int) {
    touch();
    if (chance(4) == 0)
        even(chance(5));
}

NOINLINE void raise_below(unsigned depth, int number) {
    volatile char room[64];
    room[depth % 64] = 0;
    if (depth)
        raise_below(depth - 1, number);
    else
        raise(number);
    sink = sink + static_cast<unsigned>(room[depth % 64]);
}

void signals() {
    raise_below(chance(5), SIGUSR1);
    raise_below(chance(5), SIGUSR2);
}

// No allocation in here: signals come at any instruction of it.  No realigned frame either: by
// gcc's information their last instructions have lost the frame pointer.
NOINLINE unsigned busy(unsigned depth) {
    volatile char room[40];
    room[depth % 40] = static_cast<char>(depth);
    unsigned sum = 0;
    for (unsigned i = 0; i < 20; i++)
        sum += i ^ depth;
    if (depth)
        sum += busy(depth - 1);
    return sum + static_cast<unsigned>(room[depth % 40]);
}

NOINLINE unsigned busy_with_alloca(unsigned depth) {
    char *more = static_cast<char *>(alloca(16 + depth));
    fill(more, 16);
    unsigned sum = depth ? busy_with_alloca(depth - 1) : busy(3);
    return sum + static_cast<unsigned>(more[1]);
}

void interrupted() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigaddset(&set, SIGVTALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    for (unsigned i = 0; i < 3; i++)
        sink = busy(chance(12)) + busy_with_alloca(chance(12));
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void set_timer(int which) {
    itimerval interval = {{0, 50}, {0, 50}};
    setitimer(which, &interval, nullptr);
}

void handle_signals() {
    struct sigaction action = {};
    action.sa_handler = on_signal;
    sigaction(SIGUSR1, &action, nullptr);
    sigaction(SIGALRM, &action, nullptr);
    action.sa_flags = SA_ONSTACK | SA_RESTART;
    sigaction(SIGUSR2, &action, nullptr);
    sigaction(SIGVTALRM, &action, nullptr);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigaddset(&set, SIGVTALRM);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    set_timer(ITIMER_REAL);
    set_timer(ITIMER_VIRTUAL);
}

struct SignalStack {
    static constexpr size_t size = 65536;
    void *room = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SignalStack() {
        stack_t stack = {room, 0, size};
        sigaltstack(&stack, nullptr);
    }
    ~SignalStack() {
        stack_t stack = {nullptr, SS_DISABLE, 0};
        sigaltstack(&stack, nullptr);
        munmap(room, size);
    }
};

// Frames that are left at once.

NOINLINE void jump_below(jmp_buf target, unsigned depth) {
    touch();
    if (depth == 0)
        longjmp(target, 1);
    jump_below(target, depth - 1);
    sink = sink + 1;
}

NOINLINE void jumps() {
    jmp_buf target;
    if (setjmp(target) == 0)
        jump_below(target, chance(6));
    touch();
}

struct Allocating {
    ~Allocating() {
        touch();
    }
};

NOINLINE void throw_below(unsigned depth) {
    Allocating allocating;
    if (depth == 0)
        throw std::runtime_error(std::string(40 + chance(3), 'x'));
    try {
        throw_below(depth - 1);
    } catch (const std::runtime_error &) {
        touch();
        if (chance(3))
            throw;
    }
    touch();
}

NOINLINE void exceptions() {
    try {
        throw_below(chance(6));
    } catch (...) {
        touch();
    }
}

// Coroutines.

constexpr size_t coroutine_bytes = 65536;

struct Coroutine {
    ucontext_t own;
    ucontext_t caller;
    void *room;
    bool ended;
};

thread_local Coroutine *current;

NOINLINE void yield_below(unsigned depth) {
    touch();
    if (depth)
        yield_below(depth - 1);
    else
        swapcontext(&current->own, &current->caller);
    touch();
}

void run_coroutine() {
    for (unsigned i = 0; i < 3; i++)
        yield_below(chance(5));
    exceptions();
    current->ended = true;
}

void resume(Coroutine &coroutine) {
    current = &coroutine;
    swapcontext(&coroutine.caller, &coroutine.own);
}

void coroutines() {
    Coroutine all[3] = {};
    unsigned ended = 0;
    for (Coroutine &one : all) {
        one.room = mmap(nullptr, coroutine_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        getcontext(&one.own);
        one.own.uc_stack.ss_sp = one.room;
        one.own.uc_stack.ss_size = coroutine_bytes;
        one.own.uc_link = &one.caller;
        makecontext(&one.own, run_coroutine, 0);
    }
    while (ended < 3) {
        Coroutine &one = all[chance(3)];
        if (one.ended)
            continue;
        resume(one);
        ended += one.ended;
    }
    for (Coroutine &one : all)
        munmap(one.room, coroutine_bytes);
}

// Callbacks out of libraries.

int compare_numbers(const void *one, const void *other) {
    if (chance(4) == 0)
        touch();
    return *static_cast<const int *>(one) - *static_cast<const int *>(other);
}

ssize_t write_cookie(void *, const char *, size_t size) {
    touch();
    return static_cast<ssize_t>(size);
}

void callbacks() {
    int numbers[12];
    for (int &number : numbers)
        number = static_cast<int>(chance(100));
    qsort(numbers, 12, sizeof numbers[0], compare_numbers);
    sink =
        sink + (bsearch(&numbers[3], numbers, 12, sizeof numbers[0], compare_numbers) != nullptr);
    void *root = nullptr;
    for (int &number : numbers)
        tsearch(&number, &root, compare_numbers);
    tdestroy(root, [](void *) { touch(); });
    cookie_io_functions_t functions = {nullptr, write_cookie, nullptr, nullptr};
    FILE *file = fopencookie(nullptr, "w", functions);
    fprintf(file, "%d %s %f\n", numbers[0], "text", 0.5);
    fclose(file);
}

void library_types() {
    std::map<std::string, std::vector<int>> words;
    for (unsigned i = 0; i < 5; i++)
        words[std::string(20, static_cast<char>('a' + chance(4)))].push_back(1);
    std::ostringstream text;
    text << words.size() << ' ' << 0.25;
    std::function<void()> function = [words] { touch(); };
    function();
    sink = sink + static_cast<unsigned>(text.str().size());
}

// Two libraries, one after the other at one address.

const char *plugins[2];
pthread_mutex_t plugin_lock = PTHREAD_MUTEX_INITIALIZER;
unsigned reused;

void call_plugin(const char *path) {
    static void *before;
    using Call = int (*)(int (*)(int), int);
    pthread_mutex_lock(&plugin_lock);
    void *handle = dlopen(path, RTLD_NOW);
    if (handle == nullptr)
        abort();
    void *address = dlsym(handle, "plugin_call");
    reused += address == before;
    before = address;
    for (int i = 0; i < 3; i++)
        sink = static_cast<unsigned>(reinterpret_cast<Call>(address)(touching, i));
    dlclose(handle);
    pthread_mutex_unlock(&plugin_lock);
}

void plugin() {
    call_plugin(plugins[chance(2)]);
}

// All of them.

void (*const scenes[])() = {recursion,  shapes,     signals,   interrupted,  jumps,
                            exceptions, coroutines, callbacks, library_types};

struct Late {
    ~Late() {
        touch();
    }
};

thread_local Late late;

NOINLINE void play(unsigned rounds, uint64_t seed) {
    SignalStack stack;
    chance.state = seed;
    sink = sink + (&late != nullptr);
    deep_recursion();
    call_plugin(plugins[0]);
    call_plugin(plugins[1]);
    for (unsigned i = 0; i < rounds; i++) {
        scenes[chance(sizeof scenes / sizeof scenes[0])]();
        if (chance(100) == 0)
            plugin();
        if (chance(1000) == 0)
            deep_recursion();
    }
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 5)
        return 2;
    unsigned rounds = static_cast<unsigned>(atoi(argv[1]));
    unsigned count = static_cast<unsigned>(atoi(argv[2]));
    plugins[0] = argv[3];
    plugins[1] = argv[4];
    handle_signals();
    // Several generations of threads: later ones take over what earlier ones left.
    for (unsigned generation = 0; generation < 4; generation++) {
        std::vector<std::thread> threads;
        for (unsigned i = 1; i < count; i++)
            threads.emplace_back(play, rounds / 4, generation * 100 + i);
        play(rounds / 4, generation * 100);
        for (std::thread &thread : threads)
            thread.join();
    }
    printf("%u\n", reused);
    return 0;
}
