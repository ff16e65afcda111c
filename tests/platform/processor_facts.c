/* Answers questions about processors, one a line of the input:
 *
 *     find NAME             which one a debugger calls so
 *     machine NUMBER        that of an ELF file
 *     argument NAME NUMBER  which argument is in the register with this number
 *     registers NAME        those that call frame information has rules for, in order
 *     call NAME BYTE ...    where the call of these bytes (hexadecimal) goes, behind it 0x1000
 *     returns NAME          "stack" or the register, and the bytes that a return takes
 *     stub NAME ADDRESS     the bytes of a stub that leads there */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/processor.h"

static const char *name_of(const struct processor *processor) {
    return processor ? processor->name : "none";
}

static void print_registers(const struct processor *processor) {
    for (uint32_t i = 0; i + 1 < processor->frames.count; i++)
        printf("%s ", processor->frames.names[i]);
    printf("sp=%s fp=%s\n", processor->frames.names[processor->frames.stack_pointer],
           processor->frames.names[processor->frames.frame_pointer]);
}

static void print_target(const struct processor *processor, char *bytes) {
    uint8_t code[PROCESSOR_CALL_BYTES] = {0};
    for (size_t i = 0; i < processor->call_bytes; i++)
        code[i] = (uint8_t)strtoul(bytes, &bytes, 16);
    printf("0x%llx\n", (unsigned long long)processor->call_target(code, 0x1000));
}

static void print_returns(const struct processor *processor) {
    const char *in_register = processor->returns.in_register;
    printf("%s %u\n", in_register ? in_register : "stack", processor->returns.taken_bytes);
}

static void print_stub(const struct processor *processor, uint64_t target) {
    uint8_t stub[PROCESSOR_STUB_BYTES] = {0};
    processor->write_stub(stub, target);
    for (size_t i = 0; i < sizeof stub; i++)
        printf("%02x", stub[i]);
    putchar('\n');
}

static void answer(const char *question, const char *name, char *rest) {
    const struct processor *processor = processor_find(name);
    if (strcmp(question, "find") == 0)
        puts(name_of(processor));
    else if (strcmp(question, "machine") == 0)
        puts(name_of(processor_of_machine((uint16_t)atoi(name))));
    else if (!processor)
        puts("none");
    else if (strcmp(question, "argument") == 0)
        printf("%u\n", processor_argument(processor, strtoull(rest, NULL, 0)));
    else if (strcmp(question, "registers") == 0)
        print_registers(processor);
    else if (strcmp(question, "call") == 0)
        print_target(processor, rest);
    else if (strcmp(question, "returns") == 0)
        print_returns(processor);
    else if (strcmp(question, "stub") == 0)
        print_stub(processor, strtoull(rest, NULL, 0));
}

int main(void) {
    char line[256], question[16], name[64];
    int length;
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%15s %63s %n", question, name, &length) == 2)
            answer(question, name, line + length);
    }
    return 0;
}
