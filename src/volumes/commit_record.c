/* SPDX-License-Identifier: MIT */
#include "volumes/commit_record.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/text.h"
#include "reader/manifest_scan.h"

#include <stdio.h>
#include <string.h>

#define RUNS_MAX ((size_t)1 << 22)

/* What is done with each run of a manifest. */
struct each_run {
    int (*fn)(void *ctx, const struct manifest_read_run *run, struct err *err);
    void *ctx;
};

/* The rows of the runs come first; what follows is only hashed. */
static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    const struct each_run *each = ctx;
    struct manifest_read_run run;
    struct region *region;
    int rc;

    if (section != MANIFEST_READ_RUNS)
        return 0;
    region = region_new(err);
    rc = region ? manifest_read_run(&run, text, len, region, err) : -1;
    if (rc == 0 && run.run_id && !run.error)
        rc = each->fn(each->ctx, &run, err);
    region_free(region);
    return rc;
}

static int put_run(void *ctx, const struct manifest_read_run *run, struct err *err)
{
    struct jsonw *w = ctx;

    (void)err;
    jsonw_object(w, NULL, JSONW_INLINE);
    jsonw_text(w, "run_id", run->run_id);
    jsonw_text(w, "supplements", run->supplements);
    jsonw_close(w);
    return 0;
}

/* Read the runs of a manifest into the record, and its digest. */
static int write_runs(struct jsonw *w, const char *archive, struct stop stop, struct err *err)
{
    struct each_run each = { put_run, w };
    struct manifest_digests digests;
    char hex[SHA256_TEXT];
    int rc;

    jsonw_array(w, "runs", JSONW_LINES);
    rc = manifest_scan_path(archive, stop, on_row, &each, &digests, err);
    jsonw_close(w);
    if (rc == 0) {
        text_hex(hex, digests.sha256, SHA256_SIZE);
        jsonw_text(w, "manifest_sha256", hex);
    }
    return rc;
}

static int add_ids(void *ctx, const struct manifest_read_run *run, struct err *err)
{
    int rc = text_list_add(ctx, run->run_id, RUNS_MAX, err);

    return rc == 0 && run->other_run_id ? text_list_add(ctx, run->other_run_id, RUNS_MAX, err)
                                        : rc;
}

int commit_record_runs(const char *archive, struct stop stop, struct text_list *out,
                       struct err *err)
{
    struct each_run each = { add_ids, out };
    struct manifest_digests digests;

    return manifest_scan_path(archive, stop, on_row, &each, &digests, err);
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

int commit_record_write(const struct commit_record *record, const char *archive,
                        const char *name, const char *tool, struct stop stop, struct buf *out,
                        struct err *err)
{
    struct jsonw *w = jsonw_new(buf_put, out, err);
    char when[CLOCK_TEXT_MAX];
    char nonce[TEXT_NONCE];
    int rc;

    if (!w)
        return -1;
    jsonw_object(w, NULL, JSONW_LINES);
    jsonw_u64(w, "version", COMMIT_RECORD_VERSION);
    jsonw_text(w, "volume", name);
    jsonw_u64(w, "size", record->size);
    jsonw_text(w, "sha256", or_null(record->sha256));
    jsonw_text(w, "tail_sha256", or_null(record->tail_sha256));
    jsonw_text(w, "etag", or_null(record->etag));
    jsonw_text(w, "version_id", or_null(record->version));
    jsonw_text(w, "committed_at", clock_format(when, clock_wall(), CLOCK_RFC3339));
    jsonw_text(w, "made_by", tool);
    jsonw_text(w, "nonce", text_nonce(nonce));
    rc = write_runs(w, archive, stop, err);
    jsonw_close(w);
    if (rc == 0)
        return jsonw_finish(w, err);
    mem_free(w);
    return rc;
}

/* Copy a member's text, if there is one and it fits. */
static void take_text(struct json_value root, const char *key, struct region *region, char *out,
                      size_t size)
{
    const char *text = json_text(root, key, region);

    *out = '\0';
    if (text && strlen(text) < size)
        (void)snprintf(out, size, "%s", text);
}

static int take(struct commit_record *record, struct json_value root, const char *name,
                struct region *region, struct err *err)
{
    const char *volume = json_text(root, "volume", region);
    uint64_t version = 0;

    if (!json_u64(json_get(root, "version"), &version) || !volume ||
        !json_u64(json_get(root, "size"), &record->size))
        return err_set(err, ERR_FORMAT, "it is no commit record");
    if (version > COMMIT_RECORD_VERSION)
        return err_set(err, ERR_LIMIT, "it was written by a newer skyarc");
    if (strcmp(volume, name) != 0)
        return err_set(err, ERR_MISMATCH, "it is the record of another volume");
    take_text(root, "sha256", region, record->sha256, sizeof(record->sha256));
    take_text(root, "tail_sha256", region, record->tail_sha256, sizeof(record->tail_sha256));
    take_text(root, "etag", region, record->etag, sizeof(record->etag));
    take_text(root, "version_id", region, record->version, sizeof(record->version));
    return 0;
}

int commit_record_read(struct commit_record *record, const char *name, const char *text,
                       size_t len, struct err *err)
{
    struct json *doc = json_parse(text, len, err);
    struct region *region = doc ? region_new(err) : NULL;
    int rc = -1;

    *record = (struct commit_record){ 0 };
    if (region)
        rc = take(record, json_root(doc), name, region, err);
    region_free(region);
    json_free(doc);
    return rc;
}

int commit_record_load(struct commit_record *record, const struct bucket_place *bucket,
                       struct s3_client *client, const char *name, bool *malformed,
                       struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    struct buf text = { 0 };
    struct object_info info;
    int rc = bucket_place_key(bucket, key, BUCKET_COMMITS, name, ".json", err);

    *record = (struct commit_record){ 0 };
    *malformed = false;
    if (rc == 0)
        rc = object_load(client, key, COMMIT_RECORD_MAX, &text, &info, err);
    if (rc > 0 && commit_record_read(record, name, buf_text(&text), text.len, err) < 0) {
        *malformed = true;
        rc = -1;
    }
    buf_clear(&text);
    return rc;
}
