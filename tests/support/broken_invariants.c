/* Breaks what holds as long as the code is right, and prints what is told of it.
 *
 *     broken_invariants [--abort] NAME */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/session_state.h"
#include "support/check.h"
#include "support/log.h"
#include "support/map.h"
#include "support/memory.h"
#include "tables/detector.h"
#include "tables/stacks.h"

static void print(void *arg, const char *line) {
    (void)arg;
    puts(line);
}

static int fill_map(void) {
    struct map map;
    map_init(&map);
    if (map_put(&map, 1, 1) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < map.capacity; i++)
        map.slots[i] = (struct map_slot){.key = i + 10, .used = true};
    map.count = map.capacity;
    int status = map_put(&map, 1, 1);
    map_deinit(&map);
    return status;
}

static int get_no_stack(void) {
    struct stacks *stacks;
    int status = stacks_create(&stacks);
    if (status != TMPALLOC_OK)
        return status;
    const struct stack *stack = stacks_get(stacks, 7);
    printf("%u frames\n", stack->count);
    stacks_destroy(stacks);
    return stack->truncated ? TMPALLOC_E_INTERNAL : TMPALLOC_OK;
}

static int track_without_start(void) {
    struct session *session = calloc(1, sizeof *session);
    struct error error = {.text = "nothing"};
    if (!session)
        return TMPALLOC_E_NOMEM;
    int status = session_set_state(session, SESSION_TRACKING, &error);
    printf("state %d: %s\n", session->state, error.text);
    free(session);
    return status;
}

static int write_into_a_ring(void) {
    struct detector *detector;
    struct window *window;
    if (detector_create(16, NULL, &detector) != TMPALLOC_OK ||
        detector_add_window(detector, NULL, &window) != TMPALLOC_OK ||
        detector_allocated(detector, window, 0x1000, 8, NULL) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    struct window_layout layout = detector_window_layout(detector);
    struct window_entry *ring = (void *)((char *)window + layout.ring_off);
    printf("%s\n", detector_is_valid(detector) ? "valid" : "broken");
    ring[5].address = 0x2000;
    bool is_valid = detector_is_valid(detector);
    detector_destroy(detector);
    return CHECK(is_valid, NULL);
}

static const struct {
    const char *name;
    int (*run)(void);
} cases[] = {
    {"map", fill_map},
    {"stacks", get_no_stack},
    {"session", track_without_start},
    {"detector", write_into_a_ring},
};

int main(int argc, char **argv) {
    check_aborts = argc > 2 && strcmp(argv[1], "--abort") == 0;
    log_to(print, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (strcmp(argv[argc - 1], cases[i].name) == 0)
            return cases[i].run() == TMPALLOC_E_INTERNAL ? 0 : 1;
    }
    return 2;
}
