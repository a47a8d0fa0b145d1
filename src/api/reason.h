/* SPDX-License-Identifier: MIT */
/*
 * reason: why an artifact, a run or a record is missing, with the words used in the manifest,
 * the catalog and the summary.
 *
 * Errors   none
 * Threads  any
 * Source   docs/archive-format.md, the list of `missing[].reason`; docs/sync.md, its table
 */
#ifndef API_REASON_H
#define API_REASON_H

#include <stdbool.h>

enum reason {
    REASON_NONE, /* not missing */
    REASON_RUN_NOT_FOUND,
    REASON_DENIED,
    REASON_GONE,
    REASON_ARCHIVED,
    REASON_RATE_LIMITED,
    REASON_SERVER_ERROR,
    REASON_HTTP_ERROR,
    REASON_NETWORK_ERROR,
    REASON_LENGTH_MISMATCH,
    REASON_TOO_LARGE,
    REASON_TOO_SLOW,
    REASON_TIMEOUT,
    REASON_NO_SPACE, /* neither the memory for bodies nor a temporary file had room */
    REASON_NO_URL,
    REASON_NOT_IN_BUNDLE,
    REASON_BAD_ANSWER,
    REASON_NOT_OFFERED,
    REASON_NOT_FETCHED,
    /* only in a catalog: a volume has the artifact, and another copy is wanted */
    REASON_CHECKSUM_MISMATCH,
    REASON_SUSPECT_CONTENT,
    REASON_CHANGED,
    REASON_COUNT,
};

/* The word for a reason; NULL for REASON_NONE. */
const char *reason_word(enum reason reason);

/* Whether a retry can never succeed. */
bool reason_is_final(enum reason reason);

/* Whether a retry may succeed within minutes. */
bool reason_is_passing(enum reason reason);

/* Whether a word is that of a final reason; false for an unknown word. */
bool reason_word_is_final(const char *word);

#endif
