#include "agent/install.h"

#include <string.h>

#include "agent/hooks/function_hooks.h"
#include "agent/hooks/hooks.h"
#include "agent/hooks/hooks_real.h"
#include "agent/hooks/object_allocator_hooks.h"
#include "agent/patch/patch.h"
#include "agent/patch/relocations.h"
#include "agent/system/c_library.h"
#include "agent/system/loaded_symbols.h"
#include "agent/system/own_code.h"
#include "tmpalloc/status.h"

/* What is known of each hook. */
struct installation {
    struct agent_image *image;
    bool preloaded;
    uintptr_t functions[HOOK_COUNT];
    enum agent_hooking hooking[HOOK_COUNT];
};

/* The functions in whose place the program is bound to this library's. */
static uintptr_t interposed[HOOK_COUNT];

bool install_comes_first(void) {
    return loaded_symbols_find("malloc", LOADED_FIRST) == hooks[HOOK_malloc].exported;
}

_Static_assert(AGENT_FIRST_OTHER + HOOK_COUNT - HOOK_dlclose <= AGENT_ENTRY_POINTS_LIMIT,
               "the image has a place for each");

/* In the image's arrays. */
static uint32_t install_place_of(uint32_t number) {
    return hooks_is_entry_point(number) ? number : AGENT_FIRST_OTHER + (number - HOOK_dlclose);
}

static void install_note(struct installation *installation, uint32_t number, uintptr_t function,
                         enum agent_hooking hooking) {
    struct agent_image *image = installation->image;
    installation->functions[number] = function;
    installation->hooking[number] = hooking;
    image->entry_points[install_place_of(number)] = function;
    image->hooking[install_place_of(number)] = (uint8_t)hooking;
}

static void install_find_code(uintptr_t function, struct own_code *ret) {
    loaded_symbols_segment(function, &ret->start, &ret->size_bytes);
}

/* Where a function is led to when its code is changed. */
static uintptr_t hook_for(uint32_t number, uintptr_t function) {
    if (!hooks[number].guarded || !loaded_symbols_share_file(function, c_library_address()))
        return hook_list[number].counting;
    install_find_code(function, &own_code_c_library);
    return hooks[number].guarded;
}

static void note_span(struct installation *installation, uint32_t number,
                      const struct patch_span *span) {
    installation->image->patch_start[install_place_of(number)] = span->start;
    installation->image->patch_end[install_place_of(number)] = span->end;
}

static int install_patch(struct installation *installation, uint32_t number, uintptr_t function) {
    struct patch_span span;
    install_note(installation, number, function, AGENT_PATCHED);
    int status = patch_entry(function, 0, hook_for(number, function), &hooks_real[number], &span);
    if (status == TMPALLOC_OK)
        note_span(installation, number, &span);
    else
        hooks_real[number] = function;
    return status;
}

static int install_change(struct installation *installation, uint32_t number, uintptr_t function) {
    int status = install_patch(installation, number, function);
    if (status != TMPALLOC_E_UNSUPPORTED)
        return status;
    install_note(installation, number, function, AGENT_RELOCATED);
    /* The executable calls its own functions directly, through no pointer of the dynamic linker. */
    status =
        loaded_symbols_in_executable(function)
            ? TMPALLOC_E_UNSUPPORTED
            : relocations_redirect(hook_list[number].name, function, hook_list[number].counting);
    if (status == TMPALLOC_E_UNSUPPORTED)
        install_note(installation, number, function, AGENT_HOOK_REFUSED);
    return number == HOOK_malloc || number == HOOK_free || status != TMPALLOC_E_UNSUPPORTED
               ? status
               : TMPALLOC_OK;
}

/* The number of an earlier name of the function; HOOK_COUNT: there is none. */
static uint32_t find_same(const struct installation *installation, uint32_t number,
                          uintptr_t function) {
    for (uint32_t i = 0; i < number; i++) {
        if (installation->functions[i] == function &&
            installation->hooking[i] != AGENT_NOT_HOOKED &&
            installation->hooking[i] != AGENT_INTERPOSED)
            return i;
    }
    return HOOK_COUNT;
}

/* Calls go by the function itself, as do those of whoever is bound to it (RTLD_DEEPBIND, dlsym() on
 * its library). */
static void lead_to_patched(struct installation *installation, uint32_t number,
                            uintptr_t function) {
    uint32_t same = find_same(installation, number, function);
    if (same != HOOK_COUNT)
        install_note(installation, number, function, AGENT_PATCHED);
    else if (install_patch(installation, number, function) != TMPALLOC_OK)
        install_note(installation, number, function, AGENT_INTERPOSED);
    bool patched = installation->hooking[number] == AGENT_PATCHED;
    hooks_route(number, patched ? function : hook_list[number].counting);
}

/* The program is bound to this library's function, unless that has nothing to do: then whoever is
 * loaded later shall be bound as without it. */
static void install_interpose(struct installation *installation, uint32_t number) {
    uintptr_t next = interposed[number];
    bool counts = next != 0;
    if (!next && installation->preloaded) {
        next = hooks_next(number);
        counts = next && (!hook_list[number].library || hooks_routes[number] != next);
        if (!next)
            loaded_symbols_hide(hook_list[number].name);
    }
    install_note(installation, number, next, counts ? AGENT_INTERPOSED : AGENT_NOT_HOOKED);
    interposed[number] = counts ? next : 0;
    if (counts && number <= HOOK_dlclose)
        lead_to_patched(installation, number, next);
}

/* A program's own function with the name of one that changes the process may do anything. */
static bool is_hook_meant(uint32_t number, uintptr_t function) {
    if (!hooks_is_entry_point(number))
        return number == HOOK_dlclose || loaded_symbols_share_file(function, c_library_address());
    return hooks_counts(number, function);
}

static int install_one(struct installation *installation, uint32_t number) {
    enum loaded_symbols_choice choice =
        installation->preloaded ? LOADED_FIRST : LOADED_FIRST_OF_OTHERS;
    uintptr_t function = loaded_symbols_find(hook_list[number].name, choice);
    uint32_t same = find_same(installation, number, function);
    if (hooks[number].exported && function == hooks[number].exported)
        install_interpose(installation, number);
    else if (!function || !is_hook_meant(number, function))
        install_note(installation, number, function, AGENT_NOT_HOOKED);
    else if (same != HOOK_COUNT)
        install_note(installation, number, function, installation->hooking[same]);
    else
        return install_change(installation, number, function);
    return TMPALLOC_OK;
}

int install_hooks(struct agent_image *image, bool preloaded) {
    struct installation installation = {.image = image, .preloaded = preloaded};
    int status = TMPALLOC_OK;
    object_allocator_hooks_undo();
    install_find_code(hook_list[HOOK_malloc].counting, &own_code_agent);
    if (preloaded)
        hooks_find_real();
    image->entry_point_count = AGENT_ENTRY_COUNT + image->function_count;
    for (uint32_t i = 0; i < HOOK_COUNT && status == TMPALLOC_OK; i++)
        status = install_one(&installation, i);
    if (status != TMPALLOC_OK)
        install_undo(image);
    return status;
}

static int install_function(struct agent_image *image, const struct agent_function *function) {
    struct patch_span span = {0};
    uint32_t i = function_hooks_place(function);
    if (i == AGENT_FUNCTIONS)
        return TMPALLOC_E_UNSUPPORTED;
    uint32_t place = AGENT_ENTRY_COUNT + i;
    int status = patch_entry(image->entry_points[place], function->size_bytes,
                             function_hooks_entry(i), &function_hooks_real[i], &span);
    image->hooking[place] = status == TMPALLOC_OK ? AGENT_PATCHED : AGENT_HOOK_REFUSED;
    image->patch_start[place] = span.start;
    image->patch_end[place] = span.end;
    return status;
}

int install_functions(struct agent_image *image, const struct agent_function *functions,
                      uint32_t count) {
    int status = TMPALLOC_OK;
    for (uint32_t i = AGENT_ENTRY_COUNT; i < AGENT_FIRST_OTHER; i++)
        image->hooking[i] = AGENT_NOT_HOOKED;
    for (uint32_t i = 0; i < count && status == TMPALLOC_OK; i++)
        status = install_function(image, &functions[i]);
    if (status != TMPALLOC_OK)
        return status;
    object_allocator_hooks_install();
    return TMPALLOC_OK;
}

/* What can't be changed is still told. */
void install_undo(struct agent_image *image) {
    object_allocator_hooks_undo();
    patch_undo();
    relocations_undo();
    for (uint32_t i = 0; i < AGENT_ENTRY_POINTS_LIMIT; i++) {
        if (image->hooking[i] == AGENT_PATCHED || image->hooking[i] == AGENT_RELOCATED)
            image->hooking[i] = AGENT_NOT_HOOKED;
    }
}
