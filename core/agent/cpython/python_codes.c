#include "agent/cpython/python_codes.h"

#include <string.h>

#include "agent/cpython/python_here.h"
#include "support/arena.h"
#include "support/hash.h"
#include "support/lock.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

/* PyObject.ob_refcnt, ob_type and PyTypeObject.tp_dealloc, which are part of CPython's ABI. */
#define COUNT_OFFSET   0
#define TYPE_OFFSET    8
#define DEALLOC_OFFSET 48

typedef void dealloc_function(void *object);

atomic_ulong python_codes_dead;

static struct lock lock = LOCK_INIT; /* for all below */
static struct map living;            /* address of a code object -> record */
static struct map records;           /* hash of the content -> record */
static struct arena arena;
static dealloc_function *_Atomic original_dealloc;
static atomic_bool left_alone; /* calls that are still under way watch nothing */

/* The code objects that are dying on a thread, the latest first. */
struct dying {
    uint64_t address;
    const struct python_code *record; /* NULL: it wasn't known */
    struct dying *next;
};

static __thread struct dying *dying __attribute__((tls_model("initial-exec")));

static const struct python_code *python_codes_forget(uint64_t address) {
    uint64_t value = 0;
    lock_take(&lock);
    if (map_get(&living, address, &value)) {
        map_remove(&living, address);
        atomic_fetch_add_explicit(&python_codes_dead, 1, memory_order_release);
    }
    lock_give(&lock);
    return (const struct python_code *)(uintptr_t)value;
}

/* Takes CPython's place; the object is whole yet. */
static void note_death(void *object) {
    struct dying self = {.address = (uintptr_t)object, .next = dying};
    self.record = python_codes_forget(self.address);
    dying = &self;
    original_dealloc(object);
    dying = self.next;
}

static dealloc_function *_Atomic *dealloc_slot(void) {
    return (dealloc_function * _Atomic *)(python_here_code_type() + DEALLOC_OFFSET);
}

static bool python_codes_watches(void) {
    return *dealloc_slot() == note_death;
}

static void watch_deaths(void) {
    if (python_codes_watches() || left_alone)
        return;
    original_dealloc = *dealloc_slot();
    *dealloc_slot() = note_death;
}

void python_codes_watch(void) {
    atomic_fetch_add(&python_codes_dead, 1);
    left_alone = false;
}

void python_codes_unwatch(void) {
    left_alone = true;
    if (python_here() && python_codes_watches())
        *dealloc_slot() = original_dealloc;
}

static uint64_t hash_code(const struct python_code *code) {
    uint64_t hash = hash_bytes((uint32_t)code->first_line, code->name, strlen(code->name));
    hash = hash_bytes(hash, code->file, strlen(code->file));
    return hash_bytes(hash, code->lines, code->lines_bytes);
}

static bool python_codes_equal(const struct python_code *one, const struct python_code *other) {
    return one->first_line == other->first_line && one->lines_bytes == other->lines_bytes &&
           memcmp(one->lines, other->lines, one->lines_bytes) == 0 &&
           strcmp(one->name, other->name) == 0 && strcmp(one->file, other->file) == 0;
}

/* The record with that content; takes over what `code` owns, or releases it. */
static const struct python_code *python_codes_intern(struct python_code *code) {
    uint64_t value;
    uint64_t hash = hash_code(code);
    for (; map_get(&records, hash, &value); hash++) {
        struct python_code *known = (struct python_code *)(uintptr_t)value;
        if (python_codes_equal(known, code)) {
            python_code_deinit(code);
            return known;
        }
    }
    struct python_code *record = arena_allocate(&arena, 1, sizeof *record);
    if (!record || map_put(&records, hash, (uintptr_t)record)) {
        python_code_deinit(code);
        return NULL;
    }
    *record = *code;
    return record;
}

static bool is_code(const struct python_process *process, uint64_t address) {
    uint64_t count, type;
    return python_read_word(process, address + COUNT_OFFSET, &count) && count != 0 &&
           python_read_word(process, address + TYPE_OFFSET, &type) &&
           type == python_here_code_type();
}

static const struct python_code *python_codes_add(const struct python_process *process,
                                                  uint64_t address) {
    struct python_code code;
    if (!is_code(process, address) ||
        python_code_copy(process, python_here(), address, &code) != TMPALLOC_OK)
        return NULL;
    const struct python_code *record = python_codes_intern(&code);
    if (!record || map_put(&living, address, (uintptr_t)record))
        return NULL;
    watch_deaths();
    return record;
}

static const struct python_code *find_living(const struct python_process *process,
                                             uint64_t address) {
    uint64_t value;
    lock_take(&lock);
    if (!python_codes_watches())
        map_clear(&living); /* they may have died unseen */
    const struct python_code *record = map_get(&living, address, &value)
                                           ? (const struct python_code *)(uintptr_t)value
                                           : python_codes_add(process, address);
    lock_give(&lock);
    return record;
}

const struct python_code *python_codes_find(const struct python_process *process, uint64_t address,
                                            bool *dying_ret) {
    const struct dying *found = dying;
    while (found && found->address != address)
        found = found->next;
    *dying_ret = found != NULL;
    return found ? found->record : find_living(process, address);
}

bool python_codes_before_fork(void) {
    return lock_before_fork(&lock);
}

void python_codes_after_fork(void) {
    lock_after_fork(&lock);
}
