/* SPDX-License-Identifier: MIT */
/*
 * volume_store: where the volumes of a sync directory are.
 *
 * What writes a volume asks for a place to write it at, what reads one for a place
 * to read it from; nobody else knows where that is. A directory so far.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM, ERR_MEMORY; ERR_FORMAT for what is no volume's name
 * Owns     nothing
 * Threads  any
 */
#ifndef SYNC_VOLUME_STORE_H
#define SYNC_VOLUME_STORE_H

#include "base/digest.h"
#include "base/err.h"
#include "catalog/volume_name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VOLUME_STORE_TAIL                                                                      \
    ((size_t)64 << 10) /* bytes of a volume's end that volume_store_look reads */

struct volume_store {
    const char *dir;
};

/* The path to write a volume at, its folders made. To be freed by mem_free. */
char *volume_store_write(const struct volume_store *shelf, const char *name,
                         struct err *err) MUST_CHECK;

/* The path to read it by; it need not be there. To be freed by mem_free. */
char *volume_store_read(const struct volume_store *shelf, const char *name,
                        struct err *err) MUST_CHECK;

/* Each volume on the shelf, with its size, in no order; fn gives -1 to fail. */
int volume_store_each(const struct volume_store *shelf,
                      int (*fn)(void *ctx, const char *name, uint64_t size, struct err *err),
                      void *ctx, struct err *err) MUST_CHECK;

/* What is seen of a volume without reading it: its size, and the SHA-256 of its last
 * VOLUME_STORE_TAIL bytes, where an archive keeps its index and the digests of its manifests.
 */
struct volume_store_seen {
    uint64_t size;
    uint8_t tail[SHA256_SIZE];
};

/* Look at a volume; 1: it is there, 0: it is not, -1: it cannot be told. */
int volume_store_look(const struct volume_store *shelf, const char *name,
                      struct volume_store_seen *out, struct err *err) MUST_CHECK;

/*
 * Rename a volume that is no good, and its signature: NAME.WORD, or NAME.WORD-2 and so on. It
 * is none to volume_store_each any more.
 *
 * out      gets the new name
 */
int volume_store_set_aside(const struct volume_store *shelf, const char *name, const char *word,
                           char out[VOLUME_NAME], struct err *err) MUST_CHECK;

/* Take a volume off the shelf, and its signature. */
int volume_store_remove(const struct volume_store *shelf, const char *name,
                        struct err *err) MUST_CHECK;

/*
 * Remove what attempts left that are not gone on with: NAME.partial and its journal, and the
 * signature of a volume that is not there. No volume may be in the making.
 */
int volume_store_sweep(const struct volume_store *shelf, struct err *err) MUST_CHECK;

#endif
