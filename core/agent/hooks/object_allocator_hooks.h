/* Hooking functions by the tables in which their callers find them: those of the image. */
#ifndef TMPALLOC_OBJECT_ALLOCATOR_HOOKS_H
#define TMPALLOC_OBJECT_ALLOCATOR_HOOKS_H

/* Makes the tables lead to hooks, as long as they aren't settled after whatever else is written to
 * them as well: malloc is watched meanwhile, which the interpreter calls in between.  Nothing
 * happens without tables.  One caller at a time; malloc's hook must be installed. */
void object_allocator_hooks_install(void);

/* The tables are as they were.  Async-signal-safe, and may be called with other threads stopped
 * anywhere. */
void object_allocator_hooks_undo(void);

#endif
