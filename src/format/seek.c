/* SPDX-License-Identifier: MIT */
#include "format/seek.h"

#include "base/mem.h"

#include <string.h>

#define ROW_SIZE   8
#define SLICE_ROWS 8000 /* rows per gzip extra field: 64,000 of at most 65,535 bytes */

int seek_add(struct seek *seek, uint64_t coded, uint64_t plain, struct err *err)
{
    size_t mark = seek->count / SEEK_STRIDE;

    if (coded > UINT32_MAX || plain > UINT32_MAX)
        return err_set(err, ERR_LIMIT, "a frame is too large");
    if (mem_room(&seek->rows, &seek->cap, seek->count, sizeof(*seek->rows), SEEK_ROWS_MAX,
                 err) < 0)
        return -1;
    if (seek->count % SEEK_STRIDE == 0) {
        if (mem_room(&seek->marks, &seek->mark_cap, mark, sizeof(*seek->marks),
                     SEEK_ROWS_MAX / SEEK_STRIDE, err) < 0)
            return -1;
        seek->marks[mark] = (struct seek_mark){ seek->coded, seek->plain };
    }
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

/* Write a locator: magic, frame, coded, plain, size, and the offset of the table. */
static int add_locator(struct buf *out, const struct seek_locator *l, uint64_t table,
                       struct err *err)
{
    if (buf_add(out, SEEK_LOCATOR_MAGIC, 8, err) < 0 || buf_add_le(out, l->frame, 8, err) < 0 ||
        buf_add_le(out, l->coded, 8, err) < 0 || buf_add_le(out, l->plain, 8, err) < 0 ||
        buf_add_le(out, l->size, 8, err) < 0)
        return -1;
    return buf_add_le(out, table, 8, err);
}

static int add_rows(const struct seek *seek, size_t from, size_t to, struct buf *out,
                    struct err *err)
{
    size_t i;

    for (i = from; i < to; i++) {
        if (buf_add_le(out, seek->rows[i].coded, 4, err) < 0 ||
            buf_add_le(out, seek->rows[i].plain, 4, err) < 0)
            return -1;
    }
    return 0;
}

static int zstd_tail(struct seek *seek, const struct seek_locator *locator, struct buf *out,
                     struct err *err)
{
    uint64_t table = seek->coded + locator->names_size + 8 + SEEK_LOCATOR_SIZE;

    if (locator->names_size && seek_add(seek, locator->names_size, 0, err) < 0)
        return -1;
    if (buf_add_le(out, SEEK_SKIPPABLE_LOCATOR, 4, err) < 0 ||
        buf_add_le(out, SEEK_LOCATOR_SIZE, 4, err) < 0 ||
        add_locator(out, locator, table, err) < 0)
        return -1;
    if (seek_add(seek, 8 + SEEK_LOCATOR_SIZE, 0, err) < 0)
        return -1;
    if (buf_add_le(out, SEEK_SKIPPABLE_TABLE, 4, err) < 0 ||
        buf_add_le(out, seek->count * ROW_SIZE + 9, 4, err) < 0 ||
        add_rows(seek, 0, seek->count, out, err) < 0 ||
        buf_add_le(out, seek->count, 4, err) < 0)
        return -1;
    return buf_add_le(out, 0, 1, err) < 0 ? -1 : buf_add_le(out, SEEK_MAGIC, 4, err);
}

/* The head of an empty gzip member, up to its extra field, and its end: no content, CRC-32 and
 * length 0. */
static const unsigned char gzip_head[] = { 0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255 };
static const unsigned char gzip_foot[] = { 3, 0, 0, 0, 0, 0, 0, 0, 0, 0 };

/* Begin an empty gzip member with size bytes in subfield "S" id. */
static int gzip_open(struct buf *out, char id, size_t size, struct err *err)
{
    if (buf_add(out, gzip_head, sizeof(gzip_head), err) < 0 ||
        buf_add_le(out, size + 4, 2, err) < 0 || buf_add(out, "S", 1, err) < 0 ||
        buf_add(out, &id, 1, err) < 0)
        return -1;
    return buf_add_le(out, size, 2, err);
}

static int gzip_tail(const struct seek *seek, const struct seek_locator *locator,
                     struct buf *out, struct err *err)
{
    size_t from;

    for (from = 0; from < seek->count; from += SLICE_ROWS) {
        size_t to = seek->count - from < SLICE_ROWS ? seek->count : from + SLICE_ROWS;

        if (gzip_open(out, 'T', (to - from) * ROW_SIZE, err) < 0 ||
            add_rows(seek, from, to, out, err) < 0 ||
            buf_add(out, gzip_foot, sizeof(gzip_foot), err) < 0)
            return -1;
    }
    if (gzip_open(out, 'L', SEEK_LOCATOR_SIZE, err) < 0 ||
        add_locator(out, locator, seek->coded, err) < 0)
        return -1;
    return buf_add(out, gzip_foot, sizeof(gzip_foot), err);
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

/* Parse a locator; *table gets the offset of the table. */
static int read_locator(const unsigned char *at, struct seek_locator *l, uint64_t *table,
                        struct err *err)
{
    if (memcmp(at, SEEK_LOCATOR_MAGIC, 8) != 0)
        return err_set(err, ERR_FORMAT, "invalid locator of the manifest");
    l->frame = buf_get_le(at + 8, 8);
    l->coded = buf_get_le(at + 16, 8);
    l->plain = buf_get_le(at + 24, 8);
    l->size = buf_get_le(at + 32, 8);
    *table = buf_get_le(at + 40, 8);
    return 0;
}

/* Append rows of an archive's table, after validation. */
static int take_rows(struct seek *seek, const unsigned char *at, uint64_t count,
                     struct err *err)
{
    uint64_t i;

    for (i = 0; i < count; i++) {
        uint64_t coded = buf_get_le(at + ROW_SIZE * i, 4);
        uint64_t plain = buf_get_le(at + ROW_SIZE * i + 4, 4);

        if (!coded || !plain || plain > SEEK_PLAIN_MAX)
            return err_set(err, ERR_FORMAT,
                           "invalid size of frame %zu in the seek table: "
                           "%llu bytes in %llu",
                           seek->count, (unsigned long long)plain, (unsigned long long)coded);
        if (seek_add(seek, coded, plain, err) < 0)
            return -1;
    }
    return 0;
}

/* Read count consecutive rows, in slices. */
static int read_rows(struct seek *seek, seek_read_fn *read, void *ctx, uint64_t at,
                     uint64_t count, struct err *err)
{
    unsigned char *slice = mem_array(SLICE_ROWS, ROW_SIZE, err);
    int rc = slice ? 0 : -1;

    while (rc == 0 && count) {
        uint64_t n = count < SLICE_ROWS ? count : SLICE_ROWS;

        rc = read(ctx, slice, (size_t)n * ROW_SIZE, at, err);
        if (rc == 0)
            rc = take_rows(seek, slice, n, err);
        at += n * ROW_SIZE;
        count -= n;
    }
    mem_free(slice);
    return rc;
}

#define ZSTD_FOOT      9 /* number of rows, descriptor, magic */
#define ZSTD_LOCATOR   (8 + SEEK_LOCATOR_SIZE)
/* of the descriptor: rows have 4 more bytes, which skyarc does not write */
#define ZSTD_CHECKSUMS 0x80

/* Whether the frame with a locator starts at these 16 bytes, possibly with damage. */
static bool is_zstd_locator(const unsigned char *at)
{
    return (buf_get_le(at, 4) == SEEK_SKIPPABLE_LOCATOR &&
            buf_get_le(at + 4, 4) == SEEK_LOCATOR_SIZE) ||
           memcmp(at + 8, SEEK_LOCATOR_MAGIC, 8) == 0;
}

/*
 * Read the end of a table in the seekable format, and the head of its frame. Returns 1 if the
 * table may be skyarc's; 0: there is no table, or it is another program's.
 */
static int find_zstd(seek_read_fn *read, void *ctx, uint64_t size, uint64_t *count,
                     uint64_t *len, struct err *err)
{
    unsigned char foot[ZSTD_FOOT];
    unsigned char head[8];
    unsigned row;

    if (size < sizeof(head) + sizeof(foot))
        return 0;
    if (read(ctx, foot, sizeof(foot), size - sizeof(foot), err) < 0)
        return -1;
    if (buf_get_le(foot + 5, 4) != SEEK_MAGIC)
        return 0;
    row = foot[4] == ZSTD_CHECKSUMS ? ROW_SIZE + 4 : ROW_SIZE;
    *count = buf_get_le(foot, 4);
    *len = sizeof(head) + *count * row + sizeof(foot);
    if ((foot[4] & ~ZSTD_CHECKSUMS) || !*count || *len > size)
        return err_set(err, ERR_FORMAT,
                       "the end of the seek table is invalid, or the table is larger than "
                       "the archive");
    if (*count > SEEK_ROWS_MAX)
        return err_set(err, ERR_LIMIT, "the seek table has more than %zu frames",
                       SEEK_ROWS_MAX);
    if (read(ctx, head, sizeof(head), size - *len, err) < 0)
        return -1;
    if (buf_get_le(head, 4) != SEEK_SKIPPABLE_TABLE || buf_get_le(head + 4, 4) != *len - 8)
        return err_set(err, ERR_FORMAT, "invalid frame of the seek table");
    return row == ROW_SIZE && size - *len >= ZSTD_LOCATOR;
}

/*
 * The last row of the table is the locator's; the one before it is of the index of names, which
 * is a frame without content, or of the last frame with content. last: these two rows.
 */
static uint64_t names_size(const unsigned char last[2 * ROW_SIZE])
{
    return buf_get_le(last + 4, 4) ? 0 : buf_get_le(last, 4);
}

/* Find the frame with the index of names, which ends where the locator begins. Its bytes are
 * not read: only who uses the index needs them to be valid. */
static int find_names(struct seek_locator *l, uint64_t end, struct err *err)
{
    if (l->names_size > end)
        return err_set(err, ERR_FORMAT, "the index of names is larger than the archive");
    l->names_at = end - l->names_size;
    return 0;
}

/* Read the seekable format's table and the locator before it. */
static int load_zstd(struct seek *seek, struct seek_locator *l, seek_read_fn *read, void *ctx,
                     uint64_t size, struct err *err)
{
    unsigned char head[ZSTD_LOCATOR];
    unsigned char last[2 * ROW_SIZE];
    uint64_t count;
    uint64_t table;
    uint64_t len;
    int rc = find_zstd(read, ctx, size, &count, &len, err);

    if (rc <= 0)
        return rc;
    if (read(ctx, head, sizeof(head), size - len - sizeof(head), err) < 0)
        return -1;
    if (!is_zstd_locator(head))
        return 0; /* a seek table of another program */
    if (buf_get_le(head, 4) != SEEK_SKIPPABLE_LOCATOR ||
        buf_get_le(head + 4, 4) != SEEK_LOCATOR_SIZE)
        return err_set(err, ERR_FORMAT, "invalid frame of the manifest's locator");
    if (read_locator(head + 8, l, &table, err) < 0 ||
        read(ctx, last, sizeof(last), size - ZSTD_FOOT - sizeof(last), err) < 0)
        return -1;
    l->names_size = count > 1 ? names_size(last) : 0;
    if (find_names(l, size - len - sizeof(head), err) < 0 ||
        read_rows(seek, read, ctx, size - len + 8, count - (l->names_size ? 2 : 1), err) < 0)
        return -1;
    return seek->coded + l->names_size == size - len - sizeof(head) && table == size - len &&
                   buf_get_le(last + ROW_SIZE, 4) == sizeof(head) &&
                   buf_get_le(last + ROW_SIZE + 4, 4) == 0
               ? 1
               : err_set(err, ERR_FORMAT, "the seek table does not match the archive's size");
}

int seek_names(struct seek_locator *locator, seek_read_fn *read, void *ctx, uint64_t size,
               struct err *err)
{
    unsigned char end[2 * ROW_SIZE + ZSTD_FOOT];
    const unsigned char *foot = end + 2 * ROW_SIZE;
    uint64_t table;
    uint64_t names;

    if (size < sizeof(end))
        return 0;
    if (read(ctx, end, sizeof(end), size - sizeof(end), err) < 0)
        return -1;
    table = buf_get_le(foot, 4) * ROW_SIZE + 8 + ZSTD_FOOT; /* with the head of its frame */
    names = names_size(end);
    if (buf_get_le(foot + 5, 4) != SEEK_MAGIC || foot[4] || buf_get_le(foot, 4) < 3 || !names ||
        buf_get_le(end + ROW_SIZE, 4) != ZSTD_LOCATOR || buf_get_le(end + ROW_SIZE + 4, 4) ||
        table + ZSTD_LOCATOR + names > size)
        return 0;
    locator->names_at = size - table - ZSTD_LOCATOR - names;
    locator->names_size = names;
    return 1;
}

#define GZIP_HEAD    sizeof(gzip_head)
#define GZIP_EXTRA   6 /* length, subfield ID, length of the subfield */
#define GZIP_FOOT    sizeof(gzip_foot)
#define GZIP_LOCATOR (GZIP_HEAD + GZIP_EXTRA + SEEK_LOCATOR_SIZE + GZIP_FOOT)

/*
 * Parse the head of an empty member with subfield "S" id, with left bytes available. Returns
 * the subfield's size, or -1.
 */
static int64_t gzip_member(const unsigned char *at, uint64_t left, char id)
{
    uint64_t size;

    if (left < GZIP_HEAD + GZIP_EXTRA + GZIP_FOOT || memcmp(at, gzip_head, GZIP_HEAD) != 0 ||
        at[12] != 'S' || at[13] != (unsigned char)id)
        return -1;
    size = buf_get_le(at + 14, 2);
    if (buf_get_le(at + 10, 2) != size + 4 || left < GZIP_HEAD + GZIP_EXTRA + size + GZIP_FOOT)
        return -1;
    return (int64_t)size;
}

/* Read the end of a member, and check it. */
static int read_foot(seek_read_fn *read, void *ctx, uint64_t at, struct err *err)
{
    unsigned char foot[GZIP_FOOT];

    if (read(ctx, foot, sizeof(foot), at, err) < 0)
        return -1;
    return memcmp(foot, gzip_foot, sizeof(foot)) == 0
               ? 0
               : err_set(err, ERR_FORMAT, "the end of a member of the seek table is damaged");
}

/* Read the members of the table, up to offset end. */
static int read_members(struct seek *seek, seek_read_fn *read, void *ctx, uint64_t at,
                        uint64_t end, struct err *err)
{
    unsigned char head[GZIP_HEAD + GZIP_EXTRA];

    while (at < end) {
        int64_t rows = -1;

        if (end - at >= sizeof(head) + GZIP_FOOT) {
            if (read(ctx, head, sizeof(head), at, err) < 0)
                return -1;
            rows = gzip_member(head, end - at, 'T');
        }
        if (rows <= 0 || rows % ROW_SIZE)
            return err_set(err, ERR_FORMAT, "the seek table is damaged");
        at += sizeof(head) + (uint64_t)rows;
        if (read_rows(seek, read, ctx, at - (uint64_t)rows, (uint64_t)rows / ROW_SIZE, err) <
                0 ||
            read_foot(read, ctx, at, err) < 0)
            return -1;
        at += GZIP_FOOT;
    }
    return 0;
}

static int load_gzip(struct seek *seek, struct seek_locator *l, seek_read_fn *read, void *ctx,
                     uint64_t size, struct err *err)
{
    unsigned char last[GZIP_LOCATOR];
    uint64_t table;

    if (size < GZIP_LOCATOR)
        return 0;
    if (read(ctx, last, GZIP_LOCATOR, size - GZIP_LOCATOR, err) < 0)
        return -1;
    if (gzip_member(last, GZIP_LOCATOR, 'L') != SEEK_LOCATOR_SIZE)
        return 0;
    if (read_locator(last + GZIP_HEAD + GZIP_EXTRA, l, &table, err) < 0 ||
        read_foot(read, ctx, size - GZIP_FOOT, err) < 0)
        return -1;
    if (table > size - GZIP_LOCATOR)
        return err_set(err, ERR_FORMAT, "the seek table lies outside the archive");
    if (read_members(seek, read, ctx, table, size - GZIP_LOCATOR, err) < 0)
        return -1;
    return seek->coded == table
               ? 1
               : err_set(err, ERR_FORMAT, "the seek table does not match the archive's size");
}

int seek_load(struct seek *seek, enum frame_codec codec, struct seek_locator *locator,
              seek_read_fn *read, void *ctx, uint64_t size, struct err *err)
{
    uint64_t coded;
    uint64_t plain;
    int rc = 0;

    switch (codec) {
    case FRAME_ZSTD:
        rc = load_zstd(seek, locator, read, ctx, size, err);
        break;
    case FRAME_GZIP:
        rc = load_gzip(seek, locator, read, ctx, size, err);
        break;
    case FRAME_NONE:
        break;
    }
    if (rc == 1 && (!seek->count || locator->plain >= seek->plain ||
                    seek_find(seek, locator->plain, &coded, &plain) != locator->frame ||
                    coded != locator->coded || plain != locator->plain))
        rc = err_set(err, ERR_FORMAT,
                     "locator and seek table differ in the frame of the manifest");
    if (rc != 1)
        seek_clear(seek);
    return rc;
}

bool seek_is_tail(enum frame_codec codec, const unsigned char at[SEEK_HEAD_SIZE])
{
    switch (codec) {
    case FRAME_ZSTD:
        return is_zstd_locator(at) || memcmp(at + 8, SEEK_NAMES_MAGIC, 8) == 0;
    case FRAME_GZIP:
        return gzip_member(at, UINT64_MAX, 'T') > 0 || gzip_member(at, UINT64_MAX, 'L') > 0;
    case FRAME_NONE:
        break;
    }
    return false;
}

size_t seek_find(const struct seek *seek, uint64_t at, uint64_t *coded, uint64_t *plain)
{
    size_t low = 0; /* the last mark at or before the byte is in [low, high) */
    size_t high = (seek->count + SEEK_STRIDE - 1) / SEEK_STRIDE;
    size_t i;

    *coded = *plain = 0;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (seek->marks[middle].plain <= at)
            low = middle;
        else
            high = middle;
    }
    if (seek->count) {
        *coded = seek->marks[low].coded;
        *plain = seek->marks[low].plain;
    }
    for (i = low * SEEK_STRIDE; i < seek->count && *plain + seek->rows[i].plain <= at; i++) {
        *coded += seek->rows[i].coded;
        *plain += seek->rows[i].plain;
    }
    return i;
}

void seek_clear(struct seek *seek)
{
    mem_free(seek->rows);
    mem_free(seek->marks);
    *seek = (struct seek){ 0 };
}
