#include <stdio.h>
#include <string.h>

#include "names/short_name.h"
#include "profile/profile_names.h"

static const char replacement_character[] = "\xef\xbf\xbd";

/* Length of the valid UTF-8 sequence at s, 0 when there is none. */
static size_t sequence_length(const unsigned char *s) {
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] >= 0xa0;
    bool too_large = s[0] == 0xf4 && s[1] >= 0x90;
    return overlong || surrogate || too_large ? 0 : length;
}

static bool is_control(const unsigned char *s) {
    return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

void profile_append_printable(struct text *text, const char *string) {
    const unsigned char *s = (const unsigned char *)string;
    const unsigned char *clean = s;
    while (*s) {
        size_t length = sequence_length(s);
        if (length > 0 && !is_control(s)) {
            s += length;
            continue;
        }
        text_append_bytes(text, (const char *)clean, (size_t)(s - clean));
        text_append(text, length > 0 ? " " : replacement_character);
        s += length > 0 ? length : 1;
        clean = s;
    }
    text_append_bytes(text, (const char *)clean, (size_t)(s - clean));
}

/* So many of its last parts, at most all. */
static const char *path_tail(const char *path, size_t parts) {
    const char *tail = path + strlen(path);
    while (tail > path && (tail[-1] != '/' || *tail == '\0' || --parts > 0))
        tail--;
    return tail;
}

static const char *base_name(const char *path) {
    return path_tail(path, 1);
}

/* All packages have files of these names. */
static bool says_too_little(const char *file) {
    const char *name = base_name(file);
    return strcmp(name, "__init__.py") == 0 || strcmp(name, "__main__.py") == 0;
}

size_t profile_parts_that_differ(const char *path, const char *other) {
    size_t parts = 1;
    while (strcmp(path_tail(path, parts), path_tail(other, parts)) == 0) {
        if (path_tail(path, parts) == path && path_tail(other, parts) == other)
            return 1;
        parts++;
    }
    return parts;
}

static void append_short(struct text *text, const char *function) {
    struct text name;
    text_init(&name);
    short_name_append(&name, function);
    profile_append_printable(text, text_get(&name));
    text->failed |= name.failed;
    text_deinit(&name);
}

#define WHOLE_PATH SIZE_MAX

static const struct name_detail in_short = {false, 1};
static const struct name_detail in_full = {true, WHOLE_PATH};

static void append_name(struct text *text, const struct symbol *symbol, struct name_detail detail) {
    if (symbol->function && !detail.whole_name && !symbol->python) {
        append_short(text, symbol->function);
    } else if (symbol->function) {
        profile_append_printable(text, symbol->function);
    } else if (symbol->module) {
        size_t parts = detail.path_parts == WHOLE_PATH ? 1 : detail.path_parts;
        profile_append_printable(text, path_tail(symbol->module, parts));
        text_printf(text, "+0x%llx", (unsigned long long)symbol->offset);
    } else {
        text_printf(text, "0x%llx", (unsigned long long)symbol->address);
    }
}

void profile_append_name(struct text *text, const struct symbol *symbol) {
    append_name(text, symbol, in_full);
}

void profile_append_short_name(struct text *text, const struct symbol *symbol) {
    append_name(text, symbol, in_short);
}

void profile_append_detailed(struct text *text, const struct symbol *symbol,
                             struct name_detail detail) {
    append_name(text, symbol, detail);
    if (symbol->file) {
        bool more = detail.path_parts == 1 && says_too_little(symbol->file);
        text_append(text, " at ");
        profile_append_printable(text, path_tail(symbol->file, more ? 2 : detail.path_parts));
        if (symbol->line > 0)
            text_printf(text, ":%u", symbol->line);
    } else if (symbol->function && symbol->module) {
        text_append(text, " in ");
        profile_append_printable(text, path_tail(symbol->module, detail.path_parts));
    }
}

void profile_append_location(struct text *text, const struct symbol *symbol) {
    profile_append_detailed(text, symbol, in_short);
}

void profile_append_frame(struct text *text, const struct symbol *symbol) {
    profile_append_detailed(text, symbol, in_full);
    if (symbol->inlined)
        text_append(text, " (inlined)");
}

void profile_append_folded(struct text *text, const struct profile_stack *stack) {
    for (size_t i = stack->count; i > 0; i--) {
        size_t start = text->length;
        profile_append_name(text, stack->symbols[i - 1]);
        for (size_t k = start; k < text->length; k++) {
            if (text->data[k] == ';')
                text->data[k] = ',';
        }
        if (i > 1)
            text_append(text, ";");
    }
}
