/* SPDX-License-Identifier: MIT */
/*
 * store: text buffered in an unnamed file, to which is appended and from which pieces are read.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM if the file fails, ERR_MEMORY
 * Owns     its file, until store_close
 * Threads  one at a time
 */
#ifndef VIEW_STORE_H
#define VIEW_STORE_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct store {
    int fd;
    uint64_t size;      /* with what is pending */
    struct buf pending; /* appended, but not yet in the file */
};

/* Open an empty store; dir: for its file. */
int store_open(struct store *store, const char *dir, struct err *err) MUST_CHECK;

/* Close a store; may be called twice, and on one with fd -1. */
void store_close(struct store *store);

/* Remove everything. */
void store_reset(struct store *store);

/* Append bytes. */
int store_add(struct store *store, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Write what is pending, so that reading cannot fail for want of space. */
int store_flush(struct store *store, struct err *err) MUST_CHECK;

/* Read len bytes from a position. */
int store_read(struct store *store, void *bytes, size_t len, uint64_t at,
               struct err *err) MUST_CHECK;

/* Pass len bytes from a position to put, in pieces. */
int store_copy(struct store *store, uint64_t at, uint64_t len, put_fn *put, void *ctx,
               struct err *err) MUST_CHECK;

#endif
