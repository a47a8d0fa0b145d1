/* SPDX-License-Identifier: MIT */
/*
 * suspect: detects content that cannot be of its declared type.
 *
 * Pure. A proxy's sign-in page or an object store's error document may arrive with status 200;
 * the first bytes distinguish them from the requested artifact. The expected format is given by
 * an extension: that of the artifact's type, or that of the file name of a download. The check
 * is conservative: content is suspect only if it cannot be right, and for most extensions there
 * is no check.
 *
 * Threads  any
 * Source   docs/archive-format.md, "Suspect content"
 */
#ifndef FORMAT_SUSPECT_H
#define FORMAT_SUSPECT_H

#include <stdbool.h>
#include <stddef.h>

/* The note in an artifact's row of the manifest. */
#define SUSPECT_NOTE "suspect-content"

/* The source of the extension. */
enum suspect_by {
    SUSPECT_BY_TYPE, /* the artifact's type: written by the service */
    SUSPECT_BY_NAME, /* a file name: chosen by a website */
};

/*
 * Whether content that starts with these bytes cannot be of this extension's format.
 *
 * ext    without the dot, in any case; NULL or unknown: never suspect
 * head   the first few hundred bytes, or all; empty content is never suspect
 */
bool suspect_content(const char *ext, enum suspect_by by, const void *head, size_t len);

#endif
