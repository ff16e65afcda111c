/* Prints each name of the command line in short; the status is 1 when memory leaked. */
#include <stdio.h>

#include "names/short_name.h"
#include "support/memory.h"

int main(int argc, char **argv) {
    struct text text;
    text_init(&text);
    for (int i = 1; i < argc; i++) {
        short_name_append(&text, argv[i]);
        text_append(&text, "\n");
    }
    fputs(text_get(&text), stdout);
    text_deinit(&text);
    return memory_in_use() != 0;
}
