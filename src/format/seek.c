/* SPDX-License-Identifier: MIT */
#include "format/seek.h"

#include "base/mem.h"

#include <string.h>

#define ROWS_MAX   ((size_t)1 << 27)
#define ROW_SIZE   8
#define SLICE_ROWS 8000 /* rows in one gzip extra field: 64,000 of at most 65,535 bytes */

int seek_add(struct seek *seek, uint64_t coded, uint64_t plain, struct err *err)
{
    if (coded > UINT32_MAX || plain > UINT32_MAX)
        return err_set(err, ERR_LIMIT, "a frame is too large");
    if (mem_room(&seek->rows, &seek->cap, seek->count, sizeof(*seek->rows), ROWS_MAX, err) < 0)
        return -1;
    seek->rows[seek->count].coded = (uint32_t)coded;
    seek->rows[seek->count++].plain = (uint32_t)plain;
    seek->coded += coded;
    seek->plain += plain;
    return 0;
}

void seek_cut(struct seek *seek, size_t count)
{
    while (seek->count > count) {
        seek->count--;
        seek->coded -= seek->rows[seek->count].coded;
        seek->plain -= seek->rows[seek->count].plain;
    }
}

static int add_le(struct buf *out, uint64_t value, unsigned bytes, struct err *err)
{
    unsigned char le[8];
    unsigned i;

    for (i = 0; i < bytes; i++)
        le[i] = (unsigned char)(value >> (8 * i));
    return buf_add(out, le, bytes, err);
}

/* magic, frame, coded, plain, size, and where the table begins. */
static int add_locator(struct buf *out, const struct seek_locator *l, uint64_t table,
                       struct err *err)
{
    if (buf_add(out, SEEK_LOCATOR_MAGIC, 8, err) < 0 || add_le(out, l->frame, 8, err) < 0 ||
        add_le(out, l->coded, 8, err) < 0 || add_le(out, l->plain, 8, err) < 0 ||
        add_le(out, l->size, 8, err) < 0)
        return -1;
    return add_le(out, table, 8, err);
}

static int add_rows(const struct seek *seek, size_t from, size_t to, struct buf *out,
                    struct err *err)
{
    size_t i;

    for (i = from; i < to; i++) {
        if (add_le(out, seek->rows[i].coded, 4, err) < 0 ||
            add_le(out, seek->rows[i].plain, 4, err) < 0)
            return -1;
    }
    return 0;
}

static int zstd_tail(struct seek *seek, const struct seek_locator *locator, struct buf *out,
                     struct err *err)
{
    uint64_t table = seek->coded + 8 + SEEK_LOCATOR_SIZE;

    if (add_le(out, SEEK_SKIPPABLE_LOCATOR, 4, err) < 0 ||
        add_le(out, SEEK_LOCATOR_SIZE, 4, err) < 0 || add_locator(out, locator, table, err) < 0)
        return -1;
    if (seek_add(seek, 8 + SEEK_LOCATOR_SIZE, 0, err) < 0)
        return -1;
    if (add_le(out, SEEK_SKIPPABLE_TABLE, 4, err) < 0 ||
        add_le(out, seek->count * ROW_SIZE + 9, 4, err) < 0 ||
        add_rows(seek, 0, seek->count, out, err) < 0 || add_le(out, seek->count, 4, err) < 0)
        return -1;
    return add_le(out, 0, 1, err) < 0 ? -1 : add_le(out, SEEK_MAGIC, 4, err);
}

/* Begin an empty gzip member that will carry size bytes in subfield "S" id. */
static int gzip_open(struct buf *out, char id, size_t size, struct err *err)
{
    static const unsigned char head[] = { 0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255 };

    if (buf_add(out, head, sizeof(head), err) < 0 || add_le(out, size + 4, 2, err) < 0 ||
        buf_add(out, "S", 1, err) < 0 || buf_add(out, &id, 1, err) < 0)
        return -1;
    return add_le(out, size, 2, err);
}

/* No content, CRC-32 and length 0. */
static int gzip_close(struct buf *out, struct err *err)
{
    static const unsigned char foot[] = { 3, 0, 0, 0, 0, 0, 0, 0, 0, 0 };

    return buf_add(out, foot, sizeof(foot), err);
}

static int gzip_tail(const struct seek *seek, const struct seek_locator *locator,
                     struct buf *out, struct err *err)
{
    size_t from;

    for (from = 0; from < seek->count; from += SLICE_ROWS) {
        size_t to = seek->count - from < SLICE_ROWS ? seek->count : from + SLICE_ROWS;

        if (gzip_open(out, 'T', (to - from) * ROW_SIZE, err) < 0 ||
            add_rows(seek, from, to, out, err) < 0 || gzip_close(out, err) < 0)
            return -1;
    }
    if (gzip_open(out, 'L', SEEK_LOCATOR_SIZE, err) < 0 ||
        add_locator(out, locator, seek->coded, err) < 0)
        return -1;
    return gzip_close(out, err);
}

int seek_tail(struct seek *seek, enum frame_codec codec, const struct seek_locator *locator,
              struct buf *out, struct err *err)
{
    switch (codec) {
    case FRAME_ZSTD:
        return zstd_tail(seek, locator, out, err);
    case FRAME_GZIP:
        return gzip_tail(seek, locator, out, err);
    case FRAME_NONE:
        break;
    }
    return 0;
}

void seek_clear(struct seek *seek)
{
    mem_free(seek->rows);
    *seek = (struct seek){ 0 };
}
