/* SPDX-License-Identifier: MIT */
/*
 * unzip: the entries of a ZIP from somebody we do not trust, by libarchive.
 *
 * The central directory counts. What could be a trap is refused: encrypted
 * entries, and more bytes than the ZIP's own size explains (UNZIP_RATIO). Two
 * entries of one name are said (unzip_twins): which is meant, nobody knows. Names are only
 * compared, never used as paths.
 *
 * Units    bytes
 * Errors   ERR_FORMAT for what is no good ZIP, ERR_LIMIT for a bomb, ERR_MEMORY;
 *          what the source says
 * Owns     its state; the source is lent until unzip_free
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

#define UNZIP_RATIO       200                  /* bytes out for one byte in, beyond ... */
#define UNZIP_GRACE       ((uint64_t)16 << 20) /* ... this many */
#define UNZIP_ENTRIES_MAX 100000

/* Where a ZIP's bytes are: like pread; gives the bytes read, 0 at the end, -1 on error. */
struct unzip_source {
    ssize_t (*read_at)(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err);
    void *ctx;
    uint64_t size;
};

struct unzip;

/*
 * Open a ZIP and look at all its names.
 *
 * max    most bytes that one entry may have
 */
struct unzip *unzip_open(const struct unzip_source *source, uint64_t max,
                         struct err *err) MUST_CHECK;

/* Free a ZIP that was opened; NULL is fine. */
void unzip_free(struct unzip *unzip);

/* Whether two entries have one name. */
bool unzip_twins(const struct unzip *unzip);

/* The names of the entries, sorted, lent until unzip_free; NULL: i is beyond the last. */
const char *unzip_name(const struct unzip *unzip, size_t i);

/* Whether an entry has this very name. */
bool unzip_has(const struct unzip *unzip, const char *name);

/* The next entry's name, lent until the next call; NULL at the end (err untouched) or on error.
 */
const char *unzip_next(struct unzip *unzip, struct err *err) MUST_CHECK;

/* More of the entry's bytes; 0 at its end, its checksum being right; -1 on error. */
ssize_t unzip_read(struct unzip *unzip, void *bytes, size_t len, struct err *err) MUST_CHECK;

#endif
