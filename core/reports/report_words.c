#include "reports/report.h"

int report_words(const struct profile *profile, struct text *text, struct error *error) {
    (void)error;
    text_printf(text, "%zu sites\n", profile->site_count);
    return TMPALLOC_OK;
}
