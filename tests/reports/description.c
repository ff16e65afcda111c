#include "description.h"
#include "profile/profile_build.h"
#include "profile/profile_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX   4
#define SYMBOLS_MAX  4
#define FIRST_OFFSET 0x1000
#define LOAD_ADDRESS 0x400000

/* A physical frame and what is inlined there. */
struct group {
    char *id;
    struct symbol symbols[SYMBOLS_MAX];
    size_t count;
};

int symbolizer_resolve(struct symbolizer *symbolizer, const struct frame *frame,
                       const struct symbol **ret, size_t *count_ret) {
    struct group *group = &symbolizer->groups[frame->offset - FIRST_OFFSET];
    *ret = group->symbols;
    *count_ret = group->count;
    return TMPALLOC_OK;
}

void die(const char *what, const char *line) {
    fprintf(stderr, "report_driver: %s: %s\n", what, line);
    exit(3);
}

static void *checked(void *block) {
    if (!block)
        die("out of memory", "");
    return block;
}

static size_t split(char *text, const char *separators, char **words, size_t most) {
    size_t count = 0;
    char *state;
    for (char *word = strtok_r(text, separators, &state); word && count < most;
         word = strtok_r(NULL, separators, &state))
        words[count++] = word;
    return count;
}

static char *trim(char *field) {
    field += strspn(field, " ");
    size_t length = strlen(field);
    while (length > 0 && field[length - 1] == ' ')
        field[--length] = '\0';
    return field;
}

/* NULL for "-". */
static char *field_text(char *field) {
    char *value = trim(field);
    if (strcmp(value, "-") == 0)
        return NULL;
    for (char *escape; (escape = strstr(value, "\\n"));) {
        *escape = '\n';
        memmove(escape + 1, escape + 2, strlen(escape + 2) + 1);
    }
    return checked(strdup(value));
}

uint64_t number(const char *word) {
    char *end;
    uint64_t value = word ? strtoull(word, &end, 10) : 0;
    if (!word || *end)
        die("not a number", word ? word : "nothing");
    return value;
}

static uint64_t hash(const char *id) {
    uint64_t result = 0xcbf29ce484222325ULL;
    for (; *id; id++)
        result = (result ^ (unsigned char)*id) * 0x100000001b3ULL;
    return result;
}

static size_t find_group(const struct symbolizer *symbolizer, const char *id) {
    uint64_t index = 0;
    if (!map_get(&symbolizer->by_id, hash(id), &index) ||
        strcmp(symbolizer->groups[index].id, id) != 0)
        die("unknown frame", id);
    return index;
}

static struct group *add_group(struct symbolizer *symbolizer, const char *id) {
    struct group *groups =
        checked(realloc(symbolizer->groups, (symbolizer->count + 1) * sizeof *groups));
    symbolizer->groups = groups;
    groups[symbolizer->count] = (struct group){.id = checked(strdup(id))};
    if (map_put(&symbolizer->by_id, hash(id), symbolizer->count) != 0)
        die("out of memory", id);
    return &groups[symbolizer->count++];
}

static void parse_symbol(struct description *description, const char *kind, char *rest) {
    char *fields[FIELDS_MAX];
    if (split(rest, "|", fields, FIELDS_MAX) != FIELDS_MAX)
        die("four fields needed", rest);
    char *id = trim(fields[0]);
    struct symbolizer *symbolizer = &description->symbolizer;
    bool within = strcmp(kind, "within") == 0;
    struct group *group =
        within ? &symbolizer->groups[find_group(symbolizer, id)] : add_group(symbolizer, id);
    if (group->count == SYMBOLS_MAX)
        die("too many inlined functions", id);
    if (within)
        group->symbols[group->count - 1].inlined = true;
    uint64_t offset = FIRST_OFFSET + (uint64_t)(group - symbolizer->groups);
    struct symbol *symbol = &group->symbols[group->count++];
    *symbol = (struct symbol){.address = LOAD_ADDRESS + offset, .offset = offset};
    symbol->function = field_text(fields[1]);
    char *file = field_text(fields[2]);
    char *colon = file ? strrchr(file, ':') : NULL;
    if (colon) {
        symbol->line = (uint32_t)number(colon + 1);
        *colon = '\0';
    }
    symbol->file = file;
    symbol->module = field_text(fields[3]);
    symbol->python = strcmp(kind, "python") == 0;
}

static void parse_build_id(struct symbolizer *symbolizer, char *rest) {
    char *words[2];
    if (split(rest, " ", words, 2) != 2)
        die("two words needed", rest);
    const char *build_id = checked(strdup(words[1]));
    for (size_t i = 0; i < symbolizer->count; i++) {
        for (size_t k = 0; k < symbolizer->groups[i].count; k++) {
            struct symbol *symbol = &symbolizer->groups[i].symbols[k];
            if (symbol->module && strcmp(symbol->module, words[0]) == 0)
                symbol->build_id = build_id;
        }
    }
}

static uint32_t parse_stack(struct description *description, char *rest) {
    char *ids[WORDS_MAX];
    struct frame frames[WORDS_MAX];
    struct stack stack = {.frames = frames};
    size_t count = split(rest, " ", ids, WORDS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(ids[i], "...") == 0) {
            stack.truncated = 1;
            continue;
        }
        size_t group = find_group(&description->symbolizer, ids[i]);
        frames[stack.count++] = (struct frame){.offset = FIRST_OFFSET + group};
    }
    uint32_t ret;
    if (stacks_intern(description->stacks, &stack, &ret) != TMPALLOC_OK)
        die("out of memory", "");
    return ret;
}

static void parse_site(struct description *description, char *rest) {
    struct snapshot *snapshot = &description->snapshot;
    if (snapshot->site_count == description->capacity) {
        description->capacity = description->capacity * 2 + 16;
        snapshot->sites =
            checked(realloc(snapshot->sites, description->capacity * sizeof *snapshot->sites));
    }
    struct snapshot_site *site = &snapshot->sites[snapshot->site_count++];
    *site = (struct snapshot_site){.id = (uint32_t)snapshot->site_count,
                                   .stack = parse_stack(description, rest)};
    for (size_t i = 0; i < SITE_FREE_STACKS; i++)
        site->free_stacks[i] = SITE_NO_STACK;
    site->by_distance =
        checked(calloc((size_t)snapshot->max_threshold + 1, sizeof *site->by_distance));
}

static void add_free_stack(struct description *description, struct snapshot_site *site,
                           char *rest) {
    size_t i = 0;
    while (i < SITE_FREE_STACKS && site->free_stacks[i] != SITE_NO_STACK)
        i++;
    if (i == SITE_FREE_STACKS)
        die("too many free stacks", rest);
    site->free_stacks[i] = parse_stack(description, rest);
}

static void add_scope(struct snapshot_site *site, char **words, size_t count) {
    uint64_t freed_by = count > 4 ? number(words[4]) : 0;
    struct site_scope *scope = checked(calloc(1, sizeof *scope));
    scope->next = site->scopes;
    scope->distance = (uint32_t)number(words[0]);
    scope->shared_frames = (uint32_t)number(words[1]);
    scope->count = number(words[2]);
    scope->bytes = number(words[3]);
    scope->free_stack = SITE_NO_STACK;
    if (freed_by > SITE_FREE_STACKS)
        die("no such free stack", words[4]);
    if (freed_by > 0)
        scope->free_stack = site->free_stacks[freed_by - 1];
    site->scopes = scope;
}

static void add_block(struct description *description, const struct snapshot_site *site,
                      char *rest) {
    struct snapshot *snapshot = &description->snapshot;
    char *words[WORDS_MAX] = {0};
    split(rest, " ", words, WORDS_MAX);
    if (snapshot->block_count == description->block_capacity) {
        description->block_capacity = description->block_capacity * 2 + 16;
        snapshot->blocks = checked(
            realloc(snapshot->blocks, description->block_capacity * sizeof *snapshot->blocks));
    }
    snapshot->blocks[snapshot->block_count++] =
        (struct snapshot_block){.address = number(words[0]),
                                .size_bytes = number(words[1]),
                                .age = number(words[2]),
                                .tid = (int64_t)number(words[3]),
                                .stack = site->stack};
}

static void add_threads(struct snapshot_site *site, char **words, size_t count) {
    site->threads = checked(calloc(count, sizeof *site->threads));
    for (size_t i = 0; i < count; i++)
        site->threads[i] = (int64_t)number(words[i]);
    site->thread_count = count;
}

static void add_chains(struct snapshot_site *site, char **words, size_t count) {
    struct chain_counters *chains = checked(calloc(1, sizeof *chains));
    *chains = (struct chain_counters){.count = number(words[0]),
                                      .steps = number(words[1]),
                                      .replaced_bytes = number(words[2]),
                                      .longest = number(words[3]),
                                      .largest = number(words[4])};
    for (size_t i = 5; i + 1 < count; i += 2)
        chains->final_sizes[number(words[i])] = number(words[i + 1]);
    site->chains = chains;
}

static void parse_counters(struct snapshot_site *site, const char *keyword, char *rest) {
    char *words[WORDS_MAX] = {0};
    size_t count = split(rest, " ", words, WORDS_MAX);
    if (strcmp(keyword, "temporaries") == 0) {
        struct site_distance *distance = &site->by_distance[number(words[0])];
        *distance = (struct site_distance){number(words[1]), number(words[2])};
    } else if (strcmp(keyword, "allocations") == 0) {
        site->counters.allocations = number(words[0]);
        site->counters.allocated_bytes = number(words[1]);
    } else if (strcmp(keyword, "sizes") == 0) {
        site->counters.min_size = number(words[0]);
        site->counters.max_size = number(words[1]);
    } else if (strcmp(keyword, "larger") == 0) {
        site->counters.larger = number(words[0]);
    } else if (strcmp(keyword, "equal") == 0) {
        site->counters.equal = number(words[0]);
    } else if (strcmp(keyword, "realloc") == 0) {
        site->counters.by_realloc = number(words[0]);
    } else if (strcmp(keyword, "chains") == 0) {
        add_chains(site, words, count);
    } else if (strcmp(keyword, "threads") == 0) {
        add_threads(site, words, count);
    } else if (strcmp(keyword, "scope") == 0) {
        add_scope(site, words, count);
    } else {
        die("unknown item", keyword);
    }
}

static void parse_process(struct description *description, char *rest) {
    char *words[WORDS_MAX];
    size_t count = split(rest, " ", words, WORDS_MAX);
    description->pid = (int64_t)number(words[0]);
    for (size_t i = 1; i < count; i++) {
        char *word = field_text(words[i]);
        if (i == 1)
            description->executable = word;
        else
            description->arguments[i - 2] = word;
    }
    description->has_arguments = count > 2;
}

static void parse_totals(struct snapshot_totals *totals, char *rest) {
    char *words[WORDS_MAX] = {0};
    split(rest, " ", words, WORDS_MAX);
    totals->allocations = number(words[0]);
    totals->allocated_bytes = number(words[1]);
    totals->deallocations = number(words[2]);
    totals->cross_thread_frees = number(words[3]);
    totals->dropped = number(words[4]);
}

static void parse_threshold(struct description *description, char *rest) {
    char *words[WORDS_MAX] = {0};
    split(rest, " ", words, WORDS_MAX);
    description->threshold = (uint32_t)number(words[0]);
    description->snapshot.max_threshold = (uint32_t)number(words[1]);
}

static void parse_site_item(struct description *description, const char *keyword, char *rest) {
    struct snapshot *snapshot = &description->snapshot;
    if (snapshot->site_count == 0)
        die("needs a site above", keyword);
    struct snapshot_site *site = &snapshot->sites[snapshot->site_count - 1];
    if (strcmp(keyword, "free") == 0)
        add_free_stack(description, site, rest);
    else if (strcmp(keyword, "block") == 0)
        add_block(description, site, rest);
    else
        parse_counters(site, keyword, rest);
}

static void parse_line(struct description *description, char *line) {
    char *keyword = line + strspn(line, " ");
    char *rest = keyword + strcspn(keyword, " ");
    if (*rest)
        *rest++ = '\0';
    if (!*keyword || *keyword == '#')
        return;
    if (strcmp(keyword, "engine") == 0)
        description->engine = field_text(rest);
    else if (strcmp(keyword, "process") == 0)
        parse_process(description, rest);
    else if (strcmp(keyword, "interpreter") == 0)
        description->interpreter = field_text(rest);
    else if (strcmp(keyword, "threshold") == 0)
        parse_threshold(description, rest);
    else if (strcmp(keyword, "totals") == 0)
        parse_totals(&description->snapshot.totals, rest);
    else if (strcmp(keyword, "frame") == 0 || strcmp(keyword, "within") == 0 ||
             strcmp(keyword, "python") == 0)
        parse_symbol(description, keyword, rest);
    else if (strcmp(keyword, "build-id") == 0)
        parse_build_id(&description->symbolizer, rest);
    else if (strcmp(keyword, "site") == 0)
        parse_site(description, rest);
    else
        parse_site_item(description, keyword, rest);
}

void description_read(struct description *description) {
    if (stacks_create(&description->stacks) != TMPALLOC_OK)
        die("out of memory", "");
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while ((length = getline(&line, &capacity, stdin)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        parse_line(description, line);
    }
    free(line);
}

int description_profile(struct description *description, bool native_frames, struct error *error,
                        struct profile **ret) {
    struct profile_source source = {
        .snapshot = &description->snapshot,
        .stacks = description->stacks,
        .symbolizer = &description->symbolizer,
        .engine = description->engine,
        .pid = description->pid,
        .executable = description->executable,
        .interpreter = description->interpreter,
    };
    if (description->has_arguments)
        source.arguments = (const char *const *)description->arguments;
    const struct profile_view view = {description->threshold, native_frames};
    struct profile *recorded = NULL;
    int status = profile_create(&source, error, &recorded);
    if (status == TMPALLOC_OK)
        status = profile_at_take(recorded, &view, error, ret);
    if (status != TMPALLOC_OK)
        profile_destroy(recorded);
    return status;
}
