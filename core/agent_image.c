#include "agent_image.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent_image_memory.h"
#include "map.h"
#include "memory.h"
#include "tmpalloc/agent_image.h"

/* Higher addresses are not a program's; a stack's address and an entry point fit one map key. */
#define ADDRESS_LIMIT (UINT64_C(1) << 57)

_Static_assert(AGENT_FREE_STACKS == SITE_FREE_STACKS, "all of them are kept");
_Static_assert(AGENT_ENTRY_POINTS_LIMIT <= 64, "an index has six bits");

struct site_tid {
    struct tracker_site *site;
    int64_t tid;
};

struct reader {
    struct image_memory memory;
    struct stacks *stacks;
    struct error *error;
    struct agent_image image;
    size_t distance_bytes; /* of a site's by_distance */
    struct agent_site *site;
    uint64_t pcs[AGENT_STACK_LIMIT];
    struct frame frames[AGENT_STACK_LIMIT + 1];
    struct map seen;    /* addresses of elements of lists */
    struct map numbers; /* stack and entry point -> number in `stacks` */
    struct map merged;  /* number -> struct tracker_site * */
    struct tracker_site **sites;
    size_t site_count;
    size_t site_capacity;
    struct site_tid *tids;
    size_t tid_count;
    size_t tid_capacity;
    struct tracker_snapshot snapshot;
};

static int damaged(struct reader *reader, const char *what, uint64_t number) {
    return error_set(reader->error, TMPALLOC_E_HOST,
                     "the agent's results are damaged: %s 0x%" PRIx64, what, number);
}

/* An element is visited once: so no list is endless, and none leads into another. */
static int read_element(struct reader *reader, uint64_t address, void *buffer, size_t size) {
    uint64_t unused;
    if (map_get(&reader->seen, address, &unused))
        return damaged(reader, "two links to", address);
    if (map_put(&reader->seen, address, 0))
        return error_no_memory(reader->error);
    return image_memory_read(&reader->memory, address, buffer, size, reader->error);
}

/* The image itself. */

static int check_anchor(struct reader *reader, const struct agent_image_anchor *anchor) {
    if (memcmp(anchor->magic, AGENT_IMAGE_MAGIC, sizeof anchor->magic) != 0)
        return error_set(reader->error, TMPALLOC_E_HOST, "there is no agent at this address");
    if (anchor->version != AGENT_IMAGE_VERSION)
        return error_set(reader->error, TMPALLOC_E_UNSUPPORTED,
                         "the agent has version %" PRIu32 ", this tmpalloc reads version %d",
                         anchor->version, AGENT_IMAGE_VERSION);
    if (anchor->image_bytes != sizeof(struct agent_image))
        return damaged(reader, "image size", anchor->image_bytes);
    if (anchor->image == 0)
        return error_set(reader->error, TMPALLOC_E_STATE, "the agent is not set up yet");
    return TMPALLOC_OK;
}

static int check_image(struct reader *reader) {
    const struct agent_image *image = &reader->image;
    if (image->thread_bytes != sizeof(struct agent_thread))
        return damaged(reader, "thread size", image->thread_bytes);
    if (image->site_bytes != sizeof(struct agent_site))
        return damaged(reader, "site size", image->site_bytes);
    if (image->stack_bytes != sizeof(struct agent_stack))
        return damaged(reader, "stack size", image->stack_bytes);
    if (image->max_threshold > DETECTOR_THRESHOLD_LIMIT)
        return damaged(reader, "threshold", image->max_threshold);
    if (image->entry_point_count > AGENT_ENTRY_POINTS_LIMIT)
        return damaged(reader, "number of entry points", image->entry_point_count);
    return TMPALLOC_OK;
}

static int read_image(struct reader *reader, uint64_t address) {
    struct agent_image_anchor anchor;
    int status = image_memory_read(&reader->memory, address, &anchor, sizeof anchor, reader->error);
    if (status == TMPALLOC_OK)
        status = check_anchor(reader, &anchor);
    if (status == TMPALLOC_OK)
        status = image_memory_read(&reader->memory, anchor.image, &reader->image,
                                   sizeof reader->image, reader->error);
    if (status == TMPALLOC_OK)
        status = check_anchor(reader, &reader->image.anchor);
    return status == TMPALLOC_OK ? check_image(reader) : status;
}

/* Stacks. */

static int read_pcs(struct reader *reader, uint64_t address, struct agent_stack *ret) {
    int status = image_memory_read(&reader->memory, address, ret, sizeof *ret, reader->error);
    if (status != TMPALLOC_OK)
        return status;
    if (ret->count > AGENT_STACK_LIMIT)
        return damaged(reader, "stack depth", ret->count);
    return image_memory_read(&reader->memory, address + sizeof *ret, reader->pcs,
                             ret->count * sizeof reader->pcs[0], reader->error);
}

static uint32_t make_frames(struct reader *reader, uint32_t pc_count, uint64_t entry_address) {
    const struct agent_image_source *source = reader->memory.source;
    uint32_t count = 0;
    if (entry_address != 0)
        reader->frames[count++] = source->frame(source->arg, entry_address, true);
    for (uint32_t i = 0; i < pc_count; i++) {
        uint64_t pc = reader->pcs[i] & ~AGENT_PC_EXACT;
        reader->frames[count++] = source->frame(source->arg, pc, reader->pcs[i] & AGENT_PC_EXACT);
    }
    return count;
}

static int intern(struct reader *reader, uint64_t address, uint32_t entry_point, uint32_t *ret) {
    struct agent_stack header;
    int status = read_pcs(reader, address, &header);
    if (status != TMPALLOC_OK)
        return status;
    const struct stack stack = {
        .frames = reader->frames,
        .count = make_frames(reader, header.count, reader->image.entry_points[entry_point]),
        .truncated = header.truncated != 0,
    };
    if (stacks_intern(reader->stacks, &stack, ret) != TMPALLOC_OK)
        return error_no_memory(reader->error);
    return TMPALLOC_OK;
}

static int read_stack(struct reader *reader, uint64_t address, uint32_t entry_point,
                      uint32_t *ret) {
    if (entry_point >= reader->image.entry_point_count)
        return damaged(reader, "entry point", entry_point);
    if (address >= ADDRESS_LIMIT)
        return damaged(reader, "stack address", address);
    uint64_t key = address << 6 | entry_point, known;
    if (map_get(&reader->numbers, key, &known)) {
        *ret = (uint32_t)known;
        return TMPALLOC_OK;
    }
    int status = intern(reader, address, entry_point, ret);
    if (status == TMPALLOC_OK && map_put(&reader->numbers, key, *ret))
        status = error_no_memory(reader->error);
    return status;
}

/* Sites. */

static struct tracker_site *new_site(struct reader *reader, uint32_t stack) {
    void *sites = reader->sites;
    if (memory_reserve(&sites, &reader->site_capacity, reader->site_count + 1, sizeof(void *)))
        return NULL;
    reader->sites = sites;
    struct arena *storage = &reader->snapshot.storage;
    struct tracker_site *site = arena_allocate(storage, 1, sizeof *site);
    if (!site || map_put(&reader->merged, stack, (uintptr_t)site))
        return NULL;
    site->by_distance =
        arena_allocate(storage, (size_t)reader->image.max_threshold + 1, sizeof *site->by_distance);
    if (!site->by_distance)
        return NULL;
    site->stack = stack;
    site->min_size = UINT64_MAX;
    for (size_t i = 0; i < SITE_FREE_STACKS; i++)
        site->free_stacks[i] = SITE_NO_STACK;
    reader->sites[reader->site_count++] = site;
    return site;
}

static int merged_site(struct reader *reader, uint32_t stack, struct tracker_site **ret) {
    uint64_t known;
    bool is_known = map_get(&reader->merged, stack, &known);
    *ret = is_known ? (struct tracker_site *)(uintptr_t)known : new_site(reader, stack);
    return *ret ? TMPALLOC_OK : error_no_memory(reader->error);
}

static void merge_counters(struct tracker_site *merged, const struct agent_site *site,
                           uint32_t max_threshold) {
    merged->allocations += site->allocations;
    merged->allocated_bytes += site->allocated_bytes;
    if (site->min_size < merged->min_size)
        merged->min_size = site->min_size;
    if (site->max_size > merged->max_size)
        merged->max_size = site->max_size;
    merged->larger += site->larger;
    merged->equal += site->equal;
    merged->by_realloc += site->by_realloc;
    for (uint32_t d = 0; d <= max_threshold; d++) {
        merged->by_distance[d].count += site->by_distance[d].count;
        merged->by_distance[d].bytes += site->by_distance[d].bytes;
    }
}

static int merge_free_stacks(struct reader *reader, struct tracker_site *merged,
                             const struct agent_site *site) {
    if (site->free_stack_count > AGENT_FREE_STACKS)
        return damaged(reader, "number of free stacks", site->free_stack_count);
    for (uint32_t i = 0; i < site->free_stack_count; i++) {
        uint32_t number;
        int status = read_stack(reader, site->free_stacks[i], site->free_entry_points[i], &number);
        if (status != TMPALLOC_OK)
            return status;
        site_merge_free_stack(merged->free_stacks, number);
    }
    return TMPALLOC_OK;
}

static int add_tid(struct reader *reader, struct tracker_site *site, int64_t tid) {
    void *tids = reader->tids;
    if (memory_reserve(&tids, &reader->tid_capacity, reader->tid_count + 1, sizeof *reader->tids))
        return error_no_memory(reader->error);
    reader->tids = tids;
    reader->tids[reader->tid_count++] = (struct site_tid){.site = site, .tid = tid};
    return TMPALLOC_OK;
}

static int merge_tids(struct reader *reader, struct tracker_site *merged, uint64_t address) {
    while (address != 0) {
        struct agent_site_thread element;
        int status = read_element(reader, address, &element, sizeof element);
        if (status == TMPALLOC_OK)
            status = add_tid(reader, merged, element.tid);
        if (status != TMPALLOC_OK)
            return status;
        address = element.next;
    }
    return TMPALLOC_OK;
}

static int merge_site(struct reader *reader, const struct agent_site *site) {
    uint32_t stack;
    struct tracker_site *merged;
    int status = read_stack(reader, site->stack, site->entry_point, &stack);
    if (status == TMPALLOC_OK)
        status = merged_site(reader, stack, &merged);
    if (status != TMPALLOC_OK)
        return status;
    merge_counters(merged, site, reader->image.max_threshold);
    status = merge_free_stacks(reader, merged, site);
    return status == TMPALLOC_OK ? merge_tids(reader, merged, site->threads) : status;
}

static int read_sites(struct reader *reader, uint64_t address) {
    struct agent_site *site = reader->site;
    while (address != 0) {
        int status = read_element(reader, address, site, sizeof *site + reader->distance_bytes);
        if (status == TMPALLOC_OK && site->allocations > 0)
            status = merge_site(reader, site);
        if (status != TMPALLOC_OK)
            return status;
        address = site->next;
    }
    return TMPALLOC_OK;
}

/* Threads. */

static int merge_thread(struct reader *reader, const struct agent_thread *thread) {
    struct tracker_totals *totals = &reader->snapshot.totals;
    totals->allocations += thread->allocations;
    totals->allocated_bytes += thread->allocated_bytes;
    totals->deallocations += thread->deallocations;
    totals->cross_thread_frees += thread->cross_thread_frees;
    totals->dropped += thread->dropped;
    return read_sites(reader, thread->first_site);
}

static int read_threads(struct reader *reader) {
    uint64_t address = reader->image.first_thread;
    while (address != 0) {
        struct agent_thread thread;
        int status = read_element(reader, address, &thread, sizeof thread);
        if (status == TMPALLOC_OK && thread.reset_generation == reader->image.reset_generation)
            status = merge_thread(reader, &thread);
        if (status != TMPALLOC_OK)
            return status;
        address = thread.next;
    }
    return TMPALLOC_OK;
}

/* The finished snapshot. */

static int compare_tids(const void *a, const void *b) {
    const struct site_tid *x = a, *y = b;
    if (x->site->stack != y->site->stack)
        return x->site->stack < y->site->stack ? -1 : 1;
    return (x->tid > y->tid) - (x->tid < y->tid);
}

static int list_tids(struct reader *reader) {
    int64_t *tids = arena_allocate(&reader->snapshot.storage, reader->tid_count, sizeof *tids);
    if (!tids)
        return error_no_memory(reader->error);
    if (reader->tid_count > 0)
        qsort(reader->tids, reader->tid_count, sizeof *reader->tids, compare_tids);
    for (size_t i = 0; i < reader->tid_count; i++) {
        struct tracker_site *site = reader->tids[i].site;
        if (!site->threads)
            site->threads = tids + i;
        if (site->thread_count == 0 || site->threads[site->thread_count - 1] != reader->tids[i].tid)
            site->threads[site->thread_count++] = reader->tids[i].tid;
    }
    return TMPALLOC_OK;
}

static int compare_sites(const void *a, const void *b) {
    const struct tracker_site *x = *(struct tracker_site *const *)a;
    const struct tracker_site *y = *(struct tracker_site *const *)b;
    return x->stack < y->stack ? -1 : x->stack > y->stack;
}

static int list_sites(struct reader *reader) {
    struct tracker_snapshot *snapshot = &reader->snapshot;
    size_t count = reader->site_count;
    snapshot->sites = arena_allocate(&snapshot->storage, count, sizeof *snapshot->sites);
    if (!snapshot->sites)
        return error_no_memory(reader->error);
    if (count > 0)
        qsort(reader->sites, count, sizeof(void *), compare_sites);
    for (size_t i = 0; i < count; i++)
        snapshot->sites[i] = *reader->sites[i];
    snapshot->site_count = count;
    return TMPALLOC_OK;
}

static int read_all(struct reader *reader, uint64_t address) {
    int status = read_image(reader, address);
    if (status != TMPALLOC_OK)
        return status;
    reader->snapshot.max_threshold = reader->image.max_threshold;
    reader->snapshot.totals.dropped = reader->image.dropped;
    size_t distances = (size_t)reader->image.max_threshold + 1;
    reader->distance_bytes = distances * sizeof(struct agent_distance);
    reader->site = memory_allocate(sizeof *reader->site + reader->distance_bytes);
    if (!reader->site)
        return error_no_memory(reader->error);
    status = read_threads(reader);
    if (status == TMPALLOC_OK)
        status = list_tids(reader);
    return status == TMPALLOC_OK ? list_sites(reader) : status;
}

static void deinit(struct reader *reader) {
    image_memory_deinit(&reader->memory);
    memory_release(reader->site);
    map_deinit(&reader->seen);
    map_deinit(&reader->numbers);
    map_deinit(&reader->merged);
    memory_release(reader->sites);
    memory_release(reader->tids);
}

int agent_image_read(const struct agent_image_source *source, uint64_t address,
                     struct stacks *stacks, struct agent_image_facts *facts_ret,
                     struct tracker_snapshot *ret, struct error *error) {
    struct reader *reader = memory_allocate_zeroed(1, sizeof *reader);
    if (!reader)
        return error_no_memory(error);
    reader->stacks = stacks;
    reader->error = error;
    int status = image_memory_init(&reader->memory, source, error);
    if (status == TMPALLOC_OK)
        status = read_all(reader, address);
    if (status == TMPALLOC_OK) {
        *ret = reader->snapshot;
        *facts_ret = (struct agent_image_facts){
            .pid = reader->image.pid,
            .tracking = reader->image.generation & 1,
            .memory_bytes = reader->image.memory_bytes,
            .memory_limit_bytes = reader->image.memory_limit_bytes,
        };
    } else {
        tracker_snapshot_deinit(&reader->snapshot);
    }
    deinit(reader);
    memory_release(reader);
    return status;
}
