/* SPDX-License-Identifier: MIT */
/*
 * unzip: reads the entries of an untrusted ZIP, by libarchive.
 *
 * Entries are taken from the central directory. Encrypted entries and ZIP bombs (UNZIP_RATIO)
 * are refused. Duplicate names are reported by unzip_has_duplicates, since it is unknown which
 * entry is meant. Names are only compared, never used as paths.
 *
 * Units    bytes
 * Errors   ERR_FORMAT for an invalid ZIP, ERR_LIMIT for a bomb, ERR_MEMORY; errors of the
 *          source
 * Owns     the reader's state; the source is borrowed until unzip_free
 * Threads  one at a time
 * Source   PKWARE APPNOTE.TXT
 */
#ifndef FORMAT_UNZIP_H
#define FORMAT_UNZIP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define UNZIP_RATIO       200                  /* largest ratio of unpacked size, ... */
#define UNZIP_GRACE       ((uint64_t)16 << 20) /* ... checked beyond this size */
#define UNZIP_ENTRIES_MAX 100000

/*
 * The bytes of a ZIP. read_at is like pread: returns the bytes read, 0 at the end, -1 on error.
 */
struct unzip_source {
    ssize_t (*read_at)(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err);
    void *ctx;
    uint64_t size;
};

struct unzip;

/*
 * Open a ZIP and read all names.
 *
 * max    maximum size of an entry
 */
struct unzip *unzip_open(const struct unzip_source *source, uint64_t max,
                         struct err *err) MUST_CHECK;

/* Close and free a ZIP; NULL is fine. */
void unzip_free(struct unzip *unzip);

/* Whether two entries have the same name. */
bool unzip_has_duplicates(const struct unzip *unzip);

/* The ith name in sorted order, valid until unzip_free; NULL after the last. */
const char *unzip_name(const struct unzip *unzip, size_t i);

/* Whether an entry has exactly this name. */
bool unzip_has(const struct unzip *unzip, const char *name);

/*
 * Go to the next entry; returns its name, valid until the next call. NULL at the end (err
 * unchanged) or on error.
 */
const char *unzip_next(struct unzip *unzip, struct err *err) MUST_CHECK;

/* Read bytes of the current entry; 0 at its end, if its checksum is right; -1 on error. */
ssize_t unzip_read(struct unzip *unzip, void *bytes, size_t len, struct err *err) MUST_CHECK;

#endif
