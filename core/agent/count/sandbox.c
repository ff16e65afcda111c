#include "agent/count/sandbox.h"

#include "agent/count/image.h"
#include "agent/system/memory_mmap.h"

static bool expected;

static bool is_set_up(void) {
    return image->anchor.image != 0;
}

/* Noted first: whoever maps memory meanwhile has done so before the rest is mapped. */
void sandbox_begin(void) {
    atomic_fetch_add(&sandbox_entries, 1);
    if (!is_set_up())
        return;
    memory_reserve_rest();
    IMAGE_STORE(&image->sandboxed, AGENT_SANDBOX_ENTERED);
}

void sandbox_expect(void) {
    sandbox_begin();
    expected = true;
    IMAGE_STORE(&image->sandboxed, AGENT_SANDBOX_POSSIBLE);
}

void sandbox_take_back(void) {
    if (is_set_up())
        IMAGE_STORE(&image->sandboxed, expected ? AGENT_SANDBOX_POSSIBLE : AGENT_NO_SANDBOX);
    atomic_fetch_sub(&sandbox_entries, 1);
}
