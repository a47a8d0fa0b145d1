/* SPDX-License-Identifier: MIT */
/*
 * journal: which artifacts OUTPUT.partial holds, and what was learned of them.
 *
 * One line of JSON an artifact, appended when the packer has it; the first line
 * says of which request it all is. It is a hint and never the truth: what it
 * names is read again from the unfinished archive and hashed before it is
 * trusted, so that it may be ahead of the archive, or behind, or torn.
 *
 * Units    bytes; milliseconds since 1970
 * Errors   ERR_SYSTEM; what cannot be read of a journal counts as not there
 * Owns     its file, its rows and their texts, until journal_free
 * Threads  one
 * Source   docs/archive-format.md, "The unfinished archive"
 */
#ifndef WRITER_JOURNAL_H
#define WRITER_JOURNAL_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_SUFFIX ".journal"

/* One artifact; texts are NULL where there is none. */
struct journal_row {
    const char *path; /* below the top directory */
    const char *run_id;
    const char *artifact_id;
    const char *via;
    const char *duplicate_of; /* a path */
    const char *listed;       /* what the list said of its size and time: see restore */
    uint64_t http_status;
    uint64_t attempts;
    uint64_t fetched_at;
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
    bool proven; /* read: a MAC by this user's key says that we wrote the row */
    bool mismatch;
    bool encoded; /* it arrived zstd-compressed: then how */
    uint64_t encoded_size;
    uint8_t encoded_sha256[SHA256_SIZE];
    const struct journal_row *next; /* read: see journal_first */
};

struct journal;

/*
 * Open the journal of an unfinished archive, or begin one.
 *
 * request  what is archived, and how, as a text of one line: rows of another one are forgotten
 * key      that only this user has, for the rows' MACs; lent until journal_free. NULL: rows
 *          have none, and none is proven
 */
struct journal *journal_open(const char *path, const char *request, const char *key,
                             struct err *err) MUST_CHECK;

/* Read a journal's bytes; a pure function, for fuzzers. journal_free releases it. */
struct journal *journal_parse(const char *text, size_t len, const char *request,
                              const char *key, struct err *err) MUST_CHECK;

/* The row of a path, the last one that was written; NULL: none. Lent until journal_free. */
const struct journal_row *journal_find(const struct journal *journal, const char *path);

/*
 * The first row that was read, from which `next` leads to the others, in the order in which
 * their paths first came; NULL: none.
 */
const struct journal_row *journal_first(const struct journal *journal);

/* Append a row; journal_flush writes it, so that a process that ends in any way leaves it. */
int journal_add(struct journal *journal, const struct journal_row *row,
                struct err *err) MUST_CHECK;

/* Write the rows that were added: before who added them waits for anything. */
int journal_flush(struct journal *journal, struct err *err) MUST_CHECK;

/* Close and release. remove: take the file away. */
void journal_free(struct journal *journal, bool remove);

#endif
