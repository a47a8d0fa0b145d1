/* SPDX-License-Identifier: MIT */
/*
 * page: index.html, the offline view of what an archive holds.
 *
 * One static page that opens by file:// beside data/: a style, a script, and
 * everything else as JSON in inert script elements, which the script puts into
 * the document as text. A Content-Security-Policy lets nothing run or load but
 * these two (by their digests) and pictures and films from files. What pages
 * and servers said is therefore shown, and never executed.
 *
 * Fed with the manifest's rows and with the texts of artifacts, in any order;
 * both wait in files without names, so that memory does not grow with them.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM when a file fails, ERR_MEMORY
 * Owns     its files
 * Threads  one at a time
 * Source   HTML's rules for script data; CSP level 3
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

#define PAGE_NAME      "index.html"
#define PAGE_TEXT_MAX  ((size_t)256 << 10)  /* of one text; more is cut */
#define PAGE_TEXTS_MAX ((uint64_t)32 << 20) /* of all texts, a quarter of it captured pages */
#define PAGE_RECORD_MAX                                                                        \
    ((size_t)2 << 20) /* of one record of a run; larger ones are left out                      \
                       */
#define PAGE_RECORDS_MAX ((uint64_t)16 << 20) /* of all of them, beside the texts */

struct page;

/* dir: for the files without names. */
struct page *page_new(const char *dir, struct err *err) MUST_CHECK;

/* Free a page and its files; NULL is fine. */
void page_free(struct page *page);

/* Appends a clean copy of a text. */
typedef int page_clean_fn(struct buf *out, const char *text, size_t len, struct err *err);

/* Run this over the runs' records and rows; for archives whose maker is not known. */
void page_clean(struct page *page, page_clean_fn *clean);

/*
 * How many bytes of a file the page wants, from its beginning; 0: none.
 *
 * type     of the artifact; NULL where it has none
 */
size_t page_wants(const struct page *page, const char *type, const char *media_type,
                  uint64_t size);

/* Take these bytes of a file, of size in all. */
int page_text(struct page *page, const char *path, const char *type, const char *bytes,
              size_t len, uint64_t size, struct err *err) MUST_CHECK;

/* Reads on in a file: the bytes read, 0 at its end, -1 on error. */
typedef ssize_t page_read_fn(void *ctx, void *bytes, size_t len, struct err *err);

struct page_file {
    const char *path;
    const char *type;
    const char *media_type; /* NULL: a document; run.json and runs' records are wanted */
    uint64_t size;
};

/* Read of a file what the page wants, and take it; nothing, when it wants nothing. */
int page_take(struct page *page, const struct page_file *file, page_read_fn *read, void *ctx,
              struct err *err) MUST_CHECK;

/* A manifest's row; a manifest_read_fn, ctx being the page. */
int page_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
             struct err *err) MUST_CHECK;

/* Write the page; the same bytes each time. */
int page_write(struct page *page, const char *title, put_fn *put, void *ctx,
               struct err *err) MUST_CHECK;

#endif
