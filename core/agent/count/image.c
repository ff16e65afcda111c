#include "agent/count/image.h"

#include <string.h>
#include <sys/mman.h>

#include "agent/system/kernel_memory.h"
#include "agent/x86_64/system_call.h"
#include "platform/page.h"
#include "tmpalloc/status.h"

_Static_assert(sizeof(struct agent_image) <= PAGE_BYTES, "an image fits a page");

#define ANCHOR                                                                                     \
    {                                                                                              \
        .magic = AGENT_IMAGE_MAGIC, .version = AGENT_IMAGE_VERSION,                                \
        .image_bytes = sizeof(struct agent_image)                                                  \
    }

/* Not where this library's data begins: a mapping that begins with the magic is an image. */
extern struct agent_image_anchor tmpalloc_agent_image;
TMPALLOC_API __attribute__((section("anchor"))) struct agent_image_anchor tmpalloc_agent_image =
    ANCHOR;

static struct agent_image none;
static struct agent_image forked; /* the image while a fork goes on */
struct agent_image *image = &none;

/* Between pages that can't be touched, or the kernel joins it with its neighbours to one mapping
 * that begins elsewhere. */
static struct agent_image *map_image(void) {
    char *pages = kernel_map(3 * PAGE_BYTES);
    if (!pages)
        return NULL;
    char *middle = pages + PAGE_BYTES;
    kernel_protect(pages, PAGE_BYTES, PROT_NONE);
    kernel_protect(middle + PAGE_BYTES, PAGE_BYTES, PROT_NONE);
    system_call4(SYS_madvise, (long)middle, PAGE_BYTES, MADV_WIPEONFORK, 0);
    return (struct agent_image *)(void *)middle;
}

static int64_t own_pid(void) {
    return system_call4(SYS_getpid, 0, 0, 0, 0);
}

int image_create(const struct image_options *options) {
    struct agent_image *created = map_image();
    if (!created)
        return TMPALLOC_E_NOMEM;
    *created = (struct agent_image){
        .anchor = ANCHOR,
        .thread_bytes = sizeof(struct agent_thread),
        .site_bytes = sizeof(struct agent_site),
        .stack_bytes = sizeof(struct agent_stack),
        .free_bytes = sizeof(struct agent_free),
        .window_entry_bytes = sizeof(struct agent_window_entry),
        .max_threshold = options->max_threshold,
        .pid = own_pid(),
        .generation = 2,
        .memory_limit_bytes = options->memory_limit_bytes,
        .mappings = options->mappings,
        .python = options->python,
        .asks = options->asks,
        .within = options->within,
        .stack_depth = options->stack_depth,
    };
    created->anchor.image = (uintptr_t)created;
    image = created;
    return TMPALLOC_OK;
}

void image_publish(void) {
    IMAGE_STORE(&tmpalloc_agent_image.image, (uint64_t)(uintptr_t)image);
}

void image_start(void) {
    IMAGE_STORE(&image->generation, (image->generation | 1) + 2);
}

bool image_end(uint64_t generation) {
    uint64_t next = (generation & ~UINT64_C(1)) + 2;
    return __atomic_compare_exchange_n(&image->generation, &generation, next, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Threads look at the generation first, so the other number must be there before it. */
void image_reset(void) {
    uint64_t generation = image->generation + 2;
    image->dropped = 0;
    image->children = 0;
    IMAGE_STORE(&image->reset_generation, generation);
    IMAGE_STORE(&image->generation, generation);
}

void image_before_fork(void) {
    forked = *image;
}

void image_in_child(void) {
    *image = forked;
    image->catching = 0;
    image->awaited = 0;
    image_reset();
}

void image_count_dropped(void) {
    __atomic_fetch_add(&image->dropped, 1, __ATOMIC_RELAXED);
}

void image_count_child(void) {
    if (image_tracks(IMAGE_LOAD(&image->generation)))
        __atomic_fetch_add(&image->children, 1, __ATOMIC_RELAXED);
}
