/* Waits until a file is there, calls its library a hundred times, and stops; then ends with 7. */
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

void library_work(int size);

__attribute__((noinline)) static void wait_for_file(const char *path) {
    while (access(path, F_OK) != 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

int main(int argc, char **argv) {
    (void)argc;
    puts("waiting");
    fflush(stdout);
    wait_for_file(argv[1]);
    for (int i = 0; i < 100; i++)
        library_work(100);
    raise(SIGINT);
    puts("ended normally");
    return 7;
}
