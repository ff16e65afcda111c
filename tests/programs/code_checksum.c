/* Tells whether its own code, and the C library's, is as it was before begin_work(): exit status 0
 * when no byte differs between the heap calls that work() makes, else 1.
 *
 * begin_work() and end_work() are left out, for breakpoints of the user. */
#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *volatile block;

__attribute__((noinline)) void begin_work(void) {
    __asm__ volatile("");
}

__attribute__((noinline)) void end_work(void) {
    __asm__ volatile("");
}

/* FNV-1a, eight bytes at a time. */
static uint64_t checksum(uint64_t sum, const void *code, size_t size) {
    const char *bytes = code;
    for (size_t i = 0; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, sizeof word);
        sum = (sum ^ word) * 0x100000001b3;
    }
    return sum;
}

static int add_c_library(struct dl_phdr_info *file, size_t size, void *arg) {
    (void)size;
    uint64_t *sum = arg;
    for (int i = 0; i < file->dlpi_phnum && strstr(file->dlpi_name, "libc.so"); i++) {
        const ElfW(Phdr) *segment = &file->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && segment->p_flags & PF_X)
            *sum = checksum(*sum, (void *)(file->dlpi_addr + segment->p_vaddr), segment->p_filesz);
    }
    return 0;
}

static uint64_t work(void);

static uint64_t checksum_of_code(void) {
    uint64_t sum = checksum(0xcbf29ce484222325, (const void *)work, 64);
    dl_iterate_phdr(add_c_library, &sum);
    return sum;
}

__attribute__((noinline)) static uint64_t work(void) {
    block = malloc(10);
    block = realloc(block, 20);
    uint64_t sum = checksum_of_code();
    free(block);
    return sum;
}

int main(void) {
    uint64_t before = checksum_of_code();
    begin_work();
    uint64_t meanwhile = work();
    end_work();
    return before != meanwhile;
}
