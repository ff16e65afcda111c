#include <stdlib.h>
#include <string.h>

#include "profile/profile_names.h"
#include "reports/report.h"
#include "reports/report_findings.h"
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

/* What a rebuild leaves as it is. */
struct fingerprint {
    const struct symbol *symbol;
    uint64_t place;   /* hash of function and file */
    uint32_t ordinal; /* among the findings of that place, by line */
};

struct sarif {
    struct findings findings;
    struct fingerprint *fingerprints; /* of each finding */
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

static json_t *artifact_object(struct sarif *sarif, const char *path) {
    json_t *object = json_object();
    const char *relative = findings_below_root(&sarif->findings, path);
    if (!relative)
        return value_checked(object, json_object_set_new(object, "uri", file_uri(path)));
    append_encoded(&sarif->scratch, relative);
    int failed = json_object_set_new(object, "uri", value_take(&sarif->scratch));
    failed |= json_object_set_new(object, "uriBaseId", json_string(ROOT_ID));
    return value_checked(object, failed);
}

/* Locations and stacks. */

static json_t *physical_object(struct sarif *sarif, const char *path, uint32_t line) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "artifactLocation", artifact_object(sarif, path));
    if (line > 0)
        failed |= json_object_set_new(object, "region",
                                      json_pack("{s:I}", "startLine", (json_int_t)line));
    return value_checked(object, failed);
}

static json_t *logical_array(struct sarif *sarif, const struct symbol *symbol) {
    profile_append_name(&sarif->scratch, symbol);
    json_t *name = value_take(&sarif->scratch);
    return json_pack("[{s:o, s:s}]", "fullyQualifiedName", name, "kind", "function");
}

static json_t *text_object(json_t *text) {
    json_t *object = json_object();
    return value_checked(object, json_object_set_new(object, "text", text));
}

static json_t *new_place(const struct symbol *symbol, void *arg) {
    struct sarif *sarif = arg;
    json_t *object = json_object();
    int failed = 0;
    if (finding_is_in_file(symbol))
        failed |= json_object_set_new(object, "physicalLocation",
                                      physical_object(sarif, symbol->file, symbol->line));
    failed |= json_object_set_new(object, "logicalLocations", logical_array(sarif, symbol));
    profile_append_location(&sarif->scratch, symbol);
    failed |= json_object_set_new(object, "message", text_object(value_take(&sarif->scratch)));
    return value_checked(object, failed);
}

static json_t *new_frame(const struct symbol *symbol, void *arg) {
    struct sarif *sarif = arg;
    json_t *object = json_object();
    int failed = json_object_set_new(object, "location", value_of_symbol(&sarif->places, symbol));
    if (symbol->module)
        failed |= json_object_set_new(object, "module", value_text(symbol->module));
    return value_checked(object, failed);
}

/* How the program got to the allocation, step by step. */
static json_t *code_flows_array(struct sarif *sarif, const struct profile_stack *stack) {
    json_t *steps = json_array();
    int failed = 0;
    for (size_t i = stack->count; i > 0; i--) {
        json_t *place = value_of_symbol(&sarif->places, stack->symbols[i - 1]);
        json_t *step = json_object();
        failed |= json_object_set_new(step, "location", place);
        failed |= json_array_append_new(steps, value_checked(step, failed));
    }
    return json_pack("[{s:[{s:o}]}]", "threadFlows", "locations", value_checked(steps, failed));
}

static json_t *free_stacks_array(struct sarif *sarif, const struct profile_site *site) {
    json_t *stacks = json_array();
    int failed = 0;
    for (size_t i = 0; i < site->free_stack_count; i++) {
        json_t *frames = json_array();
        for (size_t k = 0; k < site->free_stacks[i].count; k++)
            failed |= json_array_append_new(
                frames, value_of_symbol(&sarif->frames, site->free_stacks[i].symbols[k]));
        failed |=
            json_array_append_new(stacks, json_pack("{s:{s:s}, s:o}", "message", "text", "Freed by",
                                                    "frames", value_checked(frames, failed)));
    }
    return value_checked(stacks, failed);
}

static json_t *annotated_object(struct sarif *sarif, const struct finding *finding) {
    const struct symbol *symbol = finding->symbol;
    const char *module = symbol->module ? symbol->module : sarif->findings.profile->executable;
    const char *path = finding_is_in_file(symbol) ? symbol->file : module;
    json_t *object = json_object();
    int failed = 0;
    if (path)
        failed |= json_object_set_new(
            object, "physicalLocation",
            physical_object(sarif, path, finding_is_in_file(symbol) ? symbol->line : 0));
    failed |= json_object_set_new(object, "logicalLocations", logical_array(sarif, symbol));
    return value_checked(object, failed);
}

/* Results. */

static json_t *message_object(struct sarif *sarif, const struct finding *finding) {
    findings_append_message(&sarif->findings, finding, &sarif->scratch);
    return text_object(value_take(&sarif->scratch));
}

static json_t *fingerprints_object(struct sarif *sarif, const struct finding *finding) {
    struct text *text = &sarif->scratch;
    const struct fingerprint *fingerprint = &sarif->fingerprints[finding - sarif->findings.items];
    text_printf(text, "%016llx:%u", (unsigned long long)fingerprint->place, fingerprint->ordinal);
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

static json_t *result_object(struct sarif *sarif, const struct finding *finding) {
    enum profile_pattern pattern = finding->site->pattern;
    json_t *object = json_object();
    int failed = json_object_set_new(object, "ruleId", json_string(rules[pattern].id));
    failed |= json_object_set_new(object, "ruleIndex", json_integer(pattern));
    failed |= json_object_set_new(object, "level", json_string(rules[pattern].level));
    failed |= json_object_set_new(object, "message", message_object(sarif, finding));
    json_t *locations = json_array();
    failed |= json_array_append_new(locations, annotated_object(sarif, finding));
    failed |= json_object_set_new(object, "locations", locations);
    failed |=
        json_object_set_new(object, "partialFingerprints", fingerprints_object(sarif, finding));
    failed |=
        json_object_set_new(object, "codeFlows", code_flows_array(sarif, &finding->site->stack));
    if (finding->site->free_stack_count > 0)
        failed |= json_object_set_new(object, "stacks", free_stacks_array(sarif, finding->site));
    failed |= json_object_set_new(object, "properties", numbers_object(finding));
    return value_checked(object, failed);
}

static json_t *results_array(struct sarif *sarif) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < sarif->findings.count && !failed; i++) {
        if (sarif->findings.items[i].count > 0)
            failed |= json_array_append_new(array, result_object(sarif, &sarif->findings.items[i]));
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

static json_t *run_object(struct sarif *sarif) {
    json_t *object = json_pack("{s:{s:{s:s, s:s, s:o}}}", "tool", "driver", "name", "tmpalloc",
                               "semanticVersion", TMPALLOC_VERSION, "rules", rules_array());
    int failed = 0;
    if (*sarif->findings.root)
        failed |= json_object_set_new(
            object, "originalUriBaseIds",
            json_pack("{s:{s:o}}", ROOT_ID, "uri", file_uri(sarif->findings.root)));
    failed |= json_object_set_new(object, "invocations",
                                  json_pack("[o]", invocation_object(sarif->findings.profile)));
    failed |= json_object_set_new(object, "columnKind", json_string("utf16CodeUnits"));
    failed |= json_object_set_new(object, "results", results_array(sarif));
    failed |= json_object_set_new(
        object, "properties",
        json_pack("{s:I}", "threshold", (json_int_t)sarif->findings.profile->threshold));
    return value_checked(object, failed);
}

/* Fingerprints. */

static void append_place(struct sarif *sarif, const struct symbol *symbol) {
    struct text *text = &sarif->scratch;
    const char *file =
        symbol->file ? findings_below_root(&sarif->findings, symbol->file) : symbol->module;
    if (!file)
        file = symbol->file;
    profile_append_name(text, symbol);
    text_append(text, "\n");
    profile_append_printable(text, file ? file : "");
}

/* False without memory. */
static bool hash_place(struct sarif *sarif, struct fingerprint *fingerprint) {
    struct text *text = &sarif->scratch;
    append_place(sarif, fingerprint->symbol);
    bool complete = !text->failed;
    fingerprint->place = hash_string(0, text_get(text));
    text_clear(text);
    return complete;
}

static int report_sarif_compare_places(const void *left, const void *right) {
    const struct fingerprint *a = *(struct fingerprint *const *)left;
    const struct fingerprint *b = *(struct fingerprint *const *)right;
    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    if (a->symbol->line != b->symbol->line)
        return a->symbol->line < b->symbol->line ? -1 : 1;
    return a < b ? -1 : a > b;
}

static int number_places(struct sarif *sarif) {
    size_t count = sarif->findings.count;
    struct fingerprint **sorted = memory_allocate((count + 1) * sizeof *sorted);
    if (!sorted)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &sarif->fingerprints[i];
    qsort(sorted, count, sizeof *sorted, report_sarif_compare_places);
    for (size_t i = 1; i < count; i++) {
        if (sorted[i]->place == sorted[i - 1]->place)
            sorted[i]->ordinal = sorted[i - 1]->ordinal + 1;
    }
    memory_release(sorted);
    return TMPALLOC_OK;
}

static int make_fingerprints(struct sarif *sarif) {
    size_t count = sarif->findings.count;
    sarif->fingerprints = memory_allocate_zeroed(count + 1, sizeof *sarif->fingerprints);
    if (!sarif->fingerprints)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        sarif->fingerprints[i].symbol = sarif->findings.items[i].symbol;
        if (!hash_place(sarif, &sarif->fingerprints[i]))
            return TMPALLOC_E_NOMEM;
    }
    return number_places(sarif);
}

static int report_sarif_print(struct sarif *sarif, struct text *text, struct error *error) {
    if (make_fingerprints(sarif) != TMPALLOC_OK)
        return error_no_memory(error);
    json_t *log = json_pack("{s:s, s:s, s:[o]}", "$schema", SCHEMA, "version", "2.1.0", "runs",
                            run_object(sarif));
    int status = value_append(text, log, error);
    json_decref(log);
    return status;
}

int report_sarif(const struct profile *profile, struct text *text, struct error *error) {
    struct sarif sarif = {.fingerprints = NULL};
    symbol_values_init(&sarif.places, new_place, &sarif);
    symbol_values_init(&sarif.frames, new_frame, &sarif);
    int status = findings_collect(profile, &sarif.findings);
    status = status == TMPALLOC_OK ? report_sarif_print(&sarif, text, error)
                                   : error_of_status(error, status);
    symbol_values_deinit(&sarif.frames);
    symbol_values_deinit(&sarif.places);
    text_deinit(&sarif.scratch);
    findings_release(&sarif.findings);
    memory_release(sarif.fingerprints);
    return status;
}
