#include <string.h>

#include "profile/profile_advice.h"
#include "profile/profile_names.h"
#include "reports/report.h"
#include "reports/report_changes.h"
#include "reports/report_check.h"
#include "reports/report_rows.h"

/* Cases, and how many of them are not well. */
struct suite {
    struct text cases;
    struct text scratch;
    size_t count;
    size_t failures;
    size_t errors;
};

/* Names that are no text are printable already; XML knows two characters less. */
static void append_xml(struct text *text, const char *string) {
    static const char no_character[] = "\xef\xbf";
    for (; *string; string++) {
        const char *entity = *string == '&'   ? "&amp;"
                             : *string == '<' ? "&lt;"
                             : *string == '>' ? "&gt;"
                             : *string == '"' ? "&quot;"
                                              : NULL;
        bool unknown = strncmp(string, no_character, 2) == 0 && (unsigned char)string[2] >= 0xbe;
        if (entity) {
            text_append(text, entity);
        } else if (unknown) {
            text_append(text, "\xef\xbf\xbd");
            string += 2;
        } else {
            text_append_bytes(text, string, 1);
        }
    }
}

static void take_xml(struct text *text, struct text *scratch) {
    append_xml(text, text_get(scratch));
    text->failed |= scratch->failed;
    text_clear(scratch);
}

static void begin_case(struct suite *suite, const char *class_name) {
    suite->count++;
    text_append(&suite->cases, "  <testcase classname=\"");
    profile_append_printable(&suite->scratch, class_name);
    take_xml(&suite->cases, &suite->scratch);
    text_append(&suite->cases, "\" name=\"");
}

/* `line`: why; lines: more of it. */
static void append_bad(struct suite *suite, const char *element, const char *line,
                       const char *lines) {
    text_printf(&suite->cases, "    <%s message=\"", element);
    append_xml(&suite->cases, line);
    text_printf(&suite->cases, "\" type=\"tmpalloc\">");
    append_xml(&suite->cases, lines);
    text_printf(&suite->cases, "</%s>\n", element);
}

static void append_verdict_case(struct suite *suite, enum check_verdict verdict,
                                struct text *text) {
    char *lines = strchr(text->data, '\n');
    *lines++ = '\0';
    begin_case(suite, "tmpalloc");
    text_append(&suite->cases, "check\" time=\"0\">\n");
    if (verdict == CHECK_PASSED) {
        text_append(&suite->cases, "    <system-out>");
        append_xml(&suite->cases, text->data);
        text_append(&suite->cases, "</system-out>\n");
    } else {
        append_bad(suite, verdict == CHECK_FAILED ? "failure" : "error", text->data, lines);
    }
    suite->failures += verdict == CHECK_FAILED;
    suite->errors += verdict == CHECK_NOTHING;
    text_append(&suite->cases, "  </testcase>\n");
}

static int judge_suite(struct suite *suite, const struct profile *profile,
                       const struct check_limits *limits, enum check_verdict *ret,
                       struct error *error) {
    struct text text;
    text_init(&text);
    int status = report_check(profile, limits, &text, ret, error);
    if (status == TMPALLOC_OK)
        append_verdict_case(suite, *ret, &text);
    text_deinit(&text);
    return status;
}

/* With what was composed as its output. */
static void end_case(struct suite *suite) {
    text_append(&suite->cases, "    <system-out>");
    take_xml(&suite->cases, &suite->scratch);
    text_append(&suite->cases, "</system-out>\n  </testcase>\n");
}

static const char *class_of(const struct symbol *symbol) {
    return symbol->file ? symbol->file : symbol->module ? symbol->module : "unknown";
}

/* Locations without a baseline. */

static void append_row_case(struct suite *suite, const struct report_rows *rows,
                            const struct report_row *row, const struct check_limits *blame) {
    begin_case(suite, class_of(row->location));
    labels_append(rows->labels, row->location, &suite->scratch);
    take_xml(&suite->cases, &suite->scratch);
    text_append(&suite->cases, "\" time=\"0\">\n");
    report_check_append_amount(&suite->scratch, row->own);
    if (blame && check_exceeds(blame, &row->own)) {
        suite->failures++;
        append_bad(suite, "failure", text_get(&suite->scratch), "");
    }
    text_append(&suite->scratch, "\n");
    if (row->site)
        profile_append_advice(&suite->scratch, row->site, row->chains);
    end_case(suite);
}

static int append_row_cases(struct suite *suite, const struct profile *profile, const regex_t *at,
                            const struct check_limits *blame) {
    const struct report_options options = {.filter = at};
    struct report_rows rows;
    int status = report_rows_create(profile, &options, &rows);
    for (size_t i = 0; i < rows.count && status == TMPALLOC_OK; i++)
        append_row_case(suite, &rows, &rows.items[i], blame);
    report_rows_release(&rows);
    return status;
}

/* Locations beside those of a baseline. */

static void append_change_case(struct suite *suite, const struct report_change *change,
                               const struct check_limits *blame) {
    const struct report_pair *pair = &change->pair;
    begin_case(suite, class_of(profile_location(pair->site)));
    report_change_append_name(&suite->scratch, change);
    take_xml(&suite->cases, &suite->scratch);
    text_append(&suite->cases, "\" time=\"0\">\n");
    text_printf(&suite->scratch, "%s: ", report_change_names[change->kind]);
    report_check_append_amount(&suite->scratch, pair->after);
    text_append(&suite->scratch, ", before ");
    report_check_append_amount(&suite->scratch, pair->before);
    bool fails = blame && check_is_more(&pair->after, &pair->before, blame->tolerance_percent);
    suite->failures += fails;
    if (fails)
        append_bad(suite, "failure", text_get(&suite->scratch), "");
    end_case(suite);
}

static int append_change_cases(struct suite *suite, const struct profile *profile,
                               const struct check_limits *limits,
                               const struct check_limits *blame) {
    struct report_changes changes;
    int status = report_changes_create(limits->baseline, profile, limits->at, &changes);
    for (size_t i = 0; i < changes.all && status == TMPALLOC_OK; i++) {
        if (changes.items[i].pair.after.count > 0)
            append_change_case(suite, &changes.items[i], blame);
    }
    report_changes_release(&changes);
    return status;
}

/* The document. */

static void print_suite(struct suite *suite, const struct profile *profile, struct text *text) {
    text_append(text,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"");
    text_append(&suite->scratch, "tmpalloc ");
    profile_append_printable(&suite->scratch, profile->executable ? profile->executable : "");
    take_xml(text, &suite->scratch);
    text_printf(text,
                "\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\" time=\"0\">\n",
                suite->count, suite->failures, suite->errors);
    text_append(text, text_get(&suite->cases));
    text_append(text, "</testsuite>\n</testsuites>\n");
    text->failed |= suite->cases.failed;
}

int report_junit_against(const struct profile *profile, const struct check_limits *limits,
                         struct text *text, struct error *error) {
    struct suite suite = {.count = 0};
    enum check_verdict verdict = CHECK_PASSED;
    int status = limits ? judge_suite(&suite, profile, limits, &verdict, error) : TMPALLOC_OK;
    const struct check_limits *blame = verdict == CHECK_FAILED ? limits : NULL;
    if (status == TMPALLOC_OK)
        status = limits && limits->baseline
                     ? append_change_cases(&suite, profile, limits, blame)
                     : append_row_cases(&suite, profile, limits ? limits->at : NULL, blame);
    if (status == TMPALLOC_OK)
        print_suite(&suite, profile, text);
    text_deinit(&suite.cases);
    text_deinit(&suite.scratch);
    return report_end(status, text, error);
}

int report_junit(const struct profile *profile, struct text *text, struct error *error) {
    return report_junit_against(profile, NULL, text, error);
}
