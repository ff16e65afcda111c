/* Calls a function in every way that goes through a relocation, redirected and not.
 *
 *     relocations_check LIBRARY PLUGIN */
#include <dlfcn.h>
#include <stdbool.h>

#include "check.h"
#include "patch_text.h"
#include "relocations_library.h"
#include "tmpalloc/tmpalloc.h"

typedef void *allocate(size_t size);

/* The writable segments of the executable and what it uses, but for those that change by
 * themselves. */
static int add_data(struct dl_phdr_info *info, size_t size, void *text) {
    (void)size;
    if (strstr(info->dlpi_name, "libc.so") || strstr(info->dlpi_name, "ld-linux") ||
        strstr(info->dlpi_name, "redirecting"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_W)
            text_add(text, (void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr),
                     info->dlpi_phdr[i].p_memsz);
    }
    return 0;
}

static struct text data_now(void) {
    struct text data = text_now();
    dl_iterate_phdr(add_data, &data);
    return data;
}

static bool data_is_unchanged(struct text *before) {
    struct text now = data_now();
    return text_are_equal(&now, before);
}

static allocate *volatile pointer = allocate_in_used;

int main(int count, char **words) {
    CHECK(count == 3);
    void *library = dlopen(words[1], RTLD_NOW | RTLD_LOCAL);
    void *plugin = dlopen(words[2], RTLD_LAZY | RTLD_LOCAL);
    void *used = dlopen("libused.so", RTLD_NOW | RTLD_NOLOAD);
    CHECK(library && plugin && used);
    int (*redirect_)(uintptr_t) = (int (*)(uintptr_t))dlsym(library, "redirect");
    void (*undo_)(void) = (void (*)(void))dlsym(library, "undo");
    uint64_t (*calls)(void) = (uint64_t(*)(void))dlsym(library, "calls_of_hook");
    allocate *(*of_library)(void) = (allocate * (*)(void)) dlsym(library, "function_of_library");
    allocate *by_plugin = (allocate *)dlsym(plugin, "allocate_by_plugin");
    allocate *by_pointers = (allocate *)dlsym(plugin, "allocate_by_plugins_pointers");
    allocate *function = (allocate *)dlsym(used, "allocate_in_used");
    allocate *by_library = (allocate *)dlsym(used, "allocate_by_library");
    allocate *own = of_library();
    /* An executable at a fixed address may have a place of its own that is the function's address
     * for everybody. */
    bool is_direct = own == function;
    struct text before = data_now(); /* binds what the comparison itself calls */
    data_is_unchanged(&before);
    for (int round = 0; round < 3; round++) {
        before = data_now();
        uint64_t counted = calls();
        CHECK(redirect_((uintptr_t)function) == TMPALLOC_OK);
        CHECK(redirect_((uintptr_t)function) == TMPALLOC_OK);
        void *expected = function(5);
        CHECK(calls() == counted);
        CHECK(allocate_by_another_name(5) == expected && calls() == ++counted);
        CHECK(by_library(5) == expected && calls() == ++counted);
        CHECK(by_plugin(5) == expected && calls() == ++counted);
        CHECK(by_pointers(5) == expected && calls() == (counted += 3));
        CHECK(pointer(5) == expected && calls() == ++counted);
        CHECK(of_library() == own && own(5) == expected && calls() == (counted += !is_direct));
        undo_();
        CHECK(data_is_unchanged(&before));
        CHECK(round < 2 || by_plugin(5) == expected);
        CHECK(round < 1 || (allocate_by_another_name(5) == expected && pointer(5) == expected));
        CHECK(calls() == counted);
    }
    CHECK(redirect_((uintptr_t)main) == TMPALLOC_E_UNSUPPORTED);
    CHECK(redirect_(1) == TMPALLOC_E_UNSUPPORTED);
    return 0;
}
