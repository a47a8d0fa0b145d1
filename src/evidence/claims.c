/* SPDX-License-Identifier: MIT */
#include "evidence/claims.h"

#include "api/reason.h"
#include "api/run.h"
#include "attest/sshsig.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/path.h"
#include "base/text.h"
#include "evidence/signature.h"
#include "evidence/time_stamps.h"
#include "format/manifest_read.h"
#include "reader/archive_reader.h"
#include "storage/range_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STAMPS_MAX ((size_t)TSP_MOST * (TSP_WHO_MAX + 64))

/* An archive being looked at. */
struct glancing {
    const struct claims_opts *opts;
    struct claims *claims;
    struct region *region;
    struct buf stamps; /* the valid ones, as text */
    struct err wrong;  /* of the first time stamp that is not valid */
};

/* What the service did not list or deliver of a run, or NULL; text has room for it. */
static const char *flaw_of(struct json_value root, char text[64])
{
    static const char *const cut[][2] = {
        { RUN_NOTE_RECORDS_CUT, "its records are cut: the service has more pages" },
        { RUN_NOTE_ARTIFACTS_CUT, "its list of artifacts is cut" },
        { RUN_NOTE_CHILDREN_CUT, "not all runs that it started are known" },
    };
    struct json_value list = json_get(root, "records_missing");
    struct json_value at = { 0 };
    unsigned count = 0;
    size_t i;

    for (i = 0; i < sizeof(cut) / sizeof(*cut); i++) {
        if (json_has(json_get(root, "notes"), cut[i][0]))
            return cut[i][1];
    }
    for (at = json_next(list, at); json_type(at) != JSON_ABSENT; at = json_next(list, at))
        count += !json_is(json_get(at, "reason"), reason_word(REASON_NOT_OFFERED));
    if (!count)
        return NULL;
    (void)snprintf(text, 64, "%u record%s of it could not be fetched", count,
                   text_plural(count));
    return text;
}

/* Look at the row of a run. */
static int look_at_run(struct glancing *g, const char *text, size_t len, struct err *err)
{
    struct json *doc = json_parse(text, len, err);
    struct region *region = doc ? region_new(err) : NULL;
    char *run_id = NULL;
    char room[64];
    const char *what;
    int rc = region ? 0 : -1;

    if (rc == 0 && (what = flaw_of(json_root(doc), room)) &&
        (rc = json_string(json_get(json_root(doc), "run_id"), region, &run_id, err)) == 0)
        rc = g->opts->flaw(g->opts->ctx, run_id, what, err);
    region_free(region);
    json_free(doc);
    return rc;
}

/* Whether a filter leaves out artifacts. */
static int look_at_filter(struct glancing *g, const char *text, size_t len, struct err *err)
{
    struct manifest_filter filter;

    if (manifest_read_filter(&filter, text, len, g->region, err) < 0)
        return -1;
    g->claims->filtered = filter.type_count || filter.excluded_count || filter.name_count ||
                          filter.step_count || filter.larger_than != MANIFEST_NONE ||
                          filter.smaller_than != MANIFEST_NONE ||
                          filter.newer_us != CLOCK_NONE || filter.older_us != CLOCK_NONE;
    return 0;
}

/* Take what is wanted of the manifest; a manifest_read_fn. */
static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct glancing *glancing = ctx;
    struct manifest_read_name previous;

    if (section == MANIFEST_READ_RUNS)
        return look_at_run(glancing, text, len, err);
    if (section == MANIFEST_READ_FILTER)
        return look_at_filter(glancing, text, len, err);
    if (section != MANIFEST_READ_PREVIOUS)
        return 0;
    if (manifest_read_name(&previous, section, text, len, glancing->region, err) < 0)
        return -1;
    glancing->claims->previous = previous.name;
    text_hex(glancing->claims->previous_sha256, previous.sha256, SHA256_SIZE);
    return 0;
}

/* Look whether there is a signature, and whose. */
static int look_at_signature(const char *archive, const struct manifest_digests *manifest,
                             struct glancing *g, struct err *err)
{
    char *path = sshsig_path(archive, err);
    const struct signature what = { path, g->opts->signers, g->opts->stop };
    char who[SSHSIG_WHO_MAX];
    char text[SSHSIG_WHO_MAX + 32] = "signed, not checked";
    struct err why = { 0 };
    struct buf bytes;
    bool absent;
    int rc;

    if (!path)
        return -1;
    buf_init(&bytes, SSHSIG_FILE_MAX);
    rc = range_file_load_regular(path, &bytes, &why);
    buf_clear(&bytes);
    absent = rc < 0 && (why.kind == ERR_NOT_FOUND || why.os == ENOENT);
    if (rc == 0 && g->opts->signers)
        rc = signature_check(&what, manifest, who, &why);
    if (rc == 0 && g->opts->signers)
        (void)snprintf(text, sizeof(text), "signed by %s", who);
    else if (rc < 0)
        (void)snprintf(text, sizeof(text), "%s",
                       absent                   ? "not signed"
                       : why.kind == ERR_DENIED ? "not by an allowed signer"
                                                : "not valid");
    if (rc < 0 && (g->opts->signers || !absent))
        g->claims->doubt = absent ? "is not signed" : region_text(g->region, why.text, err);
    g->claims->signature = region_text(g->region, text, err);
    mem_free(path);
    return g->claims->signature && (rc == 0 || absent || g->claims->doubt) ? 0 : -1;
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
    if (rc == 0 && !g->stamps.len && g->wrong.kind && !g->claims->doubt) {
        g->claims->doubt = region_text(g->region, g->wrong.text, err);
        rc = g->claims->doubt ? 0 : -1;
    }
    if (rc == 0 && !g->stamps.len && g->opts->trust && !g->claims->doubt)
        g->claims->doubt = "has no time stamp";
    if (rc == 0) {
        const char *text = g->stamps.len   ? buf_text(&g->stamps)
                           : g->wrong.kind ? "not valid"
                                           : "no time stamp";

        g->claims->stamped = region_text(g->region, text, err);
        rc = g->claims->stamped ? 0 : -1;
    }
    buf_clear(&g->stamps);
    return rc;
}

int claims_at(const char *archive, const struct claims_opts *opts, struct claims *claims,
              struct region *region, struct err *err)
{
    struct glancing glancing = { .opts = opts, .claims = claims, .region = region };
    struct archive_reader reader = { 0 };
    struct manifest_digests manifest = { .size = 0 };
    int rc;

    *claims = (struct claims){ .previous = "" };
    rc = archive_reader_open(&reader, archive, err);
    archive_reader_watch(&reader, opts->stop, archive_reader_unwatched());
    if (rc == 0)
        rc = manifest_scan(&reader, on_row, &glancing, &manifest, err);
    if (rc == 0 && !reader.indexed &&
        (reader.format == CONTAINER_TAR_ZST || reader.format == CONTAINER_TAR_GZ))
        claims->fault = reader.spoilt
                            ? "its index is damaged: see skyarc verify"
                            : "it has no index: it was cut, or made by another program";
    claims->size = reader.size;
    archive_reader_close(&reader);
    if (rc < 0)
        return -1;
    text_hex(claims->sha256, manifest.sha256, SHA256_SIZE);
    return look_at_signature(archive, &manifest, &glancing, err) < 0
               ? -1
               : look_at_stamps(archive, &manifest, &glancing, err);
}
