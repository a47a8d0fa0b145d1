/* SPDX-License-Identifier: MIT */
/*
 * entry_reader: reads the entries of an archive in order, by libarchive.
 *
 * Reading starts at any entry's header if the archive is indexed or a plain tar, else at the
 * start of the archive. Sparse files are refused, because a few bytes of tar could stand for
 * any number of bytes. Only zeros may follow the end of a tar stream.
 *
 * Units    bytes of the tar stream
 * Errors   ERR_MISMATCH for damage, ERR_FORMAT; ERR_LIMIT; ERR_SYSTEM; ERR_CANCELLED
 *          (archive_reader_watch)
 * Limits   ENTRY_READER_HEAD_MAX bytes for the headers of a tar entry, ENTRY_READER_ZIP_MAX for
 *          a zip's directory, for which libarchive needs about four times the memory
 * Owns     the reading state; the archive is borrowed
 * Threads  one at a time; several entry readers may read the same archive
 */
#ifndef READER_ENTRY_READER_H
#define READER_ENTRY_READER_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "reader/archive_reader.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ENTRY_READER_HEAD_MAX ((uint64_t)1 << 20)
#define ENTRY_READER_ZIP_MAX  ((uint64_t)256 << 20)

enum entry_reader_kind {
    ENTRY_READER_FILE,
    ENTRY_READER_LINK,
    ENTRY_READER_DIR,
    ENTRY_READER_OTHER
};

struct entry_reader_entry {
    enum entry_reader_kind kind;
    const char *path; /* valid until the next entry, like target */
    const char *target;
    uint64_t size;
    int64_t mtime;   /* seconds since 1970 */
    uint64_t offset; /* of the header; in a zip: the entry's number */
    uint64_t data;   /* offset of the content; in a zip: undefined */
};

struct entry_reader;

/*
 * Read the entries whose header starts in [from, to); in a zip, a directory, or a compressed
 * archive without an index: all.
 */
struct entry_reader *entry_reader_open(struct archive_reader *reader, uint64_t from,
                                       uint64_t to, struct err *err) MUST_CHECK;

/* Free the reader, but not the archive; NULL is fine. */
void entry_reader_free(struct entry_reader *entries);

/* Go to the next entry: 1; 0 at the end. */
int entry_reader_next(struct entry_reader *entries, struct entry_reader_entry *entry,
                      struct err *err) MUST_CHECK;

/* Read bytes of the current entry; 0 at its end, -1 on error. */
ssize_t entry_reader_read(struct entry_reader *entries, void *bytes, size_t len,
                          struct err *err) MUST_CHECK;

/*
 * Read all bytes of the current entry: pass them to put (put_nowhere drops them) and hash them.
 * ERR_MISMATCH if there are not exactly size bytes; no more than size bytes are passed on.
 */
int entry_reader_copy(struct entry_reader *entries, uint64_t size, put_fn *put, void *ctx,
                      uint8_t sha256[SHA256_SIZE], struct err *err) MUST_CHECK;

/* The same, and ERR_MISMATCH if the content has another digest, which is known only after all
 * of it was passed on. */
int entry_reader_copy_same(struct entry_reader *entries, uint64_t size,
                           const uint8_t sha256[SHA256_SIZE], put_fn *put, void *ctx,
                           struct err *err) MUST_CHECK;

/* Why an entry must not be extracted, by its name and kind; NULL: it may be. */
const char *entry_reader_refused(const struct entry_reader_entry *entry);

/* Whether reading failed permanently; otherwise an error concerns the current entry only. */
bool entry_reader_broken(const struct entry_reader *entries);

/* How far the tar stream was read, or decoded; may be beyond the current entry. */
uint64_t entry_reader_come(const struct entry_reader *entries);

/* Size of a zip's directory, after the first entry_reader_next; may be too large. */
uint64_t entry_reader_directory(const struct entry_reader *entries);

/*
 * Read up to the entry with a path, including the top directory; ERR_NOT_FOUND if there is
 * none.
 *
 * here  it must be the next entry, else ERR_MISMATCH
 */
int entry_reader_find(struct entry_reader *entries, const char *path, bool here,
                      struct entry_reader_entry *entry, struct err *err) MUST_CHECK;

/* Gets a file of an archive, whose content it may read; -1 on error. */
typedef int entry_reader_file_fn(void *ctx, struct entry_reader *entries,
                                 const struct entry_reader_entry *entry, struct err *err);

/*
 * Visit all files of an archive, not its links. If fn reports damage that concerns only the
 * file, that is logged and counted in *left_out, and the next one is visited.
 */
int entry_reader_each_file(struct archive_reader *reader, entry_reader_file_fn *fn, void *ctx,
                           size_t *left_out, struct err *err) MUST_CHECK;

#endif
