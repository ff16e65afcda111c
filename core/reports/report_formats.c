#include <string.h>

#include "reports/report.h"
#include "support/gzip.h"

/* Every format, in the order of the help text.  It is written by report_NAME(), and by
 * report_NAME_against() as well where it can be COMPARED with a baseline, or JUDGED by limits. */
#define FORMATS_FOR_EACH(FORMAT, COMPARED, JUDGED)                                                 \
    FORMAT(json)                                                                                   \
    FORMAT(csv)                                                                                    \
    COMPARED(folded)                                                                               \
    FORMAT(speedscope)                                                                             \
    FORMAT(pprof)                                                                                  \
    FORMAT(callgrind)                                                                              \
    FORMAT(sarif)                                                                                  \
    FORMAT(github)                                                                                 \
    JUDGED(markdown)                                                                               \
    JUDGED(junit)                                                                                  \
    COMPARED(html)

#define NAME(name)     #name,
#define FORMAT(name)   {#name, report_##name, NULL, false},
#define COMPARED(name) {#name, report_##name, report_##name##_against, false},
#define JUDGED(name)   {#name, report_##name, report_##name##_against, true},

const char *const report_format_names[] = {FORMATS_FOR_EACH(NAME, NAME, NAME) NULL};

const struct report_format *report_format(const char *name) {
    static const struct report_format formats[] = {FORMATS_FOR_EACH(FORMAT, COMPARED, JUDGED)};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(name, formats[i].name) == 0)
            return &formats[i];
    }
    return NULL;
}

static bool report_formats_is_compressed(const struct report_format *format, const char *path) {
    static const char suffix[] = ".gz";
    size_t length = strlen(path), suffix_length = strlen(suffix);
    return format->write == report_json && length > suffix_length &&
           strcmp(path + length - suffix_length, suffix) == 0;
}

int report_for_file(const struct profile *profile, const struct report_format *format,
                    const struct check_limits *limits, const char *path, struct text *text,
                    struct error *error) {
    struct text whole;
    if (limits)
        return format->against(profile, limits, text, error);
    if (!report_formats_is_compressed(format, path))
        return format->write(profile, text, error);
    text_init(&whole);
    int status = format->write(profile, &whole, error);
    if (status == TMPALLOC_OK)
        status = gzip_compress(text, &whole, error);
    text_deinit(&whole);
    return status;
}
