/* Builds a profile from a description on standard input, or loads files of results, and prints one
 * report of it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "description.h"
#include "names/allocator_names.h"
#include "profile/profile_load.h"
#include "profile/profile_merge.h"
#include "profile/profile_suppress.h"
#include "profile/profile_view.h"
#include "reports/report_blocks.h"
#include "reports/report_check.h"
#include "reports/report_diff.h"
#include "support/clock.h"
#include "support/file_write.h"
#include "support/memory.h"
#include "support/progress.h"

struct invocation {
    const char *report;
    const char *id;
    struct report_options options;
    bool fail_each;
    bool interrupt_each;
    bool force;
    const char *write_path;
    const char *suppress_path;
    const char *loads[WORDS_MAX];
    size_t load_count;
    const char *threshold; /* of what was loaded */
    const char *before;    /* to compare it with */
    bool judged;           /* no temporary is allowed */
    bool native_frames;
};

/* No temporary is allowed, or none more than before. */
static struct check_limits limits_of(const struct profile *before) {
    return (struct check_limits){.most_count = before ? CHECK_NO_LIMIT : 0,
                                 .most_bytes = CHECK_NO_LIMIT,
                                 .most_allocations = CHECK_NO_LIMIT,
                                 .most_new_sites = CHECK_NO_LIMIT,
                                 .baseline = before,
                                 .baseline_name = "before"};
}

static int print_check(const struct profile *profile, const struct check_limits *limits,
                       struct text *text, struct error *error) {
    enum check_verdict verdict;
    int status = report_check(profile, limits, text, &verdict, error);
    if (status == TMPALLOC_OK)
        text_printf(text, "verdict %d\n", (int)verdict);
    return status;
}

static int print_judged(const struct invocation *invocation, const struct profile *profile,
                        const struct profile *before, struct text *text, struct error *error) {
    const struct check_limits limits = limits_of(before);
    if (strcmp(invocation->report, "diff") == 0)
        return report_diff(before, profile, &invocation->options, text, error);
    const struct report_format *format = report_format(invocation->report);
    return format ? format->against(profile, &limits, text, error)
                  : print_check(profile, &limits, text, error);
}

static int print_comparison(const struct invocation *invocation, const struct profile *profile,
                            struct text *text, struct error *error) {
    struct profile *loaded, *before;
    if (!invocation->before)
        return print_judged(invocation, profile, NULL, text, error);
    int status = profile_load(invocation->before, error, &loaded);
    if (status != TMPALLOC_OK)
        return status;
    status =
        profile_at(loaded, &(struct profile_view){.threshold = profile->threshold}, error, &before);
    if (status == TMPALLOC_OK) {
        status = print_judged(invocation, profile, before, text, error);
        profile_destroy(before);
    }
    profile_destroy(loaded);
    return status;
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
    if (strcmp(report, "live") == 0)
        return report_live(profile, UINT64_MAX, &invocation->options, text, error);
    if (strcmp(report, "list") == 0)
        return report_list(profile, &invocation->options, text, error);
    if (strcmp(report, "explain") == 0)
        return report_explain(profile,
                              &(struct report_place){.address = number(invocation->id),
                                                     .this_tid = invocation->options.tid},
                              text, error);
    if (invocation->before || invocation->judged || strcmp(report, "diff") == 0 ||
        strcmp(report, "check") == 0)
        return print_comparison(invocation, profile, text, error);
    const struct report_format *format = report_format(report);
    if (!format)
        die("unknown report", report);
    return format->write(profile, text, error);
}

/* The files' sum. */
static int load(const struct invocation *invocation, struct error *error, struct profile **ret) {
    struct profile *profiles[WORDS_MAX];
    size_t count = 0;
    int status = TMPALLOC_OK;
    while (count < invocation->load_count && status == TMPALLOC_OK) {
        status = profile_load(invocation->loads[count], error, &profiles[count]);
        count += status == TMPALLOC_OK;
    }
    if (status == TMPALLOC_OK)
        status = profile_merge(profiles, count, error, ret);
    for (size_t i = 0; i < count && status != TMPALLOC_OK; i++)
        profile_destroy(profiles[i]);
    return status;
}

static int suppress_and_print(const struct invocation *invocation, struct profile *profile,
                              struct text *text, struct error *error) {
    struct suppressions *suppressions = NULL;
    int status = TMPALLOC_OK;
    if (invocation->suppress_path)
        status = suppressions_read(invocation->suppress_path, error, &suppressions);
    if (status == TMPALLOC_OK)
        status = profile_suppress(profile, suppressions, error);
    if (status == TMPALLOC_OK)
        status = print_report(invocation, profile, text, error);
    suppressions_destroy(suppressions);
    return status;
}

static int load_and_print(const struct invocation *invocation, struct text *text,
                          struct error *error) {
    struct profile *loaded, *profile;
    int status = load(invocation, error, &loaded);
    if (status != TMPALLOC_OK)
        return status;
    struct profile_view view = {loaded->threshold, invocation->native_frames};
    if (invocation->threshold)
        view.threshold = (uint32_t)number(invocation->threshold);
    status = profile_at(loaded, &view, error, &profile);
    if (status == TMPALLOC_OK) {
        status = suppress_and_print(invocation, profile, text, error);
        profile_destroy(profile);
    }
    profile_destroy(loaded);
    return status;
}

static int build_and_print(const struct invocation *invocation, struct description *description,
                           struct text *text, struct error *error) {
    if (invocation->load_count > 0)
        return load_and_print(invocation, text, error);
    struct profile *profile;
    int status = description_profile(description, invocation->native_frames, error, &profile);
    if (status != TMPALLOC_OK)
        return status;
    status = suppress_and_print(invocation, profile, text, error);
    profile_destroy(profile);
    return status;
}

static bool same_text(const struct text *one, const struct text *other) {
    return one->length == other->length && memcmp(text_get(one), text_get(other), one->length) == 0;
}

/* Fails each allocation in turn.  Every failure must be told, and leave nothing behind; once none
 * is left to fail, the text must be the usual one. */
static int fail_each(const struct invocation *invocation, struct description *description,
                     const struct text *expected) {
    for (uint64_t i = 1;; i++) {
        struct text text;
        struct error error = {""};
        text_init(&text);
        size_t before = memory_in_use();
        memory_fail_after(i);
        int status = build_and_print(invocation, description, &text, &error);
        memory_fail_after(0);
        bool finished = status == TMPALLOC_OK;
        bool clean = finished ? same_text(&text, expected)
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

/* A second goes by with each look at the clock, so that each step of the work is told. */
int64_t clock_now_ns(void) {
    static int64_t now;
    return now += INT64_C(1000000000);
}

/* Whether the user lets it go on: so many steps. */
static bool tell(void *arg, const char *line) {
    uint64_t *steps = arg;
    (void)line;
    return *steps > 0 && (*steps)-- > 0;
}

/* Ends the work at each of its steps in turn, as a user may.  That must be told as what it is, and
 * leave nothing behind; once there is none left, the text must be the usual one. */
static int interrupt_each(const struct invocation *invocation, struct description *description,
                          const struct text *expected) {
    for (uint64_t i = 0;; i++) {
        struct text text;
        struct error error = {""};
        struct progress progress;
        uint64_t steps = i;
        text_init(&text);
        size_t before = memory_in_use();
        progress_begin(&progress, tell, &steps, 0);
        int status = build_and_print(invocation, description, &text, &error);
        bool finished = !progress_end(&progress);
        bool clean =
            finished ? same_text(&text, expected)
                     : status == TMPALLOC_E_INTERRUPTED && strcmp(error.text, "interrupted") == 0;
        text_deinit(&text);
        if (!clean || memory_in_use() != before) {
            printf("step %" PRIu64 ": status %d, %s\n", i, status, error.text);
            return 1;
        }
        if (finished) {
            printf("%" PRIu64 " interrupts, all clean\n", i);
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
        status = fail_each(invocation, description, &text);
    else if (status == TMPALLOC_OK && invocation->interrupt_each)
        status = interrupt_each(invocation, description, &text);
    else if (status == TMPALLOC_OK && invocation->write_path)
        status = file_write_whole(invocation->write_path, invocation->force, &text, &error);
    else if (status == TMPALLOC_OK)
        fwrite(text_get(&text), 1, text.length, stdout);
    if (status < 0)
        printf("error %d: %s\n", status, error.text);
    text_deinit(&text);
    return status == TMPALLOC_OK ? 0 : 1;
}

static enum report_sort sort_by_name(const char *name) {
    static const char *const names[] = {"own", "total", "count", "share", "scope"};
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
    {"log-columns", required_argument, NULL, 'o'},
    {"rows", required_argument, NULL, 'r'},
    {"terminal-rows", required_argument, NULL, 'h'},
    {"sort", required_argument, NULL, 's'},
    {"filter", required_argument, NULL, 'm'},
    {"tid", required_argument, NULL, 't'},
    {"write", required_argument, NULL, 'w'},
    {"file-limit", required_argument, NULL, 'l'},
    {"load", required_argument, NULL, 'L'},
    {"threshold", required_argument, NULL, 'T'},
    {"before", required_argument, NULL, 'B'},
    {"judged", no_argument, NULL, 'J'},
    {"native-frames", no_argument, NULL, 'N'},
    {"suppress", required_argument, NULL, 'X'},
    {"colors", no_argument, NULL, 'C'},
    {"inclusive", no_argument, NULL, 'I'},
    {"all", no_argument, NULL, 'A'},
    {"by-stack", no_argument, NULL, 'S'},
    {"same-scope", no_argument, NULL, 'F'},
    {"folder", required_argument, NULL, 'd'},
    {"force", no_argument, NULL, 'f'},
    {"fail-each", no_argument, NULL, 'E'},
    {"interrupt-each", no_argument, NULL, 'U'},
    {NULL, 0, NULL, 0},
};

/* For a folder that doesn't exist here. */
static const char *working_directory;

char *getcwd(char *buffer, size_t size) {
    return working_directory ? strncpy(buffer, working_directory, size) : NULL;
}

static bool set_number(struct invocation *invocation, int letter, const char *value) {
    struct report_options *options = &invocation->options;
    options->screen |= letter == 'c';
    if (letter == 'c' || letter == 'o')
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
    options->all |= letter == 'A';
    options->by_stack |= letter == 'S';
    options->same_scope |= letter == 'F';
    invocation->force |= letter == 'f';
    invocation->native_frames |= letter == 'N';
    invocation->judged |= letter == 'J';
    invocation->fail_each |= letter == 'E';
    invocation->interrupt_each |= letter == 'U';
    if (letter == 's')
        options->sort = sort_by_name(value);
    else if (letter == 'm')
        options->filter = compile_filter(value);
    else if (letter == 'w')
        invocation->write_path = value;
    else if (letter == 'd')
        working_directory = value;
    else if (letter == 'L')
        invocation->loads[invocation->load_count++] = value;
    else if (letter == 'B')
        invocation->before = value;
    else if (letter == 'T')
        invocation->threshold = value;
    else if (letter == 'X')
        invocation->suppress_path = value;
    else if (letter == '?')
        exit(3);
}

static int print_allocators(char **names) {
    for (; *names; names++)
        printf("%s %s\n", allocator_names_contain(*names) ? "yes" : "no", *names);
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
    invocation.options.place = invocation.id;
    description_read(&description);
    return run(&invocation, &description);
}
