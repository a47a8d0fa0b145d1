/* SPDX-License-Identifier: MIT */
/*
 * text_import: puts the logs and LLM texts of a volume into the full-text index of the catalog.
 *
 * The texts come from the volume itself, so that a rebuilt catalog has the same ones. Of each
 * run, files are taken up to TEXT_IMPORT_RUN_MAX: first the console, action and run logs, then
 * the answers of LLMs, then the prompts, then what repeats these (skyvern_log_raw,
 * llm_request); in each of these groups in the order of the archive. A file counts with its
 * size, or TEXT_IMPORT_FILE_MAX if it is larger. What is damaged is left out, and logged.
 *
 * Units    bytes
 * Limits   TEXT_IMPORT_FILE_MAX for the text of one file, which ends with a whole character;
 *          TEXT_IMPORT_READ_MAX of its content are read for that; TEXT_IMPORT_FILES files of a
 *          volume, further ones are ignored
 * Errors   the archive's, the catalog's, ERR_CANCELLED
 * Owns     nothing
 * Threads  one
 * Source   docs/sync.md, "Searching texts"
 */
#ifndef SYNC_TEXT_IMPORT_H
#define SYNC_TEXT_IMPORT_H

#include "base/err.h"
#include "base/pulse.h"
#include "catalog/db.h"
#include "reader/archive_reader.h"

#include <stdbool.h>
#include <stdint.h>

#define TEXT_IMPORT_FILE_MAX ((size_t)256 << 10)
#define TEXT_IMPORT_RUN_MAX  ((uint64_t)1 << 20)
#define TEXT_IMPORT_READ_MAX ((size_t)8 << 20)
#define TEXT_IMPORT_FILES    ((size_t)1 << 20)

/*
 * Add the texts of a volume, within the transaction that adds the volume, or a later one.
 *
 * volume           its ID in the catalog
 * reader           the open archive, whose manifest was scanned
 * *catalog_failed  set if the catalog failed, not the volume
 */
int text_import(struct db *catalog, int64_t volume, struct archive_reader *reader,
                const struct stop *stop, bool *catalog_failed, struct err *err) MUST_CHECK;

#endif
