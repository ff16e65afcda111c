#include <string.h>

#include "reports/report.h"
#include "support/gzip.h"

/* Every format, in the order of the help text.  It is written by report_NAME(). */
#define FORMATS_FOR_EACH(FORMAT)                                                                   \
    FORMAT(json)                                                                                   \
    FORMAT(csv)                                                                                    \
    FORMAT(folded)                                                                                 \
    FORMAT(speedscope)                                                                             \
    FORMAT(pprof)                                                                                  \
    FORMAT(callgrind)                                                                              \
    FORMAT(sarif)                                                                                  \
    FORMAT(github)                                                                                 \
    FORMAT(html)

#define NAME(name)     #name,
#define FUNCTION(name) report_##name,

const char *const report_format_names[] = {FORMATS_FOR_EACH(NAME) NULL};

report_function *report_format(const char *name) {
    static report_function *const functions[] = {FORMATS_FOR_EACH(FUNCTION)};
    for (size_t i = 0; report_format_names[i]; i++) {
        if (strcmp(name, report_format_names[i]) == 0)
            return functions[i];
    }
    return NULL;
}

static bool report_formats_is_compressed(report_function *report, const char *path) {
    static const char suffix[] = ".gz";
    size_t length = strlen(path), suffix_length = strlen(suffix);
    return report == report_json && length > suffix_length &&
           strcmp(path + length - suffix_length, suffix) == 0;
}

int report_for_file(const struct profile *profile, report_function *report, const char *path,
                    struct text *text, struct error *error) {
    struct text whole;
    if (!report_formats_is_compressed(report, path))
        return report(profile, text, error);
    text_init(&whole);
    int status = report(profile, &whole, error);
    if (status == TMPALLOC_OK)
        status = gzip_compress(text, &whole, error);
    text_deinit(&whole);
    return status;
}
