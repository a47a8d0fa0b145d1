/* SPDX-License-Identifier: MIT */
/*
 * text_index: the full-text index of the catalog.
 *
 * The table `texts` has one text for each row of `runs` (prompt, title, output and failure
 * reason, added by a trigger) and, for volumes whose texts were imported (sync/text_import),
 * one for each log and LLM text of their artifacts. `text_index` is an FTS5 table over it with
 * the tokenizer trigram: it finds any part of a text that has three characters or more.
 * Triggers keep both consistent, so that they change in the transaction that changes the run.
 *
 * The FTS5 table has `texts` as its external content. A contentless table would need SQLite
 * 3.43 to delete rows, and shorter searches, which no trigram matches, need the texts.
 *
 * SQLite 3.40 leaves deleted terms in the index until its segments are merged, and deleted
 * bytes in free space of the file. text_index_purge removes both.
 *
 * Units    bytes
 * Errors   the catalog's
 * Owns     nothing; texts are borrowed for the call
 * Threads  the catalog's
 * Source   sqlite.org/fts5.html; docs/sync.md, "Searching texts"
 */
#ifndef CATALOG_TEXT_INDEX_H
#define CATALOG_TEXT_INDEX_H

#include "base/buf.h"
#include "base/err.h"
#include "catalog/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_INDEX_LEAST 3  /* characters of the shortest text that the index finds */
#define TEXT_INDEX_MOST  64 /* characters of a searched text for which the index is asked */

#define TEXT_INDEX_SAMPLE 64 /* texts that are looked up by text_index_check */

/* How a text is searched. */
enum text_index_way {
    TEXT_INDEX_SCAN,  /* the index cannot find it: each text is read */
    TEXT_INDEX_CHECK, /* the index finds all texts with it, and some without */
    TEXT_INDEX_EXACT  /* the index finds exactly the texts with it, but U+212A counts as k, and
                       * U+017F as s */
};

/*
 * Write the FTS5 query that finds a text, which is quoted: nothing in it is an operator.
 *
 * query    gets the query; nothing for TEXT_INDEX_SCAN
 * returns  enum text_index_way, or -1
 */
int text_index_query(struct buf *query, const char *text, struct err *err) MUST_CHECK;

/*
 * Add a text of a run that is in the catalog, within a transaction.
 *
 * path  the artifact's, in the volume
 * text  len bytes of UTF-8 without NUL
 */
int text_index_add(struct db *c, int64_t volume, const char *run_id, const char *path,
                   const char *text, size_t len, struct err *err) MUST_CHECK;

/* Record that the texts of a volume's artifacts were added, within a transaction. */
int text_index_added(struct db *c, int64_t volume, struct err *err) MUST_CHECK;

/* Whether the texts of a volume's artifacts were added: 1, 0 (also: no such volume), or -1. */
int text_index_has(struct db *c, const char *volume, struct err *err) MUST_CHECK;

/* Get the ID of a volume whose artifacts' texts were not added: 1; 0: there is none; or -1. */
int text_index_lacks(struct db *c, const char *volume, int64_t *id, struct err *err) MUST_CHECK;

/* How many volumes have the texts of their artifacts in the index, and how many there are. */
int text_index_cover(struct db *c, int64_t *with, int64_t *all, struct err *err) MUST_CHECK;

/* Note within a transaction that text_index_purge is needed: runs are removed, and their texts
 * must leave the file, too. */
int text_index_note_purge(struct db *c, struct err *err) MUST_CHECK;

/*
 * If something was noted: merge the index, rewrite the file without free space, and empty the
 * write-ahead log, so that nothing of removed runs is in the files of the catalog.
 *
 * returns  1: nothing is left; 0: another process is reading, so that the note stays for the
 *          next call; -1: error, and the note stays
 */
int text_index_purge(struct db *c, struct err *err) MUST_CHECK;

/*
 * Compare the index with the texts: whether each has a row of the other, and whether the index
 * finds TEXT_INDEX_SAMPLE of the texts, evenly chosen. ERR_FORMAT: they differ. The database's
 * own check does not do this before SQLite 3.44; that of FTS5 reads all texts, and writes.
 */
int text_index_check(struct db *c, struct err *err) MUST_CHECK;

#endif
