/* The outer structure of JSON texts that are too large to be parsed as a whole. */
#ifndef TMPALLOC_PROFILE_JSON_H
#define TMPALLOC_PROFILE_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* A part of a text, not owned. */
struct json_piece {
    const char *start;
    size_t size;
};

/* What comes next in an object or array. */
enum json_step {
    JSON_ITEM,
    JSON_END,
    JSON_BAD, /* the text can't be JSON; `at` is where */
    JSON_CUT  /* it ends too soon */
};

struct json_walk {
    const char *at;
    const char *end;
    bool object;
    bool started;
};

/* Walks through the object or array at the beginning of a text, behind blanks; JSON_ITEM or what is
 * wrong. */
enum json_step json_walk_init(struct json_walk *walk, const struct json_piece *text);

/* The next member's name, as it is written with its quotes (of objects), and its value.  A value is
 * delimited, but not checked: that is left to who parses it. */
enum json_step json_walk_next(struct json_walk *walk, struct json_piece *name,
                              struct json_piece *value);

/* Behind the end: whether only blanks are left. */
bool json_walk_is_all(const struct json_walk *walk);

#endif
