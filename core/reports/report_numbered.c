#include "reports/report_numbered.h"

#include <stdlib.h>
#include <string.h>

#include "support/memory.h"

void report_numbered_init(struct report_numbered *numbered) {
    *numbered = (struct report_numbered){.string_count = 0};
    profile_symbols_init(&numbered->symbols, &numbered->storage);
    map_init(&numbered->string_numbers);
    map_init(&numbered->frame_numbers);
    map_init(&numbered->stack_numbers);
}

void report_numbered_deinit(struct report_numbered *numbered) {
    profile_symbols_deinit(&numbered->symbols);
    map_deinit(&numbered->string_numbers);
    map_deinit(&numbered->frame_numbers);
    map_deinit(&numbered->stack_numbers);
    memory_release(numbered->strings);
    memory_release(numbered->frames);
    memory_release(numbered->stacks);
    memory_release(numbered->places);
    arena_deinit(&numbered->storage);
}

static uint64_t report_numbered_key_of(const void *pointer) {
    return (uint64_t)(uintptr_t)pointer;
}

static uint32_t report_numbered_find(const struct map *map, const void *pointer) {
    uint64_t number = NUMBERED_NONE;
    if (pointer)
        map_get(map, report_numbered_key_of(pointer), &number);
    return (uint32_t)number;
}

static int add_string(struct report_numbered *numbered, const char *string) {
    if (!string || report_numbered_find(&numbered->string_numbers, string) != NUMBERED_NONE)
        return TMPALLOC_OK;
    if (MEMORY_RESERVE(numbered->strings, &numbered->string_capacity, numbered->string_count + 1))
        return TMPALLOC_E_NOMEM;
    int status =
        map_put(&numbered->string_numbers, report_numbered_key_of(string), numbered->string_count);
    if (status != TMPALLOC_OK)
        return status;
    numbered->strings[numbered->string_count++] = string;
    return TMPALLOC_OK;
}

/* A symbol whose strings are the tables' own. */
static int add_symbol(struct report_numbered *numbered, const struct symbol *symbol) {
    if (MEMORY_RESERVE(numbered->frames, &numbered->frame_capacity, numbered->frame_count + 1))
        return TMPALLOC_E_NOMEM;
    int status =
        map_put(&numbered->frame_numbers, report_numbered_key_of(symbol), numbered->frame_count);
    const char *const strings[] = {symbol->function, symbol->file, symbol->module};
    for (size_t i = 0; i < 3 && status == TMPALLOC_OK; i++)
        status = add_string(numbered, strings[i]);
    if (status != TMPALLOC_OK)
        return status;
    numbered->frames[numbered->frame_count] =
        (struct numbered_frame){.symbol = symbol, .number = (uint32_t)numbered->frame_count};
    numbered->frame_count++;
    return TMPALLOC_OK;
}

/* Frames of several files can be the same without being one. */
static int report_numbered_find_frame(struct report_numbered *numbered, const struct symbol *symbol,
                                      uint32_t *ret) {
    *ret = report_numbered_find(&numbered->frame_numbers, symbol);
    if (*ret != NUMBERED_NONE)
        return TMPALLOC_OK;
    const struct symbol *interned = profile_symbols_intern(&numbered->symbols, symbol);
    if (!interned)
        return TMPALLOC_E_NOMEM;
    if (report_numbered_find(&numbered->frame_numbers, interned) == NUMBERED_NONE) {
        int status = add_symbol(numbered, interned);
        if (status != TMPALLOC_OK)
            return status;
    }
    *ret = report_numbered_find(&numbered->frame_numbers, interned);
    return map_put(&numbered->frame_numbers, report_numbered_key_of(symbol), *ret);
}

int report_numbered_add(struct report_numbered *numbered, const struct profile_stack *stack) {
    if (report_numbered_find(&numbered->stack_numbers, stack->symbols) != NUMBERED_NONE)
        return TMPALLOC_OK;
    if (MEMORY_RESERVE(numbered->stacks, &numbered->stack_capacity, numbered->stack_count + 1))
        return TMPALLOC_E_NOMEM;
    int status = map_put(&numbered->stack_numbers, report_numbered_key_of(stack->symbols),
                         numbered->stack_count);
    if (status != TMPALLOC_OK)
        return status;
    numbered->stacks[numbered->stack_count++] = stack;
    for (size_t i = 0; i < stack->count; i++) {
        uint32_t frame;
        status = report_numbered_find_frame(numbered, stack->symbols[i], &frame);
        if (status != TMPALLOC_OK)
            return status;
        numbered->frames[frame].uses++;
        numbered->frames[frame].entry |= i < stack->entry_count;
    }
    return TMPALLOC_OK;
}

static int compare_uses(const void *left, const void *right) {
    const struct numbered_frame *a = left, *b = right;
    if (a->uses != b->uses)
        return a->uses > b->uses ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

int report_numbered_place(struct report_numbered *numbered) {
    numbered->places = memory_allocate_zeroed(numbered->frame_count, sizeof *numbered->places);
    if (!numbered->places)
        return TMPALLOC_E_NOMEM;
    if (numbered->frame_count > 0)
        qsort(numbered->frames, numbered->frame_count, sizeof *numbered->frames, compare_uses);
    for (size_t i = 0; i < numbered->frame_count; i++)
        numbered->places[numbered->frames[i].number] = (uint32_t)i;
    return TMPALLOC_OK;
}

uint32_t report_numbered_string(const struct report_numbered *numbered, const char *string) {
    return report_numbered_find(&numbered->string_numbers, string);
}

uint32_t report_numbered_frame(const struct report_numbered *numbered,
                               const struct symbol *symbol) {
    return numbered->places[report_numbered_find(&numbered->frame_numbers, symbol)];
}

uint32_t report_numbered_stack(const struct report_numbered *numbered,
                               const struct profile_stack *stack) {
    return report_numbered_find(&numbered->stack_numbers, stack->symbols);
}
