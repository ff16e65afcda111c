#include "agent/patch/patch.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/patch/code_function.h"
#include "agent/patch/stub_pages.h"
#include "agent/system/capture_pages.h"
#include "agent/system/kernel_memory.h"
#include "agent/x86_64/code_bytes.h"
#include "agent/x86_64/code_move.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

/* A stub: the function as it was, and the way to a hook that is out of a jump's reach. */
struct stub {
    uint8_t original[CODE_ELSEWHERE_LIMIT];
    struct code_far_jump far_jump;
};

_Static_assert(sizeof(struct stub) == STUB_BYTES, "a stub has its place");

struct patch {
    struct patch *next;
    uintptr_t place; /* of the jump */
    uintptr_t stub;
    int protection;
    uint8_t size;                       /* bytes of `place` that moved or that the jump takes */
    uint8_t jump[CODE_MOVED_LIMIT];     /* the latest; then nops, so that it can be decoded */
    uint8_t original[CODE_MOVED_LIMIT]; /* what `place` has without it */
};

static struct patch *patches;

/* Where debuggers have breakpoints. */
static const uint64_t *avoided;
static size_t avoided_count;
static bool may_be_broken;

void patch_avoid(const uint64_t *addresses, size_t count, bool unannounced) {
    avoided = addresses;
    avoided_count = count;
    may_be_broken = unannounced;
}

static bool is_avoided(uintptr_t start, uintptr_t end) {
    for (size_t i = 0; i < avoided_count; i++) {
        if (avoided[i] - start < end - start)
            return true;
    }
    return false;
}

static bool is_patch_readable(uintptr_t address) {
    return capture_pages_readable(&(struct capture_pages){0}, address);
}

static bool place_has(const struct patch *patch, const uint8_t *bytes) {
    return is_patch_readable(patch->place) && is_patch_readable(patch->place + patch->size - 1) &&
           memcmp((const void *)patch->place, bytes, patch->size) == 0;
}

static bool write_part(const struct patch *patch, const uint8_t *bytes, size_t start, size_t end) {
    void *part = (void *)(patch->place + start);
    return start == end || kernel_write(part, bytes + start, end - start, patch->protection);
}

/* What the jump jumps over is only changed while the jump is there. */

static bool patch_apply(const struct patch *patch) {
    return write_part(patch, patch->jump, 0, CODE_JUMP_BYTES) &&
           write_part(patch, patch->jump, CODE_JUMP_BYTES, patch->size);
}

static void patch_undo_one(const struct patch *patch) {
    if (place_has(patch, patch->jump) &&
        write_part(patch, patch->original, CODE_JUMP_BYTES, patch->size))
        write_part(patch, patch->original, 0, CODE_JUMP_BYTES);
}

void patch_undo(void) {
    for (struct patch *p = __atomic_load_n(&patches, __ATOMIC_ACQUIRE); p; p = p->next)
        patch_undo_one(p);
}

static void undo_at(uintptr_t place) {
    for (struct patch *p = patches; p; p = p->next) {
        if (p->place == place)
            patch_undo_one(p);
    }
}

/* The patch that was made for this code; another file may have been there since. */
static struct patch *patch_find(uintptr_t place) {
    struct patch *patch = patches;
    while (patch && (patch->place != place || !place_has(patch, patch->original)))
        patch = patch->next;
    return patch;
}

static uint8_t patch_size_of(const struct code_moved *moved) {
    return moved->taken < CODE_JUMP_BYTES ? CODE_JUMP_BYTES : moved->taken;
}

/* A jump that is longer than what it stands for takes padding behind the function. */
static bool patch_move(const struct code_function *function, const uint8_t *start, uintptr_t to,
                       struct code_moved *ret) {
    if (!code_move(start, function->end, to, ret))
        return false;
    return ret->taken >= CODE_JUMP_BYTES ||
           code_function_pads(function, start + ret->taken, start + CODE_JUMP_BYTES);
}

/* Whether code can give way to a jump. */
static bool is_movable(const struct code_function *function, uintptr_t place) {
    struct code_moved tried;
    const uint8_t *start = (const uint8_t *)place;
    return patch_move(function, start, place, &tried) &&
           !is_avoided(place + 1, place + patch_size_of(&tried)) &&
           code_function_spares(function, start + 1, start + patch_size_of(&tried));
}

static int patch_fill(struct patch *patch, const struct code_function *function) {
    struct stub stub = {.far_jump = CODE_FAR_JUMP(0)};
    struct code_moved moved;
    const uint8_t *start = (const uint8_t *)patch->place;
    if (!patch_move(function, start, patch->stub, &moved))
        return TMPALLOC_E_UNSUPPORTED;
    memcpy(stub.original, moved.code, moved.size);
    patch->size = patch_size_of(&moved);
    memcpy(patch->original, start, patch->size);
    memset(patch->jump, CODE_NOP_BYTE, sizeof patch->jump);
    return kernel_write((void *)patch->stub, &stub, sizeof stub, PROT_READ | PROT_EXEC)
               ? TMPALLOC_OK
               : TMPALLOC_E_UNSUPPORTED;
}

/* Where the stub's far jump is reached by a distance of breakpoints. */
static uintptr_t proof_stub(uintptr_t place) {
    return place + CODE_JUMP_BYTES + CODE_BREAKPOINT_DISTANCE - offsetof(struct stub, far_jump);
}

static bool overlaps_stub(uintptr_t stub) {
    const struct patch *p = patches;
    while (p && stub - p->stub >= STUB_BYTES && p->stub - stub >= STUB_BYTES)
        p = p->next;
    return p;
}

static uintptr_t take_stub(const struct code_function *function, uintptr_t place) {
    uintptr_t stub = proof_stub(place);
    if (may_be_broken && !overlaps_stub(stub) && stub_pages_take_at(stub))
        return stub;
    return stub_pages_take(place, function->file_start, function->file_end);
}

static int patch_create(const struct code_function *function, uintptr_t place, struct patch **ret) {
    struct patch *patch = memory_allocate_zeroed(1, sizeof *patch);
    if (!patch)
        return TMPALLOC_E_NOMEM;
    patch->place = place;
    patch->protection = function->protection;
    patch->stub = take_stub(function, place);
    int status = patch->stub ? patch_fill(patch, function) : TMPALLOC_E_NOMEM;
    if (status != TMPALLOC_OK) {
        stub_pages_give_back(patch->stub);
        memory_release(patch);
        return status;
    }
    patch->next = patches;
    __atomic_store_n(&patches, patch, __ATOMIC_RELEASE);
    *ret = patch;
    return TMPALLOC_OK;
}

static bool patch_aim(struct patch *patch, uintptr_t hook) {
    uint64_t address = hook;
    uintptr_t far_jump = patch->stub + offsetof(struct stub, far_jump);
    uintptr_t far_hook = patch->stub + offsetof(struct stub, far_jump.target);
    bool proof = patch->stub == proof_stub(patch->place);
    return (!proof && code_jump(patch->place, hook, patch->jump)) ||
           (kernel_write((void *)far_hook, &address, sizeof address, PROT_READ | PROT_EXEC) &&
            code_jump(patch->place, far_jump, patch->jump));
}

int patch_entry(uintptr_t function, uint32_t size_bytes, uintptr_t hook, uintptr_t *original_ret,
                struct patch_span *ret) {
    struct code_function code;
    int status = code_function_find(function, size_bytes, &code);
    if (status != TMPALLOC_OK)
        return status;
    /* A debugger's breakpoint at the beginning stays one of a whole instruction. */
    uintptr_t place = code_skip_landing(function);
    undo_at(place);
    if (!is_movable(&code, place))
        return TMPALLOC_E_UNSUPPORTED;
    struct patch *patch = patch_find(place);
    if (!patch && (status = patch_create(&code, place, &patch)) != TMPALLOC_OK)
        return status;
    if (!patch_aim(patch, hook))
        return TMPALLOC_E_UNSUPPORTED;
    *original_ret = patch->stub;
    ret->start = (uint8_t)(place - function);
    ret->end = ret->start + patch->size;
    return patch_apply(patch) ? TMPALLOC_OK : TMPALLOC_E_UNSUPPORTED;
}
