/* SPDX-License-Identifier: MIT */
#include "evidence/glance.h"

#include "base/buf.h"
#include "base/text.h"
#include "evidence/signature.h"
#include "format/manifest_read.h"
#include "reader/archive_reader.h"
#include "storage/range_file.h"

#include <stdio.h>

/* A manifest being read. */
struct glancing {
    struct glance *glance;
    struct region *region;
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

static int look_at_signature(const char *archive, const char *signers, struct stop stop,
                             const struct manifest_digests *manifest, struct glancing *g,
                             struct err *err)
{
    char *path = mem_format(err, "%s.sig", archive);
    const struct signature what = { path, signers, stop };
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

int glance_at(const char *archive, const char *signers, struct stop stop, struct glance *glance,
              struct region *region, struct err *err)
{
    struct glancing glancing = { glance, region };
    struct archive_reader reader = { 0 };
    struct manifest_digests manifest = { .size = 0 };
    int rc;

    *glance = (struct glance){ .previous = "" };
    rc = archive_reader_open(&reader, archive, err);
    archive_reader_watch(&reader, stop, archive_reader_unwatched());
    if (rc == 0)
        rc = manifest_scan(&reader, on_row, &glancing, &manifest, err);
    archive_reader_close(&reader);
    if (rc < 0)
        return -1;
    text_hex(glance->sha256, manifest.sha256, SHA256_SIZE);
    return look_at_signature(archive, signers, stop, &manifest, &glancing, err);
}
