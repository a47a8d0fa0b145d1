/* SPDX-License-Identifier: MIT */
/*
 * named: reads files and rows of an archive by their names, through its index of names: neither
 * the seek table nor the manifest is read.
 *
 * A file needs three reads of the archive, if its frame has at most NAMED_READ bytes: the end,
 * a page of the index and the next one, the frame. An entry of the index is compared with the
 * tar header at its place. For links, and for IDs that are not a part of the path, the header
 * does not have the name: then the row of the manifest is compared, too, and its frame read. If
 * these differ, or the index does not have the name, the functions return 0, and the caller
 * reads the manifest.
 *
 * Units    bytes
 * Errors   those of reading; a damaged or wrong index is logged, and is no error
 * Owns     the open archive
 * Threads  one
 * Source   docs/archive-format.md, "The index of names"
 */
#ifndef READER_NAMED_H
#define READER_NAMED_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "format/manifest_read.h"

#include <stdbool.h>

/* A file that was found and written. */
struct named_file {
    uint64_t size;
    uint8_t sha256[SHA256_SIZE]; /* of what was written */
    bool match;                  /* the index has this digest */
};

/*
 * Write the content of one file to put.
 *
 * what     its path, or the artifact's ID
 * below    what, without its first folder if that may be the top directory
 * returns  1; 0: the name is not in the index, or there is no valid index; -1: error of reading
 *          a file that was found, or of put
 */
int named_put(const char *archive, const char *what, const char *below, put_fn *put, void *ctx,
              struct named_file *file, struct err *err) MUST_CHECK;

/*
 * Pass the rows of artifacts to fn, in the order of the manifest.
 *
 * names    paths (with a slash) and IDs
 * missing  gets the number of missing items in the manifest
 * returns  1; 0: not all names are in the index, or there is no valid index, and fn was not
 *          called; -1: error
 */
int named_rows(const char *archive, const char *const *names, size_t count,
               manifest_read_fn *fn, void *ctx, uint64_t *missing, struct err *err) MUST_CHECK;

#endif
