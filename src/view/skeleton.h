/* SPDX-License-Identifier: MIT */
/*
 * skeleton: the HTML of index.html around what differs from page to page, as in page.html.
 *
 * Errors   those of put and of the callback; ERR_MEMORY
 * Threads  any
 * Source   CSP level 3; Trusted Types
 */
#ifndef VIEW_SKELETON_H
#define VIEW_SKELETON_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Writes what stands in the place of a name of page.html, of len bytes. */
typedef int skeleton_fn(void *ctx, const char *name, size_t len, struct err *err);

/* Write page.html: its text by put, and what stands in the place of its names by named. */
int skeleton_write(put_fn *put, void *put_ctx, skeleton_fn *named, void *ctx,
                   struct err *err) MUST_CHECK;

/* Append the meta element with the Content-Security-Policy; live: of a page that is served. */
int skeleton_policy(struct buf *out, bool live, struct err *err) MUST_CHECK;

#endif
