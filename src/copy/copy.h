/* SPDX-License-Identifier: MIT */
/*
 * copy: writes a copy of an archive for others, in which secrets are masked and files that
 * cannot be masked are left out.
 *
 * The archive is read twice: first to learn what the rules take out, then to mask it wherever
 * it is. Contents that stay are compared with their digests in the manifest while they are
 * copied. The copy is an archive like any other, with a view of its own, made from the masked
 * texts.
 *
 * Units    bytes
 * Errors   ERR_MISMATCH for a damaged archive; those of volume, copy_plan and text_mask;
 *          ERR_CANCELLED
 * Owns     nothing
 * Threads  one; starts those of the volume
 * Source   docs/redact.md
 */
#ifndef COPY_COPY_H
#define COPY_COPY_H

#include "base/err.h"
#include "base/pulse.h"
#include "format/container.h"
#include "mask/rules.h"
#include "reader/archive_reader.h"
#include "view/page.h"

#include <stdbool.h>
#include <stdint.h>

/* What was done with a file; valid for the call. */
struct copy_report {
    const char *path;       /* masked */
    const char *removed;    /* the rule that left the file out, or NULL */
    const uint64_t *counts; /* masks by each rule, if it stays */
};

struct copy_opts {
    const char *from;
    const char *to; /* NULL: write nothing, only count */
    enum container format;
    const char *top;  /* the copy's top directory */
    const char *tool; /* "skyarc/1.0" */
    const struct rules *rules;
    struct page *page; /* the copy's view; NULL: none */
    unsigned mode;
    unsigned workers;
    bool force;
    bool digests; /* name the digests of what was masked or left out */
    /* Called for each file that is masked or left out. */
    void (*report)(void *ctx, const struct copy_report *file);
    void *ctx;
    struct stop stop;
    struct archive_reader_watcher watcher;
};

struct copy_result {
    uint64_t files;   /* of the original, without its view */
    uint64_t changed; /* files with masks, or with another name */
    uint64_t removed;
    uint64_t counts[RULES_MAX]; /* masks by each rule, in files and in the manifest */
    uint8_t original[SHA256_SIZE];
    uint8_t manifest[SHA256_SIZE]; /* of the copy */
    uint64_t size;                 /* of the copy */
};

/* Write the copy, or count what would be taken out. */
int copy_run(const struct copy_opts *opts, struct copy_result *result,
             struct err *err) MUST_CHECK;

#endif
