/* An independent count of a program's heap calls, preloaded into it (LD_PRELOAD).
 *
 * COUNTER_FILE names a file that doesn't exist yet, or is empty; the first process that finds it so
 * owns it and keeps it up to date with every call, so it is right to the very last one, however the
 * process ends:
 *
 *     {"pid": 1, "allocations": 2, "allocated_bytes": 300, "deallocations": 1}
 *
 * (numbers are padded with blanks).  Other processes, children among them, write nothing; one that
 * replaces the owner by exec starts again from zero.  Counts follow the rules of the product: a
 * failed call is none, realloc of a block is a free and an allocation, a call that is made beneath
 * another one counts once, for the outer one, with the size that was asked for.
 *
 * Built on glibc's own names for its allocator, so it needs no dlsym and allocates nothing.  C++
 * programs count as their calls of malloc and free. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);
void __libc_free(void *block);

#define DIGITS 20

/* The file's text; blanks before a number are allowed in JSON. */
struct counts {
    char before_pid[8];
    char pid[DIGITS];
    char before_allocations[17];
    char allocations[DIGITS];
    char before_allocated_bytes[21];
    char allocated_bytes[DIGITS];
    char before_deallocations[19];
    char deallocations[DIGITS];
    char end[2];
};

static const struct counts none = {
    "{\"pid\": ",
    "                   0",
    ", \"allocations\": ",
    "                   0",
    ", \"allocated_bytes\": ",
    "                   0",
    ", \"deallocations\": ",
    "                   0",
    "}\n",
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct counts *counts; /* NULL: this process doesn't count */
static pid_t owner;

static void add(char digits[DIGITS], uint64_t number) {
    for (int i = DIGITS - 1; number > 0 && i >= 0; i--) {
        number += digits[i] == ' ' ? 0 : (uint64_t)(digits[i] - '0');
        digits[i] = (char)('0' + number % 10);
        number /= 10;
    }
}

static uint64_t value(const char digits[DIGITS]) {
    uint64_t number = 0;
    for (int i = 0; i < DIGITS; i++)
        number = number * 10 + (digits[i] == ' ' ? 0 : (uint64_t)(digits[i] - '0'));
    return number;
}

static struct counts *open_counts(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    bool is_new = lseek(fd, 0, SEEK_END) == 0;
    struct counts *found = MAP_FAILED;
    if (ftruncate(fd, sizeof *found) == 0)
        found = mmap(NULL, sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (found == MAP_FAILED)
        return NULL;
    if (!is_new && value(found->pid) != (uint64_t)getpid()) {
        munmap(found, sizeof *found);
        return NULL;
    }
    *found = none;
    add(found->pid, (uint64_t)getpid());
    return found;
}

static void begin(void) {
    int saved_errno = errno;
    const char *path = getenv("COUNTER_FILE");
    owner = getpid();
    counts = path ? open_counts(path) : NULL;
    errno = saved_errno;
}

/* A process that allocates nothing has counts, too. */
__attribute__((constructor)) static void begin_at_load(void) {
    pthread_once(&once, begin);
}

/* A realloc is one event: nobody sees its free without its allocation. */
static void count(bool freed, bool allocated, uint64_t size_bytes) {
    pthread_once(&once, begin);
    if (!counts || getpid() != owner)
        return;
    pthread_mutex_lock(&mutex);
    add(counts->deallocations, freed);
    add(counts->allocations, allocated);
    add(counts->allocated_bytes, allocated ? size_bytes : 0);
    pthread_mutex_unlock(&mutex);
}

static void *allocated(void *block, uint64_t size_bytes) {
    if (block)
        count(false, true, size_bytes);
    return block;
}

void *malloc(size_t size) {
    return allocated(__libc_malloc(size), size);
}

void *calloc(size_t n, size_t size) {
    return allocated(__libc_calloc(n, size), n * size);
}

void *realloc(void *block, size_t size) {
    void *result = __libc_realloc(block, size);
    bool freed = block && (result || size == 0);
    if (freed || result)
        count(freed, result, size);
    return result;
}

void *reallocarray(void *block, size_t n, size_t size) {
    size_t size_bytes;
    if (__builtin_mul_overflow(n, size, &size_bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, size_bytes);
}

void *memalign(size_t alignment, size_t size) {
    return allocated(__libc_memalign(alignment, size), size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return allocated(__libc_memalign(alignment, size), size);
}

void *valloc(size_t size) {
    return allocated(__libc_valloc(size), size);
}

void *pvalloc(size_t size) {
    return allocated(__libc_pvalloc(size), size);
}

int posix_memalign(void **ret, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    int saved_errno = errno;
    void *block = allocated(__libc_memalign(alignment, size), size);
    errno = saved_errno;
    if (!block)
        return ENOMEM;
    *ret = block;
    return 0;
}

void free(void *block) {
    if (block)
        count(true, false, 0);
    __libc_free(block);
}
