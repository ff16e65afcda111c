/* Feeds the reader of saved results with anything, and all reports with what it took.
 *
 * With -DLIBFUZZER (and -fsanitize=fuzzer) it is a fuzz target.  Otherwise, as AFL wants it and for
 * replaying,
 *
 *     fuzz_results FILE...
 *     fuzz_results --mutate SEED ROUNDS FILE
 *
 * the second form reads ROUNDS mutations of a saved file and prints how many were read and how many
 * were refused. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile_load.h"
#include "profile/profile_merge.h"
#include "profile/profile_view.h"
#include "reports/report_check.h"
#include "reports/report_diff.h"
#include "support/file_read.h"
#include "support/memory.h"

#define SITES_SHOWN 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_formats(const struct profile *profile) {
    struct error error;
    for (const char *const *name = report_format_names; *name; name++) {
        struct text text;
        text_init(&text);
        report_format(*name)->write(profile, &text, &error);
        text_deinit(&text);
    }
}

static void make_tables(const struct profile *profile, const struct report_options *options) {
    const struct check_limits limits = {.baseline = profile, .baseline_name = "itself"};
    struct error error;
    struct text text;
    enum check_verdict verdict;
    text_init(&text);
    report_summary(profile, options, &text, &error);
    report_tree(profile, options, &text, &error);
    for (uint32_t id = 1; id <= SITES_SHOWN; id++)
        report_site(profile, id, options, &text, &error);
    report_diff(profile, profile, options, &text, &error);
    report_check(profile, &limits, &text, &verdict, &error);
    text_deinit(&text);
}

static void make_reports(const struct profile *loaded, uint32_t threshold, bool native_frames) {
    static const struct report_options options[] = {
        {.rows = REPORT_ROWS_FIT},
        {.rows = 1, .columns = 60, .inclusive = true, .colors = true},
        {.same_scope = true, .by_stack = true},
    };
    struct error error;
    struct profile *profile;
    const struct profile_view view = {threshold, native_frames};
    if (profile_at(loaded, &view, &error, &profile) != TMPALLOC_OK)
        return;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        make_tables(profile, &options[i]);
    make_formats(profile);
    profile_destroy(profile);
}

static struct profile *parse(const uint8_t *data, size_t size) {
    struct error error;
    struct profile *profile = NULL;
    int status = profile_parse((const char *)data, size, "input", &error, &profile);
    if (status != TMPALLOC_OK && (!error.text[0] || strchr(error.text, '\n')))
        abort();
    return profile;
}

/* The sum with itself. */
static void merge(struct profile *profile, const uint8_t *data, size_t size) {
    struct error error;
    struct profile *both[] = {profile, parse(data, size)}, *sum;
    if (profile_merge(both, 2, &error, &sum) == TMPALLOC_OK) {
        make_reports(sum, sum->max_threshold, false);
        profile_destroy(sum);
        return;
    }
    profile_destroy(both[0]);
    profile_destroy(both[1]);
}

static bool read_input(const uint8_t *data, size_t size) {
    struct profile *profile = parse(data, size);
    if (!profile)
        return false;
    make_reports(profile, profile->max_threshold, true);
    make_reports(profile, 0, false);
    merge(profile, data, size);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_input(data, size);
    return 0;
}

#ifndef LIBFUZZER

#define LONGEST_PIECE 64

struct input {
    uint8_t *bytes;
    size_t size;
};

static struct input load(const char *path) {
    struct text text;
    struct error error;
    text_init(&text);
    if (file_read_whole(path, SIZE_MAX / 2, &text, &error) != TMPALLOC_OK)
        exit(2);
    return (struct input){(uint8_t *)text.data, text.length};
}

static uint64_t draw(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Writes `piece` over `count` bytes at `at`; the result is a new input. */
static struct input splice(const struct input *input, size_t at, size_t count, const void *piece,
                           size_t length) {
    struct input result = {.size = input->size - count + length};
    result.bytes = malloc(result.size + 1);
    if (!result.bytes)
        exit(2);
    memcpy(result.bytes, input->bytes, at);
    memcpy(result.bytes + at, piece, length);
    memcpy(result.bytes + at + length, input->bytes + at + count, input->size - at - count);
    return result;
}

/* The number at or behind a place, or nothing at the end. */
static size_t find_number(const struct input *input, size_t *at) {
    size_t length = 0;
    while (*at < input->size && !isdigit(input->bytes[*at]))
        ++*at;
    while (*at + length < input->size && isdigit(input->bytes[*at + length]))
        length++;
    return length;
}

static struct input mutate_number(const struct input *input, uint64_t *state) {
    static const char *const numbers[] = {
        "0", "1", "-1", "4", "4294967295", "9223372036854775807", "9223372036854775808", "1e3",
    };
    size_t at = draw(state) % input->size;
    size_t length = find_number(input, &at);
    const char *number = numbers[draw(state) % (sizeof numbers / sizeof *numbers)];
    return splice(input, at, length, number, strlen(number));
}

static struct input mutate_piece(const struct input *input, uint64_t *state) {
    size_t at = draw(state) % input->size, from = draw(state) % input->size;
    size_t removed = draw(state) % LONGEST_PIECE, added = draw(state) % LONGEST_PIECE;
    removed = removed < input->size - at ? removed : input->size - at;
    added = added < input->size - from ? added : input->size - from;
    return splice(input, at, removed, input->bytes + from, added);
}

static struct input mutate_word(const struct input *input, uint64_t *state) {
    static const char *const words[] = {"null", "true", "[]", "{}", "\"\"", "\"x\"", "[[[]]]"};
    const char *word = words[draw(state) % (sizeof words / sizeof *words)];
    size_t at = draw(state) % input->size;
    while (at < input->size && input->bytes[at] != ':')
        at++;
    size_t end = at;
    while (end < input->size && input->bytes[end] != ',' && input->bytes[end] != '}')
        end++;
    at += at < end;
    return splice(input, at, end - at, word, strlen(word));
}

static struct input change(const struct input *input, uint64_t *state) {
    uint64_t kind = draw(state) % 4;
    if (kind == 0)
        return mutate_piece(input, state);
    return kind == 1 ? mutate_word(input, state) : mutate_number(input, state);
}

static void mutate(const struct input *input, uint64_t seed, uint64_t rounds) {
    uint64_t state = seed * 2 + 1, read = 0;
    for (uint64_t i = 0; i < rounds; i++) {
        struct input once = change(input, &state), twice = change(&once, &state);
        read += read_input(once.bytes, once.size);
        read += read_input(twice.bytes, twice.size);
        free(once.bytes);
        free(twice.bytes);
    }
    printf("%llu read, %llu refused\n", (unsigned long long)read,
           (unsigned long long)(2 * rounds - read));
}

int main(int argc, char **argv) {
    bool mutates = argc == 5 && strcmp(argv[1], "--mutate") == 0;
    for (int i = mutates ? 4 : 1; i < argc; i++) {
        struct input input = load(argv[i]);
        if (mutates)
            mutate(&input, strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
        else
            LLVMFuzzerTestOneInput(input.bytes, input.size);
        memory_release(input.bytes);
    }
    return 0;
}

#endif
