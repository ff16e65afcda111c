/* Reads `objdump -d -w`: every instruction must have the length that it has there, and the target
 * of its branch or operand.
 *
 * Prints those that don't, and last how many were compared. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/x86_64/code_instruction.h"

#define LINE_BYTES 4096
#define SHOWN      20

struct line {
    uint64_t address;
    uint8_t bytes[2 * CODE_INSTRUCTION_LIMIT];
    size_t length;
    const char *text;
};

static bool parse(char *input, struct line *ret) {
    char *at;
    ret->address = strtoull(input, &at, 16);
    ret->length = 0;
    if (at == input || strncmp(at, ":\t", 2) != 0)
        return false;
    char *text = strchr(at + 2, '\t');
    if (!text)
        return false;
    *text = 0;
    for (at += 2; *at && *at != ' ' && ret->length < sizeof ret->bytes; at++)
        ret->bytes[ret->length++] = (uint8_t)strtoul(at, &at, 16);
    ret->text = text + 1;
    return true;
}

/* Data between functions, and fwait, which objdump takes for a prefix. */
static bool is_exempt(const struct line *line) {
    return strstr(line->text, "(bad)") || strstr(line->text, ".byte") ||
           (line->bytes[0] == 0x9b && line->length > 1);
}

static uint64_t relocate(const struct line *line, uintptr_t address) {
    return address - (uintptr_t)line->bytes + line->address;
}

static bool agrees(const struct line *line) {
    struct code_instruction found;
    const char *comment = strstr(line->text, "# ");
    const char *symbol = strstr(line->text, " <");
    if (!code_decode(line->bytes, line->bytes + line->length, &found) ||
        found.length != line->length)
        return false;
    if (found.displacement_offset)
        return comment &&
               strtoull(comment + 2, NULL, 16) == relocate(line, code_operand(line->bytes, &found));
    if (comment)
        return false;
    if (!code_has_target(&found))
        return !symbol;
    if (!symbol)
        return false;
    while (symbol[-1] != ' ')
        symbol--;
    return strtoull(symbol, NULL, 16) == relocate(line, found.target);
}

int main(void) {
    char input[LINE_BYTES];
    size_t compared = 0;
    size_t different = 0;
    while (fgets(input, sizeof input, stdin)) {
        struct line line;
        if (!parse(input, &line) || is_exempt(&line))
            continue;
        compared++;
        if (!agrees(&line) && different++ < SHOWN)
            printf("%s %s", input, line.text);
    }
    printf("different %zu of %zu\n", different, compared);
    return different != 0;
}
