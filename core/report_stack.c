#include "report_stack.h"

#include "report_source.h"

void report_append_stack(const struct profile_stack *stack, size_t source_frame,
                         struct text *text) {
    for (size_t i = 0; i < stack->count; i++) {
        const struct symbol *symbol = stack->symbols[i];
        text_printf(text, "  #%-3zu ", i);
        profile_append_frame(text, symbol);
        text_append(text, "\n");
        if (i == source_frame)
            report_append_source(text, symbol->file, symbol->line);
    }
    if (stack->truncated)
        text_append(text, "  (outer frames not recorded)\n");
}
