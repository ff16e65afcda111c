/* The observer's dumps as memory for the reader of images. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engines/agent_image.h"

struct dump {
    const unsigned char *bytes;
    size_t size;
};

static inline uint64_t dump_number(const struct dump *dump, size_t offset) {
    uint64_t number = 0;
    if (offset <= dump->size && dump->size - offset >= sizeof number)
        memcpy(&number, dump->bytes + offset, sizeof number);
    return number;
}

/* struct agent_image_source's read. */
static inline int dump_read(void *arg, uint64_t address, void *buffer, uint64_t size) {
    const struct dump *dump = arg;
    for (size_t at = 8; at < dump->size && dump->size - at >= 16;) {
        uint64_t start = dump_number(dump, at), length = dump_number(dump, at + 8);
        at += 16;
        if (length > dump->size - at)
            length = dump->size - at;
        if (address >= start && address - start <= length && size <= length - (address - start)) {
            memcpy(buffer, dump->bytes + at + (address - start), size);
            return TMPALLOC_OK;
        }
        at += length;
    }
    return TMPALLOC_E_HOST;
}

/* Its frame: addresses stay what they are. */
static inline struct frame dump_frame(void *arg, uint64_t address, bool exact) {
    (void)arg;
    return (struct frame){.offset = address, .module = FRAME_NO_MODULE, .exact = exact};
}

/* A number made of the names and the line. */
static inline int dump_python_frame(void *arg, const char *function, const char *file,
                                    uint32_t line, struct frame *ret) {
    (void)arg;
    *ret = (struct frame){.offset = line, .module = FRAME_PYTHON};
    for (; *function; function++)
        ret->offset = ret->offset * 31 + (unsigned char)*function;
    for (; *file; file++)
        ret->offset = ret->offset * 31 + (unsigned char)*file;
    return TMPALLOC_OK;
}

static inline struct agent_image_source dump_source(struct dump *dump) {
    return (struct agent_image_source){
        .read = dump_read, .frame = dump_frame, .python_frame = dump_python_frame, .arg = dump};
}
