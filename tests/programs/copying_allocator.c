/* An allocator that brings all functions with it that allocate, and calls none of them for another,
 * unless NESTED. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static _Alignas(16) char arena[1 << 24];
static size_t used;

static void *take(size_t size) {
    size_t rounded = (size + 31) & ~(size_t)15;
    size_t end = __atomic_add_fetch(&used, rounded, __ATOMIC_RELAXED);
    if (size > sizeof arena || end > sizeof arena)
        return NULL;
    char *block = arena + end - rounded;
    *(size_t *)block = size;
    return block + 16;
}

static void *take_more(void *block, size_t size) {
    void *larger = take(size);
    size_t kept = block ? ((size_t *)block)[-2] : 0;
    if (larger && block)
        memcpy(larger, block, kept < size ? kept : size);
    return larger;
}

void *malloc(size_t size) {
    return take(size);
}

void *calloc(size_t count, size_t size) {
    return take(count * size);
}

void *realloc(void *block, size_t size) {
    return take_more(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return alignment <= 16 ? take(size) : NULL;
}

static void *volatile last_freed;

void free(void *block) {
    last_freed = block;
}

void cfree(void *block) {
    last_freed = block;
    __asm__ volatile(""); /* so that compilers don't give both one address */
}

#ifdef NESTED
#define TAKE malloc
#else
#define TAKE take
#endif

static char *copy(const char *string, size_t length) {
    char *block = TAKE(length + 1);
    if (block) {
        memcpy(block, string, length);
        block[length] = '\0';
    }
    return block;
}

char *strdup(const char *string) {
    return copy(string, strlen(string));
}

char *strndup(const char *string, size_t limit) {
    return copy(string, strnlen(string, limit));
}

wchar_t *wcsdup(const wchar_t *string) {
    size_t size = (wcslen(string) + 1) * sizeof *string;
    wchar_t *block = TAKE(size);
    return block ? memcpy(block, string, size) : NULL;
}

char *realpath(const char *path, char *buffer) {
    if (*path == '/')
        return buffer ? strcpy(buffer, path) : copy(path, strlen(path));
    errno = ENOENT;
    return NULL;
}
