#include "session_world.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

__asm__(".text\n"
        ".globl caller_a, caller_b, outermost\n"
        ".type caller_a, @function\n.type caller_b, @function\n.type outermost, @function\n"
        "caller_a:\n.cfi_startproc\n nop\n nop\n ret\n.cfi_endproc\n.size caller_a, . - caller_a\n"
        "caller_b:\n.cfi_startproc\n nop\n nop\n ret\n.cfi_endproc\n.size caller_b, . - caller_b\n"
        "outermost:\n.cfi_startproc\n.cfi_undefined rip\n nop\n nop\n ret\n.cfi_endproc\n"
        ".size outermost, . - outermost\n");

struct session_world world;
int failures;

uint64_t address_of(const char *function) {
    return (uintptr_t)dlsym(RTLD_DEFAULT, function);
}

/* --- the debugger's primitives ------------------------------------------------------------------
 */

static void get_process(void *arg, struct tmpalloc_process *ret, int *status) {
    (void)arg;
    *ret = (struct tmpalloc_process){.pid = world.pid, .stopped = 1, .local = 0};
    snprintf(ret->architecture, sizeof ret->architecture, "%s",
             world.architecture ? world.architecture : "x86_64");
    snprintf(ret->executable, sizeof ret->executable, "/proc/self/exe");
    *status = TMPALLOC_OK;
}

/* Link-time address of a file's .text, 0 when it has none. */
static uint64_t text_of(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (file < 0 || fstat(file, &info) != 0)
        return 0;
    char *image = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    const ElfW(Ehdr) *header = (const void *)image;
    const ElfW(Shdr) *sections = (const void *)(image + header->e_shoff);
    const char *names = image + sections[header->e_shstrndx].sh_offset;
    uint64_t address = 0;
    for (int i = 0; i < header->e_shnum; i++) {
        if (strcmp(names + sections[i].sh_name, ".text") == 0)
            address = sections[i].sh_addr;
    }
    munmap(image, (size_t)info.st_size);
    return address;
}

struct emission {
    tmpalloc_emit_module emit;
    void *arg;
    int status;
};

/* The program and the file with its malloc are all that matters. */
static bool is_relevant(const struct dl_phdr_info *info) {
    Dl_info allocator;
    return info->dlpi_name[0] == '\0' ||
           (dladdr((void *)(uintptr_t)address_of("malloc"), &allocator) &&
            (uintptr_t)allocator.dli_fbase == info->dlpi_addr);
}

static int emit_object(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)size;
    if (!is_relevant(info))
        return 0;
    struct emission *emission = arg;
    const char *path = info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe";
    uint64_t text = text_of(path);
    if (text == 0)
        return 0;
    const struct tmpalloc_module module = {path, info->dlpi_addr + text};
    emission->status = emission->emit(emission->arg, &module);
    return emission->status;
}

static void get_modules(void *arg, tmpalloc_emit_module emit, void *emit_arg, int *status) {
    (void)arg;
    struct emission emission = {emit, emit_arg, TMPALLOC_OK};
    dl_iterate_phdr(emit_object, &emission);
    *status = emission.status;
}

static void read_memory(void *arg, uint64_t address, void *buffer, uint64_t size, int *status) {
    (void)arg;
    int file = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    if (pread(file, buffer, size, (off_t)address) == (ssize_t)size)
        *status = TMPALLOC_OK;
    close(file);
}

static void read_registers(void *arg, const char *const *names, uint32_t count, uint64_t *values,
                           int *status) {
    (void)arg;
    for (uint32_t i = 0; i < count; i++) {
        const struct {
            const char *name;
            uint64_t value;
        } known[] = {{"rsp", world.rsp}, {"rdi", world.rdi}, {"rsi", world.rsi},
                     {"rdx", world.rdx}, {"rax", world.rax}, {"pc", world.pc}};
        values[i] = 0;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            if (strcmp(names[i], known[k].name) == 0)
                values[i] = known[k].value;
        }
    }
    if (!world.registers_fail)
        *status = TMPALLOC_OK;
}

static void get_thread(void *arg, struct tmpalloc_thread *ret, int *status) {
    (void)arg;
    *ret = (struct tmpalloc_thread){.key = THREAD_KEY, .tid = 77, .pid = world.pid};
    *status = TMPALLOC_OK;
}

static void is_alive(void *arg, uint64_t key, int32_t *ret, int *status) {
    (void)arg;
    *ret = key == THREAD_KEY;
    *status = TMPALLOC_OK;
}

static struct breakpoint *by_id(uint64_t id) {
    for (size_t i = 0; i < world.count; i++) {
        if (world.breakpoints[i].id == id)
            return &world.breakpoints[i];
    }
    return NULL;
}

size_t enabled_count(void) {
    size_t count = 0;
    for (size_t i = 0; i < world.count; i++)
        count += world.breakpoints[i].enabled;
    return count;
}

static void insert(void *arg, uint64_t id, uint64_t address, uint32_t kind, int *status) {
    (void)arg;
    if (kind == TMPALLOC_HARDWARE && enabled_count() >= world.hardware_limit)
        return;
    if (world.count == BREAKPOINTS)
        return;
    world.breakpoints[world.count++] = (struct breakpoint){id, address, true};
    *status = TMPALLOC_OK;
}

static void enable(void *arg, uint64_t id, int32_t enabled, int *status) {
    (void)arg;
    struct breakpoint *breakpoint = by_id(id);
    if (!breakpoint)
        return;
    breakpoint->enabled = enabled;
    *status = TMPALLOC_OK;
}

static void remove_breakpoint(void *arg, uint64_t id, int *status) {
    (void)arg;
    struct breakpoint *breakpoint = by_id(id);
    if (!breakpoint)
        return;
    *breakpoint = world.breakpoints[--world.count];
    *status = TMPALLOC_OK;
}

static void message(void *arg, const char *text, int *status) {
    (void)arg;
    snprintf(world.message, sizeof world.message, "%s", text);
    *status = TMPALLOC_OK;
}

static void set_variable(void *arg, const char *name, uint64_t number, int *status) {
    (void)arg;
    if (strcmp(name, "failed") == 0)
        world.failed = number;
    if (strcmp(name, "size") == 0)
        world.size = number;
    *status = TMPALLOC_OK;
}

static void select_frame(void *arg, uint64_t key, uint64_t pc, uint32_t inlined, int *status) {
    (void)arg;
    CHECK(key == THREAD_KEY && inlined == 0);
    world.selected_pc = pc;
    *status = TMPALLOC_OK;
}

static void insert_watchpoint(void *arg, uint64_t address, uint32_t bytes, int *status) {
    (void)arg;
    CHECK(bytes == 8 && world.watched == 0);
    world.watched = address;
    *status = TMPALLOC_OK;
}

static void end_watchpoint(void *arg, uint64_t *hits_ret, int *status) {
    (void)arg;
    CHECK(world.watched != 0);
    world.watched = 0;
    *hits_ret = 3;
    *status = TMPALLOC_OK;
}

static void insert_catch(void *arg, uint32_t id, int *status) {
    (void)arg, (void)id;
    world.catches++;
    *status = TMPALLOC_OK;
}

static void catch_number(void *arg, uint32_t id, uint32_t *ret, int *status) {
    (void)arg;
    *ret = 100 + id;
    *status = TMPALLOC_OK;
}

static void ask_catch(void *arg, uint32_t id, uint64_t pc, uint32_t inlined, const char *reason,
                      uint32_t *ret, int *status) {
    (void)arg, (void)id, (void)inlined;
    snprintf(world.reason, sizeof world.reason, "%s", reason);
    *ret = pc ? TMPALLOC_CATCH_STOPS : TMPALLOC_CATCH_PASSES;
    *status = TMPALLOC_OK;
}

static void remove_catch(void *arg, uint32_t id, int *status) {
    (void)arg, (void)id;
    world.catches--;
    *status = TMPALLOC_OK;
}

static void quit(void *arg, int32_t exit_status, int *status) {
    (void)arg;
    world.exit_status = exit_status;
    *status = TMPALLOC_OK;
}

/* --- the debuggee --------------------------------------------------------------------------------
 */

bool arrive(uint64_t address, uint64_t *stack_pointer) {
    world.rsp = (uint64_t)(uintptr_t)stack_pointer;
    world.pc = address;
    for (size_t i = 0; i < world.count; i++) {
        const struct breakpoint *breakpoint = &world.breakpoints[i];
        if (breakpoint->address == world.pc && breakpoint->enabled) {
            int status = tmpalloc_session_breakpoint_hit(world.session, breakpoint->id);
            world.stops = status == TMPALLOC_STOP;
            CHECK(status >= TMPALLOC_OK || world.registers_fail);
            return true;
        }
    }
    return false;
}

uint64_t *make_stack(const char *caller, size_t depth) {
    uint64_t *top = &world.stack[STACK_CELLS - depth];
    for (size_t i = 0; i + 1 < depth; i++)
        top[i] = (uint64_t)(uintptr_t)caller + 1;
    top[depth - 1] = (uint64_t)(uintptr_t)outermost + 1;
    return top;
}

void enter(const char *function, uint64_t *stack, uint64_t rdi, uint64_t rsi) {
    world.rdi = rdi;
    world.rsi = rsi;
    arrive(address_of(function), stack);
}

bool leave(uint64_t *stack, uint64_t result) {
    world.rax = result;
    return arrive(stack[0], stack + 1);
}

void allocate(uint64_t *stack, uint64_t size, uint64_t address) {
    enter("malloc", stack, size, 0);
    leave(stack, address);
}

/* --- the user ------------------------------------------------------------------------------------
 */

static const char *answer(const char *line, int status, const char *text, int wanted) {
    if (!text || (status != TMPALLOC_OK && (strchr(text, '\n') != text + strlen(text) - 1))) {
        printf("'%s': not one line: %s\n", line, text ? text : "NULL");
        failures++;
    }
    if (!world.faults && status != wanted) {
        printf("'%s': status %d, wanted %d: %s\n", line, status, wanted, text);
        failures++;
    }
    return text;
}

const char *say(const char *line, int wanted) {
    const char *text = NULL;
    int status = tmpalloc_session_execute(world.session, line, NULL, &text);
    return answer(line, status, text, wanted);
}

const char *say_data(const char *line, int wanted) {
    const char *text = NULL;
    int status = tmpalloc_session_data(world.session, line, &text);
    return answer(line, status, text, wanted);
}

bool says(const char *line, const char *part) {
    const char *text = say(line, TMPALLOC_OK);
    bool found = strstr(text, part) != NULL;
    if (!found && !world.faults)
        printf("'%s' says: %s", line, text);
    return found;
}

void world_begin(void) {
    const struct tmpalloc_host host = {
        .version = TMPALLOC_HOST_VERSION,
        .batch = world.batch,
        .process = get_process,
        .modules = get_modules,
        .read_memory = read_memory,
        .read_registers = read_registers,
        .current_thread = get_thread,
        .thread_alive = is_alive,
        .insert_breakpoint = insert,
        .enable_breakpoint = enable,
        .remove_breakpoint = remove_breakpoint,
        .message = message,
        .set_variable = set_variable,
        .quit = quit,
        .select_frame = select_frame,
        .insert_watchpoint = insert_watchpoint,
        .end_watchpoint = end_watchpoint,
        .insert_catch = insert_catch,
        .catch_number = catch_number,
        .ask_catch = ask_catch,
        .remove_catch = remove_catch,
    };
    world.failed = 9;
    world.exit_status = -1;
    memset(&world.breakpoints, 0, sizeof world.breakpoints);
    world.count = 0;
    world.catches = 0;
    world.session = NULL;
    world.pid = getpid();
    world.registers_fail = false;
    int status = tmpalloc_session_create(&host, &world.session);
    CHECK(status == TMPALLOC_OK);
}

void world_end(void) {
    tmpalloc_session_destroy(world.session);
    CHECK(world.count == 0 && world.catches == 0);
}
