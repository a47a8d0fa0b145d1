/* SPDX-License-Identifier: MIT */
/*
 * name_check: compares an archive's index of names with its manifest and its seek table.
 *
 * The manifest and the index are read one after the other, and sums of their entries compared:
 * memory does not depend on the number of names.
 *
 * Units    bytes
 * Errors   those of manifest_scan; a wrong index is no error, but an answer
 * Owns     nothing
 * Threads  one
 * Source   docs/archive-format.md, "The index of names"
 */
#ifndef READER_NAME_CHECK_H
#define READER_NAME_CHECK_H

#include "base/err.h"
#include "reader/archive_reader.h"
#include "reader/manifest_scan.h"

/*
 * Read the manifest as manifest_scan does, and compare the index, if there is one.
 *
 * wrong_index  must be empty; gets what is wrong with the index
 */
int name_check_scan(struct archive_reader *reader, manifest_read_fn *fn, void *ctx,
                    struct manifest_digests *digests, struct err *wrong_index,
                    struct err *err) MUST_CHECK;

#endif
