/* Tables and trees of text.  What fits a line is decided here: columns are measured, shortened
 * and left out; libsmartcols aligns and prints what remains.
 *
 * Append freely, print once: running out of memory shows when printing. */
#ifndef TMPALLOC_REPORT_TABLE_H
#define TMPALLOC_REPORT_TABLE_H

#include "reports/report.h"

#define TABLE_NO_PARENT SIZE_MAX

struct table_column {
    const char *title;
    bool number;        /* aligned to the right */
    uint32_t sacrifice; /* left out on a narrow terminal: 1 first, then 2 ...; 0: never */
};

enum table_style { TABLE_NORMAL, TABLE_STRIKING, TABLE_FAINT };

struct table;

/* The first column takes what the others leave; the columns must outlive the table.  Of options
 * only columns, screen and colors matter. */
int table_create(const struct table_column *columns, size_t count,
                 const struct report_options *options, struct table **ret);
void table_destroy(struct table *table);

/* Begins a row, beneath another one in a tree; returns its number. */
size_t table_add_row(struct table *table, size_t parent, enum table_style style);
/* Where to append the content of the row's next cell; valid until the next call.  Cells that are
 * not asked for are empty. */
struct text *table_add_cell(struct table *table);
/* What the row's cell is to be instead where it fits; that is the first one, and was just added. */
struct text *table_add_longer(struct table *table);
void table_add_cell_string(struct table *table, const char *string);
size_t table_row_count(const struct table *table);

/* Appends the table.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int table_print(struct table *table, struct text *text);

#endif
