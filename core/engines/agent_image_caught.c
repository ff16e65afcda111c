#include "engines/agent_image.h"
#include "engines/agent_image_reader.h"

_Static_assert(ENGINE_BETWEEN_LIMIT >= AGENT_BETWEEN_LIMIT, "there is a place for each");

static int read_between(struct image_reader *reader, const struct agent_caught *caught,
                        struct engine_caught *ret) {
    int status = TMPALLOC_OK;
    if (caught->between_count > AGENT_BETWEEN_LIMIT)
        return image_reader_damaged(reader, "number of allocations", caught->between_count);
    ret->between_count = caught->between_count;
    for (uint32_t i = 0; i < caught->between_count && status == TMPALLOC_OK; i++) {
        ret->between[i].size_bytes = caught->between[i].size_bytes;
        status = image_reader_site_stack(reader, caught->between[i].site, &ret->between[i].stack);
    }
    return status;
}

static int read_caught(struct image_reader *reader, uint64_t address, struct engine_caught *ret) {
    struct agent_caught caught;
    int status = image_memory_read(&reader->memory, address, &caught, sizeof caught, reader->error);
    if (status != TMPALLOC_OK)
        return status;
    *ret = (struct engine_caught){.address = caught.address,
                                  .size_bytes = caught.size_bytes,
                                  .distance = caught.distance,
                                  .free_stack = ENGINE_NO_STACK,
                                  .catches = caught.catches};
    status = image_reader_site_stack(reader, caught.site, &ret->stack);
    if (status == TMPALLOC_OK && caught.free_stack != 0)
        status =
            image_reader_stack(reader, caught.free_stack, caught.entry_point, &ret->free_stack);
    return status == TMPALLOC_OK ? read_between(reader, &caught, ret) : status;
}

int agent_image_read_caught(const struct agent_image_source *source, uint64_t address,
                            uint64_t caught, struct stacks *stacks, struct engine_caught *ret,
                            struct error *error) {
    struct image_reader *reader = NULL;
    int status = image_reader_open(source, address, stacks, error, &reader);
    if (status != TMPALLOC_OK)
        return status;
    status = read_caught(reader, caught, ret);
    image_reader_close(reader);
    return status;
}

int agent_image_read_site(const struct agent_image_source *source, uint64_t address, uint64_t site,
                          struct stacks *stacks, uint32_t *stack_ret, struct error *error) {
    struct image_reader *reader = NULL;
    int status = image_reader_open(source, address, stacks, error, &reader);
    if (status != TMPALLOC_OK)
        return status;
    status = image_reader_site_stack(reader, site, stack_ret);
    image_reader_close(reader);
    return status;
}

struct search {
    struct image_reader *reader;
    uint32_t stack;
    int (*emit)(void *arg, uint64_t site, uint64_t visit);
    void *arg;
};

static int search_sites(const struct search *search, uint64_t address) {
    while (address != 0) {
        struct agent_site site;
        uint32_t stack;
        int status = image_reader_element(search->reader, address, &site, sizeof site);
        if (status == TMPALLOC_OK)
            status = image_reader_stack(search->reader, site.stack, site.entry_point, &stack);
        if (status == TMPALLOC_OK && stack == search->stack)
            status = search->emit(search->arg, address, site.visit);
        if (status != TMPALLOC_OK)
            return status;
        address = site.next;
    }
    return TMPALLOC_OK;
}

static int search_threads(const struct search *search) {
    uint64_t address = search->reader->image.first_thread;
    while (address != 0) {
        struct agent_thread thread;
        int status = image_reader_element(search->reader, address, &thread, sizeof thread);
        if (status == TMPALLOC_OK)
            status = search_sites(search, thread.first_site);
        if (status != TMPALLOC_OK)
            return status;
        address = thread.next;
    }
    return TMPALLOC_OK;
}

int agent_image_find_sites(const struct agent_image_source *source, uint64_t address,
                           struct stacks *stacks, uint32_t stack,
                           int (*emit)(void *arg, uint64_t site, uint64_t visit), void *arg,
                           struct error *error) {
    struct search search = {.stack = stack, .emit = emit, .arg = arg};
    int status = image_reader_open(source, address, stacks, error, &search.reader);
    if (status != TMPALLOC_OK)
        return status;
    status = search_threads(&search);
    image_reader_close(search.reader);
    return status;
}
