#include "reports/report_check.h"

#include "profile/profile_advice.h"
#include "profile/profile_names.h"
#include "profile/stack_filter.h"
#include "reports/report_pairs.h"
#include "reports/report_stack.h"
#include "reports/report_width.h"

#define LINES_SHOWN  10
#define OTHERS_SHOWN 3

/* What is judged of a profile. */
struct selection {
    struct report_amount amount;
    uint64_t allocations; /* of the sites that match */
    size_t sites;
};

struct check {
    const struct profile *profile;
    const struct check_limits *limits;
    struct selection now;
    struct selection before;   /* of the baseline */
    struct report_pairs pairs; /* of both; without a baseline there are none */
    size_t new_sites;          /* that it lacks */
    size_t lines_behind;       /* the worst site's call stack */
    struct stack_filter *filter;
};

static bool is_site_selected(struct check *check, const struct profile_site *site) {
    return stack_filter_matches(check->filter, &site->stack);
}

static struct selection select_sites(struct check *check, const struct profile *profile) {
    struct selection selection = {0};
    for (size_t i = 0; i < profile->site_count; i++) {
        const struct profile_site *site = &profile->sites[i];
        if (!is_site_selected(check, site))
            continue;
        selection.sites++;
        selection.allocations += site->counters.allocations;
        selection.amount.count += site->count;
        selection.amount.bytes += site->bytes;
    }
    return selection;
}

static uint64_t with_tolerance(uint64_t value, uint64_t percent) {
    uint64_t allowed, rest = value % 100 * (100 + percent) / 100;
    bool too_large = __builtin_mul_overflow(value / 100, 100 + percent, &allowed) ||
                     __builtin_add_overflow(allowed, rest, &allowed);
    return too_large ? UINT64_MAX : allowed;
}

bool check_is_more(const struct report_amount *now, const struct report_amount *before,
                   uint64_t percent) {
    return now->count > with_tolerance(before->count, percent) ||
           now->bytes > with_tolerance(before->bytes, percent);
}

static bool exceeds_baseline(const struct check *check) {
    return check->limits->baseline && check_is_more(&check->now.amount, &check->before.amount,
                                                    check->limits->tolerance_percent);
}

static enum profile_worth worth(const struct check *check) {
    return profile_ending_worth(&check->profile->ending, check->profile->incomplete);
}

bool check_exceeds(const struct check_limits *limits, const struct report_amount *amount) {
    return amount->count > limits->most_count || amount->bytes > limits->most_bytes;
}

static bool exceeds_temporaries(const struct check *check) {
    return check_exceeds(check->limits, &check->now.amount);
}

static bool exceeds_allocations(const struct check *check) {
    return check->now.allocations > check->limits->most_allocations;
}

static bool exceeds_new_sites(const struct check *check) {
    return check->new_sites > check->limits->most_new_sites;
}

/* Nothing has been seen where nothing is allowed. */
static bool proves_nothing_allocated(const struct check *check) {
    const struct check_limits *limits = check->limits;
    return limits->path_known && limits->most_allocations != CHECK_NO_LIMIT &&
           limits->most_count == CHECK_NO_LIMIT && limits->most_bytes == CHECK_NO_LIMIT &&
           !limits->baseline;
}

static bool is_doubtful(const struct check *check) {
    return worth(check) > (check->limits->any_status ? WORTH_EXITED : WORTH_SOUND);
}

static enum check_verdict report_check_judge(const struct check *check) {
    bool nothing = check->profile->totals.allocations == 0 || check->now.sites == 0;
    if (worth(check) == WORTH_NOTHING || (nothing && !proves_nothing_allocated(check)))
        return CHECK_NOTHING;
    if (exceeds_temporaries(check) || exceeds_baseline(check) || exceeds_allocations(check) ||
        exceeds_new_sites(check))
        return CHECK_FAILED;
    return is_doubtful(check) ? CHECK_NOTHING : CHECK_PASSED;
}

static void report_check_append_count(struct text *text, uint64_t count) {
    text_append_count(text, count);
    text_append(text, count == 1 ? " temporary" : " temporaries");
}

void report_check_append_amount(struct text *text, struct report_amount amount) {
    report_check_append_count(text, amount.count);
    text_append(text, " of ");
    text_append_size(text, amount.bytes);
}

static void append_counted(struct text *text, uint64_t count, const char *noun) {
    text_append_count(text, count);
    text_printf(text, " %s%s", noun, text_plural(count));
}

static void append_allocations(struct text *text, uint64_t count) {
    append_counted(text, count, "allocation");
}

static void append_new_sites(struct text *text, uint64_t count) {
    append_counted(text, count, "new site");
}

static void append_limits(const struct check *check, struct text *text) {
    const struct check_limits *limits = check->limits;
    const struct {
        uint64_t most;
        void (*append)(struct text *text, uint64_t most);
    } numbers[] = {{limits->most_count, report_check_append_count},
                   {limits->most_bytes, text_append_size},
                   {limits->most_allocations, append_allocations},
                   {limits->most_new_sites, append_new_sites}};
    const char *separator = "; allowed: ";
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i].most == CHECK_NO_LIMIT)
            continue;
        text_append(text, separator);
        numbers[i].append(text, numbers[i].most);
        separator = ", ";
    }
    if (!limits->baseline)
        return;
    text_append(text, separator);
    report_check_append_amount(text, check->before.amount);
    text_printf(text, " in %s", limits->baseline_name);
    if (limits->tolerance_percent > 0)
        text_printf(text, " and %llu%% more", (unsigned long long)limits->tolerance_percent);
}

static void append_doubt(const struct check *check, struct text *text) {
    profile_ending_append(&check->profile->ending, check->profile->incomplete, text);
    if (worth(check) == WORTH_EXITED)
        text_append(text, " (--any-status: that doesn't matter)");
    text_append(text, "\n");
}

static void report_check_append_nothing(const struct check *check, struct text *text) {
    text_append(text, "tmpalloc: nothing to check: ");
    if (is_doubtful(check))
        append_doubt(check, text);
    else if (check->profile->totals.allocations == 0)
        text_append(text, "no allocation was seen\n");
    else if (check->limits->at)
        text_printf(text, "no call stack matches '%s'\n", check->limits->at_pattern);
    else
        text_append(text, "all locations are suppressed\n");
}

static void report_check_append_verdict(const struct check *check, enum check_verdict verdict,
                                        struct text *text) {
    text_printf(text, "tmpalloc: check %s at threshold %u: ",
                verdict == CHECK_FAILED ? "failed" : "passed", check->profile->threshold);
    report_check_append_amount(text, check->now.amount);
    if (check->limits->most_allocations != CHECK_NO_LIMIT) {
        text_append(text, ", ");
        append_allocations(text, check->now.allocations);
    }
    if (check->limits->most_new_sites != CHECK_NO_LIMIT) {
        text_append(text, ", ");
        append_new_sites(text, check->new_sites);
    }
    if (check->limits->at)
        text_printf(text, " at '%s'", check->limits->at_pattern);
    append_limits(check, text);
    size_t suppressed = check->profile->suppressed.locations;
    if (suppressed > 0)
        text_printf(text, "; %zu suppressed location%s", suppressed, text_plural(suppressed));
    text_append(text, "\n");
}

/* What a pair has more than before. */
static struct report_amount report_check_growth(const struct report_pair *pair) {
    const struct report_amount *now = &pair->after, *before = &pair->before;
    return (struct report_amount){now->count > before->count ? now->count - before->count : 0,
                                  now->bytes > before->bytes ? now->bytes - before->bytes : 0};
}

/* NULL: there is none that matches. */
static const struct report_pair *find_worst(struct check *check, const struct report_pairs *pairs) {
    const struct report_pair *worst = NULL;
    struct report_amount most = {0, 0};
    for (size_t i = 0; i < pairs->count; i++) {
        const struct report_pair *pair = &pairs->items[i];
        struct report_amount more = report_check_growth(pair);
        bool is_worse = !worst || more.bytes > most.bytes ||
                        (more.bytes == most.bytes && more.count > most.count);
        if (pair->after.count == 0 || !is_worse || !is_site_selected(check, pair->site))
            continue;
        worst = pair;
        most = more;
    }
    return worst;
}

static size_t count_lines(const struct check *check, const struct text *text) {
    struct text wrapped;
    text_init(&wrapped);
    size_t lines = width_wrap(&wrapped, text_get(text), check->limits->columns);
    text_deinit(&wrapped);
    return lines;
}

/* As many as leave room for the line that counts the others. */
static void report_check_append_frames(const struct check *check, const struct profile_site *site,
                                       struct text *text) {
    size_t lines = count_lines(check, text) + check->lines_behind + 1;
    size_t next = site->location;
    struct text frame;
    text_init(&frame);
    for (; next < site->stack.count; next++) {
        text_clear(&frame);
        report_append_numbered(&site->stack, next, &frame);
        lines += count_lines(check, &frame);
        if (lines > LINES_SHOWN)
            break;
        text_append(text, text_get(&frame));
    }
    text->failed |= frame.failed;
    text_deinit(&frame);
    size_t hidden = site->stack.count - next;
    if (hidden > 0)
        text_printf(text, "  %zu more frame%s\n", hidden, text_plural(hidden));
}

/* Whether what came since the baseline is to blame. */
static bool is_compared(const struct check *check) {
    return exceeds_baseline(check) || exceeds_new_sites(check);
}

static void append_before(struct text *text, const struct report_pair *pair) {
    text_append(text, pair->before.count ? ", before " : ", new");
    if (pair->before.count)
        report_check_append_amount(text, pair->before);
}

static bool is_new_or_worse(struct check *check, const struct report_pair *pair) {
    struct report_amount more = report_check_growth(pair);
    return (more.count > 0 || more.bytes > 0) && is_site_selected(check, pair->site);
}

/* Beside the worst one. */
static void append_others(struct check *check, const struct report_pair *worst, struct text *text) {
    size_t others = 0;
    for (size_t i = 0; i < check->pairs.count; i++) {
        const struct report_pair *pair = &check->pairs.items[i];
        if (pair == worst || !is_new_or_worse(check, pair) || others++ >= OTHERS_SHOWN)
            continue;
        text_printf(text, "Site %u (", pair->site->id);
        profile_append_location(text, profile_location(pair->site));
        text_append(text, "): ");
        report_check_append_amount(text, pair->after);
        append_before(text, pair);
        text_append(text, "\n");
    }
    if (others > OTHERS_SHOWN)
        text_printf(text, "%zu more sites are new or worse\n", others - OTHERS_SHOWN);
}

static void append_busiest(struct check *check, struct text *text) {
    const struct profile_site *busiest = NULL;
    for (size_t i = 0; i < check->profile->site_count; i++) {
        const struct profile_site *site = &check->profile->sites[i];
        if ((!busiest || site->counters.allocations > busiest->counters.allocations) &&
            is_site_selected(check, site))
            busiest = site;
    }
    if (!busiest)
        return;
    text_printf(text, "Most are at site %u: ", busiest->id);
    append_allocations(text, busiest->counters.allocations);
    text_append(text, "\n");
    report_check_append_frames(check, busiest, text);
}

static void append_worst(const struct check *check, const struct report_pair *pair,
                         struct text *text) {
    const struct profile_site *site = pair->site;
    text_printf(text, "Worst is site %u: ", site->id);
    report_check_append_amount(text, pair->after);
    if (is_compared(check))
        append_before(text, pair);
    profile_append_advice_between(text, "; ", site, "");
    text_append(text, "\n");
    report_check_append_frames(check, site, text);
}

static void blame_pair(struct check *check, const struct report_pairs *pairs, struct text *text) {
    const struct report_pair *worst = find_worst(check, pairs);
    struct text others;
    text_init(&others);
    if (is_compared(check))
        append_others(check, worst, &others);
    if (others.length > 0)
        check->lines_behind = count_lines(check, &others);
    if (worst)
        append_worst(check, worst, text);
    text_append(text, text_get(&others));
    text->failed |= others.failed;
    text_deinit(&others);
}

static int report_check_blame(struct check *check, struct text *text) {
    struct report_pairs pairs;
    if (!exceeds_temporaries(check) && !is_compared(check)) {
        append_busiest(check, text);
        return TMPALLOC_OK;
    }
    if (is_compared(check)) {
        blame_pair(check, &check->pairs, text);
        return TMPALLOC_OK;
    }
    int status = report_pairs_init(&pairs, NULL, check->profile);
    if (status == TMPALLOC_OK)
        blame_pair(check, &pairs, text);
    report_pairs_deinit(&pairs);
    return status;
}

static int compare_with_baseline(struct check *check) {
    int status = report_pairs_init(&check->pairs, check->limits->baseline, check->profile);
    check->before = select_sites(check, check->limits->baseline);
    for (size_t i = 0; i < check->pairs.count; i++) {
        const struct report_pair *pair = &check->pairs.items[i];
        check->new_sites += pair->before.count == 0 && is_site_selected(check, pair->site);
    }
    return status;
}

static int check_profile(struct check *check, struct text *text, enum check_verdict *ret) {
    check->now = select_sites(check, check->profile);
    int status = check->limits->baseline ? compare_with_baseline(check) : TMPALLOC_OK;
    if (status != TMPALLOC_OK)
        return status;
    *ret = report_check_judge(check);
    if (*ret == CHECK_NOTHING)
        report_check_append_nothing(check, text);
    else
        report_check_append_verdict(check, *ret, text);
    return *ret == CHECK_FAILED ? report_check_blame(check, text) : TMPALLOC_OK;
}

int report_check(const struct profile *profile, const struct check_limits *limits,
                 struct text *text, enum check_verdict *ret, struct error *error) {
    struct check check = {.profile = profile, .limits = limits};
    int status = stack_filter_create(limits->at, 1, &check.filter);
    if (status == TMPALLOC_OK)
        status = check_profile(&check, text, ret);
    if (status == TMPALLOC_OK && stack_filter_failed(check.filter))
        status = TMPALLOC_E_NOMEM;
    report_pairs_deinit(&check.pairs);
    stack_filter_destroy(check.filter);
    return report_end(status, text, error);
}
