"""Hooks come and go while the program runs."""

import subprocess


def test_a_library_that_is_only_loaded_does_nothing(late, tmp_path):
    program = late.compile(
        r"""#include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        int main(void) {
            setenv("LD_PRELOAD", "something else", 1);
            observe_loads();
            free(malloc(1));
            puts(getenv("LD_PRELOAD"));
            fflush(stdout);
            observe_dump(getenv("OBSERVER_DUMP"));
            return 0;
        }"""
    )
    done = subprocess.run([program], env=late.environment(), capture_output=True, text=True)
    assert done.stdout == "something else\n"
    data = (tmp_path / "dump").read_bytes()
    assert b"tmpalloc-agent\x1a\0" in data
    assert data.count(b"tmpalloc-agent\x1a\0") == 1  # the anchor leads to no image


INSTALLING = r"""#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
static const char *const names[] = {"malloc", "free", "calloc", "realloc", "reallocarray", "memalign",
    "valloc", "pvalloc", "posix_memalign", "mmap", "munmap", "dlclose"};
#define COUNT (sizeof names / sizeof names[0])
static char before[COUNT][64];
static int is_changed(void) {
    int changed = 0;
    for (unsigned i = 0; i < COUNT; i++)
        changed += memcmp(before[i], dlsym(RTLD_DEFAULT, names[i]), 64) != 0;
    return changed;
}
int main(void) {
    for (unsigned i = 0; i < COUNT; i++) memcpy(before[i], dlsym(RTLD_DEFAULT, names[i]), 64);
    observe_loads();
    if (is_changed()) return 1;
    for (int i = 0; i < 5; i++) {
        if (observe_installs() != 0 || !is_changed()) return 2;
        observe_uninstalls();
        if (is_changed()) return 3;
    }
    for (int i = 0; i < 3; i++) {
        observe_begins();
        for (int j = 0; j < 10; j++) free(malloc(10));
        observe_ends();
        if (is_changed()) return 4;
        for (int j = 0; j < 10; j++) free(malloc(20));   /* not seen */
    }
    return 0;
}"""


def test_hooks_come_and_go_any_number_of_times(late):
    image = late.observe(INSTALLING)
    (site,) = image["sites"]
    assert (site["max_size"], site["allocations"]) == (10, 30)
    assert image["totals"]["dropped"] == 0


def test_a_function_that_cannot_be_patched_is_reached_by_its_pointers(late, compile):
    # It jumps to its own second instruction.
    looping = compile(
        """__asm__(".globl valloc\\n.type valloc, @function\\n"
            "valloc: xor %eax, %eax\\n"
            "1: inc %eax\\ncmp $3, %eax\\njne 1b\\n"
            "mov %rdi, %rsi\\nmov $4096, %edi\\njmp memalign@PLT\\n"
            ".size valloc, . - valloc");""",
        "-fPIC",
        "-shared",
        name="looping.so",
    )
    image = late.observe(
        """#include <stdlib.h>
        int main(void) {
            for (int i = 0; i < 3; i++) {
                observe_begins();
                free(valloc(10));
                observe_ends();
                free(valloc(20));
            }
            return 0;
        }""",
        flags=[str(looping)],
    )
    assert image.hooking["valloc"] == "relocated"
    assert image.numbers("allocations", "deallocations", "dropped") == (3, 3, 0)
    assert {frozenset(image.entries(site)) for site in image["sites"]} == {frozenset({"valloc"})}


def test_a_call_in_progress_returns_after_the_hooks_are_gone(late, compile):
    waiting = compile(
        """#include <stddef.h>
        #include <unistd.h>
        volatile int is_waiting, may_go;
        static char block[64];
        void *valloc(size_t size) {
            is_waiting = 1;
            while (!may_go) usleep(100);
            return block;
        }""",
        "-fPIC",
        "-shared",
        name="waiting.so",
    )
    image = late.observe(
        """#include <pthread.h>
        #include <stdlib.h>
        #include <unistd.h>
        extern volatile int is_waiting, may_go;
        static void *run(void *arg) { return valloc(10); }
        int main(void) {
            pthread_t thread;
            void *result;
            observe_begins();
            pthread_create(&thread, NULL, run, NULL);
            while (!is_waiting) usleep(100);
            observe_ends();
            may_go = 1;
            pthread_join(thread, &result);
            return result == NULL;
        }""",
        flags=[str(waiting)],
    )
    assert image["totals"]["dropped"] == 0


def test_the_program_finds_no_error_that_is_not_its_own(hooked):
    hooked.observe(
        """#include <dlfcn.h>
        int main(void) {
            observe_begins();
            const char *message = dlerror();
            observe_ends();
            return message != 0;
        }"""
    )
