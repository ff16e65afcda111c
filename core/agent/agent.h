/* Setting the agent up. */
#ifndef TMPALLOC_AGENT_H
#define TMPALLOC_AGENT_H

/* Follows the environment, once that is known; to be called again until then.  Allocator calls
 * before it go through uncounted. */
void agent_set_up(void);

#endif
