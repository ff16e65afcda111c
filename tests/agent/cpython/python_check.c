/* Preloaded into Python: compares the Python stack of every allocator call with one that is walked
 * and copied anew, and some of them with what CPython writes about itself.
 *
 * Writes a line of counts at exit, and each of the first differences, to the end of the file that
 * PYTHON_CHECK names. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/cpython/python_capture.h"
#include "agent/cpython/python_here.h"
#include "tmpalloc/tmpalloc.h"

#define SHOWN 5

/* CPython writes no more frames than that. */
#define DUMPED_FRAMES 100
#define DUMP_BYTES    65536
/* Of the captures, and of those that are new, one of so many is compared with a dump. */
#define DUMP_EVERY     251
#define DUMP_EVERY_NEW 11
/* And so many with code objects that are copied anew. */
#define COPY_EVERY 7

/* What one thread at a time needs. */
struct record {
    struct record *next;
    struct python_cache *cache;
    struct python_self self;
    uint64_t captures;
    struct python_frame frames[PYTHON_DEPTH_LIMIT];
    char dump[DUMP_BYTES];
};

#include "checking.h"
#include "dump_function.h"

static int dump_file = -1;
static pthread_mutex_t dumping = PTHREAD_MUTEX_INITIALIZER;
static dump_function *dump_traceback;
static atomic_ulong captures, differences, shown, walks, truncations, dumps, deepest, empty;

static bool record_init(struct record *record) {
    return python_cache_init(&record->cache) == TMPALLOC_OK;
}

static void record_forget(struct record *record) {
    python_cache_forget(record->cache);
}

static uintptr_t find_symbol(const char *symbol) {
    return (uintptr_t)dlsym(RTLD_DEFAULT, symbol);
}

__attribute__((constructor)) static void start(void) {
    dump_file = memfd_create("dump", MFD_CLOEXEC);
    dump_traceback = find_dump_function();
    checking_start("PYTHON_CHECK", python_here_find(find_symbol) == PYTHON_FOUND);
}

__attribute__((destructor)) static void finish(void) {
    char line[300];
    int length = snprintf(line, sizeof line,
                          "captures %lu differences %lu walks %lu truncated %lu dumps %lu "
                          "deepest %lu empty %lu deaths %lu\n",
                          captures, differences, walks, truncations, dumps, deepest, empty,
                          python_codes_deaths());
    write_line(line, length);
    checking_finish();
}

static void show(const char *what, const char *found, const char *expected) {
    char line[400];
    atomic_fetch_add(&differences, 1);
    if (atomic_fetch_add(&shown, 1) < SHOWN)
        write_line(line, snprintf(line, sizeof line, "%s: found %.150s expected %.150s\n", what,
                                  found, expected));
}

static bool read_directly(void *arg, uint64_t address, void *buffer, size_t size) {
    (void)arg;
    memcpy(buffer, (const void *)(uintptr_t)address, size);
    return true;
}

static void compare_code(const struct python_code *found, const struct python_process *process,
                         uint64_t address) {
    struct python_code code;
    if (python_code_copy(process, python_here(), address, &code) != TMPALLOC_OK) {
        show("code", found->name, "none");
        return;
    }
    if (strcmp(found->name, code.name) != 0)
        show("name", found->name, code.name);
    if (strcmp(found->file, code.file) != 0)
        show("file", found->file, code.file);
    if (found->lines_bytes != code.lines_bytes || found->first_line != code.first_line ||
        memcmp(found->lines, code.lines, code.lines_bytes) != 0)
        show("lines", found->name, code.name);
    python_code_deinit(&code);
}

/* With a stack that is walked anew. */
static void compare_walk(struct record *record, const struct python_entry *entry, uintptr_t state) {
    const struct python_process process = {.read = read_directly};
    bool truncated = false;
    size_t count = state ? python_frames_list(&process, python_here(), state, record->frames,
                                              PYTHON_DEPTH_LIMIT, &truncated)
                         : 0;
    if (entry->count != count && !entry->truncated) {
        show("depth", "another", "another");
        return;
    }
    for (size_t i = 0; i < entry->count; i++) {
        if (entry->places[i].instruction != record->frames[i].instruction ||
            entry->places[i].is_entry != record->frames[i].is_entry)
            show("place", entry->places[i].code->name, "another instruction or mark");
        if (!entry->truncated && record->captures % COPY_EVERY == 0)
            compare_code(entry->places[i].code, &process, record->frames[i].code);
    }
}

/* Whether a line of a dump is about no function: 3.12 writes the marks of the evaluation loop. */
static bool is_mark(const char *line) {
    return strstr(line, "<interpreter trampoline>") != NULL;
}

/* One line of a dump: `  File "x.py", line 3 in f`.  Names that it writes otherwise than as they
 * are, it escapes; instructions of no line may have line 0. */
static void compare_line(const struct python_place *place, const char *line) {
    char expected[400];
    const char *last = strrchr(place->code->name, '.');
    int32_t number = python_code_line(place->code, place->instruction);
    if (strchr(line, '\\') || strstr(line, "...") || strstr(line, ", line 0 in "))
        return;
    if (number > 0)
        snprintf(expected, sizeof expected, "  File \"%s\", line %d in %s", place->code->file,
                 number, last ? last + 1 : place->code->name);
    else
        snprintf(expected, sizeof expected, "  File \"%s\", line ??? in %s", place->code->file,
                 last ? last + 1 : place->code->name);
    if (strcmp(expected, line) != 0)
        show("dump", expected, line);
}

static size_t dump(char *buffer, uintptr_t state) {
    pthread_mutex_lock(&dumping);
    ftruncate(dump_file, 0);
    lseek(dump_file, 0, SEEK_SET);
    dump_traceback(dump_file, (void *)state, true);
    ssize_t size = pread(dump_file, buffer, DUMP_BYTES - 1, 0);
    pthread_mutex_unlock(&dumping);
    buffer[size > 0 ? size : 0] = '\0';
    return size > 0 ? (size_t)size : 0;
}

/* With what CPython says. */
static void compare_dump(struct record *record, const struct python_entry *entry, uintptr_t state) {
    char *rest;
    uint32_t i = 0;
    if (!state || !dump_traceback || !dump(record->dump, state))
        return;
    char *line = strtok_r(record->dump, "\n", &rest);
    if (!line || strncmp(line, "Stack", 5) != 0)
        return;
    uint32_t lines = 0;
    for (; (line = strtok_r(NULL, "\n", &rest)) && i < entry->count && lines < DUMPED_FRAMES;
         lines++) {
        if (!is_mark(line))
            compare_line(&entry->places[i++], line);
    }
    if (i != entry->count && lines != DUMPED_FRAMES)
        show("dump", "more frames", "less");
    atomic_fetch_add(&dumps, 1);
}

static void compare(struct record *record) {
    uint64_t before = python_capture_walks(record->cache);
    const struct python_entry *entry = python_capture(record->cache);
    uintptr_t state = python_here_thread(&record->self);
    bool is_new = python_capture_walks(record->cache) > before;
    atomic_fetch_add(&captures, 1);
    if (is_new)
        atomic_fetch_add(&walks, 1);
    if (!entry) {
        show("entry", "none", "one");
        return;
    }
    if (entry->count > deepest)
        atomic_store(&deepest, entry->count);
    if (entry->count == 0)
        atomic_fetch_add(&empty, 1);
    if (entry->truncated)
        atomic_fetch_add(&truncations, 1);
    compare_walk(record, entry, state);
    if (!entry->truncated && ++record->captures % (is_new ? DUMP_EVERY_NEW : DUMP_EVERY) == 0)
        compare_dump(record, entry, state);
}

static void check(void) {
    int saved_errno = errno;
    struct record *record = checking_begin();
    if (record) {
        compare(record);
        checking_end();
    }
    errno = saved_errno;
}

EXPORT void *malloc(size_t size) {
    check();
    return __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size) {
    check();
    return __libc_calloc(count, size);
}

EXPORT void *realloc(void *block, size_t size) {
    check();
    return __libc_realloc(block, size);
}

EXPORT void free(void *block) {
    if (block)
        check();
    __libc_free(block);
}
