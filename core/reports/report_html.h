/* The page that shows a profile, built from html/: what comes before and after its data. */
#ifndef TMPALLOC_REPORT_HTML_H
#define TMPALLOC_REPORT_HTML_H

#include <stddef.h>

/* The packages that the build did without, so that there is no page; NULL: it is here. */
extern const char *const report_html_lacks;
extern const char report_html_head[];
extern const size_t report_html_head_bytes;
extern const char report_html_tail[];
extern const size_t report_html_tail_bytes;

#endif
