#include <stddef.h>

#include "engines/engine_agent.h"
#include "engines/engine_agent_answer.h"
#include "engines/engine_agent_functions.h"
#include "engines/engine_agent_state.h"

_Static_assert(ENGINE_CATCHES == AGENT_CATCHES, "each has its place in the image");

/* Setting. */

static int break_where_it_stops(struct engine_agent *agent, const struct agent_image *image,
                                struct error *error) {
    int status = TMPALLOC_OK;
    for (uint32_t i = 0; i < AGENT_ENTRY_POINTS_LIMIT && status == TMPALLOC_OK; i++) {
        if (image->catch_places[i] != 0 && image->hooking[i] != AGENT_NOT_HOOKED)
            status = engine_agent_break(agent, image->catch_places[i], BREAKPOINT_CATCH, error);
    }
    return status;
}

/* Catches that go on keep what the agent has counted. */
static void fill_catches(const struct engine_catches *catches, struct agent_image *image) {
    for (uint32_t i = 0; i < ENGINE_CATCHES; i++) {
        bool goes_on = catches->active & image->catching & UINT32_C(1) << i;
        uint64_t matches = goes_on ? image->catches[i].matches : 0;
        image->catches[i] = catches->items[i];
        image->catches[i].matches = matches;
    }
    image->catch_anywhere = catches->anywhere;
    image->catch_generation = catches->generation;
    image->watched = catches->watched;
    image->catching = catches->active | (catches->watched ? AGENT_WATCHING : 0);
}

static int write_catches(struct engine_agent *agent, const struct agent_image *image,
                         struct error *error) {
    int status = ENGINE_AGENT_WRITE(agent, image, catches, error);
    if (status == TMPALLOC_OK)
        status = ENGINE_AGENT_WRITE(agent, image, catch_anywhere, error);
    if (status == TMPALLOC_OK)
        status = ENGINE_AGENT_WRITE(agent, image, catch_generation, error);
    if (status == TMPALLOC_OK)
        status = ENGINE_AGENT_WRITE(agent, image, watched, error);
    return status == TMPALLOC_OK ? ENGINE_AGENT_WRITE(agent, image, catching, error) : status;
}

/* Those of catches are in the code while they are of use. */
static int engine_agent_catch_set_breakpoints(struct engine_agent *agent,
                                              const struct agent_image *image,
                                              struct error *error) {
    const struct engine_catches *catches = agent->parts.catches;
    int status = TMPALLOC_OK;
    if (!catches->active)
        breakpoints_enable_role(&agent->breakpoints, BREAKPOINT_CATCH, false, NULL);
    else if (status == TMPALLOC_OK && image)
        status = break_where_it_stops(agent, image, error);
    return status == TMPALLOC_OK && image ? engine_agent_write_breakpoints(agent, error) : status;
}

int engine_agent_set_catches(struct engine_agent *agent, struct error *error) {
    const struct engine_catches *catches = agent->parts.catches;
    struct agent_image image;
    if (agent->anchor == 0)
        return TMPALLOC_OK;
    bool is_ready = engine_agent_is_ready(agent, &image);
    if (!catches->active && (!is_ready || (image.catching == 0 && !catches->watched)))
        return TMPALLOC_OK;
    int status = engine_agent_catch_set_breakpoints(agent, is_ready ? &image : NULL, error);
    if (status != TMPALLOC_OK || !is_ready)
        return status;
    fill_catches(catches, &image);
    return write_catches(agent, &image, error);
}

void engine_agent_count_matches(struct engine_agent *agent) {
    struct engine_catches *catches = agent->parts.catches;
    struct agent_image image;
    if (!catches->active || engine_agent_image(agent, &image, NULL) != TMPALLOC_OK)
        return;
    for (uint32_t i = 0; i < ENGINE_CATCHES; i++) {
        if (catches->active & image.catching & UINT32_C(1) << i)
            catches->items[i].matches = image.catches[i].matches;
    }
}

/* Being told. */

static int engine_agent_catch_decide(struct engine_agent *agent, uint64_t address,
                                     struct error *error) {
    const struct engine_catches *catches = agent->parts.catches;
    const struct agent_image_source source = engine_agent_source(&agent->parts);
    struct agent_site site = {.catch_generation = catches->generation};
    uint32_t stack;
    int status = agent_image_read_site(&source, agent->anchor, address,
                                       tracker_stacks(agent->parts.tracker), &stack, error);
    if (status != TMPALLOC_OK)
        return status;
    site.catch_matches = catches->decide(catches->arg, stack);
    struct host *host = agent->parts.host;
    status = host_write_data(host, address + offsetof(struct agent_site, catch_matches),
                             &site.catch_matches, sizeof(site.catch_matches), error);
    if (status != TMPALLOC_OK)
        return status;
    return host_write_data(host, address + offsetof(struct agent_site, catch_generation),
                           &site.catch_generation, sizeof(site.catch_generation), error);
}

static int add_caught(struct engine_agent *agent, uint64_t address, struct error *error) {
    const struct agent_image_source source = engine_agent_source(&agent->parts);
    struct tmpalloc_thread thread;
    struct engine_caught caught;
    int status = host_current_thread(agent->parts.host, &thread, error);
    if (status == TMPALLOC_OK)
        status = agent_image_read_caught(&source, agent->anchor, address,
                                         tracker_stacks(agent->parts.tracker), &caught, error);
    if (status != TMPALLOC_OK)
        return status;
    caught.thread = thread.key;
    return engine_catches_add(agent->parts.catches, &caught);
}

/* Watching. */

struct marking {
    struct engine_agent *agent;
    uint64_t site; /* one of those found */
};

/* The agent looks at a site again when it finds another number there than it wrote. */
static int mark_site(void *arg, uint64_t site, uint64_t visit) {
    struct marking *marking = arg;
    uint64_t changed = visit ^ UINT64_C(1) << 31;
    marking->site = site;
    return host_write_data(marking->agent->parts.host, site + offsetof(struct agent_site, visit),
                           &changed, sizeof(changed), NULL);
}

int engine_agent_await(struct engine_agent *agent, struct error *error) {
    const struct agent_image_source source = engine_agent_source(&agent->parts);
    const struct engine_catches *catches = agent->parts.catches;
    struct marking marking = {.agent = agent};
    struct agent_image image;
    int status = engine_agent_image(agent, &image, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_catch_set_breakpoints(agent, &image, error);
    if (status == TMPALLOC_OK && catches->awaited_stack != ENGINE_NO_STACK)
        status =
            agent_image_find_sites(&source, agent->anchor, tracker_stacks(agent->parts.tracker),
                                   catches->awaited_stack, mark_site, &marking, error);
    image.awaited = marking.site;
    return status == TMPALLOC_OK ? ENGINE_AGENT_WRITE(agent, &image, awaited, error) : status;
}

static int tell_allocated(struct engine_agent *agent, uint64_t address, struct error *error) {
    struct engine_catches *catches = agent->parts.catches;
    struct agent_caught caught;
    int status = host_read_data(agent->parts.host, address, &caught, sizeof(caught), error);
    if (status != TMPALLOC_OK)
        return status;
    if (catches->awaited_stack != ENGINE_NO_STACK)
        catches->allocated(catches->arg, caught.address, caught.size_bytes);
    return TMPALLOC_OK;
}

int engine_agent_told(struct engine_agent *agent, uint64_t id, enum engine_agent_hit *ret,
                      struct error *error) {
    const struct engine_catches *catches = agent->parts.catches;
    const struct breakpoint *breakpoint = breakpoints_by_id(&agent->breakpoints, id);
    const struct processor *processor = agent->parts.host->processor;
    uint64_t arguments[2] = {0, 0};
    int status = processor ? host_read_registers(agent->parts.host, processor->arguments, 2,
                                                 arguments, error)
                           : TMPALLOC_E_UNSUPPORTED;
    if (status != TMPALLOC_OK)
        return status;
    if (breakpoint->roles & BREAKPOINT_CATCH)
        return add_caught(agent, arguments[0], error);
    switch (arguments[0]) {
    case AGENT_TELLS_READY:
    case AGENT_TELLS_HOOKED:
        status = engine_agent_functions_told(agent, (enum agent_tells)arguments[0], error);
        return status == TMPALLOC_OK ? engine_agent_set_catches(agent, error) : status;
    case AGENT_TELLS_UNDECIDED:
        return engine_agent_catch_decide(agent, arguments[1], error);
    case AGENT_TELLS_ALLOCATED:
        return tell_allocated(agent, arguments[1], error);
    case AGENT_TELLS_FREED:
        catches->freed(catches->arg);
        return TMPALLOC_OK;
    case AGENT_TELLS_ASKING:
        return engine_agent_answer(agent, arguments[1], error);
    case AGENT_TELLS_EXITING:
    case AGENT_TELLS_EXECING:
        *ret =
            arguments[0] == AGENT_TELLS_EXITING ? ENGINE_AGENT_HIT_EXITS : ENGINE_AGENT_HIT_EXECS;
        return TMPALLOC_OK;
    default:
        return TMPALLOC_OK;
    }
}
