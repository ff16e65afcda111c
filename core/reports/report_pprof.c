#include <string.h>

#include "profile/profile_advice.h"
#include "profile/profile_names.h"
#include "profile/profile_suppress.h"
#include "reports/report.h"
#include "reports/report_interned.h"
#include "reports/report_pprof.pb-c.h"
#include "support/gzip.h"
#include "support/map.h"
#include "support/memory.h"
#include "support/progress.h"

/* Go's heap profiles call their values so, apart from what is temporary. */
static const struct {
    const char *type, *unit;
} sample_types[] = {
    {"temporary_objects", "count"},
    {"temporary_space", "bytes"},
    {"alloc_objects", "count"},
    {"alloc_space", "bytes"},
};

#define SAMPLE_TYPES        (sizeof sample_types / sizeof *sample_types)
#define DEFAULT_SAMPLE_TYPE 1

#define LABELS_BESIDE_THREADS 4

struct list {
    void *items;
    size_t count;
    size_t capacity;
};

/* Ids are numbers of pairs.  A failure for want of memory sticks. */
struct builder {
    const struct profile *profile;
    struct arena storage; /* of messages */
    struct text scratch;
    const char *build_id; /* of the executable; NULL: unknown */
    bool failed;
    struct interned_strings strings;
    struct list mappings;
    struct interned_pairs mapping_numbers; /* filename, build id */
    struct list functions;
    struct interned_pairs function_numbers; /* name, filename */
    struct list locations;
    struct interned_pairs symbol_numbers; /* halves of a symbol's address */
    struct interned_pairs
        chain_numbers;  /* chain of a symbol and what is inlined there, next symbol */
    struct map located; /* chains that are locations */
    struct list samples;
    struct text allocators;  /* a regular expression of their names */
    struct map is_allocator; /* by number of a name */
};

/* Storage. */

static void *report_pprof_allocate(struct builder *builder, size_t count, size_t size_bytes) {
    void *block = builder->failed ? NULL : arena_allocate(&builder->storage, count, size_bytes);
    builder->failed |= !block;
    return block;
}

static void report_pprof_append(struct builder *builder, struct list *list, void *item) {
    if (builder->failed ||
        memory_reserve(&list->items, &list->capacity, list->count + 1, sizeof item) != 0)
        builder->failed = true;
    else
        ((void **)list->items)[list->count++] = item;
}

/* The number of a pair, and whether it is new; 0 without memory. */
static uint32_t intern_pair(struct builder *builder, struct interned_pairs *pairs, uint32_t first,
                            uint32_t second, bool *is_new_ret) {
    uint32_t number = 0, before = pairs->count;
    builder->failed |= interned_pair(pairs, first, second, &number) != TMPALLOC_OK;
    *is_new_ret = pairs->count > before;
    return number;
}

static uint32_t string_number(struct builder *builder, const char *string) {
    uint32_t number = 0;
    builder->failed |= interned_string(&builder->strings, string, &number) != TMPALLOC_OK;
    return number;
}

/* The number of the text that was composed, which is taken. */
static uint32_t take_string(struct builder *builder) {
    builder->failed |= builder->scratch.failed;
    uint32_t number = builder->failed ? 0 : string_number(builder, text_get(&builder->scratch));
    text_clear(&builder->scratch);
    return number;
}

/* 0, the number of "", for NULL. */
static uint32_t report_pprof_intern_string(struct builder *builder, const char *string) {
    if (string)
        profile_append_printable(&builder->scratch, string);
    return take_string(builder);
}

/* Places. */

static uint32_t function_id(struct builder *builder, const struct symbol *symbol) {
    profile_append_name(&builder->scratch, symbol);
    uint32_t name = take_string(builder);
    uint32_t file = report_pprof_intern_string(builder, symbol->file);
    bool is_new;
    uint32_t id = intern_pair(builder, &builder->function_numbers, name, file, &is_new);
    Pprof__Function *function = is_new ? report_pprof_allocate(builder, 1, sizeof *function) : NULL;
    if (!function)
        return id;
    pprof__function__init(function);
    function->id = id;
    function->name = name;
    function->system_name = name;
    function->filename = file;
    report_pprof_append(builder, &builder->functions, function);
    return id;
}

static Pprof__Mapping *add_mapping(struct builder *builder, const struct symbol *symbol) {
    Pprof__Mapping *mapping = report_pprof_allocate(builder, 1, sizeof *mapping);
    if (!mapping)
        return NULL;
    pprof__mapping__init(mapping);
    mapping->memory_start = symbol->address - symbol->offset;
    mapping->has_functions = mapping->has_filenames = true;
    mapping->has_line_numbers = mapping->has_inline_frames = true;
    report_pprof_append(builder, &builder->mappings, mapping);
    return mapping;
}

/* 0 for what is in no file. */
static uint32_t mapping_id(struct builder *builder, const struct symbol *symbol) {
    if (!symbol->module)
        return 0;
    uint32_t filename = report_pprof_intern_string(builder, symbol->module);
    uint32_t build_id = report_pprof_intern_string(builder, symbol->build_id);
    bool is_new;
    uint32_t id = intern_pair(builder, &builder->mapping_numbers, filename, build_id, &is_new);
    Pprof__Mapping *mapping = is_new ? add_mapping(builder, symbol) : NULL;
    if (mapping) {
        mapping->id = id;
        mapping->filename = filename;
        mapping->build_id = build_id;
    }
    if (builder->failed)
        return 0;
    mapping = ((Pprof__Mapping **)builder->mappings.items)[id - 1];
    if (mapping->memory_limit <= symbol->address)
        mapping->memory_limit = symbol->address + 1;
    return id;
}

/* The physical frame of some symbols, the last of which is the function that the others are inlined
 * in. */
static void add_location(struct builder *builder, uint32_t id, const struct symbol *const *symbols,
                         size_t count) {
    Pprof__Location *location = report_pprof_allocate(builder, 1, sizeof *location);
    Pprof__Line *lines = report_pprof_allocate(builder, count, sizeof *lines);
    Pprof__Line **pointers = report_pprof_allocate(builder, count, sizeof *pointers);
    if (builder->failed)
        return;
    pprof__location__init(location);
    location->id = id;
    location->address = symbols[0]->address;
    location->mapping_id = mapping_id(builder, symbols[0]);
    location->n_line = count;
    location->line = pointers;
    for (size_t i = 0; i < count; i++) {
        pointers[i] = &lines[i];
        pprof__line__init(&lines[i]);
        lines[i].function_id = function_id(builder, symbols[i]);
        lines[i].line = symbols[i]->line;
    }
    report_pprof_append(builder, &builder->locations, location);
}

/* The number of some symbols in a row. */
static uint32_t chain_id(struct builder *builder, const struct symbol *const *symbols,
                         size_t count) {
    uint32_t chain = 0;
    bool is_new;
    for (size_t i = 0; i < count; i++) {
        uint64_t address = (uintptr_t)symbols[i];
        uint32_t symbol = intern_pair(builder, &builder->symbol_numbers, (uint32_t)(address >> 32),
                                      (uint32_t)address, &is_new);
        chain = intern_pair(builder, &builder->chain_numbers, chain, symbol, &is_new);
    }
    return chain;
}

static uint32_t location_id(struct builder *builder, const struct symbol *const *symbols,
                            size_t count) {
    uint64_t known;
    uint32_t id = chain_id(builder, symbols, count);
    if (builder->failed || map_get(&builder->located, id, &known))
        return id;
    builder->failed |= map_put(&builder->located, id, 0) != 0;
    add_location(builder, id, symbols, count);
    return id;
}

/* Allocators. */

/* Readers take the arguments of templates away before they compare. */
static const char *append_arguments(struct text *text, const char *name) {
    unsigned depth = 0;
    do {
        depth += *name == '<';
        depth -= *name == '>';
        name++;
    } while (*name && depth > 0);
    text_append(text, "(<.*>)?");
    return name;
}

static void append_expression(struct text *text, const char *name) {
    text_append(text, text->length > 0 ? "|" : "");
    while (*name) {
        if (*name == '<') {
            name = append_arguments(text, name);
            continue;
        }
        if (strchr("\\.+*?()|[]{}^$", *name))
            text_append(text, "\\");
        text_append_bytes(text, name++, 1);
    }
}

/* What is called by a location belongs to the location, as in our own tables. */
static void report_pprof_note_allocators(struct builder *builder, const struct profile_site *site) {
    for (size_t i = 0; i < site->location; i++) {
        const char *function = site->stack.symbols[i]->function;
        uint32_t name = function ? report_pprof_intern_string(builder, function) : 0;
        uint64_t known;
        if (name == 0 || builder->failed || map_get(&builder->is_allocator, name, &known))
            continue;
        append_expression(&builder->allocators, builder->strings.items[name]);
        builder->failed |= map_put(&builder->is_allocator, name, 0) != 0;
        builder->failed |= builder->allocators.failed;
    }
}

/* Samples. */

/* NULL for NULL. */
static const char *base_name_of(const char *path) {
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path;
}

static const char *find_build_id(const struct profile *profile) {
    for (size_t i = 0; profile->executable && i < profile->site_count; i++) {
        const struct profile_stack *stack = &profile->sites[i].stack;
        for (size_t k = stack->count; k > 0; k--) {
            const struct symbol *symbol = stack->symbols[k - 1];
            if (symbol->build_id && text_same(symbol->module, profile->executable))
                return symbol->build_id;
        }
    }
    return NULL;
}

static void set_locations(struct builder *builder, Pprof__Sample *sample,
                          const struct profile_stack *stack) {
    uint64_t *ids = report_pprof_allocate(builder, stack->count, sizeof *ids);
    if (!ids)
        return;
    sample->location_id = ids;
    for (size_t first = 0, end; first < stack->count; first = end) {
        end = first + 1;
        while (end < stack->count && stack->symbols[end - 1]->inlined)
            end++;
        ids[sample->n_location_id++] = location_id(builder, &stack->symbols[first], end - first);
    }
}

static void set_values(struct builder *builder, Pprof__Sample *sample,
                       const struct profile_site *site) {
    const uint64_t values[SAMPLE_TYPES] = {site->count, site->bytes, site->counters.allocations,
                                           site->counters.allocated_bytes};
    sample->value = report_pprof_allocate(builder, SAMPLE_TYPES, sizeof *sample->value);
    for (size_t i = 0; sample->value && i < SAMPLE_TYPES; i++)
        sample->value[i] = values[i] > INT64_MAX ? INT64_MAX : (int64_t)values[i];
    sample->n_value = SAMPLE_TYPES;
}

static void add_label(struct builder *builder, Pprof__Sample *sample, const char *key,
                      uint32_t value, int64_t number) {
    Pprof__Label *label = report_pprof_allocate(builder, 1, sizeof *label);
    if (!label)
        return;
    pprof__label__init(label);
    label->key = report_pprof_intern_string(builder, key);
    label->str = value;
    label->num = number;
    sample->label[sample->n_label++] = label;
}

static void add_text_label(struct builder *builder, Pprof__Sample *sample, const char *key,
                           const char *value) {
    if (value && *value)
        add_label(builder, sample, key, report_pprof_intern_string(builder, value), 0);
}

/* Stores of profiles tell samples apart by labels that are text. */
static void report_pprof_set_labels(struct builder *builder, Pprof__Sample *sample,
                                    const struct profile_site *site) {
    sample->label = report_pprof_allocate(builder, LABELS_BESIDE_THREADS + site->thread_count,
                                          sizeof *sample->label);
    if (!sample->label)
        return;
    add_text_label(builder, sample, "pattern", profile_pattern_name(site->pattern));
    add_text_label(builder, sample, "process", base_name_of(builder->profile->executable));
    add_text_label(builder, sample, "build_id", builder->build_id);
    if (builder->profile->pid > 0)
        add_label(builder, sample, "pid", 0, builder->profile->pid);
    for (size_t i = 0; i < site->thread_count && !builder->failed; i++) {
        text_printf(&builder->scratch, "%lld", (long long)site->threads[i]);
        add_label(builder, sample, "thread", take_string(builder), 0);
    }
}

static void add_sample(struct builder *builder, const struct profile_site *site) {
    Pprof__Sample *sample = report_pprof_allocate(builder, 1, sizeof *sample);
    if (!sample)
        return;
    pprof__sample__init(sample);
    set_locations(builder, sample, &site->stack);
    set_values(builder, sample, site);
    report_pprof_set_labels(builder, sample, site);
    report_pprof_note_allocators(builder, site);
    report_pprof_append(builder, &builder->samples, sample);
}

/* The profile. */

static void set_types(struct builder *builder, Pprof__Profile *message) {
    Pprof__ValueType *types = report_pprof_allocate(builder, SAMPLE_TYPES, sizeof *types);
    message->sample_type =
        report_pprof_allocate(builder, SAMPLE_TYPES, sizeof *message->sample_type);
    for (size_t i = 0; !builder->failed && i < SAMPLE_TYPES; i++) {
        pprof__value_type__init(&types[i]);
        types[i].type = report_pprof_intern_string(builder, sample_types[i].type);
        types[i].unit = report_pprof_intern_string(builder, sample_types[i].unit);
        message->sample_type[message->n_sample_type++] = &types[i];
    }
    message->default_sample_type =
        report_pprof_intern_string(builder, sample_types[DEFAULT_SAMPLE_TYPE].type);
}

static void set_comments(struct builder *builder, Pprof__Profile *message) {
    const struct profile *profile = builder->profile;
    message->comment = report_pprof_allocate(builder, 2, sizeof *message->comment);
    if (!message->comment)
        return;
    text_printf(&builder->scratch, "tmpalloc " TMPALLOC_VERSION ", engine %s, threshold %u",
                profile->engine, profile->threshold);
    message->comment[message->n_comment++] = take_string(builder);
    if (!profile->arguments)
        return;
    for (const char *const *word = profile->arguments; *word; word++) {
        text_append(&builder->scratch, word == profile->arguments ? "" : " ");
        profile_append_printable(&builder->scratch, *word);
    }
    message->comment[message->n_comment++] = take_string(builder);
}

/* Readers take the first mapping for the program. */
static void put_executable_first(struct builder *builder) {
    Pprof__Mapping **mappings = builder->mappings.items;
    uint32_t executable = report_pprof_intern_string(builder, builder->profile->executable);
    for (size_t i = 1; i < builder->mappings.count; i++) {
        if (mappings[i]->filename == executable) {
            Pprof__Mapping *first = mappings[0];
            mappings[0] = mappings[i];
            mappings[i] = first;
            return;
        }
    }
}

static void report_pprof_build(struct builder *builder, Pprof__Profile *message) {
    const struct profile *profile = builder->profile;
    take_string(builder); /* "" is the first */
    set_types(builder, message);
    set_comments(builder, message);
    for (size_t i = 0; i < profile->site_count && !builder->failed; i++) {
        builder->failed =
            progress_step("writing", i, profile->site_count, "call sites") != TMPALLOC_OK;
        add_sample(builder, &profile->sites[i]);
    }
    struct profile_site suppressed;
    if (profile_suppressed_site(profile, &suppressed) && !builder->failed)
        add_sample(builder, &suppressed);
    put_executable_first(builder);
    message->drop_frames = report_pprof_intern_string(builder, text_get(&builder->allocators));
    message->n_sample = builder->samples.count;
    message->sample = builder->samples.items;
    message->n_mapping = builder->mappings.count;
    message->mapping = builder->mappings.items;
    message->n_location = builder->locations.count;
    message->location = builder->locations.items;
    message->n_function = builder->functions.count;
    message->function = builder->functions.items;
    message->n_string_table = builder->strings.count;
    message->string_table = builder->strings.items;
}

struct output {
    ProtobufCBuffer base;
    struct text text;
};

static void append_packed(ProtobufCBuffer *buffer, size_t length, const uint8_t *bytes) {
    struct output *output = (struct output *)buffer;
    text_append_bytes(&output->text, (const char *)bytes, length);
}

static int write_compressed(const Pprof__Profile *message, struct text *text, struct error *error) {
    struct output output = {.base.append = append_packed};
    text_init(&output.text);
    pprof__profile__pack_to_buffer(message, &output.base);
    int status =
        output.text.failed ? error_no_memory(error) : gzip_compress(text, &output.text, error);
    text_deinit(&output.text);
    return status;
}

static void report_pprof_deinit(struct builder *builder) {
    struct list *const lists[] = {&builder->mappings, &builder->functions, &builder->locations,
                                  &builder->samples};
    struct interned_pairs *const pairs[] = {&builder->mapping_numbers, &builder->function_numbers,
                                            &builder->symbol_numbers, &builder->chain_numbers};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        memory_release(lists[i]->items);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        interned_pairs_release(pairs[i]);
    map_deinit(&builder->is_allocator);
    map_deinit(&builder->located);
    interned_strings_release(&builder->strings);
    arena_deinit(&builder->storage);
    text_deinit(&builder->scratch);
    text_deinit(&builder->allocators);
}

int report_pprof(const struct profile *profile, struct text *text, struct error *error) {
    struct builder builder = {.profile = profile, .build_id = find_build_id(profile)};
    Pprof__Profile message;
    pprof__profile__init(&message);
    report_pprof_build(&builder, &message);
    int status = builder.failed ? error_of_status(error, progress_failure())
                                : write_compressed(&message, text, error);
    report_pprof_deinit(&builder);
    return status;
}
