#include "reports/report_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profile/profile.h"
#include "profile/profile_names.h"

#define LINES_AROUND 3
#define LINE_BYTES   200
#define TAB_WIDTH    4

/* A path out of debug information may name a device or a pipe: opening it must not block. */
static FILE *open_regular_file(const char *path) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0)
        return NULL;
    struct stat status;
    FILE *file = NULL;
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode))
        file = fdopen(descriptor, "r");
    if (!file)
        close(descriptor);
    return file;
}

/* Reads a line without its end; what is longer than the buffer is skipped.  False at the end. */
static bool report_source_read_line(FILE *file, char buffer[LINE_BYTES]) {
    size_t length = 0;
    int character = getc_unlocked(file);
    if (character == EOF)
        return false;
    for (; character != EOF && character != '\n'; character = getc_unlocked(file)) {
        size_t width = character == '\t' ? TAB_WIDTH : 1;
        if (character == '\r' || length + width >= LINE_BYTES)
            continue;
        memset(buffer + length, character == '\t' ? ' ' : character, width);
        length += width;
    }
    buffer[length] = '\0';
    return true;
}

static void append_line(struct text *text, const char *source, uint32_t number, bool marked) {
    text_printf(text, "    %s %6u", marked ? "->" : "  ", number);
    if (source[0]) {
        text_append(text, "  ");
        profile_append_printable(text, source);
    }
    text_append(text, "\n");
}

static void append_lines(struct text *text, FILE *file, uint32_t line) {
    uint32_t first = line > LINES_AROUND ? line - LINES_AROUND : 1;
    char buffer[LINE_BYTES];
    struct text lines;
    text_init(&lines);
    uint32_t number = 1;
    for (; number <= line + LINES_AROUND && report_source_read_line(file, buffer); number++) {
        if (number >= first)
            append_line(&lines, buffer, number, number == line);
    }
    if (number > line)
        text_append(text, text_get(&lines));
    text->failed |= lines.failed;
    text_deinit(&lines);
}

int report_read_source(const char *path, report_source_visit *visit, void *arg) {
    char buffer[LINE_BYTES];
    errno = 0;
    FILE *file = open_regular_file(path);
    if (!file)
        return errno ? errno : EINVAL;
    for (uint32_t number = 1; report_source_read_line(file, buffer) && visit(arg, number, buffer);)
        number++;
    fclose(file);
    return 0;
}

void report_append_source(struct text *text, const char *path, uint32_t line) {
    if (!path || line == 0 || line > UINT32_MAX - LINES_AROUND - 1)
        return;
    FILE *file = open_regular_file(path);
    if (!file)
        return;
    append_lines(text, file, line);
    fclose(file);
}
