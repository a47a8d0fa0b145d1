/* SPDX-License-Identifier: MIT */
/*
 * fetchone: reads one file of an archive, or finds it.
 *
 * The file's position is taken from the index of names (reader/named), else from the manifest.
 * If the archive is indexed, only the file's frames are decoded. After the file was written,
 * its digest is compared with that in the index or the manifest; the digest of a tag file is
 * not compared.
 *
 * Errors   ERR_NOT_FOUND; ERR_MISMATCH for damage, and for wrong content (which has already
 *          been written); errors of put
 * Owns     nothing
 * Threads  any
 */
#ifndef READER_FETCHONE_H
#define READER_FETCHONE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "format/safe_name.h"
#include "reader/entry_reader.h"

#include <stdint.h>

/*
 * Write the content of one file to put.
 *
 * what   the file's path, with or without the top directory, or the artifact's ID
 */
int fetchone(const char *archive, const char *what, put_fn *put, void *ctx,
             struct err *err) MUST_CHECK;

/*
 * Read the manifest of an archive as a whole, and parse it.
 *
 * text   empty; gets the text, which the document refers to
 * doc    free by json_free
 */
int fetchone_manifest(const char *archive, struct buf *text, struct json **doc,
                      struct err *err) MUST_CHECK;

/* Where the content of a file is, by the manifest. */
struct fetchone_place {
    char path[SAFE_NAME_PATH_MAX + 1]; /* of a link: that of the file to which it is one */
    uint64_t size;
    uint64_t offset; /* of the tar header; MANIFEST_READ_NONE: not known */
    uint8_t sha256[SHA256_SIZE];
};

/* Find the content of an artifact by its path: 1; 0: the manifest has no such artifact. */
int fetchone_find(const char *archive, const char *path, struct fetchone_place *place,
                  struct err *err) MUST_CHECK;

/*
 * Begin to read a file at its place; ERR_MISMATCH if something else is there. The archive must
 * be indexed, or a plain tar.
 *
 * offset   of its tar header
 * entry    gets the tar header
 */
struct entry_reader *fetchone_open(struct archive_reader *reader, const char *path,
                                   uint64_t offset, uint64_t size,
                                   struct entry_reader_entry *entry,
                                   struct err *err) MUST_CHECK;

/* Check that a tar header is that of a file: 0; else -1 with ERR_MISMATCH. */
int fetchone_check(const struct entry_reader_entry *entry, const char *path, uint64_t size,
                   struct err *err) MUST_CHECK;

#endif
