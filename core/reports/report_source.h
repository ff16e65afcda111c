/* Lines of a source file, for reports. */
#ifndef TMPALLOC_REPORT_SOURCE_H
#define TMPALLOC_REPORT_SOURCE_H

#include "support/text.h"

/* Appends the lines around `line`, numbered and that one marked.  Appends nothing when the file
 * can't be read, is no regular file, or has no such line: it may not be here, or not be the one
 * that was compiled. */
void report_append_source(struct text *text, const char *path, uint32_t line);

/* Calls visit for each line of a file, from 1 on, until it returns false.  Tabs are blanks, and
 * long lines are cut. Returns 0, or errno's number of why the file can't be read. */
typedef bool report_source_visit(void *arg, uint32_t number, const char *line);
int report_read_source(const char *path, report_source_visit *visit, void *arg);

#endif
