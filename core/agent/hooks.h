/* The program's allocator functions, as long as this library comes first in the search order. */
#ifndef TMPALLOC_HOOKS_H
#define TMPALLOC_HOOKS_H

#include "tmpalloc/agent_image.h"

/* Lists the addresses of the functions behind the hooks. */
void hooks_list_entry_points(struct agent_image *image);

#endif
