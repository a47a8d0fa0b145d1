/* SPDX-License-Identifier: MIT */
/*
 * fetchone: reads one file of an archive.
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

/*
 * Write the content of one file to put.
 *
 * what   the file's path, with or without the top directory, or the artifact's ID
 */
int fetchone(const char *archive, const char *what, put_fn *put, void *ctx,
             struct err *err) MUST_CHECK;

#endif
