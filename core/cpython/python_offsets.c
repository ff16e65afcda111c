#include "cpython/python_offsets.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* PY_VERSION_HEX and what begins with it: the upper half is major and minor. */
#define VERSION_SHIFT 16

#define NONE PYTHON_NO_OFFSET

/* Of PyBytesObject and PyASCIIObject, the same in all versions. */
#define OF_BYTES   .bytes_size = 16, .bytes_data = 32
#define OF_STRINGS .string_length = 16, .string_state = 32

/* Strings had a wchar_t representation before 3.12. */
#define OF_WIDE_STRINGS OF_STRINGS, .string_ascii = 48, .string_compact = 72

#define OF_3_8_RUNTIME                                                                             \
    .runtime_finalizing = 16, .runtime_interpreters = 32, .interpreter_next = 0,                   \
    .interpreter_threads = 8
#define OF_3_8_THREADS                                                                             \
    .thread_next = 8, .thread_pthread = 176, .thread_native = NONE, .thread_frame = 24
#define OF_3_8_FRAMES                                                                              \
    .cframe_frame = NONE, .frame_previous = 24, .frame_code = 32, .frame_is_entry = NONE,          \
    .frame_owner = NONE
#define OF_3_8_CODE                                                                                \
    .code_file = 104, .code_name = 112, .code_first_line = 40, .code_lines = 120, .code_bytes = NONE

static const struct python_offsets offsets_3_8 = {
    OF_3_8_RUNTIME,
    OF_3_8_THREADS,
    OF_3_8_FRAMES,
    OF_3_8_CODE,
    OF_BYTES,
    OF_WIDE_STRINGS,
    .thread_cframe = NONE,
    .cframe_previous = NONE,
    .frame_instruction = 104,
    .instruction = PYTHON_LASTI_BYTES,
    .lines = PYTHON_LNOTAB,
};

static const struct python_offsets offsets_3_10 = {
    OF_3_8_RUNTIME,
    OF_3_8_THREADS,
    OF_3_8_FRAMES,
    OF_3_8_CODE,
    OF_BYTES,
    OF_WIDE_STRINGS,
    .thread_cframe = 48,
    .cframe_previous = 8,
    .frame_instruction = 96,
    .instruction = PYTHON_LASTI_UNITS,
    .lines = PYTHON_LINETABLE,
};

static const struct python_offsets offsets_3_11 = {
    .runtime_finalizing = 24,
    .runtime_interpreters = 40,
    .interpreter_next = 0,
    .interpreter_threads = 16,
    .thread_next = 8,
    .thread_pthread = 152,
    .thread_native = 160,
    .thread_frame = NONE,
    .thread_cframe = 56,
    .cframe_frame = 8,
    .cframe_previous = 16,
    .frame_previous = 48,
    .frame_code = 32,
    .frame_instruction = 56,
    .frame_is_entry = 68,
    .frame_owner = NONE,
    .code_file = 112,
    .code_name = 128,
    .code_first_line = 72,
    .code_lines = 136,
    .code_bytes = 184,
    OF_BYTES,
    OF_WIDE_STRINGS,
    .instruction = PYTHON_POINTER,
    .lines = PYTHON_LOCATIONS,
};

static const struct python_offsets offsets_3_12 = {
    .runtime_finalizing = 24,
    .runtime_interpreters = 40,
    .interpreter_next = 0,
    .interpreter_threads = 72,
    .thread_next = 8,
    .thread_pthread = 136,
    .thread_native = 144,
    .thread_frame = NONE,
    .thread_cframe = 56,
    .cframe_frame = 0,
    .cframe_previous = 8,
    .frame_previous = 8,
    .frame_code = 0,
    .frame_instruction = 56,
    .frame_is_entry = NONE,
    .frame_owner = 70,
    .code_file = 112,
    .code_name = 128,
    .code_first_line = 68,
    .code_lines = 136,
    .code_bytes = 192,
    OF_BYTES,
    OF_STRINGS,
    .string_ascii = 40,
    .string_compact = 56,
    .instruction = PYTHON_POINTER,
    .lines = PYTHON_LOCATIONS,
};

static const struct known_version {
    uint32_t version;
    const struct python_offsets *offsets;
    /* A function that this version was the first to export; NULL: Py_Version says it. */
    const char *introduced;
} known_versions[] = {
    {0x030c, &offsets_3_12, NULL},
    {0x030b, &offsets_3_11, NULL},
    {0x030a, &offsets_3_10, "PyModule_AddObjectRef"},
    {0x0309, &offsets_3_8, "PyModule_AddType"},
    {0x0308, &offsets_3_8, "PyCode_NewWithPosOnlyArgs"},
};

/* _Py_DebugOffsets: a table of eight-byte words.  Names are `struct_field` in its declaration. */
#define DEBUG_COOKIE "xdebugpy"

enum { DEBUG_COOKIE_WORD, DEBUG_VERSION, DEBUG_FREE_THREADED, DEBUG_HEADER_WORDS };

/* The same tables of numbers in other places, as each version inserted fields.  A size comes first
 * in each group. */
struct debug_places {
    uint8_t runtime, interpreter, thread, frame, code, object, bytes, string;
};

static const struct debug_places places_3_13 = {3, 6, 19, 28, 34, 44, 64, 67};
static const struct debug_places places_3_14 = {3, 6, 22, 31, 39, 50, 74, 77};

#define DEBUG_WORDS 81 /* up to the last one needed */

static void take_debug_offsets(const struct debug_places *at, const uint64_t *words,
                               struct python_offsets *ret) {
#define WORD(place) ((uint32_t)words[(place)])
    *ret = (struct python_offsets){
        .runtime_finalizing = WORD(at->runtime + 1),
        .runtime_interpreters = WORD(at->runtime + 2),
        .interpreter_next = WORD(at->interpreter + 2),
        .interpreter_threads = WORD(at->interpreter + 3),
        .thread_next = WORD(at->thread + 2),
        .thread_frame = WORD(at->thread + 4),
        .thread_pthread = WORD(at->thread + 5),
        .thread_native = WORD(at->thread + 6),
        .thread_cframe = NONE,
        .cframe_frame = NONE,
        .cframe_previous = NONE,
        .frame_previous = WORD(at->frame + 1),
        .frame_code = WORD(at->frame + 2),
        .frame_instruction = WORD(at->frame + 3),
        .frame_owner = WORD(at->frame + 5),
        .frame_is_entry = NONE,
        .code_file = WORD(at->code + 1),
        .code_name = WORD(at->code + 3),
        .code_lines = WORD(at->code + 4),
        .code_first_line = WORD(at->code + 5),
        .code_bytes = WORD(at->code + 9),
        .bytes_size = WORD(at->bytes + 1),
        .bytes_data = WORD(at->bytes + 2),
        .string_state = WORD(at->string + 1),
        .string_length = WORD(at->string + 2),
        .string_ascii = WORD(at->string + 3),
        .string_compact = WORD(at->string + 3) + 16, /* utf8_length and utf8 */
        .instruction = PYTHON_POINTER,
        .lines = PYTHON_LOCATIONS,
    };
#undef WORD
}

/* Whether all offsets are within their structs, and PyObject is what it always was: if not, the
 * table isn't laid out as we believe. */
static bool is_plausible(const struct debug_places *at, const uint64_t *words) {
    const struct group {
        uint8_t first;
        uint8_t count;
    } groups[] = {{at->runtime, 2}, {at->interpreter, 3}, {at->thread, 8}, {at->frame, 5},
                  {at->code, 9},    {at->object, 1},      {at->bytes, 2},  {at->string, 2}};
    for (size_t i = 0; i < COUNT(groups); i++) {
        for (size_t k = 1; k <= groups[i].count; k++) {
            if (words[groups[i].first + k] >= words[groups[i].first])
                return false;
        }
    }
    return words[at->object] == 16 && words[at->object + 1] == 8;
}

static enum python_answer read_debug_offsets(const struct python_process *process,
                                             struct python_runtime *ret) {
    uint64_t words[DEBUG_WORDS];
    const struct debug_places *places = &places_3_14;
    if (ret->version == 0x030d)
        places = &places_3_13;
    else if (ret->version != 0x030e)
        return PYTHON_UNKNOWN;
    if (!python_read(process, ret->address, words, sizeof words))
        return PYTHON_UNREADABLE;
    if (words[DEBUG_FREE_THREADED])
        return PYTHON_FREE_THREADED;
    if (!is_plausible(places, words))
        return PYTHON_UNKNOWN;
    take_debug_offsets(places, words, &ret->offsets);
    return PYTHON_FOUND;
}

/* 0: it can't be told. */
static uint32_t find_version(const struct python_process *process) {
    uint64_t address = process->find(process->arg, "Py_Version");
    uint32_t version;
    if (address)
        return python_read(process, address, &version, sizeof version) ? version >> VERSION_SHIFT
                                                                       : 0;
    for (size_t i = 0; i < COUNT(known_versions); i++) {
        const struct known_version *known = &known_versions[i];
        if (known->introduced && process->find(process->arg, known->introduced))
            return known->version;
    }
    return 0;
}

static enum python_answer take_known_offsets(struct python_runtime *ret) {
    for (size_t i = 0; i < COUNT(known_versions); i++) {
        if (known_versions[i].version == ret->version) {
            ret->offsets = *known_versions[i].offsets;
            return PYTHON_FOUND;
        }
    }
    return PYTHON_UNKNOWN;
}

enum python_answer python_runtime_find(const struct python_process *process,
                                       struct python_runtime *ret) {
    uint64_t header[DEBUG_HEADER_WORDS];
    uint64_t address = process->find(process->arg, "_PyRuntime");
    if (!address)
        return PYTHON_ABSENT;
    *ret = (struct python_runtime){.address = address};
    if (!python_read(process, address, header, sizeof header))
        return PYTHON_UNREADABLE;
    if (memcmp(&header[DEBUG_COOKIE_WORD], DEBUG_COOKIE, sizeof header[0]) == 0) {
        ret->version = (uint32_t)header[DEBUG_VERSION] >> VERSION_SHIFT;
        return read_debug_offsets(process, ret);
    }
    ret->version = find_version(process);
    return take_known_offsets(ret);
}
