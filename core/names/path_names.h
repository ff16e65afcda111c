/* Whose a file is, by its path alone.  NULL is nobody's. */
#ifndef TMPALLOC_PATH_NAMES_H
#define TMPALLOC_PATH_NAMES_H

#include <stdbool.h>

/* In a folder where a package manager or an interpreter keeps what others wrote, or code that has
 * no file and that nobody typed ("<frozen os>", but not "<stdin>"). */
bool path_names_have_package(const char *path);
/* Beneath a folder of the system's. */
bool path_names_of_system(const char *path);
/* A folder that is one of the system's or has them beneath it, or no absolute path. */
bool path_names_hold_system(const char *folder);
/* Whether a path lies in a folder, or further down. */
bool path_names_beneath(const char *path, const char *folder);
/* A file with CPython's interpreter. */
bool path_names_are_interpreter(const char *module);

#endif
