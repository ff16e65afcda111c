/* Prints the manual page tmpalloc(1), made from the command table. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"

static const char head[] =
    ".TH TMPALLOC 1 \"\" \"tmpalloc " TMPALLOC_VERSION "\" \"User Commands\"\n"
    ".ad l\n"
    ".nh\n"
    ".SH NAME\n"
    "tmpalloc \\- find temporary allocations: freed again almost at once\n"
    ".SH SYNOPSIS\n"
    ".B tmpalloc\n"
    ".I COMMAND\n"
    ".RI [ OPTION ]...\n"
    ".IR FILE ...\n"
    ".br\n"
    ".B tmpalloc run\n"
    ".RI [ OPTION ]...\n"
    ".RB [ \\-\\- ]\n"
    ".I PROGRAM\n"
    ".RI [ ARGUMENT ]...\n"
    ".SH DESCRIPTION\n"
    "In GDB and LLDB the commands below follow the word\n"
    ".BR tmpalloc :\n"
    ".B tmpalloc start\n"
    "begins to track, the others show what was found.\n"
    "As a command of the shell tmpalloc looks at results that\n"
    ".B tmpalloc save\n"
    "kept, of which several are one sum, and\n"
    ".B tmpalloc run\n"
    "runs a program beneath a debugger that nobody sees:\n"
    ".B tmpalloc help\n"
    "and\n"
    ".B tmpalloc run \\-\\-help\n"
    "say more.\n"
    ".SH COMMANDS\n";

static const char tail[] = ".SH EXIT STATUS\n"
                           "The verdict of\n"
                           ".B check\n"
                           "(0: within the limits, 1: a limit is exceeded, 2: nothing can be "
                           "said), otherwise 0; 2 also for a\n"
                           "word or a file that is of no use.\n"
                           ".SH SEE ALSO\n"
                           ".BR gdb (1),\n"
                           ".BR lldb (1)\n";

/* Text as it is: no requests at the beginning of a line, no hyphens for dashes. */
static void print_text(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\')
            fputs("\\e", stdout);
        else if (text[i] == '-')
            fputs("\\-", stdout);
        else
            putchar(text[i]);
    }
}

/* Help is wrapped by hand: a line goes on in the next one unless it is a short one. */
#define SHORT_LINE 70

static void print_lines(const char *text) {
    while (*text) {
        size_t length = strcspn(text, "\n");
        if (*text == '.' || *text == '\'')
            fputs("\\&", stdout);
        print_text(text, length);
        bool ends = length < SHORT_LINE && text[length] && text[length + 1];
        fputs(ends ? "\n.br\n" : "\n", stdout);
        text += length + (text[length] ? 1 : 0);
    }
}

static void print_choices(const char *const *choices) {
    fputs(".br\nAccepted:", stdout);
    for (; *choices; choices++) {
        putchar(' ');
        print_text(*choices, strlen(*choices));
    }
    putchar('\n');
}

static void print_option(const struct tmpalloc_option_info *option) {
    fputs(".TP\n\\fB", stdout);
    if (option->letter)
        printf("\\-%c\\fR, \\fB", option->letter);
    fputs("\\-\\-", stdout);
    print_text(option->name, strlen(option->name));
    printf("\\fR%s\\fI%s\\fR\n", option->value ? "=" : "", option->value ? option->value : "");
    print_lines(option->help);
    if (option->choices)
        print_choices(option->choices);
}

static void print_command(const struct tmpalloc_command_info *command) {
    printf(".SS \"%s", command->name);
    if (command->arguments[0])
        printf(" %s", command->arguments);
    fputs("\"\n", stdout);
    print_lines(command->help);
    for (const struct tmpalloc_option_info *option = command->options; option->name; option++)
        print_option(option);
}

int main(void) {
    const struct tmpalloc_command_info *command;
    fputs(head, stdout);
    for (uint32_t i = 0; (command = commands_get(i)); i++)
        print_command(command);
    fputs(tail, stdout);
    return fflush(stdout) == EOF;
}
