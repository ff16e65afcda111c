#include <string.h>

#include "reports/report.h"

const char *const report_format_names[] = {"json",  "csv",   "folded", "speedscope",
                                           "pprof", "sarif", "html",   NULL};

report_function *report_format(const char *name) {
    static report_function *const functions[] = {report_json,       report_csv,   report_folded,
                                                 report_speedscope, report_pprof, report_sarif,
                                                 report_html};
    for (size_t i = 0; report_format_names[i]; i++) {
        if (strcmp(name, report_format_names[i]) == 0)
            return functions[i];
    }
    return NULL;
}
