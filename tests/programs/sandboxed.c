/* Enters a sandbox and allocates there: by ARGV[1] (prctl, syscall or
 * seccomp) one that is ARGV[2]
 * (strict or filter; ask: none), entered by ARGV[3] (main; child: a forked one; thread: another
 * thread, for all), then with 90 call stacks at each of ARGV[4] depths and ARGV[5] pairs more.
 * Compiled with RAW it doesn't call the C library for that. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FUNCTION(i)                                                                                \
    __attribute__((noinline)) static void allocate_##i(void) {                                     \
        char *block = malloc(64);                                                                  \
        __asm__ volatile("" ::"r"(block) : "memory");                                              \
        free(block);                                                                               \
    }
#define TEN(KIND, i)                                                                               \
    KIND(i##0)                                                                                     \
    KIND(i##1)                                                                                     \
    KIND(i##2) KIND(i##3) KIND(i##4) KIND(i##5) KIND(i##6) KIND(i##7) KIND(i##8) KIND(i##9)
#define ALL(KIND)                                                                                  \
    TEN(KIND, 1)                                                                                   \
    TEN(KIND, 2)                                                                                   \
    TEN(KIND, 3) TEN(KIND, 4) TEN(KIND, 5) TEN(KIND, 6) TEN(KIND, 7) TEN(KIND, 8) TEN(KIND, 9)
#define ADDRESS(i) allocate_##i,

ALL(FUNCTION)
static void (*const functions[])(void) = {ALL(ADDRESS)};

static const char *way, *kind;

__attribute__((noinline)) static void descend(int depth, int function) {
    if (depth > 0)
        descend(depth - 1, function);
    else
        functions[function]();
    __asm__ volatile("" ::: "memory");
}

static const int allowed[] = {SYS_read, SYS_write, SYS_exit, SYS_exit_group, SYS_brk, SYS_futex};

static struct sock_fprog *make_filter(void) {
    static struct sock_filter filter[32];
    static struct sock_fprog program = {.filter = filter};
    unsigned short n = 0;
    filter[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        filter[n++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], 0, 1);
        filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    program.len = n;
    return &program;
}

#ifdef RAW
__attribute__((noinline)) static long call(long number, long one, long two, void *three) {
    __asm__ volatile("syscall"
                     : "+a"(number)
                     : "D"(one), "S"(two), "d"(three)
                     : "rcx", "r11", "memory");
    return number;
}
#else
#define call syscall
#endif

__attribute__((noinline)) static void enter(void) {
    long failed = 1, strict = strcmp(kind, "strict") == 0;
    struct sock_fprog *filter = strict ? NULL : make_filter();
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    long mode = strict ? SECCOMP_MODE_STRICT : SECCOMP_MODE_FILTER;
    if (strcmp(kind, "ask") == 0)
        failed = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) != -1;
    else if (strcmp(way, "prctl") == 0)
        failed = prctl(PR_SET_SECCOMP, mode, filter);
    else if (strcmp(way, "syscall") == 0)
        failed = call(SYS_prctl, PR_SET_SECCOMP, mode, filter);
    else
        failed = call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, filter);
    if (failed)
        _exit(2);
}

static volatile int awaited, entered;

static void *enter_in_thread(void *unused) {
    static int never;
    while (!awaited)
        continue;
    enter();
    entered = 1;
    /* Its end takes more system calls than there are. */
    syscall(SYS_futex, &never, 0 /* FUTEX_WAIT */, 0, NULL);
    return unused;
}

__attribute__((noinline)) static void half_way(void) {
    __asm__ volatile("" ::: "memory");
}

static void work(int depths, long pairs) {
    for (int depth = 0; depth < depths; depth++) {
        for (int i = 0; i < 90; i++)
            descend(depth, i);
        half_way();
    }
    for (long i = 0; i < pairs; i++)
        functions[0]();
    syscall(SYS_write, 1, "sandboxed work done\n", 20);
}

int main(int count, char **arguments) {
    int depths = atoi(arguments[4]);
    long pairs = atol(arguments[5]);
    way = arguments[1];
    kind = arguments[2];
    free(malloc(100000));
    if (strcmp(arguments[3], "child") == 0) {
        int status;
        pid_t child = fork();
        if (child)
            return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                            : 5;
    }
    if (strcmp(arguments[3], "thread") == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, enter_in_thread, NULL);
        awaited = 1;
        while (!entered)
            continue;
    } else {
        enter();
    }
    work(depths, pairs);
    if (strcmp(kind, "strict") == 0)
        syscall(SYS_exit, 6);
    return count == 6 ? 6 : 4;
}
