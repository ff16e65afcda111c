#include "platform/processor.h"

#include <string.h>

#define ADDRESS_OF(name) &processor_##name,
static const struct processor *const processors[] = {PROCESSORS_FOR_EACH(ADDRESS_OF)};

#define COUNT (sizeof processors / sizeof processors[0])

static bool is_called(const struct processor *processor, const char *name) {
    const char *other = processor->other_name;
    return strcmp(name, processor->name) == 0 ||
           (other && strncmp(name, other, strlen(other)) == 0);
}

const struct processor *processor_find(const char *name) {
    for (size_t i = 0; i < COUNT; i++) {
        if (is_called(processors[i], name))
            return processors[i];
    }
    return NULL;
}

const struct processor *processor_of_machine(uint16_t elf_machine) {
    for (size_t i = 0; i < COUNT; i++) {
        if (processors[i]->elf_machine == elf_machine)
            return processors[i];
    }
    return NULL;
}

const char *processor_names(void) {
#define AND            " and "
#define AND_NAME(name) AND #name
    return &PROCESSORS_FOR_EACH(AND_NAME)[strlen(AND)];
}

uint32_t processor_argument(const struct processor *processor, uint64_t number) {
    if (number + 1 >= processor->frames.count)
        return 0;
    for (uint32_t i = 0; i < PROCESSOR_ARGUMENTS; i++) {
        if (strcmp(processor->arguments[i], processor->frames.names[number]) == 0)
            return i + 1;
    }
    return 0;
}
