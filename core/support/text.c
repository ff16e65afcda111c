#include "support/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "support/memory.h"

void text_init(struct text *text) {
    *text = (struct text){0};
}

void text_deinit(struct text *text) {
    memory_release(text->data);
    text_init(text);
}

void text_clear(struct text *text) {
    text->length = 0;
    text->failed = false;
    if (text->data)
        text->data[0] = '\0';
}

/* Room for `more` bytes and the NUL.  After a failure nothing is appended any more: text with a
 * hole in it would be worse than text that ends early. */
static bool text_make_room(struct text *text, size_t more) {
    if (text->failed || more >= SIZE_MAX - text->length ||
        MEMORY_RESERVE(text->data, &text->capacity, text->length + more + 1))
        text->failed = true;
    return !text->failed;
}

void text_append(struct text *text, const char *string) {
    text_append_bytes(text, string, strlen(string));
}

void text_append_bytes(struct text *text, const char *bytes, size_t length) {
    if (!text_make_room(text, length))
        return;
    memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void text_printf(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(text, format, arguments);
    va_end(arguments);
}

void text_vprintf(struct text *text, const char *format, va_list arguments) {
    va_list measured;
    va_copy(measured, arguments);
    int length = vsnprintf(NULL, 0, format, measured);
    va_end(measured);
    if (length < 0 || !text_make_room(text, (size_t)length)) {
        text->failed = true;
        return;
    }
    vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
    text->length += (size_t)length;
}

const char *text_get(const struct text *text) {
    return text->data ? text->data : "";
}

/* bytes / 2^shift in thousandths, a tie to the even one as printf does.  Integers only: the decimal
 * point must not depend on the locale that a debugger has set. */
static uint64_t thousandths(uint64_t bytes, unsigned shift) {
    uint64_t mask = (UINT64_C(1) << shift) - 1;
    uint64_t result = bytes >> shift;
    uint64_t rest = bytes & mask;
    for (int digit = 0; digit < 3; digit++) {
        rest *= 10;
        result = result * 10 + (rest >> shift);
        rest &= mask;
    }
    uint64_t half = UINT64_C(1) << (shift - 1);
    return result + (rest > half || (rest == half && result % 2));
}

void text_append_list(struct text *text, const char *const *strings) {
    for (const char *const *string = strings; *string; string++)
        text_printf(text, "%s%s", string == strings ? "" : ", ", *string);
}

const char *text_plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

void text_append_size(struct text *text, uint64_t bytes) {
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1024) {
        text_printf(text, "%" PRIu64 "B", bytes);
        return;
    }
    unsigned unit = 1;
    while (thousandths(bytes, 10 * unit) >= 1024000)
        unit++;
    uint64_t value = thousandths(bytes, 10 * unit);
    text_printf(text, "%" PRIu64 ".%03" PRIu64 "%s", value / 1000, value % 1000, units[unit]);
}

void text_append_count(struct text *text, uint64_t count) {
    char digits[21];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text_append(text, ",");
        text_append_bytes(text, &digits[i], 1);
    }
}

bool text_same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool text_ends_path(const char *path, const char *end, size_t length) {
    size_t whole = strlen(path);
    if (length == 0 || whole < length || strncmp(path + whole - length, end, length) != 0)
        return false;
    return whole == length || end[0] == '/' || path[whole - length - 1] == '/';
}
