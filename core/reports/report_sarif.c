#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "profile/locations.h"
#include "profile/profile_advice.h"
#include "profile/profile_charge.h"
#include "profile/profile_names.h"
#include "reports/report.h"
#include "reports/report_selection.h"
#include "reports/report_through.h"
#include "reports/report_values.h"
#include "support/hash.h"
#include "support/memory.h"

#define SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"
/* The name by which code hosts know the root of the sources. */
#define ROOT_ID     "%SRCROOT%"
#define FINGERPRINT "tmpallocLocation/v1"

/* By enum profile_pattern. */
static const struct rule {
    const char *id, *name, *level, *description;
} rules[] = {
    {"tmpalloc-few", "FewTemporaryAllocations", "note",
     "Memory that is freed again almost at once, seen fewer than four times."},
    {"tmpalloc-grows", "GrowingBlock", "warning",
     "Memory that is allocated larger again and again. Reserve the final size once."},
    {"tmpalloc-repeats", "RepeatedBlock", "warning",
     "Memory of one size that is allocated and freed again and again. Reuse a buffer or a pool."},
    {"tmpalloc-mixed", "TemporaryAllocations", "note",
     "Memory of several sizes that is freed again almost at once."},
};

/* The temporaries that came by way of a line, or of a location of which no line is known. */
struct finding {
    const struct symbol *symbol;
    const struct profile_site *site; /* the one with most bytes */
    uint64_t count;
    uint64_t bytes;
    uint64_t allocations;
    struct chain_counters chains; /* of all sites */
    bool has_chains;
    uint64_t place;   /* hash of function and file: what a rebuild leaves as it is */
    uint32_t ordinal; /* among the findings of that place, by line */
};

struct findings {
    const struct profile *profile;
    struct locations *locations; /* have the findings' numbers */
    struct report_through through;
    struct finding *items;
    size_t count;
    size_t capacity;
    char root[PATH_MAX]; /* the working directory with a slash at its end, or "" */
    struct text scratch;
    struct symbol_values places; /* SARIF locations */
    struct symbol_values frames; /* SARIF stack frames */
};

/* URIs. */

static void append_encoded(struct text *text, const char *path) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/+@=,";
    while (*path) {
        size_t length = strspn(path, plain);
        text_append_bytes(text, path, length);
        path += length;
        if (*path)
            text_printf(text, "%%%02X", (unsigned char)*path++);
    }
}

/* A relative path stays relative, to something unknown. */
static json_t *file_uri(const char *path) {
    struct text text;
    text_init(&text);
    text_append(&text, *path == '/' ? "file://" : "");
    append_encoded(&text, path);
    json_t *uri = value_take(&text);
    text_deinit(&text);
    return uri;
}

/* The path below the working directory; NULL when it is elsewhere. */
static const char *below_root(const struct findings *findings, const char *path) {
    size_t length = strlen(findings->root);
    if (*path != '/')
        return strncmp(path, "../", 3) == 0 ? NULL : path;
    return length > 0 && strncmp(path, findings->root, length) == 0 ? path + length : NULL;
}

static json_t *artifact_object(struct findings *findings, const char *path) {
    json_t *object = json_object();
    const char *relative = below_root(findings, path);
    if (!relative)
        return value_checked(object, json_object_set_new(object, "uri", file_uri(path)));
    append_encoded(&findings->scratch, relative);
    int failed = json_object_set_new(object, "uri", value_take(&findings->scratch));
    failed |= json_object_set_new(object, "uriBaseId", json_string(ROOT_ID));
    return value_checked(object, failed);
}

/* Locations and stacks. */

/* Python names what is in no file "<string>" or "<frozen ...>". */
static bool is_in_file(const struct symbol *symbol) {
    return symbol->file && *symbol->file && *symbol->file != '<';
}

static json_t *physical_object(struct findings *findings, const char *path, uint32_t line) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "artifactLocation", artifact_object(findings, path));
    if (line > 0)
        failed |= json_object_set_new(object, "region",
                                      json_pack("{s:I}", "startLine", (json_int_t)line));
    return value_checked(object, failed);
}

static json_t *logical_array(struct findings *findings, const struct symbol *symbol) {
    profile_append_name(&findings->scratch, symbol);
    json_t *name = value_take(&findings->scratch);
    return json_pack("[{s:o, s:s}]", "fullyQualifiedName", name, "kind", "function");
}

static json_t *text_object(json_t *text) {
    json_t *object = json_object();
    return value_checked(object, json_object_set_new(object, "text", text));
}

static json_t *new_place(const struct symbol *symbol, void *arg) {
    struct findings *findings = arg;
    json_t *object = json_object();
    int failed = 0;
    if (is_in_file(symbol))
        failed |= json_object_set_new(object, "physicalLocation",
                                      physical_object(findings, symbol->file, symbol->line));
    failed |= json_object_set_new(object, "logicalLocations", logical_array(findings, symbol));
    profile_append_location(&findings->scratch, symbol);
    failed |= json_object_set_new(object, "message", text_object(value_take(&findings->scratch)));
    return value_checked(object, failed);
}

static json_t *new_frame(const struct symbol *symbol, void *arg) {
    struct findings *findings = arg;
    json_t *object = json_object();
    int failed =
        json_object_set_new(object, "location", value_of_symbol(&findings->places, symbol));
    if (symbol->module)
        failed |= json_object_set_new(object, "module", value_text(symbol->module));
    return value_checked(object, failed);
}

/* How the program got to the allocation, step by step. */
static json_t *code_flows_array(struct findings *findings, const struct profile_stack *stack) {
    json_t *steps = json_array();
    int failed = 0;
    for (size_t i = stack->count; i > 0; i--) {
        json_t *place = value_of_symbol(&findings->places, stack->symbols[i - 1]);
        json_t *step = json_object();
        failed |= json_object_set_new(step, "location", place);
        failed |= json_array_append_new(steps, value_checked(step, failed));
    }
    return json_pack("[{s:[{s:o}]}]", "threadFlows", "locations", value_checked(steps, failed));
}

static json_t *free_stacks_array(struct findings *findings, const struct profile_site *site) {
    json_t *stacks = json_array();
    int failed = 0;
    for (size_t i = 0; i < site->free_stack_count; i++) {
        json_t *frames = json_array();
        for (size_t k = 0; k < site->free_stacks[i].count; k++)
            failed |= json_array_append_new(
                frames, value_of_symbol(&findings->frames, site->free_stacks[i].symbols[k]));
        failed |=
            json_array_append_new(stacks, json_pack("{s:{s:s}, s:o}", "message", "text", "Freed by",
                                                    "frames", value_checked(frames, failed)));
    }
    return value_checked(stacks, failed);
}

static int rate_frame(const struct findings *findings, const struct profile_stack *stack,
                      size_t i) {
    const struct symbol *symbol = stack->symbols[i];
    if (!is_in_file(symbol))
        return 0;
    if (!below_root(findings, symbol->file))
        return 1;
    return profile_kind_at(findings->profile->charge, stack, i) == CHARGE_OWN ? 3 : 2;
}

/* Code hosts show what is in a file of theirs: where the location is in a library or its header,
 * the line of its nearest caller there is what somebody can change.  From the location out that is
 * the first frame of the program's own below the working directory, else the first one there, else
 * the first one in any file, else the location. */
static size_t find_shown(const struct findings *findings, const struct profile_site *site) {
    size_t best = site->location;
    int rating = 0;
    for (size_t i = site->location; i < site->stack.count; i++) {
        int other = rate_frame(findings, &site->stack, i);
        if (other > rating) {
            rating = other;
            best = i;
        }
    }
    return best;
}

static json_t *annotated_object(struct findings *findings, const struct finding *finding) {
    const struct symbol *symbol = finding->symbol;
    const char *module = symbol->module ? symbol->module : findings->profile->executable;
    const char *path = is_in_file(symbol) ? symbol->file : module;
    json_t *object = json_object();
    int failed = 0;
    if (path)
        failed |= json_object_set_new(
            object, "physicalLocation",
            physical_object(findings, path, is_in_file(symbol) ? symbol->line : 0));
    failed |= json_object_set_new(object, "logicalLocations", logical_array(findings, symbol));
    return value_checked(object, failed);
}

/* Results. */

static json_t *message_object(struct findings *findings, const struct finding *finding) {
    struct text *text = &findings->scratch;
    struct text advice;
    text_init(&advice);
    profile_append_location(text, finding->symbol);
    report_through_append(&findings->through, (uint64_t)(finding - findings->items), text);
    text_append(text, ": ");
    text_append_count(text, finding->count);
    text_append(text, finding->count == 1 ? " temporary allocation, " : " temporary allocations, ");
    text_append_size(text, finding->bytes);
    text_append(text, ". ");
    report_append_percent(text, finding->count, finding->allocations);
    text_append(text, " of what is allocated here is freed again almost at once");
    text_append(text, ".");
    const struct chain_counters *chains = finding->has_chains ? &finding->chains : NULL;
    if (profile_append_advice(&advice, finding->site, chains) && !advice.failed)
        text_printf(text, " %c%s.", toupper((unsigned char)*advice.data), advice.data + 1);
    text->failed |= advice.failed;
    text_deinit(&advice);
    return text_object(value_take(text));
}

static json_t *fingerprints_object(struct findings *findings, const struct finding *finding) {
    struct text *text = &findings->scratch;
    text_printf(text, "%016llx:%u", (unsigned long long)finding->place, finding->ordinal);
    json_t *object = json_object();
    return value_checked(object, json_object_set_new(object, FINGERPRINT, value_take(text)));
}

static json_t *numbers_object(const struct finding *finding) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "count", value_count(finding->count));
    failed |= json_object_set_new(object, "bytes", value_count(finding->bytes));
    failed |= json_object_set_new(object, "allocations", value_count(finding->allocations));
    failed |= json_object_set_new(object, "site", value_count(finding->site->id));
    return value_checked(object, failed);
}

static json_t *result_object(struct findings *findings, const struct finding *finding) {
    enum profile_pattern pattern = finding->site->pattern;
    json_t *object = json_object();
    int failed = json_object_set_new(object, "ruleId", json_string(rules[pattern].id));
    failed |= json_object_set_new(object, "ruleIndex", json_integer(pattern));
    failed |= json_object_set_new(object, "level", json_string(rules[pattern].level));
    failed |= json_object_set_new(object, "message", message_object(findings, finding));
    json_t *locations = json_array();
    failed |= json_array_append_new(locations, annotated_object(findings, finding));
    failed |= json_object_set_new(object, "locations", locations);
    failed |=
        json_object_set_new(object, "partialFingerprints", fingerprints_object(findings, finding));
    failed |=
        json_object_set_new(object, "codeFlows", code_flows_array(findings, &finding->site->stack));
    if (finding->site->free_stack_count > 0)
        failed |= json_object_set_new(object, "stacks", free_stacks_array(findings, finding->site));
    failed |= json_object_set_new(object, "properties", numbers_object(finding));
    return value_checked(object, failed);
}

static json_t *results_array(struct findings *findings) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < findings->count && !failed; i++) {
        if (findings->items[i].count > 0)
            failed |= json_array_append_new(array, result_object(findings, &findings->items[i]));
    }
    return value_checked(array, failed);
}

/* The run. */

static json_t *rules_array(void) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        failed |= json_array_append_new(
            array, json_pack("{s:s, s:s, s:{s:s}, s:{s:s}}", "id", rules[i].id, "name",
                             rules[i].name, "shortDescription", "text", rules[i].description,
                             "defaultConfiguration", "level", rules[i].level));
    return value_checked(array, failed);
}

static json_t *invocation_object(const struct profile *profile) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "executionSuccessful", json_true());
    failed |= json_object_set_new(object, "processId", json_integer(profile->pid));
    if (profile->executable)
        failed |= json_object_set_new(object, "executableLocation",
                                      json_pack("{s:o}", "uri", file_uri(profile->executable)));
    if (profile->arguments && *profile->arguments) /* the first one is the program's name */
        failed |= json_object_set_new(object, "arguments", value_strings(profile->arguments + 1));
    return value_checked(object, failed);
}

static json_t *run_object(struct findings *findings) {
    json_t *object = json_pack("{s:{s:{s:s, s:s, s:o}}}", "tool", "driver", "name", "tmpalloc",
                               "semanticVersion", TMPALLOC_VERSION, "rules", rules_array());
    int failed = 0;
    if (*findings->root)
        failed |=
            json_object_set_new(object, "originalUriBaseIds",
                                json_pack("{s:{s:o}}", ROOT_ID, "uri", file_uri(findings->root)));
    failed |= json_object_set_new(object, "invocations",
                                  json_pack("[o]", invocation_object(findings->profile)));
    failed |= json_object_set_new(object, "columnKind", json_string("utf16CodeUnits"));
    failed |= json_object_set_new(object, "results", results_array(findings));
    failed |= json_object_set_new(
        object, "properties",
        json_pack("{s:I}", "threshold", (json_int_t)findings->profile->threshold));
    return value_checked(object, failed);
}

/* What is found. */

static void append_place(struct findings *findings, const struct symbol *symbol) {
    struct text *text = &findings->scratch;
    const char *file = symbol->file ? below_root(findings, symbol->file) : symbol->module;
    if (!file)
        file = symbol->file;
    profile_append_name(text, symbol);
    text_append(text, "\n");
    profile_append_printable(text, file ? file : "");
}

/* False without memory. */
static bool hash_place(struct findings *findings, struct finding *finding) {
    struct text *text = &findings->scratch;
    append_place(findings, finding->symbol);
    bool complete = !text->failed;
    finding->place = hash_string(0, text_get(text));
    text_clear(text);
    return complete;
}

/* NULL without memory. */
static struct finding *get_finding(struct findings *findings, const struct symbol *symbol) {
    uint32_t number = locations_intern(findings->locations, symbol);
    if (number < findings->count)
        return &findings->items[number];
    if (number == LOCATION_NONE ||
        MEMORY_RESERVE(findings->items, &findings->capacity, findings->count + 1))
        return NULL;
    struct finding *finding = &findings->items[findings->count++];
    *finding = (struct finding){.symbol = symbol};
    return hash_place(findings, finding) ? finding : NULL;
}

static void count_site(struct finding *finding, const struct profile_site *site) {
    if (!finding->site) /* sites come sorted by bytes */
        finding->site = site;
    finding->count += site->count;
    finding->bytes += site->bytes;
    finding->allocations += site->counters.allocations;
    if (!site->chains)
        return;
    chain_counters_add(&finding->chains, site->chains);
    finding->has_chains = true;
}

static int add_site(struct findings *findings, const struct profile_site *site) {
    size_t shown = find_shown(findings, site);
    struct finding *finding = get_finding(findings, site->stack.symbols[shown]);
    if (!finding)
        return TMPALLOC_E_NOMEM;
    count_site(finding, site);
    const struct symbol *through =
        profile_find_through(findings->profile->charge, &site->stack, shown);
    if (site->count == 0 || !through || !through->function)
        return TMPALLOC_OK;
    return report_through_add(&findings->through, (uint64_t)(finding - findings->items),
                              through->function, site->bytes);
}

static int report_sarif_collect(struct findings *findings) {
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < findings->profile->site_count && status == TMPALLOC_OK; i++)
        status = add_site(findings, &findings->profile->sites[i]);
    return status;
}

static int report_sarif_compare_places(const void *left, const void *right) {
    const struct finding *a = *(struct finding *const *)left;
    const struct finding *b = *(struct finding *const *)right;
    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    if (a->symbol->line != b->symbol->line)
        return a->symbol->line < b->symbol->line ? -1 : 1;
    return a < b ? -1 : a > b;
}

static int number_places(struct findings *findings) {
    struct finding **sorted = memory_allocate((findings->count + 1) * sizeof *sorted);
    if (!sorted)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < findings->count; i++)
        sorted[i] = &findings->items[i];
    qsort(sorted, findings->count, sizeof *sorted, report_sarif_compare_places);
    for (size_t i = 1; i < findings->count; i++) {
        if (sorted[i]->place == sorted[i - 1]->place)
            sorted[i]->ordinal = sorted[i - 1]->ordinal + 1;
    }
    memory_release(sorted);
    return TMPALLOC_OK;
}

static void find_root(struct findings *findings) {
    if (!getcwd(findings->root, sizeof findings->root - 1) || *findings->root != '/')
        *findings->root = '\0';
    else if (findings->root[1])
        strcat(findings->root, "/");
}

static int report_sarif_print(struct findings *findings, struct text *text, struct error *error) {
    if (report_sarif_collect(findings) != TMPALLOC_OK || number_places(findings) != TMPALLOC_OK)
        return error_no_memory(error);
    json_t *log = json_pack("{s:s, s:s, s:[o]}", "$schema", SCHEMA, "version", "2.1.0", "runs",
                            run_object(findings));
    int status = value_append(text, log, error);
    json_decref(log);
    return status;
}

int report_sarif(const struct profile *profile, struct text *text, struct error *error) {
    struct findings findings = {.profile = profile};
    if (locations_create(&findings.locations) != TMPALLOC_OK)
        return error_no_memory(error);
    text_init(&findings.scratch);
    symbol_values_init(&findings.places, new_place, &findings);
    symbol_values_init(&findings.frames, new_frame, &findings);
    find_root(&findings);
    int status = report_sarif_print(&findings, text, error);
    symbol_values_deinit(&findings.frames);
    symbol_values_deinit(&findings.places);
    text_deinit(&findings.scratch);
    locations_destroy(findings.locations);
    report_through_release(&findings.through);
    memory_release(findings.items);
    return status;
}
