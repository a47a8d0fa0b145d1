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

/*
 * Whether content is a ZIP, and this extension is not that of ZIPs or of office documents. NULL
 * is no extension.
 */
bool suspect_zip(const char *ext, const void *head, size_t len);

/*
 * Reads a HAR piece by piece, to tell whether it is whole; initialized as {0}. It follows
 * strings and brackets only, in constant memory: it is no JSON parser.
 */
struct suspect_har {
    enum {
        SUSPECT_HAR_BEFORE, /* the opening brace */
        SUSPECT_HAR_WITHIN,
        SUSPECT_HAR_AFTER, /* the closing brace */
        SUSPECT_HAR_NOT,   /* not an object alone */
    } place;
    unsigned long depth; /* open braces and brackets */
    bool string;
    bool escape;  /* in a string, after a backslash */
    bool key;     /* a string that starts here is a name in the outermost object */
    bool log;     /* the outermost object has the member "log" */
    size_t match; /* characters of the name that match "log"; more than these: it does not */
    size_t mark;  /* bytes of the byte order mark */
};

/* Read the next bytes. */
void suspect_har_add(struct suspect_har *har, const void *bytes, size_t len);

/* Whether the bytes were one complete object that has "log". */
bool suspect_har_whole(const struct suspect_har *har);

#endif
