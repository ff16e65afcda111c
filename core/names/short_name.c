#include "names/short_name.h"

#include <string.h>

#define HASH_DIGITS 16

static bool begins_with(const char *string, const char *prefix) {
    return strncmp(string, prefix, strlen(prefix)) == 0;
}

static void remove_bytes(struct text *text, size_t place, size_t length) {
    memmove(text->data + place, text->data + place + length, text->length - place - length + 1);
    text->length -= length;
}

/* An inline namespace is one inside of another. */
static void remove_namespace(struct text *text, const char *name) {
    for (const char *found; (found = strstr(text_get(text), name));)
        remove_bytes(text, (size_t)(found - text->data), strlen(name) - strlen("::"));
}

/* Where the bracket at `place` is closed; NULL: nowhere.  "->" and comparisons close nothing. */
static const char *find_end(const char *place) {
    int depth = 0;
    for (; *place; place++) {
        depth += *place == '<' || *place == '(' || *place == '[';
        depth -= (*place == '>' && place[-1] != '-') || *place == ')' || *place == ']';
        if (depth == 0)
            return place;
    }
    return NULL;
}

static bool is_default(const char *argument) {
    static const char *const templates[] = {
        "std::allocator<", "std::char_traits<",    "std::less<",
        "std::hash<",      "std::default_delete<", "std::equal_to<",
    };
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        size_t length = strlen(templates[i]);
        if (begins_with(argument, templates[i]) && !begins_with(argument + length, "void>"))
            return true;
    }
    return false;
}

/* From the last argument on, so that what stands before it is the last one then. */
static void remove_defaults(struct text *text) {
    for (size_t place = text->length; place-- > 1;) {
        const char *comma = text->data + place;
        if (*comma != ',')
            continue;
        const char *argument = comma + 1 + strspn(comma + 1, " ");
        const char *end = is_default(argument) ? find_end(strchr(argument, '<')) : NULL;
        if (!end || end[1 + strspn(end + 1, " ")] != '>')
            continue;
        size_t blanks = comma[-1] == '>' ? 0 : strspn(end + 1, " ");
        remove_bytes(text, place, (size_t)(end + 1 - comma) + blanks);
    }
}

/* Without the blank that keeps two brackets apart. */
static void remove_argument(struct text *text, size_t place, const char *argument) {
    size_t length = strlen(argument);
    bool apart = begins_with(text->data + place + length, " >");
    remove_bytes(text, place, length + apart);
}

/* "std::basic_string<char>" is "std::string". */
static void use_aliases(struct text *text) {
    static const char basic[] = "basic_";
    const char *found = text_get(text);
    while ((found = strstr(found, "std::basic_"))) {
        char *name = text->data + (found - text->data) + strlen("std::");
        size_t place = (size_t)(name - text->data);
        size_t end = place + strcspn(name, "<>(),: ");
        if (begins_with(text->data + end, "<char>")) {
            remove_argument(text, end, "<char>");
            remove_bytes(text, place, strlen(basic));
        } else if (begins_with(text->data + end, "<wchar_t>")) {
            remove_argument(text, end, "<wchar_t>");
            remove_bytes(text, place, strlen(basic) - 1);
            *name = 'w';
        }
        found = text->data + place;
    }
}

static bool is_hash(const char *string) {
    return begins_with(string, "::h") && strspn(string + 3, "0123456789abcdef") == HASH_DIGITS &&
           !string[3 + HASH_DIGITS];
}

static void remove_hash(struct text *text) {
    size_t length = strlen("::h") + HASH_DIGITS;
    if (text->length > length && is_hash(text->data + text->length - length))
        remove_bytes(text, text->length - length, length);
}

/* "module::<impl Trait for Type>" to "<Type as Trait>", and "module::<impl Type>" to "Type". */
static void append_implementation(struct text *text, const char *inside, size_t length) {
    static const char separator[] = " for ";
    const char *found = memmem(inside, length, separator, strlen(separator));
    if (!found) {
        text_append_bytes(text, inside, length);
        return;
    }
    const char *type = found + strlen(separator);
    text_append(text, "<");
    text_append_bytes(text, type, (size_t)(inside + length - type));
    text_append(text, " as ");
    text_append_bytes(text, inside, (size_t)(found - inside));
    text_append(text, ">");
}

static void append_without_modules(struct text *text, const char *name) {
    static const char mark[] = "<impl ";
    for (const char *found; (found = strstr(name, mark));) {
        const char *end = find_end(found);
        const char *path = found;
        if (!end)
            break;
        while (path > name && !strchr("<>(), &*", path[-1]))
            path--;
        text_append_bytes(text, name, (size_t)(path - name));
        found += strlen(mark);
        append_implementation(text, found, (size_t)(end - found));
        name = end + 1;
    }
    text_append(text, name);
}

void short_name_append(struct text *text, const char *name) {
    struct text shortened;
    text_init(&shortened);
    text_append(&shortened, name);
    if (shortened.length > 0 && !shortened.failed) {
        remove_namespace(&shortened, "::__cxx11::");
        remove_namespace(&shortened, "::__1::");
        remove_defaults(&shortened);
        use_aliases(&shortened);
        remove_hash(&shortened);
    }
    append_without_modules(text, text_get(&shortened));
    text->failed |= shortened.failed;
    text_deinit(&shortened);
}
