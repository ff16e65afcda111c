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

/* C++ */

static void remove_namespaces(struct text *text) {
    /* An inline namespace is one inside of another. */
    static const char *const names[] = {"::__cxx11::", "::__1::", "::__ndk1::", "::_V2::"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (const char *found; (found = strstr(text_get(text), names[i]));)
            remove_bytes(text, (size_t)(found - text->data), strlen(names[i]) - strlen("::"));
    }
}

/* "join[abi:cxx11]" */
static void remove_tags(struct text *text) {
    for (const char *found; (found = strstr(text_get(text), "[abi:"));) {
        const char *end = find_end(found);
        if (!end)
            return;
        remove_bytes(text, (size_t)(found - text->data), (size_t)(end + 1 - found));
    }
}

static const char *skip_qualifiers(const char *rest) {
    static const char *const words[] = {" const", " volatile", " &&", " &", NULL};
    for (const char *const *word = words; *word;) {
        bool found = begins_with(rest, *word);
        rest += found ? strlen(*word) : 0;
        word = found ? words : word + 1;
    }
    return rest;
}

/* Whether a list in parentheses is that of a function's parameters, by what stands before it. */
static bool follows_function(const char *name, const char *list) {
    static const char type[] = "decltype";
    size_t before = (size_t)(list - name);
    return before > 0 && !strchr(" ,:({<!", list[-1]) &&
           (before < strlen(type) || !begins_with(list - strlen(type), type));
}

/* Of functions that others are defined in: "parse(char const*) const::{lambda()#1}" in C++,
 * "shop.price(int).round" in D. */
static void remove_parameters(struct text *text) {
    for (size_t place = 0; place < text->length; place++) {
        const char *list = text->data + place;
        if (*list != '(' || !follows_function(text->data, list))
            continue;
        const char *end = find_end(list);
        const char *rest = end ? skip_qualifiers(end + 1) : "";
        if (begins_with(rest, "::") || (*rest == '.' && rest == end + 1))
            remove_bytes(text, place, (size_t)(rest - list));
    }
}

/* Of which template the comma separates arguments. */
static bool is_in(const char *name, const char *comma, const char *template) {
    int depth = 0;
    size_t length = strlen(template);
    const char *at = comma;
    while (at > name && depth >= 0) {
        at--;
        depth += *at == '>' || *at == ')';
        depth -= *at == '<' || *at == '(';
    }
    return depth < 0 && (size_t)(at - name) >= length && begins_with(at - length, template);
}

/* What holds the elements of a queue, where that isn't said. */
static bool is_default_container(const char *name, const char *comma, const char *argument) {
    if (begins_with(argument, "std::vector<"))
        return is_in(name, comma, "std::priority_queue");
    return begins_with(argument, "std::deque<") &&
           (is_in(name, comma, "std::queue") || is_in(name, comma, "std::stack"));
}

static bool is_default(const char *argument) {
    static const char *const templates[] = {
        "std::allocator<",      "std::char_traits<", "std::less<",         "std::hash<",
        "std::default_delete<", "std::equal_to<",    "std::regex_traits<",
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
        bool known = is_default(argument) || is_default_container(text->data, comma, argument);
        const char *end = known ? find_end(strchr(argument, '<')) : NULL;
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

/* Rust */

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

/* "{impl#3}" is the number of an implementation in its module. */
static void remove_numbers(struct text *text) {
    for (const char *found; (found = strstr(text_get(text), "{impl#"));) {
        const char *end = strchr(found, '}');
        if (!end)
            return;
        end += begins_with(end, "}::") ? strlen("}::") : 1;
        remove_bytes(text, (size_t)(found - text->data), (size_t)(end - found));
    }
}

static bool has_trait(const char *brackets, const char *end) {
    int depth = 0;
    for (const char *at = brackets; at < end; at++) {
        depth += strchr("<([", *at) != NULL;
        depth -= (*at == '>' && at[-1] != '-') || *at == ')' || *at == ']';
        if (depth == 1 && begins_with(at, " as "))
            return true;
    }
    return false;
}

/* "<Type>::function" */
static void remove_brackets(struct text *text) {
    const char *end = *text->data == '<' ? find_end(text->data) : NULL;
    if (!end || !begins_with(end, ">::") || has_trait(text->data, end))
        return;
    remove_bytes(text, (size_t)(end - text->data), 1);
    remove_bytes(text, 0, 1);
}

/* D */

/* A template's only member is called like it: "Shelf!(int).Shelf". */
static void remove_members(struct text *text) {
    for (size_t place = 1; place + 1 < text->length; place++) {
        const char *list = text->data + place + 1, *name = text->data + place;
        if (text->data[place] != '!' || *list != '(')
            continue;
        while (name > text->data && !strchr(".(,! ", name[-1]))
            name--;
        size_t length = (size_t)(text->data + place - name);
        const char *end = find_end(list);
        if (end && end[1] == '.' && strncmp(end + 2, name, length) == 0 &&
            strchr(".,)", end[2 + length])) /* or at the end */
            remove_bytes(text, (size_t)(end + 1 - text->data), 1 + length);
    }
}

static void use_string_types(struct text *text) {
    static const char *const types[][2] = {{"immutable(char)[]", "string"},
                                           {"immutable(wchar)[]", "wstring"},
                                           {"immutable(dchar)[]", "dstring"}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t length = strlen(types[i][1]);
        for (char *found; (found = strstr(text->data, types[i][0]));) {
            memcpy(found, types[i][1], length);
            remove_bytes(text, (size_t)(found - text->data) + length, strlen(types[i][0]) - length);
        }
    }
}

/* Fortran */

/* "__module_MOD_procedure" */
static void use_module(struct text *text) {
    static const char mark[] = "_MOD_", separator[] = "::";
    char *found = begins_with(text->data, "__") ? strstr(text->data, mark) : NULL;
    if (!found)
        return;
    memcpy(found, separator, strlen(separator));
    remove_bytes(text, (size_t)(found - text->data) + strlen(separator),
                 strlen(mark) - strlen(separator));
    remove_bytes(text, 0, strlen("__"));
}

static void shorten(struct text *text) {
    remove_namespaces(text);
    remove_tags(text);
    remove_parameters(text);
    remove_defaults(text);
    use_aliases(text);
    remove_hash(text);
    remove_numbers(text);
    remove_brackets(text);
    remove_members(text);
    use_string_types(text);
    use_module(text);
}

void short_name_append(struct text *text, const char *name) {
    struct text shortened;
    text_init(&shortened);
    text_append(&shortened, name);
    if (shortened.length > 0 && !shortened.failed)
        shorten(&shortened);
    append_without_modules(text, text_get(&shortened));
    text->failed |= shortened.failed;
    text_deinit(&shortened);
}
