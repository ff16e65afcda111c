#include "engines/engine_hit.h"

#include <string.h>

static uint32_t highest_argument(const struct entry_signature *signature) {
    uint8_t highest = signature->result == ENTRY_STORED ? 1 : signature->pointer;
    if (signature->size > highest)
        highest = signature->size;
    return signature->count > highest ? signature->count : highest;
}

int engine_hit_read(struct engine_hit *hit, const struct entry_point *entry) {
    const struct architecture *architecture = hit->engine->architecture;
    const char *names[2 + ARCHITECTURE_ARGUMENTS] = {architecture->stack_pointer,
                                                     architecture->result};
    uint64_t values[2 + ARCHITECTURE_ARGUMENTS];
    uint32_t arguments = entry ? highest_argument(&entry->signature) : 0;
    uint32_t count = hit->breakpoint->roles & BREAKPOINT_RETURN ? 2 : 1;
    uint32_t first = count;
    for (uint32_t i = 0; i < arguments; i++)
        names[count++] = architecture->arguments[i];
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

bool engine_hit_returns_to(const struct engine_hit *hit, const struct activation *activation) {
    uint32_t slot_bytes = hit->engine->architecture->return_slot_bytes;
    return activation->active && activation->return_address == hit->breakpoint->address &&
           activation->return_slot + slot_bytes == hit->stack_pointer;
}
