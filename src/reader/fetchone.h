/* SPDX-License-Identifier: MIT */
/*
 * fetchone: one file out of an archive.
 *
 * The manifest says where it is; with the index only its frames are decoded, and
 * neither time nor memory grows with the archive. What is put out is compared
 * with the manifest's digest at its end.
 *
 * Errors   ERR_NOT_FOUND; ERR_MISMATCH for damage, and for content that is not what
 *          the manifest says (then it has been put out already); put's
 * Owns     nothing
 * Threads  any
 */
#ifndef READER_FETCHONE_H
#define READER_FETCHONE_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Put one file out.
 *
 * what   its path below the top directory (or with it), or its artifact's ID
 */
int fetchone(const char *archive, const char *what, put_fn *put, void *ctx,
             struct err *err) MUST_CHECK;

#endif
