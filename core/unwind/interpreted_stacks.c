#include "unwind/interpreted_stacks.h"

#include "cpython/python_code.h"
#include "cpython/python_frames.h"
#include "support/map.h"
#include "support/memory.h"

#define RUNTIME   "_PyRuntime"
#define EVAL_LOOP "_PyEval_EvalFrameDefault"

/* Versions before this one know their threads by pthread_self() alone. */
#define VERSION_WITH_TIDS 0x030b

/* What tells a code object from a later one at its address. */
struct identity {
    uint64_t name;
    uint64_t file;
    uint64_t lines;
    int32_t first_line;
};

struct known_code {
    struct identity identity;
    struct python_code code;
};

struct interpreted_stacks {
    struct host *host;
    struct modules *modules;
    struct stacks *stacks;
    struct symbolizer *symbolizer;
    struct python_runtime runtime;
    enum python_answer answer;
    struct map codes; /* address -> struct known_code * */
    /* Work areas. */
    struct python_frame python_frames[UNWINDER_DEPTH_LIMIT];
    struct frame frames[2 * UNWINDER_DEPTH_LIMIT];
};

int interpreted_stacks_create(struct host *host, struct modules *modules, struct stacks *stacks,
                              struct symbolizer *symbolizer, struct interpreted_stacks **ret) {
    struct interpreted_stacks *python = memory_allocate_zeroed(1, sizeof *python);
    if (!python)
        return TMPALLOC_E_NOMEM;
    python->host = host;
    python->modules = modules;
    python->stacks = stacks;
    python->symbolizer = symbolizer;
    python->answer = PYTHON_ABSENT;
    map_init(&python->codes);
    *ret = python;
    return TMPALLOC_OK;
}

static void destroy_code(struct known_code *known) {
    python_code_deinit(&known->code);
    memory_release(known);
}

void interpreted_stacks_destroy(struct interpreted_stacks *python) {
    if (!python)
        return;
    for (size_t i = 0; i < python->codes.capacity; i++) {
        if (python->codes.slots[i].used)
            destroy_code((struct known_code *)(uintptr_t)python->codes.slots[i].value);
    }
    map_deinit(&python->codes);
    memory_release(python);
}

/* The runtime. */

uint32_t interpreted_stacks_runtime_module(struct modules *modules) {
    uint64_t address;
    for (size_t i = 0; i < modules_loaded_count(modules); i++) {
        uint32_t module = modules_loaded(modules, i);
        if (modules_find_object(modules, module, RUNTIME, &address))
            return module;
    }
    return FRAME_NO_MODULE;
}

static bool interpreted_stacks_read_memory(void *arg, uint64_t address, void *buffer,
                                           size_t size_bytes) {
    struct interpreted_stacks *python = arg;
    return host_read_data(python->host, address, buffer, size_bytes, NULL) == TMPALLOC_OK;
}

static uint64_t interpreted_stacks_find_symbol(void *arg, const char *symbol) {
    struct interpreted_stacks *python = arg;
    uint32_t module = interpreted_stacks_runtime_module(python->modules);
    struct module_symbol function;
    uint64_t address;
    if (module == FRAME_NO_MODULE)
        return 0;
    if (modules_find_object(python->modules, module, symbol, &address))
        return address;
    return modules_find_function(python->modules, module, symbol, true, &function)
               ? function.address
               : 0;
}

static struct python_process process_of(struct interpreted_stacks *python) {
    return (struct python_process){.read = interpreted_stacks_read_memory,
                                   .find = interpreted_stacks_find_symbol,
                                   .arg = python};
}

enum python_answer interpreted_stacks_refresh(struct interpreted_stacks *python,
                                              uint32_t *version_ret) {
    const struct python_process process = process_of(python);
    if (python->answer != PYTHON_FOUND)
        python->answer = python_runtime_find(&process, &python->runtime);
    *version_ret = python->answer == PYTHON_ABSENT ? 0 : python->runtime.version;
    return python->answer;
}

int interpreted_stacks_object_allocator(struct interpreted_stacks *python,
                                        struct object_allocator_tables *ret, struct error *error) {
    const struct python_process process = process_of(python);
    uint32_t version;
    enum python_answer answer = interpreted_stacks_refresh(python, &version);
    if (answer == PYTHON_ABSENT)
        return error_set(error, TMPALLOC_E_STATE, "there is no CPython in the process");
    const struct processor *processor = python->host->processor;
    if (answer != PYTHON_FOUND || !processor ||
        !object_allocator_tables_find(processor, &process, &python->runtime, ret))
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "the object allocator of this CPython is not known");
    return TMPALLOC_OK;
}

/* Code objects. */

static bool read_identity(const struct python_process *process,
                          const struct python_offsets *offsets, uint64_t address,
                          struct identity *ret) {
    *ret = (struct identity){0};
    return python_read_word(process, address + offsets->code_name, &ret->name) &&
           python_read_word(process, address + offsets->code_file, &ret->file) &&
           python_read_word(process, address + offsets->code_lines, &ret->lines) &&
           python_read(process, address + offsets->code_first_line, &ret->first_line,
                       sizeof ret->first_line);
}

static bool same_identity(const struct identity *one, const struct identity *other) {
    return one->name == other->name && one->file == other->file && one->lines == other->lines &&
           one->first_line == other->first_line;
}

static int copy_code(struct interpreted_stacks *python, const struct python_process *process,
                     uint64_t address, const struct identity *identity,
                     const struct known_code **ret) {
    struct known_code *known = memory_allocate_zeroed(1, sizeof *known);
    if (!known)
        return TMPALLOC_E_NOMEM;
    known->identity = *identity;
    int status = python_code_copy(process, &python->runtime, address, &known->code);
    if (status != TMPALLOC_OK) {
        memory_release(known);
        return status;
    }
    status = map_put(&python->codes, address, (uintptr_t)known);
    if (status == TMPALLOC_OK)
        *ret = known;
    else
        destroy_code(known);
    return status;
}

/* TMPALLOC_E_HOST: it can't be read. */
static int interpreted_stacks_find_code(struct interpreted_stacks *python,
                                        const struct python_process *process, uint64_t address,
                                        const struct known_code **ret) {
    struct identity identity;
    uint64_t value;
    if (!read_identity(process, &python->runtime.offsets, address, &identity))
        return TMPALLOC_E_HOST;
    if (map_get(&python->codes, address, &value)) {
        struct known_code *known = (struct known_code *)(uintptr_t)value;
        *ret = known;
        if (same_identity(&known->identity, &identity))
            return TMPALLOC_OK;
        map_remove(&python->codes, address);
        destroy_code(known);
    }
    return copy_code(python, process, address, &identity, ret);
}

static int interpreted_stacks_make_frame(struct interpreted_stacks *python,
                                         const struct python_process *process,
                                         const struct python_frame *from, struct frame *ret) {
    const struct known_code *known;
    int status = interpreted_stacks_find_code(python, process, from->code, &known);
    if (status != TMPALLOC_OK)
        return status;
    const struct python_code *code = &known->code;
    int32_t line = python_code_line(code, from->instruction);
    *ret = (struct frame){.module = FRAME_PYTHON};
    return symbolizer_add_python(python->symbolizer, code->name, code->file,
                                 line > 0 ? (uint32_t)line : 0, &ret->offset);
}

/* Merging. */

static size_t list_frames(struct interpreted_stacks *python, const struct python_process *process,
                          int64_t tid) {
    struct python_thread_id id = {.tid = tid};
    const struct processor *processor = python->host->processor;
    bool truncated;
    if (python->runtime.version < VERSION_WITH_TIDS && processor) {
        id.tid = 0;
        host_read_registers(python->host, &processor->thread_pointer, 1, &id.pthread, NULL);
    }
    uint64_t state = python_thread_find(process, &python->runtime, &id);
    return state ? python_frames_list(process, &python->runtime, state, python->python_frames,
                                      UNWINDER_DEPTH_LIMIT, &truncated)
                 : 0;
}

static bool is_loop(const struct interpreted_stacks *python, const struct frame *frame,
                    const struct module_symbol *loop) {
    uint64_t start = loop->address;
    uint64_t pc = modules_address(python->modules, frame);
    return frame->module == loop->module && pc > start && pc <= start + loop->size_bytes;
}

/* Whether the native frame is that of the call that ran this group of Python frames. */
static bool interpreted_stacks_runs(const struct interpreted_stacks *python,
                                    const struct capture *capture, uint32_t i,
                                    uint64_t stack_pointer, const struct python_frame *entry,
                                    const struct module_symbol *loop) {
    if (!entry->loop)
        return is_loop(python, &stacks_get(python->stacks, capture->stack)->frames[i], loop);
    int64_t place = (int64_t)(entry->loop - stack_pointer);
    return place < capture->cfa_offsets[i] && (i == 0 || place >= capture->cfa_offsets[i - 1]);
}

/* The index of the entry frame that ends the group; the last one when there is none. */
static size_t interpreted_stacks_find_entry(const struct python_frame *frames, size_t first,
                                            size_t count) {
    size_t i = first;
    while (i + 1 < count && !frames[i].is_entry)
        i++;
    return i;
}

static int add_group(struct interpreted_stacks *python, const struct python_process *process,
                     size_t first, size_t last, uint32_t *count) {
    for (size_t i = first; i <= last && *count < 2 * UNWINDER_DEPTH_LIMIT; i++) {
        int status = interpreted_stacks_make_frame(python, process, &python->python_frames[i],
                                                   &python->frames[*count]);
        if (status == TMPALLOC_E_NOMEM)
            return status;
        *count += status == TMPALLOC_OK;
    }
    return TMPALLOC_OK;
}

static int interpreted_stacks_merge_capture(struct interpreted_stacks *python,
                                            const struct python_process *process,
                                            uint64_t stack_pointer, const struct capture *capture,
                                            size_t python_count, uint32_t *count_ret) {
    const struct stack *native = stacks_get(python->stacks, capture->stack);
    struct module_symbol loop = {0};
    size_t next = 0;
    uint32_t count = 0;
    modules_find_function(python->modules, interpreted_stacks_runtime_module(python->modules),
                          EVAL_LOOP, false, &loop);
    for (uint32_t i = 0; i < native->count && count < 2 * UNWINDER_DEPTH_LIMIT; i++) {
        size_t entry = interpreted_stacks_find_entry(python->python_frames, next, python_count);
        if (next < python_count && interpreted_stacks_runs(python, capture, i, stack_pointer,
                                                           &python->python_frames[entry], &loop)) {
            int status = add_group(python, process, next, entry, &count);
            if (status != TMPALLOC_OK)
                return status;
            next = entry + 1;
        }
        if (count < 2 * UNWINDER_DEPTH_LIMIT)
            python->frames[count++] = native->frames[i];
    }
    *count_ret = count;
    return TMPALLOC_OK;
}

int interpreted_stacks_merge(struct interpreted_stacks *python, int64_t tid, uint64_t stack_pointer,
                             const struct capture *capture, uint32_t *ret) {
    const struct python_process process = process_of(python);
    uint32_t count;
    *ret = capture->stack;
    if (python->answer != PYTHON_FOUND)
        return TMPALLOC_OK;
    size_t python_count = list_frames(python, &process, tid);
    if (python_count == 0)
        return TMPALLOC_OK;
    int status = interpreted_stacks_merge_capture(python, &process, stack_pointer, capture,
                                                  python_count, &count);
    if (status != TMPALLOC_OK)
        return status;
    const struct stack stack = {
        .frames = python->frames,
        .count = count,
        .truncated = stacks_get(python->stacks, capture->stack)->truncated,
    };
    return stacks_intern(python->stacks, &stack, ret);
}
