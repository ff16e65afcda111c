/* Prints each number of the command line as a size and as a count, then checks appending.
 *
 * The lines are "SIZE COUNT"; the status is 1 when an append that ran out of memory was not kept in
 * mind, or memory leaked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/memory.h"
#include "support/text.h"

static void print_formats(uint64_t number) {
    struct text text;
    text_init(&text);
    text_append_size(&text, number);
    text_append(&text, " ");
    text_append_count(&text, number);
    puts(text_get(&text));
    text_deinit(&text);
}

static bool long_text_is_whole(void) {
    struct text text;
    text_init(&text);
    bool begins_empty = strcmp(text_get(&text), "") == 0;
    for (int i = 0; i < 1000; i++)
        text_printf(&text, "%04d", i);
    bool whole = !text.failed && text.length == 4000 && strlen(text_get(&text)) == 4000 &&
                 strcmp(text_get(&text) + 3992, "09980999") == 0;
    text_deinit(&text);
    return begins_empty && whole;
}

static bool failure_sticks(void) {
    struct text text;
    text_init(&text);
    text_append(&text, "kept");
    memory_fail_after(1);
    text_printf(&text, "%100s", "lost");
    text_append(&text, "late");
    bool right = text.failed && strcmp(text_get(&text), "kept") == 0;
    text_clear(&text);
    text_append(&text, "again");
    right = right && !text.failed && strcmp(text_get(&text), "again") == 0;
    text_deinit(&text);
    return right;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        print_formats(strtoull(argv[i], NULL, 10));
    return !long_text_is_whole() || !failure_sticks() || memory_in_use() != 0;
}
