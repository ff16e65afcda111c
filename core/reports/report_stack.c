#include "reports/report_stack.h"

#include "profile/profile_names.h"
#include "reports/report_source.h"

void report_append_numbered(const struct profile_stack *stack, size_t frame, struct text *text) {
    text_printf(text, "  #%-3zu ", frame);
    profile_append_frame(text, stack->symbols[frame]);
    text_append(text, "\n");
}

void report_append_stack(const struct profile_stack *stack, size_t source_frame,
                         struct text *text) {
    for (size_t i = 0; i < stack->count; i++) {
        report_append_numbered(stack, i, text);
        if (i == source_frame)
            report_append_source(text, stack->symbols[i]->file, stack->symbols[i]->line);
    }
    if (stack->truncated)
        text_append(text, "  (outer frames not recorded)\n");
}
