#include "agent/patch/stub_pages.h"

#include <stddef.h>

#include "agent/system/kernel_memory.h"
#include "agent/x86_64/code_bytes.h"
#include "platform/page.h"
#include "support/memory.h"

#define STEP   ((uintptr_t)64 << 10)         /* between the addresses that are tried */
#define PLACED (PAGE_BYTES + STUB_BYTES + 1) /* "used": stubs are where they are wanted */
#define LOWEST ((uintptr_t)64 << 10) /* that the kernel gives, as distributions configure it */

struct stub_page {
    struct stub_page *next;
    uintptr_t start;
    size_t used; /* bytes */
};

static struct stub_page *pages;

static bool is_in_reach(uintptr_t address, uintptr_t place) {
    return address - place < CODE_REACH || place - address < CODE_REACH;
}

static uintptr_t map_at(uintptr_t address) {
    return (uintptr_t)kernel_map_at((void *)address, PAGE_BYTES);
}

/* Before the file if possible: the heap may grow after an executable. */
static uintptr_t map_near(uintptr_t place, uintptr_t start, uintptr_t end) {
    uintptr_t mapped = 0;
    start &= -PAGE_BYTES;
    end = (end + PAGE_BYTES - 1) & -PAGE_BYTES;
    for (uintptr_t at = start - STEP;
         !mapped && at >= LOWEST && at < start && is_in_reach(at, place); at -= STEP)
        mapped = map_at(at);
    for (uintptr_t at = end + STEP; !mapped && at > end && is_in_reach(at, place); at += STEP)
        mapped = map_at(at);
    return mapped;
}

static struct stub_page *page_of(uintptr_t address) {
    struct stub_page *page = pages;
    while (page && address - page->start >= PAGE_BYTES)
        page = page->next;
    return page;
}

static bool add_page_at(uintptr_t start) {
    struct stub_page *page = memory_allocate_zeroed(1, sizeof *page);
    if (!page || !map_at(start)) {
        memory_release(page);
        return false;
    }
    *page = (struct stub_page){.next = pages, .start = start, .used = PLACED};
    pages = page;
    return true;
}

/* One of the other kind is left to itself. */
static bool have_page_at(uintptr_t start) {
    const struct stub_page *page = page_of(start);
    return start >= LOWEST && (page ? page->used == PLACED : add_page_at(start));
}

bool stub_pages_take_at(uintptr_t stub) {
    return stub < CODE_ADDRESS_END && have_page_at(stub & -PAGE_BYTES) &&
           have_page_at((stub + STUB_BYTES - 1) & -PAGE_BYTES);
}

static struct stub_page *add_page(uintptr_t place, uintptr_t start, uintptr_t end) {
    struct stub_page *page = memory_allocate_zeroed(1, sizeof *page);
    if (!page)
        return NULL;
    page->start = map_near(place, start, end);
    if (!page->start) {
        memory_release(page);
        return NULL;
    }
    page->next = pages;
    pages = page;
    return page;
}

static struct stub_page *find_page(uintptr_t place) {
    struct stub_page *page = pages;
    while (page && (page->used + STUB_BYTES > PAGE_BYTES || !is_in_reach(page->start, place)))
        page = page->next;
    return page;
}

uintptr_t stub_pages_take(uintptr_t near, uintptr_t start, uintptr_t end) {
    struct stub_page *page = find_page(near);
    if (!page)
        page = add_page(near, start, end);
    if (!page)
        return 0;
    uintptr_t stub = page->start + page->used;
    page->used += STUB_BYTES;
    return stub;
}

void stub_pages_give_back(uintptr_t stub) {
    struct stub_page *page = page_of(stub);
    if (page && page->start + page->used == stub + STUB_BYTES)
        page->used -= STUB_BYTES;
}
