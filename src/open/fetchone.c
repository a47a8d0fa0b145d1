/* SPDX-License-Identifier: MIT */
#include "open/fetchone.h"

#include "base/mem.h"
#include "open/box.h"
#include "open/tape.h"

#include <stdio.h>
#include <string.h>

/* Looking for one row: by a path or an ID that stands somewhere in it. */
struct quest {
    const char *what;
    const char *below; /* what, without a first component: it may be the top directory */
    struct region *region;
    struct rows_artifact found;
    bool hit;
};

static int on_row(void *ctx, enum rows_section section, const char *text, size_t len,
                  struct err *err)
{
    struct quest *q = ctx;
    struct rows_artifact a;

    /* most rows do not even contain it, and need not be parsed */
    if (section != ROWS_ARTIFACTS || (!memmem(text, len, q->below, strlen(q->below)) &&
                                      !memmem(text, len, q->what, strlen(q->what))))
        return 0;
    if (rows_artifact(&a, text, len, q->region, err) < 0)
        return -1;
    if (strcmp(a.path, q->what) != 0 && strcmp(a.path, q->below) != 0 &&
        (!a.artifact_id || strcmp(a.artifact_id, q->what) != 0))
        return 0;
    q->found = a;
    q->hit = true;
    return 1;
}

/* Come to the entry of a path; from where the manifest says, or from the beginning. */
static int come_to(const struct box *box, struct tape *tape, const char *path, bool here,
                   struct tape_entry *entry, struct err *err)
{
    char full[4096];
    int rc;

    (void)snprintf(full, sizeof(full), "%s/%s", box->top, path);
    while ((rc = tape_next(tape, entry, err)) > 0) {
        if (strcmp(entry->path, full) == 0)
            return 0;
        if (here)
            return err_set(
                err, ERR_MISMATCH,
                "manifest and tar header disagree: '%.200s' is where '%.200s' should be",
                entry->path, full);
    }
    return rc < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "'%s' is not in the archive", path);
}

/* Put the entry of a row out; a link's target when it is one. */
static int put_row(struct box *box, struct quest *q, put_fn *put, void *ctx, struct err *err)
{
    bool here = q->found.offset != ROWS_NONE && box->indexed;
    struct tape *tape = tape_open(box, here ? q->found.offset : 0, UINT64_MAX, err);
    struct tape_entry entry;
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
    int rc = -1;

    if (tape && come_to(box, tape, q->found.path, here, &entry, err) == 0) {
        if (entry.kind != TAPE_FILE)
            (void)err_set(err, ERR_MISMATCH, "manifest and tar header disagree about '%.200s'",
                          q->found.path);
        else
            rc = tape_copy(tape, put, ctx, sha256, &size, err);
    }
    if (rc == 0 && memcmp(sha256, q->found.sha256, SHA256_SIZE) != 0)
        rc = err_set(err, ERR_MISMATCH,
                     "'%.200s' does not have the SHA-256 that the manifest gives",
                     q->found.path);
    tape_free(tape);
    return rc;
}

/* A file that is no artifact: read the archive until it comes. */
static int put_file(struct box *box, const char *what, const char *below, put_fn *put,
                    void *ctx, struct err *err)
{
    bool tag = strchr(below, '/') == NULL; /* the tag files come last */
    struct tape *tape =
        tape_open(box, box->indexed && tag ? box->locator.plain : 0, UINT64_MAX, err);
    struct tape_entry entry;
    uint8_t sha256[SHA256_SIZE];
    uint64_t size;
    size_t top = strlen(box->top);
    int rc = tape ? 1 : -1;

    while (rc > 0 && (rc = tape_next(tape, &entry, err)) > 0) {
        if (strncmp(entry.path, box->top, top) != 0 || entry.path[top] != '/' ||
            entry.kind != TAPE_FILE ||
            (strcmp(entry.path + top + 1, what) != 0 &&
             strcmp(entry.path + top + 1, below) != 0))
            continue;
        rc = tape_copy(tape, put, ctx, sha256, &size, err);
        tape_free(tape);
        return rc;
    }
    tape_free(tape);
    return rc < 0
               ? -1
               : err_set(err, ERR_NOT_FOUND, "there is no '%.200s' in '%s'", what, box->path);
}

/* Look for a row; a link leads to another. */
static int look(struct box *box, struct quest *q, struct err *err)
{
    if (box_manifest(box, on_row, q, NULL, err) < 0)
        return -1;
    if (!q->hit || !q->found.link || !q->found.duplicate_of)
        return 0;
    q->what = q->below = q->found.duplicate_of;
    q->hit = false;
    if (box_manifest(box, on_row, q, NULL, err) < 0)
        return -1;
    return q->hit ? 0 : err_set(err, ERR_MISMATCH, "'%.200s' is a link to nothing", q->what);
}

int fetchone(const char *archive, const char *what, put_fn *put, void *ctx, struct err *err)
{
    const char *slash = strchr(what, '/');
    struct quest q = { .what = what, .below = what };
    struct box box = { 0 };
    int rc = -1;

    if (slash && slash[1] && strncmp(what, "data/", 5) != 0)
        q.below = slash + 1;
    q.region = region_new(err);
    if (q.region && box_open(&box, archive, err) == 0 && look(&box, &q, err) == 0)
        rc = q.hit ? put_row(&box, &q, put, ctx, err)
                   : put_file(&box, what, q.below, put, ctx, err);
    if (rc < 0 && err->kind == ERR_MISMATCH)
        (void)err_wrap(err, "'%s'", archive);
    region_free(q.region);
    box_close(&box);
    return rc;
}
