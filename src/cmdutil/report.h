/* SPDX-License-Identifier: MIT */
/*
 * report: the offline view of an existing archive.
 *
 * The archive is read once, sequentially; damaged texts are left out and logged.
 *
 * Errors   those of reading; ERR_SYSTEM
 * Owns     the page being built, until report_free
 * Threads  one
 */
#ifndef CMDUTIL_REPORT_H
#define CMDUTIL_REPORT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/pulse.h"
#include "cli/opt.h"

#include <stdbool.h>

struct report;

/* Create an empty report; temporary files without names are opened in dir. */
struct report *report_new(const char *dir, struct err *err) MUST_CHECK;

/* Whether a document, given by its path, is of one of these runs. */
bool report_is_of(const struct opt_list *runs, const char *path);

/*
 * Tell where the page will be placed: below dir (borrowed until report_free), in the folder of
 * the archive (source_folder). Call before the sandbox is entered.
 *
 * A page of chosen runs (report_only) is then also of the other runs of the archive that have
 * files in that folder; and report_place replaces an earlier page of chosen runs there, but
 * none of a whole bag, and no other file. (Such a page is not replaced in a folder with a name
 * that is known only after the archive was opened.)
 */
void report_beside(struct report *report, const char *dir, const char *archive);

/* Leave out everything of other runs than these; runs is borrowed until report_free. */
int report_only(struct report *report, const struct opt_list *runs, struct err *err) MUST_CHECK;

/* Log each of these runs of which there is nothing in the archive, unless it has none of them;
 * returns how many there are. */
size_t report_unmatched(const struct report *report);

/* Read an archive; call once. stop is polled. */
int report_read(struct report *report, const char *archive, struct stop stop,
                struct err *err) MUST_CHECK;

/* Whether the page lacks texts since the archive is damaged, which was logged. */
bool report_lacks(const struct report *report);

/* Free a report; NULL is fine. */
void report_free(struct report *report);

/* The archive's top directory; valid until report_free. */
const char *report_top(const struct report *report);

/* Write one page that contains all its texts; a file_maker, ctx is the report. */
int report_write(void *ctx, put_fn *put, void *put_ctx, struct err *err) MUST_CHECK;

/* Where report_place writes a view: DIR/TOP/index.html and DIR/TOP/view/RUN_ID.js. */
struct report_spot {
    const char *dir;
    const char *top; /* in place of the archive's top directory */
    unsigned mode;
    bool force; /* replace an existing file; else that is ERR_EXISTS, but see report_beside */
};

/* Write the view below a directory as extraction would: top may come from an archive. */
int report_place(struct report *report, const struct report_spot *spot,
                 struct err *err) MUST_CHECK;

#endif
