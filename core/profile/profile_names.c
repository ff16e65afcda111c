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

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static void append_short(struct text *text, const char *function) {
    struct text name;
    text_init(&name);
    short_name_append(&name, function);
    profile_append_printable(text, text_get(&name));
    text->failed |= name.failed;
    text_deinit(&name);
}

static void append_name(struct text *text, const struct symbol *symbol, bool full) {
    if (symbol->function && !full && !symbol->python) {
        append_short(text, symbol->function);
    } else if (symbol->function) {
        profile_append_printable(text, symbol->function);
    } else if (symbol->module) {
        profile_append_printable(text, base_name(symbol->module));
        text_printf(text, "+0x%llx", (unsigned long long)symbol->offset);
    } else {
        text_printf(text, "0x%llx", (unsigned long long)symbol->address);
    }
}

void profile_append_name(struct text *text, const struct symbol *symbol) {
    append_name(text, symbol, true);
}

void profile_append_short_name(struct text *text, const struct symbol *symbol) {
    append_name(text, symbol, false);
}

static void append_place(struct text *text, const struct symbol *symbol, bool full) {
    append_name(text, symbol, full);
    if (symbol->file) {
        text_append(text, " at ");
        profile_append_printable(text, full ? symbol->file : base_name(symbol->file));
        if (symbol->line > 0)
            text_printf(text, ":%u", symbol->line);
    } else if (symbol->function && symbol->module) {
        text_append(text, " in ");
        profile_append_printable(text, full ? symbol->module : base_name(symbol->module));
    }
}

void profile_append_location(struct text *text, const struct symbol *symbol) {
    append_place(text, symbol, false);
}

void profile_append_frame(struct text *text, const struct symbol *symbol) {
    append_place(text, symbol, true);
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
