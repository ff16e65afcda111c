/* A dl_iterate_phdr of the program's own, which allocates under a lock, as runtimes that cache its
   answers have one. */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))

typedef int visitor(struct dl_phdr_info *, size_t, void *);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int calls;

int dl_iterate_phdr(visitor *visit, void *arg) {
    static int (*real)(visitor *, void *);
    pthread_mutex_lock(&mutex);
    calls++;
    if (!real)
        real = (int (*)(visitor *, void *))dlsym(RTLD_NEXT, "dl_iterate_phdr");
    void *volatile block = malloc(333);
    int result = real(visit, arg);
    free(block);
    pthread_mutex_unlock(&mutex);
    return result;
}

NOINLINE void case_begins(void) {
    __asm__ volatile("" ::: "memory");
}
NOINLINE void case_ends(void) {
    __asm__ volatile("" ::: "memory");
}

NOINLINE static void work(int count) {
    for (int i = 0; i < count; i++) {
        void *volatile block = malloc(10 + (size_t)i);
        free(block);
    }
}

static int count_file(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)info;
    (void)size;
    ++*(int *)arg;
    return 0;
}

int main(void) {
    int files = 0;
    case_begins();
    work(300);
    dl_iterate_phdr(count_file, &files);
    void *library = dlopen("libm.so.6", RTLD_NOW);
    work(10);
    dlclose(library);
    work(10);
    case_ends();
    return calls == 1 && files > 3 ? 0 : 1;
}
