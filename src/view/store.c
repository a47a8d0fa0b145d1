/* SPDX-License-Identifier: MIT */
#include "view/store.h"

#include "base/file.h"
#include "base/mem.h"

#define PIECE ((size_t)256 << 10)

int store_open(struct store *store, const char *dir, struct err *err)
{
    *store = (struct store){ .fd = file_temp(dir, err) };
    buf_init(&store->pending, 2 * PIECE);
    return store->fd < 0 ? -1 : 0;
}

void store_close(struct store *store)
{
    file_close(&store->fd);
    buf_clear(&store->pending);
}

void store_reset(struct store *store)
{
    buf_reset(&store->pending);
    store->size = 0; /* the file's old bytes are written over */
}

/* Write bytes that end at `end`. */
static int write_at(struct store *store, const void *bytes, size_t len, uint64_t end,
                    struct err *err)
{
    return file_pwrite(store->fd, bytes, len, end - len, err) < 0
               ? err_wrap(err, "cannot buffer the offline view's texts")
               : 0;
}

int store_flush(struct store *store, struct err *err)
{
    if (store->pending.len &&
        write_at(store, store->pending.data, store->pending.len, store->size, err) < 0)
        return -1;
    buf_reset(&store->pending);
    return 0;
}

int store_add(struct store *store, const void *bytes, size_t len, struct err *err)
{
    if (store->pending.len + len > PIECE && store_flush(store, err) < 0)
        return -1;
    if (len > PIECE) {
        if (write_at(store, bytes, len, store->size + len, err) < 0)
            return -1;
    } else if (buf_add(&store->pending, bytes, len, err) < 0) {
        return -1;
    }
    store->size += len;
    return 0;
}

int store_read(struct store *store, void *bytes, size_t len, uint64_t at, struct err *err)
{
    if (store_flush(store, err) < 0)
        return -1;
    return len ? file_pread(store->fd, bytes, len, at, err) : 0;
}

int store_copy(struct store *store, uint64_t at, uint64_t len, put_fn *put, void *ctx,
               struct err *err)
{
    size_t room = len < PIECE ? (size_t)len : PIECE;
    char *piece = room ? mem_new(room, err) : NULL;
    int rc = room && !piece ? -1 : 0;

    while (rc == 0 && len) {
        size_t n = len < room ? (size_t)len : room;

        rc = store_read(store, piece, n, at, err);
        if (rc == 0)
            rc = put(ctx, piece, n, err);
        at += n;
        len -= n;
    }
    mem_free(piece);
    return rc;
}
