/* Time that passes. */
#ifndef TMPALLOC_CLOCK_H
#define TMPALLOC_CLOCK_H

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t clock_now_ns(void);

#endif
