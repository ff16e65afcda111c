/* Builds a profile from a description on standard input and prints one report of it.
 *
 * A description has one item per line; `|` separates fields, `-` is an unknown one, \n is a
 * newline.
 *
 *   engine NAME | process PID EXECUTABLE ARGUMENT... | threshold ASKED LARGEST
 *   totals ALLOCATIONS BYTES DEALLOCATIONS CROSS_THREAD_FREES DROPPED
 *   frame ID | FUNCTION | FILE:LINE | MODULE     a physical frame (python ID: a Python frame)
 *   within ID | FUNCTION | FILE:LINE | MODULE    what the frame's innermost functions are inlined
 * in site ID...                                   a call stack, innermost first; "..." at its end
 *                                                means truncated; the lines below belong to it:
 *   temporaries DISTANCE COUNT BYTES | allocations COUNT BYTES | sizes MIN MAX | larger N | equal N
 *   realloc N | threads TID... | scope DISTANCE SHARED_FRAMES COUNT BYTES | free ID...
 */
#include <getopt.h>
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "map.h"
#include "memory.h"
#include "report.h"

#define WORDS_MAX    64
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

struct symbolizer {
    struct group *groups;
    size_t count;
    struct map by_id; /* hash of the id to index */
};

struct description {
    struct symbolizer symbolizer;
    struct stacks *stacks;
    struct snapshot snapshot;
    size_t capacity;
    char *engine;
    int64_t pid;
    char *executable;
    char *arguments[WORDS_MAX];
    bool has_arguments;
    uint32_t threshold;
};

struct invocation {
    const char *report;
    const char *id;
    struct report_options options;
    bool fail_each;
    bool force;
    const char *write_path;
};

int symbolizer_resolve(struct symbolizer *symbolizer, const struct frame *frame,
                       const struct symbol **ret, size_t *count_ret) {
    struct group *group = &symbolizer->groups[frame->offset - FIRST_OFFSET];
    *ret = group->symbols;
    *count_ret = group->count;
    return TMPALLOC_OK;
}

static void die(const char *what, const char *line) {
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

static uint64_t number(const char *word) {
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
    *site = (struct snapshot_site){.stack = parse_stack(description, rest)};
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

static void add_scope(struct snapshot_site *site, char **words) {
    struct site_scope *scope = checked(calloc(1, sizeof *scope));
    scope->next = site->scopes;
    scope->distance = (uint32_t)number(words[0]);
    scope->shared_frames = (uint32_t)number(words[1]);
    scope->count = number(words[2]);
    scope->bytes = number(words[3]);
    site->scopes = scope;
}

static void add_threads(struct snapshot_site *site, char **words, size_t count) {
    site->threads = checked(calloc(count, sizeof *site->threads));
    for (size_t i = 0; i < count; i++)
        site->threads[i] = (int64_t)number(words[i]);
    site->thread_count = count;
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
    } else if (strcmp(keyword, "threads") == 0) {
        add_threads(site, words, count);
    } else if (strcmp(keyword, "scope") == 0) {
        add_scope(site, words);
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
    else if (strcmp(keyword, "threshold") == 0)
        parse_threshold(description, rest);
    else if (strcmp(keyword, "totals") == 0)
        parse_totals(&description->snapshot.totals, rest);
    else if (strcmp(keyword, "frame") == 0 || strcmp(keyword, "within") == 0 ||
             strcmp(keyword, "python") == 0)
        parse_symbol(description, keyword, rest);
    else if (strcmp(keyword, "site") == 0)
        parse_site(description, rest);
    else
        parse_site_item(description, keyword, rest);
}

static void parse(struct description *description) {
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

static int print_report(const struct invocation *invocation, const struct profile *profile,
                        struct text *text, struct error *error) {
    const char *report = invocation->report;
    if (strcmp(report, "summary") == 0)
        return report_summary(profile, &invocation->options, text, error);
    if (strcmp(report, "tree") == 0)
        return report_tree(profile, &invocation->options, text, error);
    if (strcmp(report, "site") == 0)
        return report_site(profile, (uint32_t)number(invocation->id), &invocation->options, text,
                           error);
    report_function *format = report_format(report);
    if (!format)
        die("unknown report", report);
    return format(profile, text, error);
}

static int build_and_print(const struct invocation *invocation, struct description *description,
                           struct text *text, struct error *error) {
    struct profile_source source = {
        .snapshot = &description->snapshot,
        .stacks = description->stacks,
        .symbolizer = &description->symbolizer,
        .engine = description->engine,
        .pid = description->pid,
        .executable = description->executable,
    };
    if (description->has_arguments)
        source.arguments = (const char *const *)description->arguments;
    struct profile *profile;
    int status = profile_create(&source, description->threshold, error, &profile);
    if (status != TMPALLOC_OK)
        return status;
    status = print_report(invocation, profile, text, error);
    profile_destroy(profile);
    return status;
}

/* Fails each allocation in turn.  Every failure must be told, and leave nothing behind; once none
 * is left to fail, the text must be the usual one. */
static int fail_each(const struct invocation *invocation, struct description *description,
                     const char *expected) {
    for (uint64_t i = 1;; i++) {
        struct text text;
        struct error error = {""};
        text_init(&text);
        size_t before = memory_in_use();
        memory_fail_after(i);
        int status = build_and_print(invocation, description, &text, &error);
        memory_fail_after(0);
        bool finished = status == TMPALLOC_OK;
        bool clean = finished ? strcmp(text_get(&text), expected) == 0
                              : status == TMPALLOC_E_NOMEM && strlen(error.text) > 0;
        text_deinit(&text);
        if (!clean || memory_in_use() != before) {
            printf("allocation %" PRIu64 ": status %d, %s\n", i, status, error.text);
            return 1;
        }
        if (finished) {
            printf("%" PRIu64 " failures, all clean\n", i - 1);
            return 0;
        }
    }
}

static int run(const struct invocation *invocation, struct description *description) {
    struct text text;
    struct error error = {""};
    text_init(&text);
    int status = build_and_print(invocation, description, &text, &error);
    if (status == TMPALLOC_OK && invocation->fail_each)
        status = fail_each(invocation, description, text_get(&text));
    else if (status == TMPALLOC_OK && invocation->write_path)
        status = report_write_file(invocation->write_path, invocation->force, &text, &error);
    else if (status == TMPALLOC_OK)
        fwrite(text_get(&text), 1, text.length, stdout);
    if (status < 0)
        printf("error %d: %s\n", status, error.text);
    text_deinit(&text);
    return status == TMPALLOC_OK ? 0 : 1;
}

static enum report_sort sort_by_name(const char *name) {
    static const char *const names[] = {"own", "total", "count", "share"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0)
            return (enum report_sort)i;
    }
    die("unknown column", name);
    return SORT_OWN;
}

static const regex_t *compile_filter(const char *pattern) {
    static regex_t filter;
    if (regcomp(&filter, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        die("bad pattern", pattern);
    return &filter;
}

/* A full disk, as far as a test can make one: writing more fails with EFBIG. */
static void limit_file_size(uint64_t bytes) {
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        die("no limit for files", "");
}

static const struct option long_options[] = {
    {"columns", required_argument, NULL, 'c'},
    {"rows", required_argument, NULL, 'r'},
    {"terminal-rows", required_argument, NULL, 'h'},
    {"sort", required_argument, NULL, 's'},
    {"filter", required_argument, NULL, 'm'},
    {"tid", required_argument, NULL, 't'},
    {"write", required_argument, NULL, 'w'},
    {"file-limit", required_argument, NULL, 'l'},
    {"colors", no_argument, NULL, 'C'},
    {"inclusive", no_argument, NULL, 'I'},
    {"by-stack", no_argument, NULL, 'S'},
    {"same-scope", no_argument, NULL, 'F'},
    {"folder", required_argument, NULL, 'd'},
    {"force", no_argument, NULL, 'f'},
    {"fail-each", no_argument, NULL, 'E'},
    {NULL, 0, NULL, 0},
};

/* For a folder that doesn't exist here. */
static const char *working_directory;

char *getcwd(char *buffer, size_t size) {
    return working_directory ? strncpy(buffer, working_directory, size) : NULL;
}

static bool set_number(struct invocation *invocation, int letter, const char *value) {
    struct report_options *options = &invocation->options;
    if (letter == 'c')
        options->columns = (uint32_t)number(value);
    else if (letter == 'r')
        options->rows = (uint32_t)number(value);
    else if (letter == 'h')
        options->terminal_rows = (uint32_t)number(value);
    else if (letter == 't')
        options->tid = (int64_t)number(value);
    else if (letter == 'l')
        limit_file_size(number(value));
    else
        return false;
    return true;
}

static void set_option(struct invocation *invocation, int letter, const char *value) {
    struct report_options *options = &invocation->options;
    if (set_number(invocation, letter, value))
        return;
    options->colors |= letter == 'C';
    options->inclusive |= letter == 'I';
    options->by_stack |= letter == 'S';
    options->same_scope |= letter == 'F';
    invocation->force |= letter == 'f';
    invocation->fail_each |= letter == 'E';
    if (letter == 's')
        options->sort = sort_by_name(value);
    else if (letter == 'm')
        options->filter = compile_filter(value);
    else if (letter == 'w')
        invocation->write_path = value;
    else if (letter == 'd')
        working_directory = value;
    else if (letter == '?')
        exit(3);
}

static int print_allocators(char **names) {
    for (; *names; names++)
        printf("%s %s\n", profile_is_allocator(*names) ? "yes" : "no", *names);
    return 0;
}

int main(int argc, char **argv) {
    struct invocation invocation = {.options = {.rows = REPORT_ROWS_FIT}};
    static struct description description; /* reachable at exit: no leak */
    setlocale(LC_ALL, "");
    if (argc > 1 && strcmp(argv[1], "allocators") == 0)
        return print_allocators(argv + 2);
    for (int letter; (letter = getopt_long(argc, argv, "", long_options, NULL)) != -1;)
        set_option(&invocation, letter, optarg);
    if (optind == argc)
        die("usage", "report_driver REPORT [ID] [OPTIONS] < DESCRIPTION");
    invocation.report = argv[optind];
    invocation.id = argv[optind + 1];
    if (stacks_create(&description.stacks) != TMPALLOC_OK)
        die("out of memory", "");
    parse(&description);
    return run(&invocation, &description);
}
