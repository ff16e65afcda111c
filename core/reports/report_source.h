/* A few lines of a source file, for reports. */
#ifndef TMPALLOC_REPORT_SOURCE_H
#define TMPALLOC_REPORT_SOURCE_H

#include "support/text.h"

/* Appends the lines around `line`, numbered and that one marked.  Appends nothing when the file
 * can't be read, is no regular file, or has no such line: it may not be here, or not be the one
 * that was compiled. */
void report_append_source(struct text *text, const char *path, uint32_t line);

#endif
