/* Feeds the reader of images with anything.
 *
 * With -DLIBFUZZER (and -fsanitize=fuzzer) it is a fuzz target.  Otherwise, as AFL wants it and for
 * replaying,
 *
 *     fuzz_image FILE...
 *     fuzz_image --mutate SEED ROUNDS DUMP
 *     fuzz_image --reduce DUMP REDUCED
 *
 * the second form reads ROUNDS mutations of a dump by the observer and prints how many were read
 * and how many were refused; the third keeps what the reader looks at: a seed for fuzzers. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "dump.h"
#include "engines/agent_image.h"
#include "engines/agent_image_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a report would look at. */
static uint64_t use(const struct snapshot *snapshot, const struct stacks *stacks) {
    uint64_t sum = 0;
    for (size_t i = 0; i < snapshot->site_count; i++) {
        const struct snapshot_site *site = &snapshot->sites[i];
        sum += stacks_get(stacks, site->stack)->count + site->by_distance[0].count;
        for (size_t k = 0; k < site->thread_count; k++)
            sum += (uint64_t)site->threads[k];
        for (size_t k = 0; k < SITE_FREE_STACKS && site->free_stacks[k] != SITE_NO_STACK; k++)
            sum += stacks_get(stacks, site->free_stacks[k])->count;
    }
    for (size_t i = 0; i < snapshot->block_count; i++)
        sum += stacks_get(stacks, snapshot->blocks[i].stack)->count + snapshot->blocks[i].age;
    return sum;
}

static bool read_from(const struct agent_image_source *source, uint64_t address) {
    struct stacks *stacks;
    struct agent_image_facts facts;
    struct snapshot snapshot;
    struct error error;
    if (stacks_create(&stacks) != TMPALLOC_OK)
        return false;
    int status = agent_image_read(source, address, stacks, &facts, &snapshot, &error);
    if (status == TMPALLOC_OK) {
        __asm__ volatile("" : : "r"(use(&snapshot, stacks))); /* not to be left out */
        snapshot_deinit(&snapshot);
    }
    stacks_destroy(stacks);
    return status == TMPALLOC_OK;
}

static bool read_input(const uint8_t *data, size_t size) {
    struct dump dump = {.bytes = data, .size = size};
    const struct agent_image_source source = dump_source(&dump);
    return read_from(&source, dump_number(&dump, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_input(data, size);
    return 0;
}

#ifndef LIBFUZZER

struct input {
    uint8_t *bytes;
    size_t size;
};

static struct input load(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        exit(2);
    struct input input = {.size = (size_t)ftell(file)};
    input.bytes = malloc(input.size + 1);
    rewind(file);
    if (!input.bytes || fread(input.bytes, 1, input.size, file) != input.size)
        exit(2);
    fclose(file);
    return input;
}

static uint64_t draw(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t word_at(const struct input *input, size_t offset) {
    const struct dump dump = {.bytes = input->bytes, .size = input->size};
    return dump_number(&dump, offset);
}

/* Words that mean something in an image: links, numbers, limits. */
static uint64_t interesting(uint64_t *state, const struct input *input, const size_t *places,
                            size_t count) {
    static const uint64_t numbers[] = {0,    1,    4,    5,          31,        32,
                                       1023, 1024, 1025, UINT32_MAX, UINT64_MAX};
    uint64_t choice = draw(state) % 4;
    if (choice == 0)
        return numbers[draw(state) % (sizeof numbers / sizeof numbers[0])];
    uint64_t other = word_at(input, places[draw(state) % count]);
    if (choice == 1)
        return other;
    return choice == 2 ? other + 8 * (draw(state) % 64) : other ^ UINT64_C(1) << draw(state) % 64;
}

/* Offsets of the words that are not zero: most of a dump is, and nobody reads it. */
static size_t find_places(const struct input *input, size_t **ret) {
    size_t count = 0;
    *ret = malloc((input->size / 8 + 1) * sizeof **ret);
    if (!*ret)
        exit(2);
    for (size_t offset = 0; offset + 8 <= input->size; offset += 8) {
        if (word_at(input, offset) != 0)
            (*ret)[count++] = offset;
    }
    return count;
}

static bool read_mutated(struct input *input, const size_t *places, size_t count, uint64_t *state) {
    enum { MOST = 4 };
    size_t changed[MOST];
    uint64_t before[MOST];
    size_t changes = 1 + draw(state) % MOST;
    for (size_t i = 0; i < changes; i++) {
        changed[i] = places[draw(state) % count];
        before[i] = word_at(input, changed[i]);
        uint64_t word = interesting(state, input, places, count);
        memcpy(input->bytes + changed[i], &word, sizeof word);
    }
    bool read = read_input(input->bytes, input->size);
    for (size_t i = changes; i-- > 0;)
        memcpy(input->bytes + changed[i], &before[i], sizeof before[i]);
    return read;
}

static void mutate(struct input *input, uint64_t seed, uint64_t rounds) {
    size_t *places, count = find_places(input, &places);
    uint64_t state = seed * 2 + 1, read = 0;
    for (uint64_t i = 0; i < rounds; i++)
        read += read_mutated(input, places, count, &state);
    printf("%llu read, %llu refused\n", (unsigned long long)read,
           (unsigned long long)(rounds - read));
    free(places);
}

struct recorder {
    struct dump dump;
    FILE *file;
};

/* Without whole blocks the reader asks for what it needs. */
static int record_read(void *arg, uint64_t address, void *buffer, uint64_t size) {
    struct recorder *recorder = arg;
    const uint64_t header[] = {address, size};
    if (size >= IMAGE_BLOCK_BYTES || dump_read(&recorder->dump, address, buffer, size) != 0)
        return TMPALLOC_E_HOST;
    fwrite(header, sizeof header, 1, recorder->file);
    fwrite(buffer, size, 1, recorder->file);
    return TMPALLOC_OK;
}

static bool reduce(const struct input *input, const char *path) {
    struct recorder recorder = {{.bytes = input->bytes, .size = input->size}, fopen(path, "wb")};
    if (!recorder.file)
        exit(2);
    const struct agent_image_source source = {record_read, dump_frame, dump_python_frame,
                                              &recorder};
    uint64_t address = dump_number(&recorder.dump, 0);
    fwrite(&address, sizeof address, 1, recorder.file);
    bool read = read_from(&source, address);
    return fclose(recorder.file) == 0 && read;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "--reduce") == 0) {
        struct input input = load(argv[2]);
        bool reduced = reduce(&input, argv[3]);
        free(input.bytes);
        return reduced ? 0 : 1;
    }
    if (argc == 5 && strcmp(argv[1], "--mutate") == 0) {
        struct input input = load(argv[4]);
        mutate(&input, strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
        free(input.bytes);
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        struct input input = load(argv[i]);
        LLVMFuzzerTestOneInput(input.bytes, input.size);
        free(input.bytes);
    }
    return 0;
}

#endif
