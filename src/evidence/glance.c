/* SPDX-License-Identifier: MIT */
#include "evidence/glance.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/path.h"
#include "base/text.h"
#include "evidence/signature.h"
#include "evidence/time_stamps.h"
#include "format/manifest_read.h"
#include "reader/archive_reader.h"
#include "storage/range_file.h"

#include <stdio.h>

#define STAMPS_MAX ((size_t)TSP_MOST * (TSP_WHO_MAX + 64))

/* An archive being looked at. */
struct glancing {
    const struct glance_opts *opts;
    struct glance *glance;
    struct region *region;
    struct buf stamps; /* the valid ones, as text */
    struct err wrong;  /* of the first time stamp that is not valid */
};

/* Take the predecessor; a manifest_read_fn. */
static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct glancing *glancing = ctx;
    struct manifest_read_name previous;

    if (section != MANIFEST_READ_PREVIOUS)
        return 0;
    if (manifest_read_name(&previous, section, text, len, glancing->region, err) < 0)
        return -1;
    glancing->glance->previous = previous.name;
    text_hex(glancing->glance->previous_sha256, previous.sha256, SHA256_SIZE);
    return 0;
}

/* Whether a file or object can be read. */
static bool exists(const char *path)
{
    struct buf bytes;
    struct err ignored;
    int rc;

    buf_init(&bytes, SSHSIG_FILE_MAX);
    rc = range_file_load(path, &bytes, &ignored);
    buf_clear(&bytes);
    return rc == 0 || ignored.kind == ERR_LIMIT;
}

static int look_at_signature(const char *archive, const struct manifest_digests *manifest,
                             struct glancing *g, struct err *err)
{
    const char *signers = g->opts->signers;
    char *path = mem_format(err, "%s" SSHSIG_SUFFIX, archive);
    const struct signature what = { path, signers, g->opts->stop };
    char who[SSHSIG_WHO_MAX];
    char text[SSHSIG_WHO_MAX + 32];
    struct err why;

    if (!path)
        return -1;
    (void)snprintf(text, sizeof(text), "not signed");
    if (exists(path) && !signers) {
        (void)snprintf(text, sizeof(text), "signed, not checked");
    } else if (exists(path) && signature_check(&what, manifest, who, &why) == 0) {
        (void)snprintf(text, sizeof(text), "signed by %s", who);
    } else if (exists(path)) {
        (void)snprintf(text, sizeof(text), "not valid");
        g->glance->fault = region_text(g->region, why.text, err);
    }
    g->glance->signature = region_text(g->region, text, err);
    mem_free(path);
    return g->glance->signature ? 0 : -1;
}

/* Note a time stamp; a time_stamps_fn. */
static int on_stamp(void *ctx, const char *path, const struct tsp_stamp *stamp,
                    const struct err *why, struct err *err)
{
    struct glancing *g = ctx;
    char when[CLOCK_TEXT_MAX];

    if (!why)
        return buf_addf(&g->stamps, err, "%s%s by %s", g->stamps.len ? "; " : "",
                        clock_format(when, stamp->at_ms, CLOCK_RFC3339), stamp->who);
    if (!g->wrong.kind) {
        g->wrong = *why;
        (void)err_wrap(&g->wrong, "'%s'", path_base(path));
    }
    return 0;
}

static int look_at_stamps(const char *archive, const struct manifest_digests *manifest,
                          struct glancing *g, struct err *err)
{
    const struct time_stamps stamps = { archive, NULL, manifest->sha256, g->opts->trust };
    int rc;

    buf_init(&g->stamps, STAMPS_MAX);
    rc = time_stamps_each(&stamps, on_stamp, g, err);
    if (rc == 0 && g->stamps.len && !g->opts->trust)
        rc = buf_addf(&g->stamps, err, " (authority not checked)");
    if (rc == 0 && !g->stamps.len && g->wrong.kind && !g->glance->fault) {
        g->glance->fault = region_text(g->region, g->wrong.text, err);
        rc = g->glance->fault ? 0 : -1;
    }
    if (rc == 0) {
        const char *text = g->stamps.len   ? buf_text(&g->stamps)
                           : g->wrong.kind ? "not valid"
                                           : "no time stamp";

        g->glance->stamped = region_text(g->region, text, err);
        rc = g->glance->stamped ? 0 : -1;
    }
    buf_clear(&g->stamps);
    return rc;
}

int glance_at(const char *archive, const struct glance_opts *opts, struct glance *glance,
              struct region *region, struct err *err)
{
    struct glancing glancing = { .opts = opts, .glance = glance, .region = region };
    struct archive_reader reader = { 0 };
    struct manifest_digests manifest = { .size = 0 };
    int rc;

    *glance = (struct glance){ .previous = "" };
    rc = archive_reader_open(&reader, archive, err);
    archive_reader_watch(&reader, opts->stop, archive_reader_unwatched());
    if (rc == 0)
        rc = manifest_scan(&reader, on_row, &glancing, &manifest, err);
    archive_reader_close(&reader);
    if (rc < 0)
        return -1;
    text_hex(glance->sha256, manifest.sha256, SHA256_SIZE);
    return look_at_signature(archive, &manifest, &glancing, err) < 0
               ? -1
               : look_at_stamps(archive, &manifest, &glancing, err);
}
