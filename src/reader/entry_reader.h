/* SPDX-License-Identifier: MIT */
/*
 * entry_reader: the entries of an archive, one after the other, by libarchive.
 *
 * From any entry's header on where the archive is indexed or a plain tar; else
 * from the beginning. A file that is stored with holes (sparse) is refused: a few bytes of tar
 * would stand for any number. Only zeros may follow the end of a tar stream.
 *
 * Units    bytes of the tar stream
 * Errors   ERR_MISMATCH for damage, ERR_FORMAT; ERR_LIMIT; ERR_SYSTEM; ERR_CANCELLED
 * (archive_reader_watch) Limits   ENTRY_READER_HEAD_MAX bytes of one tar entry's headers,
 * ENTRY_READER_ZIP_MAX of a zip's directory, of which libarchive makes some four times as much
 * memory Owns     its reading state; the box is lent Threads  one at a time; several tapes may
 * read one box
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
    const char *path; /* lent until the next entry, as target */
    const char *target;
    uint64_t size;
    int64_t mtime;   /* seconds */
    uint64_t offset; /* of its header; of a zip: its number */
};

struct entry_reader;

/* Entries whose header begins in [from, to); of a zip or an archive without index, all. */
struct entry_reader *entry_reader_open(struct archive_reader *box, uint64_t from, uint64_t to,
                                       struct err *err) MUST_CHECK;

/* Free a tape; NULL is fine. The box stays open. */
void entry_reader_free(struct entry_reader *tape);

/* The next entry; 0 at the end. */
int entry_reader_next(struct entry_reader *tape, struct entry_reader_entry *entry,
                      struct err *err) MUST_CHECK;

/* Its bytes. */
ssize_t entry_reader_read(struct entry_reader *tape, void *bytes, size_t len,
                          struct err *err) MUST_CHECK;

/* All of its bytes: put somewhere (unless put is NULL), and hashed. There must be size bytes:
 * no more is ever put, ERR_MISMATCH for less. */
int entry_reader_copy(struct entry_reader *tape, uint64_t size, put_fn *put, void *ctx,
                      uint8_t sha256[SHA256_SIZE], struct err *err) MUST_CHECK;

/* Whether reading failed for good: nothing more comes. Else an error was of one entry alone. */
bool entry_reader_broken(const struct entry_reader *tape);

/* Bytes of a zip's directory, once the first entry is there; some more may be counted. */
uint64_t entry_reader_directory(const struct entry_reader *tape);

#endif
