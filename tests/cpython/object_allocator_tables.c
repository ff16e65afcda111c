/* Finds function tables through code as compilers make it of PyMem_Malloc() and PyObject_Malloc().
 * Prints for each kind of code "KIND found", "KIND missing" or "KIND wrong". */
#include <stdio.h>
#include <string.h>

#include "cpython/object_allocator_tables.h"

/* As in CPython 3.13. */
#define MEMORY_TABLE 0x2e8
#define OBJECT_TABLE 0x310

char python_runtime[4096];

__asm__("raw = python_runtime + 0x2c0\n"
        ".macro compared table\n"
        "    endbr64\n"
        "    test %rdi, %rdi\n"
        "    js too_large\n"
        "    mov python_runtime + 8 + \\table(%rip), %rax\n"
        "    cmp $0x528050, %rax\n"
        ".endm\n"
        /* What an interpreter does by itself, in the end with the third table. */
        ".macro inlined\n"
        "    .skip 200, 0x90\n"
        "    mov raw + 8(%rip), %rax\n"
        "    mov raw(%rip), %rdi\n"
        "    call *%rax\n"
        "    ret\n"
        ".endm\n"
        ".macro called table\n"
        "    mov %rdi, %rsi\n"
        "    mov python_runtime + \\table(%rip), %rdi\n"
        "    jmp *%rax\n"
        ".endm\n"
        ".macro functions of table\n"
        "both_first_\\of:\n"
        "    test %rdi, %rdi\n"
        "    js too_large\n"
        "    mov python_runtime + \\table(%rip), %rdi\n"
        "    jmp *python_runtime + 8 + \\table(%rip)\n"
        "    .skip 64, 0x90\n"
        "through_a_register_\\of:\n"
        "    mov python_runtime@GOTPCREL(%rip), %rax\n"
        "    mov \\table(%rax), %rdx\n"
        "    mov 8 + \\table(%rax), %rax\n"
        "    mov %rdx, %rdi\n"
        "    jmp *%rax\n"
        "    .skip 64, 0x90\n"
        "compared_first_\\of:\n"
        "    compared \\table\n"
        "    jne 1f\n"
        "    inlined\n"
        "1:  called \\table\n"
        "in_another_section_\\of:\n"
        "    compared \\table\n"
        "    jne unlikely_\\of\n"
        "    inlined\n"
        "close_by_\\of:\n"
        "    compared \\table\n"
        "    jne 1f\n"
        "    .skip 40, 0x90\n"
        "    ret\n"
        "1:  called \\table\n"
        "without_context_\\of:\n"
        "    compared \\table\n"
        "    jne 1f\n"
        "    inlined\n"
        "1:  jmp *%rax\n"
        "    .skip 64, 0x90\n"
        "    .section .text.unlikely, \"ax\", @progbits\n"
        "unlikely_\\of:\n"
        "    called \\table\n"
        "    .text\n"
        ".endm\n"
        "    .text\n"
        "too_large:\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        /* The next function's words, which a reader of too much takes for this one's. */
        "    mov python_runtime + 16 + 0x2e8(%rip), %rax\n"
        "    mov python_runtime + 16 + 0x310(%rip), %rax\n"
        "    functions memory 0x2e8\n"
        "    functions objects 0x310\n");

struct kind {
    const char *name;
    const char *memory;
    const char *objects;
};

#define KINDS(F)                                                                                   \
    F(both_first)                                                                                  \
    F(through_a_register)                                                                          \
    F(compared_first)                                                                              \
    F(in_another_section)                                                                          \
    F(close_by)                                                                                    \
    F(without_context)

#define DECLARE(kind) extern const char kind##_memory[], kind##_objects[];
KINDS(DECLARE)

#define DESCRIBE(kind) {#kind, kind##_memory, kind##_objects},
static const struct kind kinds[] = {KINDS(DESCRIBE)};

static bool read_memory(void *arg, uint64_t address, void *buffer, size_t size_bytes) {
    (void)arg;
    memcpy(buffer, (const void *)(uintptr_t)address, size_bytes);
    return true;
}

static uint64_t find_symbol(void *arg, const char *symbol) {
    const struct kind *kind = arg;
    return (uintptr_t)(strcmp(symbol, "PyMem_Malloc") == 0 ? kind->memory : kind->objects);
}

static const char *judge(const struct object_allocator_tables *tables, uint64_t runtime) {
    return tables->addresses[0] == runtime + MEMORY_TABLE &&
                   tables->addresses[1] == runtime + OBJECT_TABLE
               ? "found"
               : "wrong";
}

int main(void) {
    const struct python_runtime runtime = {.address = (uintptr_t)python_runtime};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct kind kind = kinds[i];
        const struct python_process process = {
            .read = read_memory, .find = find_symbol, .arg = (void *)&kind};
        struct object_allocator_tables tables;
        bool found =
            object_allocator_tables_find(processor_find("x86_64"), &process, &runtime, &tables);
        printf("%s %s\n", kind.name, found ? judge(&tables, runtime.address) : "missing");
    }
    return 0;
}
