#include <stdlib.h>
#include <string.h>

#include "profile/profile_names.h"
#include "reports/report.h"
#include "reports/report_findings.h"
#include "reports/report_selection.h"
#include "support/memory.h"
#include "support/progress.h"

/* What ends a command line, and in a property also what ends that. */
#define IN_MESSAGE  "%\r\n"
#define IN_PROPERTY "%\r\n:,"

/* Appends text in which the `special` ones are written by their numbers. */
static void append_escaped(struct text *text, const char *string, const char *special) {
    while (*string) {
        size_t length = strcspn(string, special);
        text_append_bytes(text, string, length);
        string += length;
        if (*string)
            text_printf(text, "%%%02X", (unsigned char)*string++);
    }
}

/* As it is, for it is to be found: also with line breaks. */
static void append_path(struct text *text, const char *path, struct text *scratch) {
    text_clear(scratch);
    append_escaped(scratch, path, IN_PROPERTY);
    profile_append_printable(text, text_get(scratch));
    text->failed |= scratch->failed;
}

static void append_title(struct text *text, const struct finding *finding, struct text *scratch) {
    text_clear(scratch);
    text_append_count(scratch, finding->count);
    text_append(scratch, finding->count == 1 ? " temporary allocation" : " temporary allocations");
    text_append(text, "title=");
    append_escaped(text, text_get(scratch), IN_PROPERTY);
    text->failed |= scratch->failed;
}

static void append_annotation(struct text *text, const struct findings *findings,
                              const struct finding *finding, struct text *scratch) {
    const struct symbol *symbol = finding->symbol;
    text_append(text, finding_warns(finding) ? "::warning " : "::notice ");
    if (finding_is_in_file(symbol)) {
        const char *below = findings_below_root(findings, symbol->file);
        text_append(text, "file=");
        append_path(text, below ? below : symbol->file, scratch);
        if (symbol->line > 0)
            text_printf(text, ",line=%u", symbol->line);
        text_append(text, ",");
    }
    append_title(text, finding, scratch);
    text_append(text, "::");
    text_clear(scratch);
    findings_append_message(findings, finding, scratch);
    append_escaped(text, text_get(scratch), IN_MESSAGE);
    text_append(text, "\n");
    text->failed |= scratch->failed;
}

static int compare_bytes(const void *left, const void *right) {
    const struct finding *a = *(const struct finding *const *)left;
    const struct finding *b = *(const struct finding *const *)right;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* Only the first ones of each kind are shown. */
static int print_heaviest_first(const struct findings *findings, struct text *text) {
    const struct finding **sorted = memory_allocate((findings->count + 1) * sizeof *sorted);
    struct text scratch;
    int status = sorted ? TMPALLOC_OK : TMPALLOC_E_NOMEM;
    text_init(&scratch);
    for (size_t i = 0; sorted && i < findings->count; i++)
        sorted[i] = &findings->items[i];
    if (sorted)
        qsort(sorted, findings->count, sizeof *sorted, compare_bytes);
    for (size_t i = 0; i < findings->count && status == TMPALLOC_OK; i++) {
        status = progress_step("writing", i, findings->count, "lines");
        if (sorted[i]->count > 0)
            append_annotation(text, findings, sorted[i], &scratch);
    }
    text_deinit(&scratch);
    memory_release(sorted);
    return status;
}

int report_github(const struct profile *profile, struct text *text, struct error *error) {
    struct findings findings;
    int status = findings_collect(profile, &findings);
    if (status == TMPALLOC_OK)
        status = print_heaviest_first(&findings, text);
    findings_release(&findings);
    return report_end(status, text, error);
}
