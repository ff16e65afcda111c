#include "engines/engine_hit.h"

#include <string.h>

static uint32_t highest_argument(const struct entry_signature *signature) {
    uint8_t highest = signature->result == ENTRY_STORED ? 1 : signature->pointer;
    if (signature->size > highest)
        highest = signature->size;
    return signature->count > highest ? signature->count : highest;
}

int engine_hit_read(struct engine_hit *hit, const struct entry_point *entry) {
    const struct processor *processor = hit->engine->processor;
    const char *names[2 + PROCESSOR_ARGUMENTS] = {processor->stack_pointer, processor->result};
    uint64_t values[2 + PROCESSOR_ARGUMENTS];
    uint32_t arguments = entry ? highest_argument(&entry->signature) : 0;
    const uint32_t returns = BREAKPOINT_RETURN | BREAKPOINT_FORK_RETURN;
    uint32_t count = hit->breakpoint->roles & returns ? 2 : 1;
    uint32_t first = count;
    for (uint32_t i = 0; i < arguments; i++)
        names[count++] = processor->arguments[i];
    int status = host_read_registers(hit->engine->parts.host, names, count, values, hit->error);
    if (status != TMPALLOC_OK)
        return status;
    hit->stack_pointer = values[0];
    hit->result = first == 2 ? values[1] : 0;
    memcpy(hit->arguments, values + first, arguments * sizeof(values[0]));
    return TMPALLOC_OK;
}

uint64_t engine_hit_argument(const struct engine_hit *hit, uint8_t number) {
    return number == 0 ? 0 : hit->arguments[number - 1];
}

int engine_hit_read_word(const struct engine_hit *hit, uint64_t address, uint64_t *ret) {
    uint64_t word = 0;
    int status = host_read_data(hit->engine->parts.host, address, &word,
                                hit->engine->processor->word_bytes, hit->error);
    if (status != TMPALLOC_OK)
        return status;
    *ret = word;
    return TMPALLOC_OK;
}

int engine_hit_return_address(const struct engine_hit *hit, uint64_t *ret) {
    const struct processor_return *returns = &hit->engine->processor->returns;
    int status = returns->in_register
                     ? host_read_registers(hit->engine->parts.host, &returns->in_register, 1, ret,
                                           hit->error)
                     : engine_hit_read_word(hit, hit->stack_pointer, ret);
    if (status != TMPALLOC_OK)
        return status;
    *ret &= returns->mask;
    return TMPALLOC_OK;
}

bool engine_hit_returns_to(const struct engine_hit *hit, const struct activation *activation) {
    uint32_t taken_bytes = hit->engine->processor->returns.taken_bytes;
    return activation->active && activation->return_address == hit->breakpoint->address &&
           activation->stack_pointer + taken_bytes == hit->stack_pointer;
}

int engine_hit_keeps_return(const struct engine_hit *hit, const struct activation *activation,
                            bool *ret) {
    uint64_t found = activation->return_address;
    int status = hit->engine->processor->returns.in_register
                     ? TMPALLOC_OK
                     : engine_hit_read_word(hit, activation->stack_pointer, &found);
    *ret = status == TMPALLOC_OK && found == activation->return_address;
    return status;
}
