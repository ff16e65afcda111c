#include <ctype.h>
#include <string.h>

#include "profile/profile_advice.h"
#include "profile/profile_names.h"
#include "reports/report.h"
#include "reports/report_changes.h"
#include "reports/report_check.h"
#include "reports/report_rows.h"
#include "support/progress.h"

/* A comment on a merge request may have so many, and the lines below the table take the rest. */
#define MOST_BYTES       60000
#define BYTES_BELOW      1000
#define NAME_BYTES       400
#define VERDICT_BYTES    2000
#define BYTES_PER_FENCED 240

static const char summary_head[] =
    "| Location | Memory | Temporaries | Share | Advice |\n|:--|--:|--:|--:|:--|\n";
static const char changes_head[] =
    "| Change | Location | Memory before | Memory after | Difference | Temporaries before | "
    "Temporaries after | Advice |\n|:--|:--|--:|--:|--:|--:|--:|:--|\n";

/* Text. */

static size_t character_start(const char *string, size_t at) {
    while (at > 0 && ((unsigned char)string[at] & 0xc0) == 0x80)
        at--;
    return at;
}

/* Of a string that is too long the middle is left out. */
static void append_cut(struct text *text, const char *string, size_t most) {
    size_t length = strlen(string);
    if (length <= most) {
        text_append(text, string);
        return;
    }
    text_append_bytes(text, string, character_start(string, most / 2));
    text_append(text, "...");
    text_append(text, string + character_start(string, length - most / 2));
}

static bool is_within_word(const char *string, size_t at) {
    return at > 0 && isalnum((unsigned char)string[at - 1]) &&
           isalnum((unsigned char)string[at + 1]);
}

/* Addresses become links: "https://", "www.". */
static bool is_in_address(const char *string, size_t at) {
    return (string[at] == ':' && string[at + 1] == '/') ||
           (string[at] == '.' && at > 0 && string[at - 1] == 'w');
}

static void append_sign(struct text *text, char sign) {
    if (sign == '<' || sign == '>')
        text_append(text, sign == '<' ? "&lt;" : "&gt;");
    else
        text_printf(text, "&#%d;", sign);
}

/* What can mean something else is written by its name or number. */
static void append_plain(struct text *text, const char *string) {
    for (size_t at = 0; string[at]; at++) {
        bool means = strchr("\\`*[]<>|&~$", string[at]) || is_in_address(string, at) ||
                     (string[at] == '_' && !is_within_word(string, at));
        if (means)
            append_sign(text, string[at]);
        else
            text_append_bytes(text, &string[at], 1);
    }
}

/* As code, in which nothing else is found: no names of people, no links, no signs. */
static void append_code(struct text *text, const char *string) {
    bool simple = *string && !strpbrk(string, "\\`<>|&");
    text_append(text, simple ? "`" : "<code>");
    if (simple)
        text_append(text, string);
    else
        append_plain(text, string);
    text_append(text, simple ? "`" : "</code>");
}

static void take_code(struct text *text, struct text *name) {
    struct text cut;
    text_init(&cut);
    append_cut(&cut, text_get(name), NAME_BYTES);
    append_code(text, text_get(&cut));
    text->failed |= name->failed || cut.failed;
    text_deinit(&cut);
    text_clear(name);
}

static void append_advice(struct text *text, const struct profile_site *site,
                          const struct chain_counters *chains, struct text *scratch) {
    struct text cut;
    text_init(&cut);
    if (site)
        profile_append_advice(scratch, site, chains);
    append_cut(&cut, text_get(scratch), NAME_BYTES);
    append_plain(text, text_get(&cut));
    text->failed |= scratch->failed || cut.failed;
    text_deinit(&cut);
    text_clear(scratch);
}

static void append_number_cell(struct text *text, uint64_t count) {
    text_append_count(text, count);
    text_append(text, " | ");
}

static void append_size_cell(struct text *text, uint64_t bytes) {
    text_append_size(text, bytes);
    text_append(text, " | ");
}

/* The row, unless there is no room for it. */
static bool take_row(struct text *text, struct text *row) {
    bool fits = text->length + row->length + BYTES_BELOW <= MOST_BYTES;
    if (fits)
        text_append(text, text_get(row));
    text->failed |= row->failed;
    text_clear(row);
    return fits;
}

/* What changed. */

static void append_amounts(struct text *text, const struct report_pair *pair) {
    append_size_cell(text, pair->before.bytes);
    append_size_cell(text, pair->after.bytes);
    report_change_append_difference(text, pair);
    text_append(text, " | ");
    append_number_cell(text, pair->before.count);
    append_number_cell(text, pair->after.count);
}

static bool is_striking(const struct report_change *change) {
    return change->kind == CHANGE_NEW || change->kind == CHANGE_WORSE;
}

static void append_change(struct text *row, const struct report_change *change,
                          struct text *scratch) {
    bool striking = is_striking(change);
    const char *name = report_change_names[change->kind];
    text_printf(row, striking ? "| **%s** | " : "| %s | ", name);
    profile_append_location(scratch, profile_location(change->pair.site));
    take_code(row, scratch);
    if (change->alike) {
        text_append(row, " ");
        report_change_append_name(scratch, change);
        take_code(row, scratch);
    }
    text_append(row, " | ");
    append_amounts(row, &change->pair);
    if (striking)
        append_advice(row, change->pair.site, change->pair.site->chains, scratch);
    text_append(row, " |\n");
}

/* What is new and worse comes before the rest. */
static size_t append_changes(struct text *text, const struct report_changes *changes, bool striking,
                             struct text *row, struct text *scratch) {
    size_t shown = 0;
    for (size_t i = 0; i < changes->count; i++) {
        const struct report_change *change = &changes->items[i];
        if (is_striking(change) != striking)
            continue;
        append_change(row, change, scratch);
        if (!take_row(text, row))
            break;
        shown++;
    }
    return shown;
}

static void append_changes_table(struct text *text, const struct report_changes *changes,
                                 uint32_t threshold) {
    struct text row, scratch;
    text_init(&row);
    text_init(&scratch);
    text_append(text, changes_head);
    size_t shown = append_changes(text, changes, true, &row, &scratch);
    if (shown == changes->counts[CHANGE_NEW] + changes->counts[CHANGE_WORSE])
        shown += append_changes(text, changes, false, &row, &scratch);
    text_append(text, "|  | Total | ");
    append_amounts(text, &changes->total);
    text_append(text, " |\n\n");
    report_changes_append_counts(text, changes, threshold);
    if (shown < changes->count)
        text_printf(text, "; %zu more changed, for which there is no room here",
                    changes->count - shown);
    text_append(text, "\n");
    text_deinit(&scratch);
    text_deinit(&row);
}

static int report_markdown_append_changes(struct text *text, const struct profile *profile,
                                          const struct check_limits *limits) {
    struct report_changes changes;
    int status = report_changes_create(limits->baseline, profile, limits->at, &changes);
    if (status == TMPALLOC_OK)
        append_changes_table(text, &changes, profile->threshold);
    report_changes_release(&changes);
    return status;
}

/* What there is. */

static void append_location(struct text *text, const struct report_rows *rows,
                            const struct report_row *row, struct text *scratch) {
    text_append(text, "| ");
    labels_append(rows->labels, row->location, scratch);
    report_through_append(&rows->through, row->order, scratch);
    take_code(text, scratch);
    text_append(text, " | ");
    append_size_cell(text, row->own.bytes);
    append_number_cell(text, row->own.count);
    report_append_percent(text, row->own_temporaries, row->own_allocations);
    text_append(text, " | ");
    append_advice(text, row->site, row->chains, scratch);
    text_append(text, " |\n");
}

static void append_rest(struct text *text, const struct report_rows *rows, size_t shown,
                        struct text *scratch) {
    struct report_amount rest = report_rows_hidden(rows, shown);
    if (rest.count == 0)
        return;
    report_append_more(scratch, rows->profile, rows->count - shown, "location", "locations");
    text_append(text, "| ");
    append_plain(text, text_get(scratch));
    text_append(text, " | ");
    append_size_cell(text, rest.bytes);
    append_number_cell(text, rest.count);
    text_append(text, "  |  |\n");
    text->failed |= scratch->failed;
}

static void append_rows(struct text *text, const struct report_rows *rows) {
    size_t shown = 0;
    struct text row, scratch;
    text_init(&row);
    text_init(&scratch);
    text_append(text, summary_head);
    for (; shown < rows->count; shown++) {
        append_location(&row, rows, &rows->items[shown], &scratch);
        if (!take_row(text, &row))
            break;
    }
    append_rest(text, rows, shown, &scratch);
    text_append(text, "\n");
    const struct report_amount all = {rows->profile->count, rows->profile->bytes};
    report_check_append_amount(text, all);
    text_printf(text, " at threshold %u, of ", rows->profile->threshold);
    text_append_count(text, rows->profile->totals.allocations);
    text_append(text, " allocations\n");
    text_deinit(&scratch);
    text_deinit(&row);
}

static int report_markdown_append_rows(struct text *text, const struct profile *profile,
                                       const regex_t *at) {
    const struct report_options options = {.filter = at};
    struct report_rows rows;
    int status = report_rows_create(profile, &options, &rows);
    if (status == TMPALLOC_OK && rows.count > 0)
        append_rows(text, &rows);
    else if (status == TMPALLOC_OK)
        report_nothing(profile, text);
    report_rows_release(&rows);
    return status;
}

/* The verdict. */

static void append_fenced(struct text *text, const char *lines) {
    text_append(text, "\n```text\n");
    while (*lines) {
        struct text line;
        size_t length = strcspn(lines, "\n");
        text_init(&line);
        text_append_bytes(&line, lines, length);
        append_cut(text, text_get(&line), BYTES_PER_FENCED);
        text_append(text, "\n");
        text->failed |= line.failed;
        text_deinit(&line);
        lines += length + (lines[length] == '\n');
    }
    text_append(text, "```\n");
}

/* In bold, and why. */
static void append_verdict(struct text *text, struct text *verdict) {
    char *lines = verdict->data ? strchr(verdict->data, '\n') : NULL;
    struct text cut;
    if (!lines)
        return;
    *lines++ = '\0';
    text_init(&cut);
    append_cut(&cut, verdict->data, VERDICT_BYTES);
    text_append(text, "**");
    append_plain(text, text_get(&cut));
    text_append(text, "**\n");
    text->failed |= cut.failed;
    text_deinit(&cut);
    if (*lines)
        append_fenced(text, lines);
    text_append(text, "\n");
}

static int judge(struct text *text, const struct profile *profile,
                 const struct check_limits *limits, struct error *error) {
    enum check_verdict ignored;
    struct text verdict;
    text_init(&verdict);
    int status = report_check(profile, limits, &verdict, &ignored, error);
    if (status == TMPALLOC_OK)
        append_verdict(text, &verdict);
    text_deinit(&verdict);
    return status;
}

int report_markdown_against(const struct profile *profile, const struct check_limits *limits,
                            struct text *text, struct error *error) {
    int status = judge(text, profile, limits, error);
    if (status != TMPALLOC_OK)
        return status;
    status = limits->baseline ? report_markdown_append_changes(text, profile, limits)
                              : report_markdown_append_rows(text, profile, limits->at);
    return report_end(status, text, error);
}

int report_markdown(const struct profile *profile, struct text *text, struct error *error) {
    return report_end(report_markdown_append_rows(text, profile, NULL), text, error);
}
