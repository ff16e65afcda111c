#include "reports/report_gzip.h"

#include <zlib.h>

#include "support/memory.h"

#define GZIP_WINDOW  (15 + 16) /* the largest window, with gzip's header and checksum */
#define MEMORY_LEVEL 8         /* zlib's default */
#define PIECE_BYTES  16384
#define INPUT_BYTES  (1U << 30)

static void *allocate(void *arg, unsigned count, unsigned size_bytes) {
    (void)arg;
    return memory_allocate_zeroed(count, size_bytes);
}

static void release(void *arg, void *block) {
    (void)arg;
    memory_release(block);
}

/* What is next of the input, which can be longer than zlib counts; true when that is the last. */
static bool feed(z_stream *stream, const struct text *bytes, size_t *given) {
    size_t left = bytes->length - *given;
    if (stream->avail_in > 0 || left == 0)
        return left == 0;
    stream->next_in = (unsigned char *)bytes->data + *given;
    stream->avail_in = left < INPUT_BYTES ? (unsigned)left : INPUT_BYTES;
    *given += stream->avail_in;
    return *given == bytes->length;
}

static void compress_all(z_stream *stream, struct text *text, const struct text *bytes) {
    unsigned char piece[PIECE_BYTES];
    size_t given = 0;
    int state = Z_OK;
    while (state == Z_OK && !text->failed) {
        bool last = feed(stream, bytes, &given);
        stream->next_out = piece;
        stream->avail_out = sizeof piece;
        state = deflate(stream, last ? Z_FINISH : Z_NO_FLUSH);
        text_append_bytes(text, (const char *)piece, sizeof piece - stream->avail_out);
    }
}

int report_gzip(struct text *text, const struct text *bytes, struct error *error) {
    z_stream stream = {.zalloc = allocate, .zfree = release};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return error_no_memory(error);
    compress_all(&stream, text, bytes);
    deflateEnd(&stream);
    return text->failed ? error_no_memory(error) : TMPALLOC_OK;
}
