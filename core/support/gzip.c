#include "support/gzip.h"

#include <inttypes.h>
#include <zlib.h>

#include "support/memory.h"

#define GZIP_WINDOW  (15 + 16) /* the largest window, with gzip's header and checksum */
#define MEMORY_LEVEL 8         /* zlib's default */
#define PIECE_BYTES  16384
#define INPUT_BYTES  (1U << 30)

static void *gzip_allocate(void *arg, unsigned count, unsigned size_bytes) {
    (void)arg;
    return memory_allocate_zeroed(count, size_bytes);
}

static void gzip_release(void *arg, void *block) {
    (void)arg;
    memory_release(block);
}

/* What is next of the input, which can be longer than zlib counts; true when that is the last. */
static bool gzip_feed(z_stream *stream, const struct text *bytes, size_t *given) {
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
        bool last = gzip_feed(stream, bytes, &given);
        stream->next_out = piece;
        stream->avail_out = sizeof piece;
        state = deflate(stream, last ? Z_FINISH : Z_NO_FLUSH);
        text_append_bytes(text, (const char *)piece, sizeof piece - stream->avail_out);
    }
}

int gzip_compress(struct text *text, const struct text *bytes, struct error *error) {
    z_stream stream = {.zalloc = gzip_allocate, .zfree = gzip_release};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return error_no_memory(error);
    compress_all(&stream, text, bytes);
    deflateEnd(&stream);
    return text->failed ? error_no_memory(error) : TMPALLOC_OK;
}

bool gzip_is_compressed(const struct text *bytes) {
    return bytes->length >= 2 && bytes->data[0] == '\x1f' && bytes->data[1] == '\x8b';
}

/* Until the end of a file, of which a gzip file can have several; the state that ended it. */
static int expand_all(z_stream *stream, struct text *text, const struct text *bytes,
                      uint64_t most_bytes) {
    unsigned char piece[PIECE_BYTES];
    size_t given = 0;
    int state = Z_OK;
    while ((state == Z_OK || (state == Z_STREAM_END && inflateReset(stream) == Z_OK)) &&
           !text->failed && text->length <= most_bytes) {
        bool last = gzip_feed(stream, bytes, &given);
        if (last && stream->avail_in == 0 && state == Z_STREAM_END)
            break;
        stream->next_out = piece;
        stream->avail_out = sizeof piece;
        state = inflate(stream, Z_NO_FLUSH);
        text_append_bytes(text, (const char *)piece, sizeof piece - stream->avail_out);
    }
    return state;
}

static int judge_expanded(int state, const struct text *text, uint64_t most_bytes, const char *name,
                          struct error *error) {
    if (text->failed || state == Z_MEM_ERROR)
        return error_no_memory(error);
    if (text->length > most_bytes)
        return error_set(error, TMPALLOC_E_IO, "%s is larger than %" PRIu64 " bytes when expanded",
                         name, most_bytes);
    if (state == Z_BUF_ERROR)
        return error_set(error, TMPALLOC_E_IO, "%s is cut short", name);
    if (state != Z_STREAM_END)
        return error_set(error, TMPALLOC_E_IO, "%s is damaged: what it holds can't be expanded",
                         name);
    return TMPALLOC_OK;
}

int gzip_expand(struct text *text, const struct text *bytes, uint64_t largest_bytes,
                const char *name, struct error *error) {
    z_stream stream = {.zalloc = gzip_allocate, .zfree = gzip_release};
    uint64_t most_bytes = text->length + largest_bytes;
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return error_no_memory(error);
    int state = expand_all(&stream, text, bytes, most_bytes);
    inflateEnd(&stream);
    return judge_expanded(state, text, most_bytes, name, error);
}
