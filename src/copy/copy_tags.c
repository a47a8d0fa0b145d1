/* SPDX-License-Identifier: MIT */
#include "copy/copy_tags.h"

#include "base/clock.h"
#include "format/manifest_rewrite.h"
#include "pull/tag_manifest.h"
#include "pull/tag_writer.h"

#include <string.h>

#define SCRATCH_MAX ((size_t)1 << 20)

struct tagging {
    const struct copy_tags *tags;
    struct buf scratch;
    struct tag_manifest manifest;
};

static bool keep_all(void *ctx, const char *run_id)
{
    (void)ctx;
    (void)run_id;
    return true;
}

/* The row of a file in the masked manifest: the lists have the files in the same order. */
static void add_row(const struct copy_file *file, struct json_value row,
                    struct manifest_rewrite_row *out)
{
    const struct copy_group *group = file->group;
    bool first = file->document || !group->first || group->first == file;

    *out = (struct manifest_rewrite_row){ .row = row,
                                          .size = group->changed ? group->size : file->size,
                                          .document = file->document,
                                          .frame = file->spot.frame,
                                          .level = spot_level(&file->spot),
                                          .offset = file->spot.offset,
                                          .first = first ? NULL : group->first->new_path,
                                          .link = !first && file->link };
}

static size_t make_rows(const struct tagging *c, struct manifest_rewrite_row *rows)
{
    struct json_value lists[2] = { json_get(json_root(c->tags->masked), "artifacts"),
                                   json_get(json_root(c->tags->masked), "documents") };
    struct json_value at[2] = { { 0 }, { 0 } };
    size_t count = 0;
    size_t i;

    for (i = 0; i < c->tags->plan->count; i++) {
        const struct copy_file *file = c->tags->plan->files[i];

        if (!copy_plan_stays(file))
            continue;
        at[file->document] = json_next(lists[file->document], at[file->document]);
        add_row(file, at[file->document], &rows[count++]);
    }
    return count;
}

/* Make the manifest, with the view and the bytes stored so far. */
static int make_manifest(void *ctx, const struct manifest_views *view, uint64_t stored,
                         struct buf *out, struct err *err)
{
    struct tagging *c = ctx;
    struct manifest_rewrite opts = { .root = json_root(c->tags->masked),
                                     .tool = c->tags->tool,
                                     .stored = stored,
                                     .view = view,
                                     .scratch = &c->scratch,
                                     .keep = keep_all };
    struct manifest_rewrite_row *rows = mem_array(c->tags->plan->count + 1, sizeof(*rows), err);
    int rc;

    if (!rows)
        return -1;
    opts.count = make_rows(c, rows);
    opts.rows = rows;
    rc = manifest_rewrite(&opts, out, err);
    mem_free(rows);
    return rc;
}

static int put_manifest(void *ctx, const struct manifest_views *view, put_fn *put, void *to,
                        struct err *err)
{
    struct tagging *c = ctx;

    return tag_manifest_put(&c->manifest, c->tags->volume, view, put, to, err);
}

static int show_rows(void *ctx, struct page *page, struct err *err)
{
    return tag_manifest_show(&((struct tagging *)ctx)->manifest, page, err);
}

static int put_payload(void *ctx, struct tag_payload *payload, struct err *err)
{
    const struct tagging *c = ctx;
    size_t i;

    for (i = 0; i < c->tags->plan->count; i++) {
        const struct copy_file *file = c->tags->plan->files[i];
        const struct copy_group *group = file->group;

        if (copy_plan_stays(file) &&
            tag_payload_add(payload, file->new_path, group->changed ? group->size : file->size,
                            group->changed ? group->digest.sha256 : file->sha256, err) < 0)
            return -1;
    }
    return 0;
}

int copy_tags_write(const struct copy_tags *tags, uint8_t sha256[SHA256_SIZE], struct err *err)
{
    struct tagging c = { .tags = tags };
    const struct tag_source source = {
        .volume = tags->volume,
        .page = tags->page,
        .info = { .name = tags->top,
                  .software = tags->tool,
                  .source = json_text(json_root(tags->masked), "source", tags->plan->region),
                  .made = clock_wall() },
        .manifest = put_manifest,
        .show = show_rows,
        .payload = put_payload,
        .ctx = &c,
    };
    struct tag_result manifest;
    int rc;

    buf_init(&c.scratch, SCRATCH_MAX);
    tag_manifest_init(&c.manifest, make_manifest, &c);
    rc = tag_writer_write(&source, &manifest, err);
    if (rc == 0)
        memcpy(sha256, manifest.sha256, SHA256_SIZE);
    tag_manifest_clear(&c.manifest);
    buf_clear(&c.scratch);
    return rc;
}
