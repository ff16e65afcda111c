/* Hooking functions of the running process by a jump at their beginning.
 *
 * The jump takes five bytes, after an endbr64 if there is one.  The instructions in its place move
 * to a stub in a page nearby, where they are followed by a jump to the rest of the function, so the
 * stub is the function as it was.  A page of stubs serves its neighbourhood for ever, and a
 * function that is patched again gets the stub that it had.
 *
 * The code is read, never run to find out.  A function is refused when
 *   - an instruction of it isn't known, or is a breakpoint;
 *   - it branches to within the bytes that the jump replaces, or nobody knows where it ends;
 *   - it, or a jump of it, ends within them, with anything but nops up to the next multiple of 16;
 *   - what moves can't be expressed elsewhere: loop, jrcxz, xbegin, most indirect calls.
 *
 * Callers: one at a time, and for patch_entry() no other thread may be about to execute any of the
 * function's first 32 bytes but the first.  None of them changes errno or calls the allocator. */
#ifndef TMPALLOC_AGENT_PATCH_H
#define TMPALLOC_AGENT_PATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes of a function, from its first on, that a jump replaces. */
struct patch_span {
    uint8_t start;
    uint8_t end;
};

/* Functions are refused from now on where one of these addresses would be within the replaced bytes
 * but not the first of them.  The array is the caller's and used until the next call.
 *
 * unannounced: debuggers set more of them without a word, as if the replaced instructions were
 * still there.  Where the address space has room for it, the distance to the stub then consists of
 * breakpoint instructions, and such a breakpoint doesn't change the jump. */
void patch_avoid(const uint64_t *addresses, size_t count, bool unannounced);

/* Makes a function begin with a jump to the hook, which is called as if it were the function; a
 * function that is patched already gets the hook in place of its present one.  *original_ret,
 * stored before the first call of the hook can happen, calls the function as it was.  size_bytes:
 * of its code, where nothing in the process tells; 0: not known.  TMPALLOC_OK;
 * TMPALLOC_E_UNSUPPORTED: its code can't be changed safely, or the kernel forbids it;
 * TMPALLOC_E_NOMEM, also for lack of a free page nearby. */
int patch_entry(uintptr_t function, uint32_t size_bytes, uintptr_t hook, uintptr_t *original_ret,
                struct patch_span *ret);

/* Undoes every patch_entry(): the code is byte for byte what it was.  The stubs stay, for calls in
 * progress and for whoever has their address.  A function that doesn't begin with the jump any
 * more, because its file is gone or a debugger's breakpoint is there, is left alone.
 * Async-signal-safe, and may be called with other threads stopped anywhere. */
void patch_undo(void);

#endif
