/* What glibc calls its dynamic linker. */
#ifndef TMPALLOC_AGENT_LINKER_NAME_H
#define TMPALLOC_AGENT_LINKER_NAME_H

#define LINKER_NAME "ld-linux-x86-64.so.2"

#endif
