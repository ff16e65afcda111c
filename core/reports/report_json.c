#include <inttypes.h>
#include <stdlib.h>

#include "profile/profile_advice.h"
#include "profile/profile_charge.h"
#include "profile/profile_threshold.h"
#include "profile/shown_frames.h"
#include "reports/report.h"
#include "reports/report_numbered.h"
#include "reports/report_selection.h"
#include "reports/report_values.h"
#include "support/memory.h"
#include "support/progress.h"

/* A document on its way.  Most of it are numbers, millions of them: they are written as text at
 * once, by a tree of values it would take minutes. */
struct document {
    const struct profile *profile;
    struct profile_site *sites; /* as they were recorded, in the order of the document */
    size_t site_count;
    struct report_numbered numbered;
    const struct symbol **symbols; /* room for those of any stack */
    struct text *text;
};

/* Values. */

static void append_number(struct text *text, uint64_t number) {
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    text_append_bytes(text, &digits[at], sizeof digits - at);
}

/* What JSON's readers can hold. */
static void report_json_append_count(struct text *text, const char *name, uint64_t count) {
    text_append(text, name);
    append_number(text, count > INT64_MAX ? INT64_MAX : count);
}

static int report_json_append_chunk(const char *chunk, size_t size_bytes, void *arg) {
    struct text *text = arg;
    text_append_bytes(text, chunk, size_bytes);
    return text->failed ? -1 : 0;
}

/* Takes the value. */
static void append_value(struct text *text, const char *name, json_t *value) {
    text_append(text, name);
    if (!value || json_dump_callback(value, report_json_append_chunk, text,
                                     JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        text->failed = true;
    json_decref(value);
}

static void append_string_number(const struct document *document, const char *name,
                                 const char *string) {
    text_append(document->text, name);
    if (string)
        append_number(document->text, report_numbered_string(&document->numbered, string));
    else
        text_append(document->text, "null");
}

static void append_bool(struct text *text, const char *name, bool value) {
    text_append(text, name);
    text_append(text, value ? "true" : "false");
}

/* Trailing zeros are left out. */
static void append_distances(const struct document *document, const char *name,
                             const struct site_distance *by_distance) {
    struct text *text = document->text;
    uint32_t count = document->profile->max_threshold + 1;
    while (count > 0 && by_distance[count - 1].count == 0 && by_distance[count - 1].bytes == 0)
        count--;
    text_append(text, name);
    for (uint32_t i = 0; i < count; i++) {
        report_json_append_count(text, i ? ",[" : "[", by_distance[i].count);
        report_json_append_count(text, ",", by_distance[i].bytes);
        text_append(text, "]");
    }
    text_append(text, "]");
}

/* The head. */

static json_t *list_of(const char *const *strings) {
    static const char *const none[] = {NULL};
    return value_strings(strings ? strings : none);
}

static void append_number_if(struct text *text, const char *name, bool known, int32_t number) {
    text_append(text, name);
    if (known)
        append_number(text, (uint64_t)number);
    else
        text_append(text, "null");
}

static void append_ending(struct text *text, const struct profile_ending *ending) {
    bool stopped = ending->how == ENDING_STOPPED;
    append_number_if(text, ",\"status\":", ending->how == ENDING_EXITED, ending->number);
    append_number_if(text, ",\"signal\":", stopped || ending->how == ENDING_SIGNALED,
                     ending->number);
}

static void append_process(const struct document *document) {
    const struct profile *profile = document->profile;
    struct text *text = document->text;
    text_printf(text, ",\"process\":{\"pid\":%" PRId64, profile->pid);
    append_value(text, ",\"executable\":", value_text(profile->executable));
    append_value(text, ",\"arguments\":", value_strings(profile->arguments));
    append_ending(text, &profile->ending);
    text_append(text, ",\"children\":[]");
    if (profile->totals.children > 0)
        report_json_append_count(text, ",\"uncounted_children\":", profile->totals.children);
    append_value(text, ",\"directories\":", value_strings(profile->directories));
    append_value(text, ",\"interpreters\":", list_of(profile->interpreters));
    append_bool(text, ",\"unmatched\":", profile->unmatched);
    append_bool(text, ",\"outlived\":", profile->incomplete);
    append_bool(text, ",\"limited\":", profile->limited);
    if (profile->ending.how == ENDING_STOPPED)
        append_bool(text, ",\"stopped\":", true);
    if (profile->ending.how == ENDING_EXECED)
        append_bool(text, ",\"execed\":", true);
    if (profile->executed)
        append_value(text, ",\"executed\":", value_text(profile->executed));
    if (profile->covered)
        append_bool(text, ",\"covered\":", true);
    text_append(text, "}");
}

static void append_totals(const struct document *document) {
    const struct profile *profile = document->profile;
    const struct snapshot_totals *totals = &profile->totals;
    struct text *text = document->text;
    report_json_append_count(text, ",\"totals\":{\"allocations\":", totals->allocations);
    report_json_append_count(text, ",\"allocated_bytes\":", totals->allocated_bytes);
    report_json_append_count(text, ",\"deallocations\":", totals->deallocations);
    report_json_append_count(text, ",\"cross_thread_frees\":", totals->cross_thread_frees);
    report_json_append_count(text, ",\"dropped\":", totals->dropped);
    report_json_append_count(text, ",\"suppressed\":", profile->suppressed.count);
    report_json_append_count(text, ",\"temporary\":{\"count\":", profile->count);
    report_json_append_count(text, ",\"bytes\":", profile->bytes);
    text_append(text, "},\"by_distance\":[");
    for (uint32_t i = 0; i <= profile->max_threshold; i++) {
        report_json_append_count(text, i ? ",{\"distance\":" : "{\"distance\":", i);
        report_json_append_count(text, ",\"count\":", profile->by_distance[i].count);
        report_json_append_count(text, ",\"bytes\":", profile->by_distance[i].bytes);
        text_append(text, "}");
    }
    text_append(text, "]}");
}

static bool is_complete(const struct document *document) {
    const struct profile *profile = document->profile;
    bool complete = !profile->incomplete && !profile->limited && profile->totals.dropped == 0;
    for (size_t i = 0; i < document->site_count && complete; i++)
        complete = profile_knows_scope(&document->sites[i]);
    return complete;
}

static void append_head(const struct document *document) {
    const struct profile *profile = document->profile;
    struct text *text = document->text;
    append_value(text, "{\"schema\":\"tmpalloc/2\",\"engine\":", value_text(profile->engine));
    report_json_append_count(text, ",\"threshold\":", profile->threshold);
    report_json_append_count(text, ",\"max_threshold\":", profile->max_threshold);
    append_value(text, ",\"charge\":", value_text(charge_rule_name(profile->by)));
    append_bool(text, ",\"complete\":", is_complete(document));
    append_process(document);
}

/* A path that is no UTF-8 can't be a key. */
static json_t *build_ids_object(const struct document *document) {
    json_t *object = json_object();
    int failed = 0;
    for (size_t i = 0; i < document->numbered.frame_count; i++) {
        const struct symbol *symbol = document->numbered.frames[i].symbol;
        if (!symbol->module || !symbol->build_id || json_object_get(object, symbol->module))
            continue;
        json_t *digits = value_text(symbol->build_id);
        failed |= !digits;
        if (digits)
            json_object_set_new(object, symbol->module, digits);
    }
    return value_checked(object, failed);
}

/* What is named by number. */

static void append_strings(const struct document *document) {
    text_append(document->text, ",\"strings\":[");
    for (size_t i = 0; i < document->numbered.string_count; i++)
        append_value(document->text, i ? "," : "", value_text(document->numbered.strings[i]));
    text_append(document->text, "]");
}

static void append_frame(const struct document *document, const struct numbered_frame *frame) {
    const struct symbol *symbol = frame->symbol;
    struct text *text = document->text;
    text_printf(text, "{\"address\":\"0x%" PRIx64 "\",\"offset\":\"0x%" PRIx64 "\"",
                symbol->address, symbol->offset);
    append_string_number(document, ",\"function\":", symbol->function);
    append_string_number(document, ",\"file\":", symbol->file);
    report_json_append_count(text, ",\"line\":", symbol->line);
    append_string_number(document, ",\"module\":", symbol->module);
    append_bool(text, ",\"inlined\":", symbol->inlined);
    text_append(text, symbol->python ? ",\"language\":\"python\"" : ",\"language\":\"native\"");
    const char *kind = frame->entry
                           ? charge_kind_name(CHARGE_ALLOCATOR)
                           : charge_kind_name(charge_kind(document->profile->charge, symbol));
    append_value(text, ",\"kind\":", value_text(kind));
    text_append(text, frame->entry ? ",\"entry\":true}" : "}");
}

static void report_json_append_frames(const struct document *document) {
    text_append(document->text, ",\"frames\":[");
    for (size_t i = 0; i < document->numbered.frame_count; i++) {
        text_append(document->text, i ? "," : "");
        append_frame(document, &document->numbered.frames[i]);
    }
    text_append(document->text, "]");
}

static int report_json_append_stacks(const struct document *document) {
    const struct report_numbered *numbered = &document->numbered;
    text_append(document->text, ",\"stacks\":[");
    for (size_t i = 0; i < numbered->stack_count; i++) {
        const struct profile_stack *stack = numbered->stacks[i];
        int status = progress_step("writing", i, numbered->stack_count, "call stacks");
        if (status != TMPALLOC_OK)
            return status;
        text_append(document->text, i ? ",[" : "[");
        for (size_t k = 0; k < stack->count; k++)
            report_json_append_count(document->text, k ? "," : "",
                                     report_numbered_frame(numbered, stack->symbols[k]));
        text_append(document->text, "]");
    }
    text_append(document->text, "]");
    return TMPALLOC_OK;
}

/* Sites. */

static void append_counters(const struct document *document, const struct profile_site *site) {
    const struct site_counters *counters = &site->counters;
    struct text *text = document->text;
    report_json_append_count(text, "{\"id\":", site->id);
    report_json_append_count(text, ",\"count\":", site->count);
    report_json_append_count(text, ",\"bytes\":", site->bytes);
    report_json_append_count(text, ",\"allocations\":", counters->allocations);
    report_json_append_count(text, ",\"allocated_bytes\":", counters->allocated_bytes);
    append_distances(document, ",\"by_distance\":[", site->by_distance);
    report_json_append_count(text, ",\"min_size\":", counters->min_size);
    report_json_append_count(text, ",\"max_size\":", counters->max_size);
    report_json_append_count(text, ",\"larger\":", counters->larger);
    report_json_append_count(text, ",\"equal\":", counters->equal);
    report_json_append_count(text, ",\"by_realloc\":", counters->by_realloc);
}

static void report_json_append_threads(struct text *text, const struct profile_site *site) {
    text_append(text, ",\"threads\":[");
    for (size_t i = 0; i < site->thread_count; i++)
        text_printf(text, "%s%" PRId64, i ? "," : "", site->threads[i]);
    text_append(text, "]");
}

static void report_json_append_scopes(struct text *text, const struct profile_site *site) {
    text_append(text, ",\"scopes\":[");
    for (const struct site_scope *scope = site->scopes; scope; scope = scope->next) {
        report_json_append_count(text, scope == site->scopes ? "[" : ",[", scope->distance);
        report_json_append_count(text, ",", scope->shared_frames);
        report_json_append_count(text, ",", scope->count);
        report_json_append_count(text, ",", scope->bytes);
        text_append(text, "]");
    }
    text_append(text, "]");
}

/* How many temporaries a free stack took; without it where that is unknown. */
static void append_free_counts(const struct document *document, const struct free_counts *counts) {
    const struct profile *profile = document->profile;
    struct text *text = document->text;
    if (!counts)
        return;
    size_t length = counts->length;
    if (length > (size_t)profile->max_threshold + 1)
        length = (size_t)profile->max_threshold + 1;
    while (length > 0 && counts->by_distance[length - 1] == 0)
        length--;
    report_json_append_count(text, ",\"count\":", free_counts_at(counts, profile->threshold));
    text_append(text, ",\"by_distance\":[");
    for (size_t i = 0; i < length; i++)
        report_json_append_count(text, i ? "," : "", counts->by_distance[i]);
    text_append(text, "]");
}

static void append_free_stacks(const struct document *document, const struct profile_site *site) {
    struct text *text = document->text;
    bool truncated = false;
    text_append(text, ",\"free_stacks\":[");
    for (size_t i = 0; i < site->free_stack_count; i++) {
        const struct profile_stack *stack = &site->free_stacks[i];
        report_json_append_count(text, i ? ",{\"stack\":" : "{\"stack\":",
                                 report_numbered_stack(&document->numbered, stack));
        append_free_counts(document, site->free_counts[i]);
        text_append(text, stack->truncated ? ",\"truncated\":true}" : "}");
        truncated |= stack->truncated;
    }
    append_bool(text, "],\"free_truncated\":", truncated);
}

/* Places in the recorded stack, of those that are charged where the interpreter isn't shown. */
static void append_locations(const struct document *document, const struct profile_site *site) {
    const char *const *interpreters = document->profile->interpreters;
    struct profile_stack shown = site->stack;
    shown.symbols = document->symbols;
    shown.count = shown_frames_choose(interpreters, &site->stack, document->symbols);
    for (const char *const *name = charge_by_names; *name; name++) {
        size_t location =
            profile_find_location(document->profile->charge, &shown, charge_by_name(*name));
        text_printf(document->text, "%s\"%s\":", name == charge_by_names ? ",\"location\":{" : ",",
                    *name);
        report_json_append_count(document->text, "",
                                 shown_frames_place(interpreters, &site->stack, location));
    }
    text_append(document->text, "}");
}

static void report_json_append_site(const struct document *document,
                                    const struct profile_site *site) {
    struct text *text = document->text;
    append_counters(document, site);
    report_json_append_threads(text, site);
    report_json_append_scopes(text, site);
    if (site->chains)
        append_value(text, ",\"chains\":", value_chains(site->chains));
    const char *pattern =
        site->pattern == PATTERN_NONE ? NULL : profile_pattern_name(site->pattern);
    append_value(text, ",\"pattern\":", value_text(pattern));
    report_json_append_count(
        text, ",\"stack\":", report_numbered_stack(&document->numbered, &site->stack));
    append_locations(document, site);
    append_bool(text, ",\"truncated\":", site->stack.truncated);
    append_free_stacks(document, site);
    text_append(text, "}");
}

static int report_json_append_sites(const struct document *document) {
    text_append(document->text, ",\"sites\":[");
    for (size_t i = 0; i < document->site_count; i++) {
        int status = progress_step("writing", i, document->site_count, "call sites");
        if (status != TMPALLOC_OK)
            return status;
        text_append(document->text, i ? "," : "");
        report_json_append_site(document, &document->sites[i]);
    }
    text_append(document->text, "]");
    return TMPALLOC_OK;
}

/* Collecting. */

static size_t count_recorded(const struct profile *profile) {
    size_t count = 0;
    for (size_t i = 0; i < profile->site_count; i++)
        count += profile->sites[i].part_count;
    return count;
}

static int report_json_list_sites(struct document *document) {
    const struct profile *profile = document->profile;
    document->sites = memory_allocate_zeroed(count_recorded(profile), sizeof *document->sites);
    if (!document->sites)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < profile->site_count; i++) {
        for (size_t k = 0; k < profile->sites[i].part_count; k++) {
            struct profile_site *site = &document->sites[document->site_count++];
            *site = *profile->sites[i].parts[k];
            profile_judge_site(profile, site);
        }
    }
    profile_sort_sites(document->sites, document->site_count);
    return TMPALLOC_OK;
}

static int number_all(struct document *document) {
    size_t deepest = 1;
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < document->site_count && status == TMPALLOC_OK; i++) {
        const struct profile_site *site = &document->sites[i];
        if (site->stack.count > deepest)
            deepest = site->stack.count;
        status = report_numbered_add(&document->numbered, &site->stack);
        for (size_t k = 0; k < site->free_stack_count && status == TMPALLOC_OK; k++)
            status = report_numbered_add(&document->numbered, &site->free_stacks[k]);
    }
    if (status == TMPALLOC_OK)
        status = report_numbered_place(&document->numbered);
    document->symbols = memory_allocate_zeroed(deepest, sizeof *document->symbols);
    return document->symbols ? status : TMPALLOC_E_NOMEM;
}

static int append_document(struct document *document) {
    int status = report_json_list_sites(document);
    if (status == TMPALLOC_OK)
        status = number_all(document);
    if (status != TMPALLOC_OK)
        return status;
    append_head(document);
    append_value(document->text, ",\"build_ids\":", build_ids_object(document));
    append_totals(document);
    append_strings(document);
    report_json_append_frames(document);
    status = report_json_append_stacks(document);
    if (status == TMPALLOC_OK)
        status = report_json_append_sites(document);
    text_append(document->text, "}\n");
    return status;
}

int report_json(const struct profile *profile, struct text *text, struct error *error) {
    struct document document = {.profile = profile, .text = text};
    report_numbered_init(&document.numbered);
    int status = append_document(&document);
    report_numbered_deinit(&document.numbered);
    memory_release(document.symbols);
    memory_release(document.sites);
    return report_end(status, text, error);
}
