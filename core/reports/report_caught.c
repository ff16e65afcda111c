#include "reports/report_caught.h"

#include <inttypes.h>

#include "profile/profile_names.h"
#include "reports/report_stack.h"

static void report_caught_append_title(const struct report_caught *caught, struct text *text) {
    text_printf(text, "tmpalloc: %s: 0x%" PRIx64 " of ", caught->catches, caught->address);
    text_append_size(text, caught->size_bytes);
    text_printf(text, " is about to be freed, distance %" PRIu64, caught->distance);
    if (caught->site != 0)
        text_printf(text, " (tmpalloc site %" PRIu32 ")", caught->site);
    text_append(text, "\n");
}

static void append_between(const struct report_caught *caught, struct text *text) {
    text_append(text, "\nAllocated in between");
    for (uint32_t i = 0; i < caught->between_count; i++) {
        const struct report_between *between = &caught->between[i];
        text_append(text, "\n  ");
        text_append_size(text, between->size_bytes);
        if (between->location) {
            text_append(text, " ");
            profile_append_frame(text, between->location);
        }
    }
    uint64_t hidden = caught->distance - caught->between_count;
    if (hidden > 0) {
        text_append(text, "\n  ");
        text_append_count(text, hidden);
        text_append(text, " more");
    }
}

void report_caught(const struct report_caught *caught, struct text *text) {
    report_caught_append_title(caught, text);
    text_append(text, "Allocated at\n");
    report_append_stack(caught->stack, SIZE_MAX, text);
    text_append(text, "Freed at ");
    if (caught->free_location)
        profile_append_frame(text, caught->free_location);
    else
        text_append(text, "an unknown place");
    if (caught->distance > 0)
        append_between(caught, text);
}
