/* SPDX-License-Identifier: MIT */
/*
 * page: index.html, the offline view of an archive.
 *
 * One static page that is opened by file:// beside data/. It contains a style sheet, a script,
 * and all data as JSON in inert script elements, which the script inserts into the document as
 * text. A Content-Security-Policy allows only that script and style (by their digests), and
 * images and videos from files. Hence content from web pages and servers is shown, but never
 * executed.
 *
 * The input is the rows of the manifest and the texts of artifacts, in any order. Both are
 * buffered in unnamed temporary files, so that memory does not grow with them.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM if a file fails, ERR_MEMORY
 * Owns     its files
 * Threads  one at a time
 * Source   the HTML standard's rules for script data; CSP level 3
 */
#ifndef VIEW_PAGE_H
#define VIEW_PAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "format/manifest_read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE_TEXT_MAX    ((size_t)256 << 10) /* limit of one text; longer texts are truncated */
/* limit of all texts; a quarter of it for captured pages */
#define PAGE_TEXTS_MAX   ((uint64_t)32 << 20)
#define PAGE_RECORD_MAX  ((size_t)2 << 20)    /* limit of one record */
#define PAGE_RECORDS_MAX ((uint64_t)16 << 20) /* limit of all records, besides texts */

struct page;

/* Create a page; dir: for its temporary files. */
struct page *page_new(const char *dir, struct err *err) MUST_CHECK;

/* Free a page and its files; NULL is fine. */
void page_free(struct page *page);

/* Appends a redacted copy of a text. */
typedef int page_clean_fn(struct buf *out, const char *text, size_t len, struct err *err);

/* Copies a text as it is: what a new page does. */
page_clean_fn page_keep_text;

/* Redact the runs' records and rows by this function; for archives of unknown origin. */
void page_clean(struct page *page, page_clean_fn *clean);

/*
 * How many bytes of a file the page uses, from its beginning; 0: none.
 *
 * type     type of the artifact; NULL if it has none
 */
size_t page_wants(const struct page *page, const char *type, const char *media_type,
                  uint64_t size);

/* Add the first len bytes of a file; size: of the whole file. */
int page_text(struct page *page, const char *path, const char *type, const char *bytes,
              size_t len, uint64_t size, struct err *err) MUST_CHECK;

/* Reads the next bytes of a file: returns their number, 0 at the end, -1 on error. */
typedef ssize_t page_read_fn(void *ctx, void *bytes, size_t len, struct err *err);

struct page_file {
    const char *path;
    const char *type;
    const char *media_type; /* NULL: a document; the page uses run.json and records */
    uint64_t size;
};

/* Read the part of a file that the page uses, and add it; no effect if the page uses none. */
int page_take(struct page *page, const struct page_file *file, page_read_fn *read, void *ctx,
              struct err *err) MUST_CHECK;

/* Add a row of the manifest; a manifest_read_fn, ctx is the page. */
int page_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
             struct err *err) MUST_CHECK;

/* How a page of chosen runs begins, within its first PAGE_MARK_AT bytes. */
#define PAGE_MARK    "<meta name=\"generator\" content=\"skyarc: chosen runs\">"
#define PAGE_MARK_AT 512

/* Mark the page as one of chosen runs: PAGE_MARK. */
void page_mark(struct page *page);

/* Write the page; the result is deterministic. */
int page_write(struct page *page, const char *title, put_fn *put, void *ctx,
               struct err *err) MUST_CHECK;

#endif
