/* SPDX-License-Identifier: MIT */
/*
 * journal: lists the artifacts in OUTPUT.partial with their metadata.
 *
 * One line of JSON per artifact, appended when the packer has stored it; the first line names
 * the request. The journal is only a hint: artifacts that it lists are read again from the
 * unfinished archive and hashed, so that it may list more or less than the archive has, or be
 * truncated.
 *
 * Units    bytes; milliseconds since 1970
 * Errors   ERR_SYSTEM; unreadable parts of a journal are ignored
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
#define JOURNAL_MAX    ((size_t)4 << 30) /* maximum bytes of a journal */

/* One artifact; missing texts are NULL. */
struct journal_row {
    const char *path; /* below the top directory */
    const char *run_id;
    const char *artifact_id;
    const char *via;
    const char *duplicate_of; /* a path */
    const char *listed;       /* size, time and type by the list: see restore */
    const char *media_type;   /* of its content */
    const char *notes;        /* see packed_notes_text */
    uint64_t http_status;
    uint64_t attempts;
    uint64_t fetched_at;
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
    bool proven; /* read: the row has a valid MAC by this user's key */
    bool mismatch;
    bool beside_zip; /* it is a member of a ZIP that was stored as a file, too */
    bool encoded;    /* it was received zstd-compressed: its size and digest as received */
    uint64_t encoded_size;
    uint8_t encoded_sha256[SHA256_SIZE];
    const struct journal_row *next; /* read: see journal_first */
};

/* A note about the attempts before, as journal_note got it; see journal_notes. */
struct journal_note {
    const char *json;
    size_t len;
    const struct journal_note *next;
};

struct journal;
struct pagefile;

/*
 * Open the journal of an unfinished archive, or create one; for tests.
 *
 * request  what is archived, and how, as a text of one line: rows of another request are
 *          discarded
 * key      secret key of this user, for the rows' MACs; NULL: rows have no MAC, and none is
 *          proven
 */
struct journal *journal_open(const char *path, const char *request, const char *key,
                             struct err *err) MUST_CHECK;

/* The same with its rows on a page file, which must outlive it (NULL: in memory). */
struct journal *journal_open_on(struct pagefile *file, const char *path, const char *request,
                                const char *key, struct err *err) MUST_CHECK;

/* Read a journal, as journal_open_on, and change nothing. */
struct journal *journal_load_on(struct pagefile *file, const char *path, const char *request,
                                const char *key, struct err *err) MUST_CHECK;

/* Parse a journal's bytes; a pure function, for fuzzers. journal_free releases it. */
struct journal *journal_parse(const char *text, size_t len, const char *request,
                              const char *key, struct err *err) MUST_CHECK;

/* The last written row of a path; NULL: none. Valid until journal_free. */
const struct journal_row *journal_find(const struct journal *journal, const char *path);

/*
 * The first row that was read, from which `next` leads to the others, in the order in which
 * their paths first came; NULL: none.
 */
const struct journal_row *journal_first(const struct journal *journal);

/* Append a row; journal_flush writes it, so that it survives any end of the process. */
int journal_add(struct journal *journal, const struct journal_row *row,
                struct err *err) MUST_CHECK;

/* Whether there is a journal of this request, which this user wrote. Changes nothing. */
bool journal_is_of(const char *path, const char *request);

/*
 * Append a note: a JSON object of one line that is no row. Notes are kept for the next attempt
 * of the same request, if they have a valid MAC; journal_flush writes them, too.
 */
int journal_note(struct journal *journal, const char *json, size_t len,
                 struct err *err) MUST_CHECK;

/* The first note that was read, from which `next` leads to the others; NULL: none. */
const struct journal_note *journal_notes(const struct journal *journal);

/* Write the appended rows; call this before waiting for anything. */
int journal_flush(struct journal *journal, struct err *err) MUST_CHECK;

/* Close and release. remove: delete the file. */
void journal_free(struct journal *journal, bool remove);

#endif
