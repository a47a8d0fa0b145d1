/* SPDX-License-Identifier: MIT */
/*
 * dir_store: the volumes of a sync directory, as files.
 *
 * One of the places where volumes lie (volumes/volume_store), and the work directory of the
 * others: volumes are made here, and stay until they are in their place.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM, ERR_MEMORY; ERR_FORMAT for an invalid volume name
 * Owns     nothing
 * Threads  any
 */
#ifndef VOLUMES_DIR_STORE_H
#define VOLUMES_DIR_STORE_H

#include "base/digest.h"
#include "base/err.h"
#include "catalog/volume_name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* bytes at a volume's end of which a look has the digest */
#define VOLUME_TAIL ((size_t)64 << 10)

/* How a file beside a volume ends that says what was known when its runs were chosen: see
 * volume_upload_note. */
#define DIR_STORE_BASE ".base"

/* What is known of a volume without reading it: its size, and the SHA-256 of its last
 * VOLUME_TAIL bytes, where an archive has its index and the digests of its manifests. */
struct volume_seen {
    bool regular; /* false: a link, directory, FIFO or device, which is never a volume; the rest
                   * is not set */
    uint64_t size;
    uint8_t tail[SHA256_SIZE]; /* zeros: it was not asked for */
};

/* Takes a volume's name and size; returns -1 to fail. */
typedef int volume_fn(void *ctx, const char *name, uint64_t size, struct err *err);

/* The path to write a volume at; its folders are created. Free by mem_free. */
char *dir_store_write(const char *dir, const char *name, struct err *err) MUST_CHECK;

/* The path to read a volume from, which need not exist. Free by mem_free. */
char *dir_store_read(const char *dir, const char *name, struct err *err) MUST_CHECK;

/* As volume_store_each. */
int dir_store_each(const char *dir, volume_fn *fn, void *ctx, struct err *err) MUST_CHECK;

/* As volume_store_look; tail: whether its digest is wanted. */
int dir_store_look(const char *dir, const char *name, bool tail, struct volume_seen *out,
                   struct err *err) MUST_CHECK;

/* As volume_store_set_aside. */
int dir_store_set_aside(const char *dir, const char *name, const char *word,
                        char out[VOLUME_NAME], struct err *err) MUST_CHECK;

/* As volume_store_remove. */
int dir_store_remove(const char *dir, const char *name, struct err *err) MUST_CHECK;

/* As volume_store_sweep. */
int dir_store_sweep(const char *dir, struct err *err) MUST_CHECK;

#endif
