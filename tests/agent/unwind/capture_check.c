/* Preloaded: compares the stack of every allocator call with _Unwind_Backtrace()'s.
 *
 * Writes a line of counts at exit, and each of the first differences, to the end of the file that
 * CAPTURE_CHECK names.  CAPTURE_CHECK_DEPTH limits the frames of a stack. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#include "agent/unwind/capture.h"

#define EXPECTED_LIMIT 16384
#define SHOWN          3

/* What one thread at a time needs. */
struct record {
    struct record *next;
    struct capture_cache *cache;
    uintptr_t cfa; /* of the hook */
    bool started;
    size_t count;
    uint64_t expected[EXPECTED_LIMIT];
};

#include "checking.h"

static uint32_t depth_limit = CAPTURE_DEPTH_LIMIT;
static atomic_ulong captures, differences, truncations, shown, walks, unknown;

static bool record_init(struct record *record) {
    return capture_cache_init(&record->cache) == 0;
}

static void record_forget(struct record *record) {
    capture_cache_forget(record->cache);
}

__attribute__((constructor)) static void start(void) {
    const char *depth = getenv("CAPTURE_CHECK_DEPTH");
    if (depth)
        depth_limit = (uint32_t)atoi(depth);
    capture_set_depth(depth_limit);
    checking_start("CAPTURE_CHECK", true);
}

__attribute__((destructor)) static void finish(void) {
    char line[200];
    int length = snprintf(line, sizeof line,
                          "captures %lu differences %lu truncated %lu walks %lu unknown %lu\n",
                          captures, differences, truncations, walks, unknown);
    write_line(line, length);
    checking_finish();
}

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *arg) {
    struct record *record = arg;
    int exact = 0;
    uint64_t pc = _Unwind_GetIPInfo(context, &exact);
    record->started |= _Unwind_GetCFA(context) == record->cfa;
    if (!record->started)
        return _URC_NO_REASON;
    if (record->count == EXPECTED_LIMIT)
        return _URC_END_OF_STACK;
    record->expected[record->count++] = pc | (exact ? CAPTURE_PC_EXACT : 0);
    return _URC_NO_REASON;
}

static void show(const struct record *record, const struct capture_entry *entry) {
    char line[100];
    size_t count = entry && entry->count > record->count ? entry->count : record->count;
    if (atomic_fetch_add(&shown, 1) >= SHOWN)
        return;
    for (size_t i = 0; i < count; i++) {
        uint64_t found = entry && i < entry->count ? entry->pcs[i] : 0;
        uint64_t expected = i < record->count ? record->expected[i] : 0;
        int length = snprintf(line, sizeof line, "%zu found %#lx expected %#lx%s\n", i, found,
                              expected, found == expected ? "" : " !");
        write_line(line, length);
    }
}

static bool agrees(const struct record *record, const struct capture_entry *entry) {
    size_t count = record->count;
    if (!entry)
        return false;
    if (count > depth_limit) {
        count = depth_limit;
        if (!entry->truncated)
            return false;
    }
    return entry->count == count &&
           memcmp(entry->pcs, record->expected, count * sizeof record->expected[0]) == 0;
}

static void compare(struct record *record, const uintptr_t *frame) {
    uint64_t before = capture_walks(record->cache);
    const struct capture_entry *entry =
        capture_stack(record->cache, (uintptr_t)(frame + 1), frame[0]);
    record->cfa = (uintptr_t)(frame + 2);
    record->started = false;
    record->count = 0;
    _Unwind_Backtrace(note, record);
    while (record->count && record->expected[record->count - 1] == 0)
        record->count--;
    atomic_fetch_add(&captures, 1);
    atomic_fetch_add(&walks, capture_walks(record->cache) - before);
    if (entry && entry->truncated)
        atomic_fetch_add(record->count > depth_limit ? &truncations : &unknown, 1);
    if (!agrees(record, entry)) {
        atomic_fetch_add(&differences, 1);
        show(record, entry);
    }
}

static void check(const uintptr_t *frame) {
    struct record *record = checking_begin();
    if (!record)
        return;
    compare(record, frame);
    checking_end();
}

EXPORT void *malloc(size_t size) {
    check(__builtin_frame_address(0));
    return __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size) {
    check(__builtin_frame_address(0));
    return __libc_calloc(count, size);
}

EXPORT void *realloc(void *block, size_t size) {
    check(__builtin_frame_address(0));
    return __libc_realloc(block, size);
}

EXPORT void free(void *block) {
    check(__builtin_frame_address(0));
    __libc_free(block);
}

EXPORT int dlclose(void *handle) {
    int (*next)(void *) = (int (*)(void *))dlsym(RTLD_NEXT, "dlclose");
    int result = next(handle);
    capture_code_unloaded();
    return result;
}
