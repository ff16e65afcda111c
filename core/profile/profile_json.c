#include "profile/profile_json.h"

#include <string.h>

static bool is_json_blank(char character) {
    return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

static void skip_blanks(struct json_walk *walk) {
    while (walk->at < walk->end && is_json_blank(*walk->at))
        walk->at++;
}

/* From a quote to behind the one that ends the string. */
static enum json_step skip_string(struct json_walk *walk) {
    for (walk->at++; walk->at < walk->end; walk->at++) {
        if (*walk->at == '"') {
            walk->at++;
            return JSON_ITEM;
        }
        if (*walk->at == '\\')
            walk->at++;
    }
    walk->at = walk->end;
    return JSON_CUT;
}

static enum json_step skip_container(struct json_walk *walk) {
    size_t depth = 0;
    while (walk->at < walk->end) {
        char character = *walk->at;
        if (character == '"') {
            if (skip_string(walk) != JSON_ITEM)
                return JSON_CUT;
            continue;
        }
        walk->at++;
        if (character == '{' || character == '[')
            depth++;
        else if ((character == '}' || character == ']') && --depth == 0)
            return JSON_ITEM;
    }
    return JSON_CUT;
}

static enum json_step skip_word(struct json_walk *walk) {
    const char *start = walk->at;
    while (walk->at < walk->end && !is_json_blank(*walk->at) && !strchr(",:]}[{\"", *walk->at))
        walk->at++;
    if (walk->at == walk->end)
        return JSON_CUT;
    return walk->at > start ? JSON_ITEM : JSON_BAD;
}

static enum json_step skip_value(struct json_walk *walk, struct json_piece *ret) {
    skip_blanks(walk);
    if (walk->at == walk->end)
        return JSON_CUT;
    ret->start = walk->at;
    enum json_step step = *walk->at == '"'                       ? skip_string(walk)
                          : *walk->at == '{' || *walk->at == '[' ? skip_container(walk)
                                                                 : skip_word(walk);
    ret->size = (size_t)(walk->at - ret->start);
    return step;
}

/* Steps over the character, behind blanks. */
static enum json_step profile_json_expect(struct json_walk *walk, char wanted) {
    skip_blanks(walk);
    if (walk->at == walk->end)
        return JSON_CUT;
    if (*walk->at != wanted)
        return JSON_BAD;
    walk->at++;
    return JSON_ITEM;
}

static enum json_step skip_name(struct json_walk *walk, struct json_piece *ret) {
    skip_blanks(walk);
    if (walk->at < walk->end && *walk->at != '"')
        return JSON_BAD;
    enum json_step step = skip_value(walk, ret);
    return step == JSON_ITEM ? profile_json_expect(walk, ':') : step;
}

enum json_step json_walk_init(struct json_walk *walk, const struct json_piece *text) {
    *walk = (struct json_walk){.at = text->start, .end = text->start + text->size};
    skip_blanks(walk);
    if (walk->at == walk->end)
        return JSON_CUT;
    walk->object = *walk->at == '{';
    if (!walk->object && *walk->at != '[')
        return JSON_BAD;
    walk->at++;
    return JSON_ITEM;
}

enum json_step json_walk_next(struct json_walk *walk, struct json_piece *name,
                              struct json_piece *value) {
    enum json_step step = profile_json_expect(walk, walk->object ? '}' : ']');
    if (step == JSON_ITEM)
        return JSON_END;
    if (step == JSON_CUT)
        return step;
    step = walk->started ? profile_json_expect(walk, ',') : JSON_ITEM;
    walk->started = true;
    if (step == JSON_ITEM && walk->object)
        step = skip_name(walk, name);
    return step == JSON_ITEM ? skip_value(walk, value) : step;
}

bool json_walk_is_all(const struct json_walk *walk) {
    struct json_walk rest = *walk;
    skip_blanks(&rest);
    return rest.at == rest.end;
}
