/* SPDX-License-Identifier: MIT */
/*
 * page: the offline view of an archive: index.html, and view/RUN_ID.js for each run.
 *
 * index.html is a static page that is opened by file:// beside data/ and view/. It contains a
 * style sheet, a script, and a short row of each run as JSON in an inert script element. When a
 * run is opened, its script loads the run's sidecar (view/sidecar), which contains one string.
 * All data is inserted into the document as text. A Content-Security-Policy allows only that
 * script (by its digest) and what it loads, only that style, and images, videos and sandboxed
 * frames from files; Trusted Types allow it to load nothing but sidecars. Hence content from
 * web pages and servers is shown, but never executed.
 *
 * The input is the rows of the manifest and the texts of artifacts, in any order. Both are
 * buffered in unnamed temporary files, so that memory does not grow with them.
 *
 * Copied into sidecars are the runs' records, whatever their number, and texts up to a budget:
 * requests of HAR files, logs, captured pages, what models were asked and answered, and trees
 * of elements. Other texts are shown from their own files.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM if a file fails, ERR_MEMORY
 * Owns     its files
 * Threads  one at a time
 * Source   the HTML standard's rules for script data; CSP level 3; Trusted Types
 */
#ifndef VIEW_PAGE_H
#define VIEW_PAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "format/manifest_read.h"
#include "view/sidecar.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE_TEXT_MAX   ((size_t)256 << 10) /* limit of one text; longer texts are truncated */
#define PAGE_RECORD_MAX ((size_t)2 << 20)   /* limit of one record; longer ones are links */
/*
 * The texts together are at most 1/PAGE_SHARE of the bytes of the artifacts, where a byte of a
 * picture or recording counts as PAGE_MEDIA, since it cannot be compressed, as texts can; and
 * those of the first run that failed (or the first) 1/PAGE_LEAD_SHARE more, within limits.
 */
#define PAGE_SHARE      128
#define PAGE_MEDIA      2
#define PAGE_LEAD_SHARE 128
#define PAGE_LEAD_MIN   ((uint64_t)64 << 10)
#define PAGE_LEAD_MAX   ((uint64_t)512 << 10)

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

struct page_file {
    const char *path;       /* data/RUN_ID/... */
    const char *type;       /* type of the artifact; NULL if it has none */
    const char *media_type; /* NULL: a document; the page uses run.json and records */
    uint64_t size;
};

/* How many bytes of a file the page may use, from its beginning; 0: none. */
size_t page_wants(const struct page_file *file);

/* The same of a page that is served, which has more kinds of texts. */
size_t page_live_wants(const struct page_file *file);

/* The parts in which a page that is served asks for the texts of a run. */
enum page_part {
    PAGE_PART_RECORDS, /* the run's records: enough to begin with */
    PAGE_PART_LINES,   /* what has times: requests, logs, recordings; and the model's answers */
    PAGE_PART_TEXTS,   /* all others */
    PAGE_PARTS
};

/* The part that a file belongs to. */
enum page_part page_part_of(const struct page_file *file);

/* Add the first len bytes of a file: as many as page_wants says. */
int page_text(struct page *page, const struct page_file *file, const char *bytes, size_t len,
              struct err *err) MUST_CHECK;

/* Reads the next bytes of a file: returns their number, 0 at the end, -1 on error. */
typedef ssize_t page_read_fn(void *ctx, void *bytes, size_t len, struct err *err);

/* Read the part of a file that the page uses, and add it; no effect if the page uses none. */
int page_take(struct page *page, const struct page_file *file, page_read_fn *read, void *ctx,
              struct err *err) MUST_CHECK;

/*
 * State what the archive will have, before the first file is added: then less is buffered.
 *
 * bytes    of all artifacts, at the most
 * lead_id  the first run that failed, or the first run
 */
int page_expect(struct page *page, uint64_t bytes, const char *lead_id,
                struct err *err) MUST_CHECK;

/*
 * Record that a run has failed, before its row is added: from now on its texts are preferred.
 */
int page_failed(struct page *page, const char *run_id, struct err *err) MUST_CHECK;

/* Add a row of the manifest; a manifest_read_fn, ctx is the page. */
int page_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
             struct err *err) MUST_CHECK;

/* Add a row of an artifact that was not made from text; `page_row` does the same for a text. */
int page_artifact(struct page *page, const struct manifest_read_artifact *row,
                  struct err *err) MUST_CHECK;

/* How a page of chosen runs begins, within its first PAGE_MARK_AT bytes. */
#define PAGE_MARK    "<meta name=\"generator\" content=\"skyarc: chosen runs\">"
#define PAGE_MARK_AT 512

/* Mark the page as one of chosen runs: PAGE_MARK. */
void page_mark(struct page *page);

/* How a page that is served by HTTP begins; data.js looks for it. */
#define PAGE_LIVE_MARK "<meta name=\"generator\" content=\"skyarc: live\">"

/*
 * Make the page one that is served by HTTP: it gets the data of runs (page_put_json) and all
 * files from the server that it came from, and more texts are copied, up to TEXTS_MAX.
 */
void page_live(struct page *page);

/*
 * Choose the texts, once, when all rows and texts were added: the functions below need it, and
 * nothing is added afterwards.
 */
int page_settle(struct page *page, struct err *err) MUST_CHECK;

/*
 * Whether adding or settling failed because the page's own files could not be written: the
 * archive can be written without the view then.
 */
bool page_broken(const struct page *page);

/* A file of the view, below the archive's top directory. */
struct page_sidecar {
    char path[SIDECAR_PATH_MAX];
    uint64_t size;
};

/* The number of sidecars, some of which may not exist. */
size_t page_sidecars(const struct page *page);

/* Describe the nth sidecar; false: it does not exist. */
bool page_sidecar(struct page *page, size_t n, struct page_sidecar *out);

/* Write the nth sidecar. */
int page_put_sidecar(struct page *page, size_t n, put_fn *put, void *ctx,
                     struct err *err) MUST_CHECK;

/* Write the short rows of all runs, as in index.html, as JSON: {"runs": [...]}. */
int page_put_rows(struct page *page, put_fn *put, void *ctx, struct err *err) MUST_CHECK;

/* Write the JSON in the nth sidecar, for a page that is served by HTTP. */
int page_put_json(struct page *page, size_t n, put_fn *put, void *ctx,
                  struct err *err) MUST_CHECK;

/*
 * Write index.html; the same bytes each time.
 *
 * whole  with the sidecars' contents in it: a page that needs no other files
 */
int page_write(struct page *page, const char *title, bool whole, put_fn *put, void *ctx,
               struct err *err) MUST_CHECK;

#endif
