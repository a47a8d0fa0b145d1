/* SPDX-License-Identifier: MIT */
/*
 * copy_tags: writes the tag files of a redacted copy: its view, its manifest with the places of
 * the files, and the BagIt files.
 *
 * Units    bytes
 * Errors   those of pull/tag_writer
 * Owns     nothing
 * Threads  one
 */
#ifndef COPY_COPY_TAGS_H
#define COPY_COPY_TAGS_H

#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "copy/copy_plan.h"
#include "view/page.h"
#include "writer/volume.h"

#include <stdint.h>

struct copy_tags {
    const struct copy_plan *plan; /* all files are written */
    const struct json *masked;    /* the manifest that copy_manifest_make wrote */
    struct volume *volume;
    struct page *page; /* NULL: no view */
    const char *top;   /* the copy's top directory */
    const char *tool;
};

/* Write all tag files; sha256 gets the manifest's digest. The volume is not finished. */
int copy_tags_write(const struct copy_tags *tags, uint8_t sha256[SHA256_SIZE],
                    struct err *err) MUST_CHECK;

#endif
