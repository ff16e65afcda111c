/* A library whose twins have other frames at the same addresses. */
#include <string.h>

static __attribute__((noinline)) void in_between(void (*callback)(void)) {
    volatile char room[ROOM];
    memset((char *)room, 1, sizeof room);
    callback();
    room[0] = room[1];
}

void call(void (*callback)(void)) {
    in_between(callback);
    __asm__ volatile("");
}
