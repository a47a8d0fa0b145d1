/* SPDX-License-Identifier: MIT */
#include "pack/split.h"

#include "base/mem.h"

#include <zstd.h>

static ssize_t read_at(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err)
{
    struct split_reader *reader = ctx;

    return body_read_at(reader->body, &reader->cursor, bytes, len, at, err);
}

struct unzip *split_open(struct split_reader *reader, const struct body *body, uint64_t max,
                         struct err *err)
{
    struct unzip_source source = { read_at, reader, body->size };

    *reader = (struct split_reader){ .body = body };
    return unzip_open(&source, max, err);
}

/* Append; what no chunk is left for goes into the file, so that the packer waits for nobody. */
static int append(struct body *body, const struct spool *spool, const void *bytes, size_t len,
                  struct err *err)
{
    size_t most = pool_chunk_size(spool->pool);
    const unsigned char *from = bytes;

    while (len) {
        size_t n = len < most ? len : most;

        if (body_add(body, spool, true, from, n, err) < 0)
            return -1;
        from += n;
        len -= n;
    }
    return 0;
}

struct body *split_entry(struct unzip *unzip, const struct spool *spool, struct err *err)
{
    struct body *body = body_new(err);
    unsigned char *room = body ? mem_new(CHUNK_SIZE, err) : NULL;
    ssize_t n = -1;

    while (room && (n = unzip_read(unzip, room, CHUNK_SIZE, err)) > 0) {
        if (append(body, spool, room, (size_t)n, err) < 0) {
            n = -1;
            break;
        }
    }
    mem_free(room);
    if (n == 0)
        return body;
    body_free(body);
    return NULL;
}

/* Unpack one piece of input; the last answer of libzstd in *left: 0 where a frame ends. */
static int feed(ZSTD_DStream *zstd, ZSTD_inBuffer *in, unsigned char *room, struct body *out,
                const struct spool *spool, uint64_t max, size_t *left, struct err *err)
{
    do {
        ZSTD_outBuffer to = { room, CHUNK_SIZE, 0 };

        *left = ZSTD_decompressStream(zstd, &to, in);
        if (ZSTD_isError(*left))
            return err_set(err, ERR_FORMAT, "zstd: %s", ZSTD_getErrorName(*left));
        if (out->size + to.pos > max)
            return err_set(err, ERR_LIMIT, "larger than %llu bytes when unpacked",
                           (unsigned long long)max);
        if (to.pos && append(out, spool, room, to.pos, err) < 0)
            return -1;
        if (to.pos < CHUNK_SIZE && in->pos == in->size)
            break;
    } while (true);
    return 0;
}

struct body *split_zstd(const struct body *body, const struct spool *spool, uint64_t max,
                        struct err *err)
{
    ZSTD_DStream *zstd = ZSTD_createDStream();
    struct body *out = body_new(err);
    unsigned char *scratch = mem_new(CHUNK_SIZE, err);
    unsigned char *room = mem_new(CHUNK_SIZE, err);
    struct body_cursor cursor = { 0 };
    const unsigned char *bytes;
    struct chunk *chunk;
    size_t left = 1;
    ssize_t n = -1;

    if (!zstd)
        (void)err_set(err, ERR_MEMORY, "out of memory");
    while (zstd && out && scratch && room &&
           (n = body_next(body, &cursor, scratch, &bytes, &chunk, err)) > 0) {
        ZSTD_inBuffer in = { bytes, (size_t)n, 0 };

        if (feed(zstd, &in, room, out, spool, max, &left, err) < 0) {
            n = -1;
            break;
        }
    }
    if (n == 0 && left) {
        (void)err_set(err, ERR_FORMAT, "zstd: the frame ends early");
        n = -1;
    }
    (void)ZSTD_freeDStream(zstd);
    mem_free(scratch);
    mem_free(room);
    if (n == 0)
        return out;
    body_free(out);
    return NULL;
}
