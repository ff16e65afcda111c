#include "reports/report_table.h"

#include <langinfo.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "reports/report_cuts.h"
#include "reports/report_width.h"
#include "support/memory.h"

#define COLUMNS_MAX     9
#define SEPARATOR       "  "
#define SEPARATOR_WIDTH 2
#define FIRST_MIN_WIDTH 20
#define FIT_MIN_WIDTH   8
#define INDENT_WIDTH    2 /* of a tree level, as libsmartcols draws it */

struct row {
    size_t parent;
    size_t depth;
    enum table_style style;
    size_t cells[COLUMNS_MAX]; /* offsets in the table's content */
    size_t cell_count;
    size_t longer; /* offset of what the first cell is where it fits; 0: the same */
    struct libscols_line *line;
};

struct table {
    const struct table_column *columns;
    size_t column_count;
    bool visible[COLUMNS_MAX];
    size_t width; /* of the widest row; 0: any */
    bool screen;
    bool colors;
    bool tree;
    bool failed;
    struct text content; /* NUL-terminated cells one after the other */
    struct row *rows;
    size_t row_count;
    size_t row_capacity;
};

int table_create(const struct table_column *columns, size_t count,
                 const struct report_options *options, struct table **ret) {
    struct table *table = memory_allocate_zeroed(1, sizeof *table);
    if (!table)
        return TMPALLOC_E_NOMEM;
    table->columns = columns;
    table->column_count = count;
    for (size_t i = 0; i < count; i++)
        table->visible[i] = true;
    table->width = options->columns;
    table->screen = options->screen;
    table->colors = options->screen && options->colors;
    text_init(&table->content);
    /* Offset 0 is the empty cell. */
    text_append_bytes(&table->content, "", 1);
    *ret = table;
    return TMPALLOC_OK;
}

void table_destroy(struct table *table) {
    if (!table)
        return;
    text_deinit(&table->content);
    memory_release(table->rows);
    memory_release(table);
}

static void end_cell(struct table *table) {
    if (table->row_count > 0)
        text_append_bytes(&table->content, "", 1);
}

size_t table_add_row(struct table *table, size_t parent, enum table_style style) {
    end_cell(table);
    if (MEMORY_RESERVE(table->rows, &table->row_capacity, table->row_count + 1)) {
        table->failed = true;
        return TABLE_NO_PARENT;
    }
    struct row *row = &table->rows[table->row_count];
    *row = (struct row){.parent = parent, .style = style};
    if (parent != TABLE_NO_PARENT) {
        row->depth = table->rows[parent].depth + 1;
        table->tree = true;
    }
    return table->row_count++;
}

struct text *table_add_cell(struct table *table) {
    if (table->failed || table->row_count == 0)
        return &table->content;
    end_cell(table);
    struct row *row = &table->rows[table->row_count - 1];
    row->cells[row->cell_count++] = table->content.length;
    return &table->content;
}

struct text *table_add_longer(struct table *table) {
    if (table->failed || table->row_count == 0)
        return &table->content;
    end_cell(table);
    table->rows[table->row_count - 1].longer = table->content.length;
    return &table->content;
}

void table_add_cell_string(struct table *table, const char *string) {
    text_append(table_add_cell(table), string);
}

size_t table_row_count(const struct table *table) {
    return table->row_count;
}

static const char *get_cell(const struct table *table, const struct row *row, size_t column) {
    return text_get(&table->content) + row->cells[column];
}

/* The first cell of a row, in its longer form when that is at most so wide. */
static const char *get_first(const struct table *table, const struct row *row, size_t width) {
    const char *longer = text_get(&table->content) + row->longer;
    return row->longer > 0 && width_of(longer) <= width ? longer : get_cell(table, row, 0);
}

static size_t cell_width(const struct table *table, const struct row *row, size_t column) {
    if (column > 0)
        return width_of(get_cell(table, row, column));
    return row->depth * INDENT_WIDTH + width_of(get_first(table, row, SIZE_MAX));
}

static size_t column_width(const struct table *table, size_t column) {
    size_t widest = width_of(table->columns[column].title);
    for (size_t i = 0; i < table->row_count; i++) {
        size_t width = cell_width(table, &table->rows[i], column);
        if (width > widest)
            widest = width;
    }
    return widest;
}

/* What the visible columns after the first one take. */
static size_t others_width(const struct table *table, const size_t *widths) {
    size_t total = 0;
    for (size_t i = 1; i < table->column_count; i++) {
        if (table->visible[i])
            total += SEPARATOR_WIDTH + widths[i];
    }
    return total;
}

static bool hide_next_column(struct table *table) {
    size_t chosen = 0;
    for (size_t i = 1; i < table->column_count; i++) {
        uint32_t rank = table->columns[i].sacrifice;
        if (table->visible[i] && rank > 0 &&
            (chosen == 0 || rank < table->columns[chosen].sacrifice))
            chosen = i;
    }
    if (chosen > 0)
        table->visible[chosen] = false;
    return chosen > 0;
}

/* Returns the width of the first column; hides columns until it is enough to read. */
static size_t lay_out(struct table *table) {
    size_t widths[COLUMNS_MAX];
    for (size_t i = 0; i < table->column_count; i++)
        widths[i] = column_width(table, i);
    if (table->width == 0)
        return 0;
    size_t wanted = widths[0] < FIRST_MIN_WIDTH ? widths[0] : FIRST_MIN_WIDTH;
    while (others_width(table, widths) + wanted > table->width && hide_next_column(table))
        ;
    size_t others = others_width(table, widths);
    return others + FIT_MIN_WIDTH < table->width ? table->width - others : FIT_MIN_WIDTH;
}

static int use_ascii_tree(struct libscols_table *output) {
    struct libscols_symbols *symbols = scols_new_symbols();
    if (!symbols)
        return -1;
    int failed = scols_symbols_set_branch(symbols, "|-") ||
                 scols_symbols_set_vertical(symbols, "| ") ||
                 scols_symbols_set_right(symbols, "`-") || scols_table_set_symbols(output, symbols);
    scols_unref_symbols(symbols);
    return failed ? -1 : 0;
}

static int add_columns(const struct table *table, struct libscols_table *output) {
    for (size_t i = 0; i < table->column_count; i++) {
        if (!table->visible[i])
            continue;
        int flags = table->columns[i].number ? SCOLS_FL_RIGHT : 0;
        if (i == 0)
            flags |= SCOLS_FL_TRUNC | (table->tree ? SCOLS_FL_TREE : 0);
        struct libscols_column *column =
            scols_table_new_column(output, table->columns[i].title, 0, flags);
        if (!column)
            return -1;
        if (table->colors && scols_cell_set_color(scols_column_get_header(column), "\033[1m") != 0)
            return -1;
    }
    return 0;
}

static int set_style(const struct row *row) {
    if (row->style == TABLE_FAINT)
        return scols_line_set_color(row->line, "\033[2m");
    if (row->style == TABLE_STRIKING)
        return scols_cell_set_color(scols_line_get_cell(row->line, 0), "\033[33m");
    return 0;
}

static int report_table_add_line(struct table *table, struct libscols_table *output,
                                 struct row *row, const char *first) {
    struct row *parent = row->parent == TABLE_NO_PARENT ? NULL : &table->rows[row->parent];
    row->line = scols_table_new_line(output, parent ? parent->line : NULL);
    if (!row->line)
        return -1;
    int failed = scols_line_set_data(row->line, 0, first) != 0;
    for (size_t i = 1, position = 1; i < table->column_count && !failed; i++) {
        if (table->visible[i])
            failed = scols_line_set_data(row->line, position++, get_cell(table, row, i)) != 0;
    }
    return failed || (table->colors && set_style(row) != 0) ? -1 : 0;
}

static struct cut *cut_first_cells(const struct table *table, size_t width, struct text *results) {
    struct cut *cuts = memory_allocate_zeroed(table->row_count, sizeof *cuts);
    for (size_t i = 0; cuts && i < table->row_count; i++) {
        const struct row *row = &table->rows[i];
        size_t indent = row->depth * INDENT_WIDTH;
        cuts[i].width = width > indent ? width - indent : 0;
        cuts[i].whole = get_first(table, row, width > 0 ? cuts[i].width : SIZE_MAX);
    }
    if (cuts && cuts_make(cuts, table->row_count, results) == TMPALLOC_OK)
        return cuts;
    memory_release(cuts);
    return NULL;
}

static int add_lines(struct table *table, struct libscols_table *output, size_t first_width) {
    struct text results;
    text_init(&results);
    struct cut *cuts = cut_first_cells(table, first_width, &results);
    int failed = cuts ? 0 : -1;
    for (size_t i = 0; i < table->row_count && !failed; i++)
        failed =
            report_table_add_line(table, output, &table->rows[i], results.data + cuts[i].result);
    memory_release(cuts);
    text_deinit(&results);
    return failed;
}

static int report_table_fill(struct table *table, struct libscols_table *output,
                             bool utf8_terminal) {
    bool terminal = table->screen && table->width > 0;
    size_t first_width = lay_out(table);
    if (scols_table_set_termforce(output,
                                  terminal ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER) ||
        (terminal && scols_table_set_termwidth(output, table->width)) ||
        scols_table_set_column_separator(output, SEPARATOR) ||
        scols_table_enable_colors(output, table->colors) ||
        (!(terminal && utf8_terminal) && use_ascii_tree(output)) || add_columns(table, output))
        return -1;
    return add_lines(table, output, first_width);
}

static void append_without_trailing_blanks(struct text *text, const char *lines) {
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        size_t kept = length;
        while (kept > 0 && lines[kept - 1] == ' ')
            kept--;
        text_append_bytes(text, lines, kept);
        text_append(text, "\n");
        lines += length + (lines[length] == '\n');
    }
}

static int report_table_print(struct table *table, struct text *text, bool utf8_terminal) {
    struct libscols_table *output = scols_new_table();
    if (!output)
        return TMPALLOC_E_NOMEM;
    char *lines = NULL;
    int status = TMPALLOC_E_NOMEM;
    if (report_table_fill(table, output, utf8_terminal) == 0 &&
        scols_print_table_to_string(output, &lines) == 0 && lines) {
        append_without_trailing_blanks(text, lines);
        status = text->failed ? TMPALLOC_E_NOMEM : TMPALLOC_OK;
    }
    free(lines);
    scols_unref_table(output);
    return status;
}

int table_print(struct table *table, struct text *text) {
    end_cell(table);
    if (table->failed || table->content.failed)
        return TMPALLOC_E_NOMEM;
    if (table->row_count == 0)
        return TMPALLOC_OK;
    bool utf8_terminal = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    locale_t utf8;
    locale_t before = width_enter_utf8(&utf8);
    int status = report_table_print(table, text, utf8_terminal);
    width_leave_utf8(utf8, before);
    return status;
}
