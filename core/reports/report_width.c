#include "reports/report_width.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define FIT_MIN_WIDTH    4
#define AROUND_MIN_WIDTH 16
#define WRAP_MIN_WIDTH   20
#define WRAP_INDENT      4 /* of the lines that go on, more than that of the first one */

/* Decodes one character; returns its length in bytes, at least 1 except at the end. */
static size_t next_character(const char *string, size_t *width_ret) {
    wchar_t character;
    mbstate_t state = {0};
    size_t length = mbrtowc(&character, string, MB_CUR_MAX, &state);
    *width_ret = 1;
    if (length == 0)
        return 0;
    if (length > MB_CUR_MAX)
        return 1;
    int width = wcwidth(character);
    *width_ret = width > 0 ? (size_t)width : 0;
    return length;
}

/* The length of an escape sequence for a colour; 0: there is none. */
static size_t escape_length(const char *string) {
    if (string[0] != '\033' || string[1] != '[')
        return 0;
    size_t length = 2 + strspn(string + 2, "0123456789;");
    return string[length] == 'm' ? length + 1 : 0;
}

static size_t next_cell(const char *string, size_t *width_ret) {
    size_t escape = escape_length(string);
    *width_ret = 0;
    return escape > 0 ? escape : next_character(string, width_ret);
}

size_t width_of(const char *string) {
    size_t total = 0;
    size_t width;
    for (size_t length; (length = next_cell(string, &width)) > 0; string += length)
        total += width;
    return total;
}

/* The longest head of the string that is at most `width` wide, in bytes. */
static size_t head_bytes(const char *string, size_t width) {
    const char *end = string;
    size_t used = 0;
    size_t step;
    for (size_t length; (length = next_cell(end, &step)) > 0; end += length) {
        used += step;
        if (used > width)
            break;
    }
    return (size_t)(end - string);
}

/* What is left of the string when it is at most `width` wide; `full` is all of its width. */
static const char *tail_of(const char *string, size_t full, size_t width) {
    size_t step;
    for (size_t left = full; left > width; left -= step)
        string += next_character(string, &step);
    return string;
}

void width_fit(struct text *text, const char *string, size_t width) {
    size_t full = width_of(string);
    if (width == 0 || full <= width || width < FIT_MIN_WIDTH) {
        text_append(text, string);
        return;
    }
    /* The end tells more: it has file and line. */
    size_t head = (width - 3) / 3;
    size_t tail = width - 3 - head;
    text_append_bytes(text, string, head_bytes(string, head));
    text_append(text, "...");
    text_append(text, tail_of(string, full, tail));
}

void width_fit_around(struct text *text, const char *string, size_t width, size_t place) {
    size_t full = width_of(string);
    size_t dots = strlen("...");
    if (full <= width || width < AROUND_MIN_WIDTH) {
        width_fit(text, string, width);
        return;
    }
    size_t head = (width - 2 * dots) / 4;
    size_t kept = (width - 2 * dots) / 3;
    size_t tail = width - 2 * dots - head - kept;
    const char *end = tail_of(string, full, tail + kept + dots);
    text_append_bytes(text, string, head_bytes(string, head));
    text_append(text, "...");
    if (string + place >= end) { /* and so is what comes before the end */
        text_append(text, end);
        return;
    }
    text_append_bytes(text, string + place, head_bytes(string + place, kept));
    text_append(text, "...");
    text_append(text, tail_of(string, full, tail));
}

locale_t width_enter_utf8(locale_t *utf8_ret) {
    *utf8_ret = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return *utf8_ret ? uselocale(*utf8_ret) : (locale_t)0;
}

void width_leave_utf8(locale_t utf8, locale_t before) {
    if (!utf8)
        return;
    uselocale(before);
    freelocale(utf8);
}

/* Where the line is broken that has no more than `bytes` in this row: at a blank, if there is one
 * behind the indent. */
static size_t find_break(const char *line, size_t indent, size_t bytes) {
    for (size_t place = bytes; place > indent; place--) {
        if (line[place] == ' ' && line[place - 1] != ' ' &&
            !isdigit((unsigned char)line[place + 1]))
            return place;
    }
    return bytes;
}

static size_t wrap_line(struct text *text, const char *line, size_t width) {
    size_t skipped = strspn(line, " ");
    size_t indent = skipped < width / 2 ? skipped + WRAP_INDENT : WRAP_INDENT;
    size_t rows = 1;
    size_t left = width;
    while (width_of(line) > left) {
        size_t end = find_break(line, skipped, head_bytes(line, left));
        text_append_bytes(text, line, end);
        line += end + strspn(line + end, " ");
        text_printf(text, "\n%*s", (int)indent, "");
        left = width - indent;
        skipped = 0;
        rows++;
    }
    text_append(text, line);
    return rows;
}

static size_t wrap_lines(struct text *text, const char *lines, size_t width) {
    struct text line;
    size_t rows = 0;
    text_init(&line);
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        text_clear(&line);
        text_append_bytes(&line, lines, length);
        rows += wrap_line(text, text_get(&line), width);
        if (lines[length] == '\n')
            text_append(text, "\n");
        lines += length + (lines[length] == '\n');
    }
    text->failed |= line.failed;
    text_deinit(&line);
    return rows;
}

size_t width_wrap(struct text *text, const char *lines, size_t width) {
    locale_t utf8;
    locale_t before = width_enter_utf8(&utf8);
    size_t rows = wrap_lines(text, lines, width < WRAP_MIN_WIDTH ? SIZE_MAX : width);
    width_leave_utf8(utf8, before);
    return rows;
}
