#include "reports/report_list_lines.h"

#include <stdlib.h>
#include <string.h>

#include "profile/profile_advice.h"
#include "profile/profile_names.h"
#include "reports/report_source.h"
#include "reports/report_table.h"
#include "support/memory.h"

#define LINES_AROUND      3
#define LINES_NEAR        5 /* of one that is asked for */
#define LINES_BESIDE_ROWS 4 /* path, header, hidden rows, prompt */

static const struct table_column list_columns[] = {
    {"Source", false, 0},
    {"Temporaries", true, 0},
    {"Memory", true, 0},
    {"Pattern", false, 1},
};

void source_lines_deinit(struct source_lines *lines) {
    memory_release(lines->items);
}

static struct source_line *get_line(struct source_lines *lines, const char *file, uint32_t number) {
    for (size_t i = 0; i < lines->count; i++) {
        struct source_line *line = &lines->items[i];
        if (line->number == number && text_same(line->file, file))
            return line;
    }
    if (MEMORY_RESERVE(lines->items, &lines->capacity, lines->count + 1))
        return NULL;
    struct source_line *added = &lines->items[lines->count++];
    *added = (struct source_line){.file = file, .number = number};
    return added;
}

int source_lines_add(struct source_lines *lines, const struct profile_site *site,
                     struct report_amount amount) {
    const struct symbol *symbol = profile_location(site);
    struct source_line *line = get_line(lines, symbol->file, symbol->line);
    if (!line)
        return TMPALLOC_E_NOMEM;
    line->symbol = symbol;
    line->amount.count += amount.count;
    line->amount.bytes += amount.bytes;
    if (!line->site || amount.bytes > line->site_amount.bytes) {
        line->site = site;
        line->site_amount = amount;
    }
    return TMPALLOC_OK;
}

int source_lines_add_place(struct source_lines *lines, const char *file, uint32_t number) {
    struct source_line *line = get_line(lines, file, number);
    if (!line)
        return TMPALLOC_E_NOMEM;
    line->asked = true;
    return TMPALLOC_OK;
}

bool source_lines_any(const struct source_lines *lines) {
    for (size_t i = 0; i < lines->count; i++) {
        if (lines->items[i].site)
            return true;
    }
    return false;
}

static int report_list_lines_compare_places(const void *left, const void *right) {
    const struct source_line *a = left, *b = right;
    int order = strcmp(a->file ? a->file : "", b->file ? b->file : "");
    return order ? order : a->number < b->number ? -1 : a->number > b->number;
}

/* The lines of one file. */
struct section {
    struct source_line *lines;
    size_t count;
    struct table *table;
    size_t next;        /* of the lines, for the one that is read */
    uint32_t last_read; /* of those that are shown */
    uint32_t read;
};

static uint32_t first_around(const struct source_line *line) {
    return line->number > LINES_AROUND ? line->number - LINES_AROUND : 1;
}

/* How many rows those that are shown take with what is around them. */
static size_t count_rows(const struct section *section) {
    size_t rows = 0;
    uint32_t end = 0;
    for (size_t i = 0; i < section->count; i++) {
        const struct source_line *line = &section->lines[i];
        if (!line->shown)
            continue;
        uint32_t first = first_around(line);
        rows += first > end + 1 && end > 0; /* "..." */
        rows += line->number + LINES_AROUND - (first > end ? first - 1 : end);
        end = line->number + LINES_AROUND;
    }
    return rows;
}

static bool is_near_line(const struct section *section, uint32_t number) {
    bool any = false;
    for (size_t i = 0; i < section->count; i++) {
        const struct source_line *line = &section->lines[i];
        if (line->asked && number <= line->number + LINES_NEAR &&
            line->number <= number + LINES_NEAR)
            return true;
        any |= line->asked;
    }
    return !any;
}

static struct source_line *heaviest_hidden(const struct section *section) {
    struct source_line *heaviest = NULL;
    for (size_t i = 0; i < section->count; i++) {
        struct source_line *line = &section->lines[i];
        if (line->shown || !is_near_line(section, line->number))
            continue;
        if (line->asked)
            return line;
        if (!heaviest || line->amount.bytes > heaviest->amount.bytes)
            heaviest = line;
    }
    return heaviest;
}

/* On a screen what is around them counts, too. */
static bool has_room_for_lines(const struct section *section, size_t chosen,
                               const struct report_options *options) {
    size_t most = report_rows_to_show(options, SIZE_MAX, LINES_BESIDE_ROWS);
    bool fits_screen = options->rows == REPORT_ROWS_FIT && options->terminal_rows > 0;
    return fits_screen ? count_rows(section) <= most : chosen <= most;
}

/* The heaviest ones, at least one. */
static void report_list_lines_choose(struct section *section,
                                     const struct report_options *options) {
    struct source_line *line;
    for (size_t chosen = 1; (line = heaviest_hidden(section)); chosen++) {
        line->shown = true;
        if (chosen > 1 && !has_room_for_lines(section, chosen, options)) {
            line->shown = false;
            return;
        }
    }
}

static void report_list_lines_add_row(struct table *table, const struct source_line *line,
                                      uint32_t number, const char *source) {
    bool advises = line && line->site && line->site->pattern != PATTERN_NONE;
    table_add_row(table, TABLE_NO_PARENT, advises ? TABLE_STRIKING : TABLE_NORMAL);
    struct text *cell = table_add_cell(table);
    if (number > 0)
        text_printf(cell, "%6u  ", number);
    else
        text_append(cell, "  unknown line");
    profile_append_printable(cell, source);
    if (!line || !line->site)
        return;
    text_append_count(table_add_cell(table), line->amount.count);
    text_append_size(table_add_cell(table), line->amount.bytes);
    table_add_cell_string(table, profile_pattern_name(line->site->pattern));
}

static bool report_list_lines_read_line(void *arg, uint32_t number, const char *source) {
    struct section *section = arg;
    section->read = number;
    while (section->next < section->count &&
           (!section->lines[section->next].shown ||
            section->lines[section->next].number + LINES_AROUND < number))
        section->next++;
    if (section->next == section->count)
        return false;
    const struct source_line *line = &section->lines[section->next];
    if (number < first_around(line))
        return true;
    if (section->last_read > 0 && section->last_read + 1 < number) {
        table_add_row(section->table, TABLE_NO_PARENT, TABLE_FAINT);
        table_add_cell_string(section->table, "   ...");
    }
    /* Of lines near each other the next one may be this. */
    while (line->number < number && line + 1 < section->lines + section->count &&
           line[1].number <= number)
        line++;
    report_list_lines_add_row(section->table, line->number == number && line->shown ? line : NULL,
                              number, source);
    section->last_read = number;
    return true;
}

/* Those that the file doesn't have, or all where it can't be read. */
static void add_unread(struct section *section) {
    for (size_t i = 0; i < section->count; i++) {
        const struct source_line *line = &section->lines[i];
        bool unread = line->number == 0 || line->number > section->last_read;
        if (line->shown && line->site && unread)
            report_list_lines_add_row(section->table, line, line->number, "");
    }
}

static void add_hidden(struct section *section) {
    struct report_amount hidden = {0};
    size_t count = 0;
    for (size_t i = 0; i < section->count; i++) {
        const struct source_line *line = &section->lines[i];
        if (line->shown)
            continue;
        count++;
        hidden.count += line->amount.count;
        hidden.bytes += line->amount.bytes;
    }
    if (count == 0)
        return;
    table_add_row(section->table, TABLE_NO_PARENT, TABLE_FAINT);
    text_printf(table_add_cell(section->table), "%zu more line%s", count, text_plural(count));
    text_append_count(table_add_cell(section->table), hidden.count);
    text_append_size(table_add_cell(section->table), hidden.bytes);
}

static void append_problem(const struct section *section, int problem, struct text *text) {
    const char *file = section->lines[0].file;
    if (!file)
        text_append(text, "No debug information says where that is.\n");
    else if (problem != 0)
        text_printf(text, "%s can't be read: %s\n", file, strerror(problem));
    else if (section->next < section->count && section->lines[section->next].number > section->read)
        text_printf(text, "%s has no line %u\n", file, section->lines[section->next].number);
}

static int print_section(struct section *section, const struct report_options *options,
                         struct text *text) {
    const struct source_line *first = &section->lines[0];
    int status = table_create(list_columns, sizeof list_columns / sizeof *list_columns, options,
                              &section->table);
    if (status != TMPALLOC_OK)
        return status;
    report_list_lines_choose(section, options);
    int problem =
        first->file ? report_read_source(first->file, report_list_lines_read_line, section) : 0;
    add_unread(section);
    add_hidden(section);
    if (first->file)
        profile_append_printable(text, first->file);
    else
        profile_append_location(text, first->symbol);
    text_append(text, "\n");
    status = table_print(section->table, text);
    append_problem(section, problem, text);
    table_destroy(section->table);
    return status;
}

int source_lines_print(struct source_lines *lines, const struct report_options *options,
                       struct text *text) {
    int status = TMPALLOC_OK;
    if (lines->count > 0)
        qsort(lines->items, lines->count, sizeof *lines->items, report_list_lines_compare_places);
    for (size_t first = 0, end; first < lines->count && status == TMPALLOC_OK; first = end) {
        const char *file = lines->items[first].file;
        for (end = first + 1; end < lines->count && text_same(lines->items[end].file, file);)
            end++;
        struct section section = {.lines = lines->items + first, .count = end - first};
        status = print_section(&section, options, text);
    }
    return status;
}
