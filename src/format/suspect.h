/* SPDX-License-Identifier: MIT */
/*
 * suspect: content that cannot be what it is called.
 *
 * Pure. A proxy's sign-in page and an object store's error document arrive with status 200; the
 * first bytes tell them from what was asked for. The judgement is by the extension: that of the
 * artifact's type, or that in the name of a file that a website gave. It is cautious: only what
 * cannot be right is suspect, and of most names nothing is said.
 *
 * Threads  any
 * Source   docs/archive-format.md, "Suspect content"
 */
#ifndef FORMAT_SUSPECT_H
#define FORMAT_SUSPECT_H

#include <stdbool.h>
#include <stddef.h>

/* Where the extension is from. */
enum suspect_by {
    SUSPECT_BY_TYPE, /* the service itself wrote the content as this */
    SUSPECT_BY_NAME, /* a website called a file so */
};

/*
 * Whether content that begins with these bytes cannot have this extension.
 *
 * ext    without the dot, in any case; NULL or unknown: nothing is suspect
 * head   some hundred bytes, or all there are; of none nothing is said
 */
bool suspect_content(const char *ext, enum suspect_by by, const void *head, size_t len);

#endif
