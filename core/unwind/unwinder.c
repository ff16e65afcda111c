#include "unwind/unwinder.h"

#include "support/arena.h"
#include "support/memory.h"
#include "unwind/unwinder_memo.h"
#include "unwind/unwinder_memory.h"
#include "unwind/unwinder_walk.h"

struct unwinder {
    struct host *host;
    struct modules *modules;
    struct stacks *stacks;
    struct walk walk;
    struct memo memo;
    struct arena captures;
    struct unwinder_statistics statistics;

    /* What the memo is true of. */
    uint64_t generation;
    size_t loaded_count;
    bool has_incomplete; /* some memoised walk ended where a file loaded later may help */

    /* The thread that is being captured. */
    struct unwinder_thread thread;
    struct stack_memory memory;
    uint64_t registers[PROCESSOR_REGISTERS];
    uint64_t known_registers; /* a bit for each */

    struct frame frames[UNWINDER_DEPTH_LIMIT];
};

static bool unwinder_read_register(struct unwinder *unwinder, uint32_t number, uint64_t *ret) {
    uint64_t bit = UINT64_C(1) << number;
    const struct processor *processor = unwinder->walk.processor;
    if (!(unwinder->known_registers & bit) &&
        host_read_registers(unwinder->host, &processor->frames.names[number], 1,
                            &unwinder->registers[number], NULL) != TMPALLOC_OK)
        return false;
    unwinder->known_registers |= bit;
    *ret = unwinder->registers[number];
    return true;
}

static bool unwinder_read_cell(void *arg, enum unwinder_cell_kind kind, int64_t place,
                               uint64_t *ret) {
    struct unwinder *unwinder = arg;
    if (kind == UNWINDER_REGISTER)
        return place < unwind_program_counter(unwinder->walk.processor) &&
               unwinder_read_register(unwinder, (uint32_t)place, ret);
    return stack_memory_read(&unwinder->memory, unwinder->thread.stack_pointer + (uint64_t)place,
                             ret);
}

static bool unwinder_read_code(void *arg, uint64_t address, uint64_t *ret) {
    struct unwinder *unwinder = arg;
    return stack_memory_read(&unwinder->memory, address, ret);
}

int unwinder_create(struct host *host, struct modules *modules, struct stacks *stacks,
                    struct unwinder **ret) {
    struct unwinder *unwinder = memory_allocate_zeroed(1, sizeof *unwinder);
    if (!unwinder)
        return TMPALLOC_E_NOMEM;
    *unwinder = (struct unwinder){.host = host, .modules = modules, .stacks = stacks};
    unwinder->memory.host = host;
    unwinder->thread = (struct unwinder_thread){.read = unwinder_read_cell, .arg = unwinder};
    unwinder->walk = (struct walk){.modules = modules,
                                   .read_code = unwinder_read_code,
                                   .read_code_arg = unwinder,
                                   .depth_limit = UNWINDER_DEPTH_LIMIT};
    *ret = unwinder;
    return TMPALLOC_OK;
}

static void unwinder_forget(struct unwinder *unwinder) {
    memo_deinit(&unwinder->memo);
    unwinder->has_incomplete = false;
}

void unwinder_destroy(struct unwinder *unwinder) {
    if (!unwinder)
        return;
    unwinder_reset(unwinder);
    unwind_rules_destroy(unwinder->walk.rules);
    walk_deinit(&unwinder->walk);
    memory_release(unwinder);
}

void unwinder_set_depth(struct unwinder *unwinder, uint32_t depth) {
    if (depth < 1)
        depth = 1;
    if (depth > UNWINDER_DEPTH_LIMIT)
        depth = UNWINDER_DEPTH_LIMIT;
    if (depth != unwinder->walk.depth_limit)
        unwinder_forget(unwinder);
    unwinder->walk.depth_limit = depth;
}

void unwinder_reset(struct unwinder *unwinder) {
    unwinder_forget(unwinder);
    arena_deinit(&unwinder->captures);
}

struct unwinder_statistics unwinder_statistics(const struct unwinder *unwinder) {
    return unwinder->statistics;
}

static void follow_modules(struct unwinder *unwinder) {
    uint64_t generation = modules_generation(unwinder->modules);
    size_t loaded_count = modules_loaded_count(unwinder->modules);
    if (generation != unwinder->generation ||
        (unwinder->has_incomplete && loaded_count != unwinder->loaded_count))
        unwinder_forget(unwinder);
    unwinder->generation = generation;
    unwinder->loaded_count = loaded_count;
}

static int unwinder_intern(struct unwinder *unwinder, uint32_t *ret) {
    const struct walk *walk = &unwinder->walk;
    for (size_t i = 0; i < walk->frame_count; i++) {
        const struct walk_frame *frame = &walk->frames[i];
        unwinder->frames[i] = modules_frame(unwinder->modules, frame->pc, frame->exact);
    }
    struct stack stack = {.frames = unwinder->frames,
                          .count = (uint32_t)walk->frame_count,
                          .truncated = walk->truncated};
    return stacks_intern(unwinder->stacks, &stack, ret);
}

static int keep_capture(struct unwinder *unwinder, const struct capture **ret) {
    const struct walk *walk = &unwinder->walk;
    size_t count = walk->frame_count;
    struct capture *capture = arena_allocate(&unwinder->captures, 1, sizeof *capture);
    int64_t *cfa_offsets = arena_allocate(&unwinder->captures, count, sizeof *cfa_offsets);
    uint64_t *pcs = arena_allocate(&unwinder->captures, count, sizeof *pcs);
    uint32_t stack;
    if (!capture || !cfa_offsets || !pcs || unwinder_intern(unwinder, &stack) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        cfa_offsets[i] = walk->frames[i].cfa_offset;
        pcs[i] = walk->frames[i].pc;
    }
    *capture = (struct capture){
        .stack = stack, .count = (uint32_t)count, .cfa_offsets = cfa_offsets, .pcs = pcs};
    *ret = capture;
    return TMPALLOC_OK;
}

static int unwinder_unwind(struct unwinder *unwinder, const struct memo_departure *departure,
                           const struct capture **ret) {
    struct walk *walk = &unwinder->walk;
    unwinder->statistics.unwinds++;
    if (walk_run(walk, &unwinder->thread) != TMPALLOC_OK ||
        keep_capture(unwinder, ret) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    unwinder->has_incomplete = unwinder->has_incomplete || walk->incomplete;
    return unwinder_memo_add(&unwinder->memo, unwinder->thread.pc, departure, walk->cells,
                             (uint32_t)walk->cell_count, *ret);
}

/* Nothing holds for another processor. */
static int follow_processor(struct unwinder *unwinder, struct error *error) {
    const struct processor *processor = unwinder->host->processor;
    if (processor && processor == unwinder->walk.processor)
        return TMPALLOC_OK;
    if (!processor)
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "the architecture of the process is not "
                         "supported: %s are",
                         processor_names());
    struct unwind_rules *rules;
    if (unwind_rules_create(processor, unwinder->modules, &rules) != TMPALLOC_OK)
        return error_no_memory(error);
    unwinder_forget(unwinder);
    unwind_rules_destroy(unwinder->walk.rules);
    unwinder->walk.rules = rules;
    unwinder->walk.processor = processor;
    return TMPALLOC_OK;
}

int unwinder_capture(struct unwinder *unwinder, uint64_t pc, uint64_t stack_pointer,
                     struct error *error, const struct capture **ret) {
    int status = follow_processor(unwinder, error);
    if (status != TMPALLOC_OK)
        return status;
    uint32_t number = unwinder->walk.processor->frames.stack_pointer;
    follow_modules(unwinder);
    unwinder->thread.pc = pc;
    unwinder->thread.stack_pointer = stack_pointer;
    unwinder->registers[number] = stack_pointer;
    unwinder->known_registers = UINT64_C(1) << number;
    stack_memory_forget(&unwinder->memory);
    struct memo_departure departure;
    const struct capture *known =
        unwinder_memo_find(&unwinder->memo, &unwinder->thread, &departure);
    if (known) {
        unwinder->statistics.hits++;
        *ret = known;
        return TMPALLOC_OK;
    }
    if (unwinder_unwind(unwinder, &departure, ret) != TMPALLOC_OK)
        return error_no_memory(error);
    return TMPALLOC_OK;
}

int unwinder_row(struct unwinder *unwinder, const struct frame *place, struct error *error,
                 const struct unwinder_row **ret) {
    int status = follow_processor(unwinder, error);
    if (status != TMPALLOC_OK)
        return status;
    if (unwind_rules_find(unwinder->walk.rules, place, ret) != TMPALLOC_OK)
        return error_no_memory(error);
    return TMPALLOC_OK;
}
