/* SPDX-License-Identifier: MIT */
#include "copy/copy.h"

#include "base/clock.h"
#include "base/path.h"
#include "copy/copy_manifest.h"
#include "copy/copy_plan.h"
#include "copy/copy_tags.h"
#include "format/manifest_read.h"
#include "format/manifest_rewrite.h"
#include "format/sniff.h"
#include "mask/content.h"
#include "reader/entry_reader.h"
#include "reader/fetchone.h"
#include "reader/manifest_scan.h"
#include "writer/volume.h"

#include <stdio.h>
#include <string.h>

#define PIECE       ((size_t)128 << 10)
#define RENAMES_MAX 1000000

struct copying {
    const struct copy_opts *opts;
    struct copy_result *result;
    struct copy_plan plan;
    struct masker masker;
    struct archive_reader reader;
    struct manifest_digests original;
    struct volume *volume; /* NULL: nothing is written */
    struct hasher *hasher;
    struct hashmap *names; /* paths in the copy */
    struct buf in;         /* a whole file */
    struct buf out;        /* the same, masked */
    struct buf scratch;
    struct buf masked_manifest; /* copy_manifest_make */
    struct json *doc;           /* the same */
};

/* Read all of the current entry; the digest must be the manifest's. */
static int read_entry(struct copying *c, struct entry_reader *entries,
                      const struct copy_file *file, struct err *err)
{
    buf_reset(&c->in);
    return entry_reader_copy_same(entries, file->size, file->sha256, buf_put, &c->in, err);
}

static void set_masker(struct copying *c, const struct copy_file *file)
{
    c->masker.paths = file->group->paths;
    c->masker.lists = file->lists && !c->opts->digests;
}

/* Learn the secrets of the current entry, and whether it can be masked. */
static int learn(struct copying *c, struct entry_reader *entries, struct copy_file *file,
                 struct err *err)
{
    struct copy_group *group = file->group;
    int is;

    if (group->learnt)
        return 0;
    group->learnt = true;
    if (file->size > CONTENT_MAX) {
        if (group->removed == COPY_PLAN_STAYS && !group->kept)
            group->removed = RULE_TOO_LARGE;
        return 0;
    }
    if (read_entry(c, entries, file, err) < 0)
        return -1;
    set_masker(c, file);
    buf_reset(&c->out);
    is = content_mask(&c->masker, buf_text(&c->in), c->in.len, &c->out, err);
    if (is < 0)
        return err_wrap(err, "'%s'", file->path);
    if (is != CONTENT_UNMASKABLE)
        group->kept = false; /* what can be masked is, of whatever type */
    else if (group->removed == COPY_PLAN_STAYS && !group->kept)
        group->removed = RULE_UNMASKABLE;
    return 0;
}

typedef int visit_fn(struct copying *c, struct entry_reader *entries,
                     const struct entry_reader_entry *entry, struct copy_file *file,
                     struct err *err);

/* Visit all files of the manifest that are entries of their own. */
static int visit_files(struct copying *c, visit_fn *fn, struct err *err)
{
    struct entry_reader *entries = entry_reader_open(&c->reader, 0, UINT64_MAX, err);
    struct entry_reader_entry entry;
    int rc = entries ? 1 : -1;

    while (rc > 0 && (rc = entry_reader_next(entries, &entry, err)) > 0) {
        const char *path = archive_reader_below(&c->reader, entry.path);
        struct copy_file *file = path ? copy_plan_find(&c->plan, path) : NULL;

        if (entry.kind == ENTRY_READER_FILE && file &&
            (entry.size != file->size
                 ? err_set(err, ERR_MISMATCH, "the size of '%s' does not match the manifest",
                           file->path)
                 : fn(c, entries, &entry, file, err)) < 0)
            rc = -1;
    }
    entry_reader_free(entries);
    return rc;
}

static int learn_entry(struct copying *c, struct entry_reader *entries,
                       const struct entry_reader_entry *entry, struct copy_file *file,
                       struct err *err)
{
    (void)entry;
    return learn(c, entries, file, err);
}

/* Keep the IDs without which nobody finds anything in the copy. */
static int spare_ids(struct copying *c, struct err *err)
{
    static const char *const keys[] = { "run_id", "other_run_id", "parent_run_id",
                                        "artifact_id", "step_id" };
    static const char *const lists[] = { "runs", "artifacts" };
    struct json_value v = { 0 };
    size_t i;
    size_t k;

    for (i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        struct json_value list = json_get(json_root(c->plan.doc), lists[i]);

        while ((v = json_next(list, v)).doc) {
            for (k = 0; k < sizeof(keys) / sizeof(*keys); k++) {
                const char *id = json_text(v, keys[k], c->plan.region);

                if (id && known_spare(c->masker.known, id, err) < 0)
                    return -1;
            }
        }
    }
    return 0;
}

/* A name in which masks have only characters that names may have. */
static void soften(struct buf *name)
{
    size_t from = 0;
    size_t i;

    for (i = 0; i < name->len; i++) {
        char ch = name->data[i];

        if (ch == '[' || ch == ']')
            continue;
        name->data[from++] = ch == ':' ? '-' : ch;
    }
    name->len = from;
    name->data[from] = '\0';
}

/* Choose a file's path in the copy: its name may have a secret. */
static int name_file(struct copying *c, struct copy_file *file, struct err *err)
{
    const char *base = path_base(file->path);
    unsigned long n;
    int rc;

    buf_reset(&c->scratch);
    rc = text_mask(&c->masker, base, strlen(base), &c->scratch, err);
    if (rc < 0)
        return -1;
    for (n = 1; rc > 0 && n < RENAMES_MAX; n++) {
        char more[32] = "";

        soften(&c->scratch);
        if (n > 1)
            (void)snprintf(more, sizeof(more), "~%lu", n);
        file->new_path = mem_format(err, "%.*s%s%s", (int)(base - file->path), file->path,
                                    buf_text(&c->scratch), more);
        if (file->new_path) {
            char *copy = region_text(c->plan.region, file->new_path, err);

            mem_free((char *)(uintptr_t)file->new_path);
            file->new_path = copy;
        }
        if (!file->new_path)
            return -1;
        if (!hashmap_get(c->names, file->new_path, strlen(file->new_path)) &&
            !copy_plan_find(&c->plan, file->new_path))
            break;
    }
    return hashmap_get(c->names, file->new_path, strlen(file->new_path))
               ? err_set(err, ERR_LIMIT, "too many files have the same name")
               : hashmap_add(c->names, file->new_path, strlen(file->new_path), file, err);
}

/* A file of the copy, as the view knows it. */
static struct page_file view_file(const struct copy_file *file)
{
    return (struct page_file){ file->new_path, file->type,
                               file->document     ? NULL
                               : file->media_type ? file->media_type
                                                  : "",
                               file->group->changed ? file->group->size : file->size };
}

static int begin_file(struct copying *c, struct copy_file *file, int64_t mtime, bool packed,
                      struct err *err)
{
    char path[ENTRY_PATH];

    file->there = true;
    if (!file->group->first)
        file->group->first = file;
    return volume_begin(
        c->volume,
        &(struct entry_file){ .path = entry_path(path, c->opts->top, file->new_path),
                              .size = file->group->changed ? file->group->size : file->size,
                              .mtime = mtime,
                              .packed = packed,
                              .family = entry_family(file->type) },
        &file->spot, err);
}

/* Write a content that is in memory. */
static int write_content(struct copying *c, struct copy_file *file, const struct buf *content,
                         int64_t mtime, struct err *err)
{
    size_t head = content->len < SNIFF_SIZE ? content->len : SNIFF_SIZE;
    const struct sniff *is = sniff_find(buf_text(content), head);
    const struct page_file shown = view_file(file);
    size_t want = c->opts->page ? page_wants(&shown) : 0;

    file->there = true;
    if (!file->group->first)
        file->group->first = file;
    if (!c->volume)
        return 0;
    if (begin_file(c, file, mtime, is && is->packed, err) < 0 ||
        volume_add(c->volume, buf_text(content), content->len, err) < 0 ||
        volume_end(c->volume, err) < 0)
        return -1;
    return want ? page_text(c->opts->page, &shown, buf_text(content),
                            want < content->len ? want : content->len, err)
                : 0;
}

/* Keep what masking did with a content. */
static void note_masked(struct copying *c, struct copy_group *group,
                        const uint64_t before[RULES_MAX])
{
    unsigned i;

    for (i = 0; i < RULES_MAX; i++) {
        group->counts[i] = c->masker.counts[i] - before[i];
        if (group->counts[i])
            group->rules |= UINT64_C(1) << i;
    }
    hasher_add(c->hasher, c->out.data, c->out.len);
    hasher_end(c->hasher, &group->digest);
    group->size = c->out.len;
    group->changed = true;
}

/* Mask the content in c->in, and write it. */
static int mask_file(struct copying *c, struct copy_file *file, int64_t mtime, struct err *err)
{
    struct copy_group *group = file->group;
    uint64_t before[RULES_MAX];
    int is;

    memcpy(before, c->masker.counts, sizeof(before));
    set_masker(c, file);
    buf_reset(&c->out);
    is = content_mask(&c->masker, buf_text(&c->in), c->in.len, &c->out, err);
    if (is < 0)
        return err_wrap(err, "'%s'", file->path);
    if (is == CONTENT_UNMASKABLE || is == CONTENT_LEFTOVER) {
        group->removed = is == CONTENT_UNMASKABLE ? RULE_UNMASKABLE : RULE_LEFTOVER;
        memcpy(c->masker.counts, before, sizeof(before));
        return 0;
    }
    if (is == CONTENT_MASKED && !group->changed)
        note_masked(c, group, before);
    return write_content(c, file, is == CONTENT_MASKED ? &c->out : &c->in, mtime, err);
}

/* Copy a content that a rule keeps, of any size, as it is. */
static int pass_file(struct copying *c, struct entry_reader *entries,
                     const struct entry_reader_entry *entry, struct copy_file *file,
                     struct err *err)
{
    if (!c->volume) {
        file->there = true;
        return entry_reader_copy_same(entries, file->size, file->sha256, put_nowhere, NULL,
                                      err);
    }
    return begin_file(c, file, entry->mtime, true, err) < 0 ||
                   entry_reader_copy_same(entries, file->size, file->sha256, volume_put,
                                          c->volume, err) < 0
               ? -1
               : volume_end(c->volume, err);
}

static int copy_entry(struct copying *c, struct entry_reader *entries,
                      const struct entry_reader_entry *entry, struct copy_file *file,
                      struct err *err)
{
    if (file->there || !copy_plan_stays(file))
        return 0;
    if (file->group->kept)
        return pass_file(c, entries, entry, file, err);
    return read_entry(c, entries, file, err) < 0 ? -1 : mask_file(c, file, entry->mtime, err);
}

/* Make a hard link to the first file of a group. */
static int link_file(struct copying *c, struct copy_file *file, struct err *err)
{
    char path[ENTRY_PATH];
    char target[ENTRY_PATH];

    file->there = true;
    return volume_begin(
        c->volume,
        &(struct entry_file){
            .path = entry_path(path, c->opts->top, file->new_path),
            .size = 0,
            .mtime = clock_wall() / 1000,
            .link = entry_path(target, c->opts->top, file->group->first->new_path) },
        &file->spot, err);
}

/* Write a file of the original that is a hard link there. */
static int write_link(struct copying *c, struct copy_file *file, struct err *err)
{
    int64_t now = clock_wall() / 1000;

    if (!c->volume) {
        file->there = true;
        return 0;
    }
    if (file->group->first && volume_links(c->volume))
        return link_file(c, file, err);
    file->link = false;
    if (!file->group->kept) {
        buf_reset(&c->in);
        return fetchone(c->opts->from, file->path, buf_put, &c->in, err) < 0
                   ? -1
                   : mask_file(c, file, now, err);
    }
    return begin_file(c, file, now, true, err) < 0 ||
                   fetchone(c->opts->from, file->path, volume_put, c->volume, err) < 0
               ? -1
               : volume_end(c->volume, err);
}

static int write_links(struct copying *c, struct err *err)
{
    size_t i;

    if (c->volume)
        volume_flush(c->volume); /* a link comes after its target */
    for (i = 0; i < c->plan.count; i++) {
        struct copy_file *file = c->plan.files[i];

        if (!file->there && copy_plan_stays(file) && write_link(c, file, err) < 0)
            return -1;
    }
    return 0;
}

/* Tell the caller what was done. */
static int report_files(struct copying *c, struct err *err)
{
    size_t i;

    for (i = 0; i < c->plan.count; i++) {
        const struct copy_file *file = c->plan.files[i];
        bool stays = copy_plan_stays(file);
        struct copy_report report = { buf_text(&c->scratch),
                                      stays ? NULL
                                            : c->opts->rules->names[file->group->removed],
                                      file->group->counts };

        c->result->files++;
        if (stays && !file->group->changed && strcmp(file->path, file->new_path) == 0)
            continue;
        c->result->changed += stays;
        c->result->removed += !stays;
        buf_reset(&c->scratch);
        if (text_mask(&c->masker, file->path, strlen(file->path), &c->scratch, err) < 0)
            return -1;
        report.path = buf_text(&c->scratch);
        c->opts->report(c->opts->ctx, &report);
    }
    return 0;
}

/* Make the masked manifest, on which all its later forms are based. */
static int mask_manifest(struct copying *c, struct err *err)
{
    const struct copy_manifest made = { &c->plan, &c->masker, c->original.sha256,
                                        c->opts->digests };

    if (copy_manifest_make(&made, &c->masked_manifest, err) < 0)
        return -1;
    c->doc = json_parse(buf_text(&c->masked_manifest), c->masked_manifest.len, err);
    return c->doc ? 0 : -1;
}

static int write_tags(struct copying *c, struct err *err)
{
    const struct copy_tags tags = { .plan = &c->plan,
                                    .masked = c->doc,
                                    .volume = c->volume,
                                    .page = c->opts->page,
                                    .top = c->opts->top,
                                    .tool = c->opts->tool };
    struct volume_result result;

    if (copy_tags_write(&tags, c->result->manifest, err) < 0 ||
        volume_finish(c->volume, &result, err) < 0)
        return -1;
    c->result->size = result.size;
    return 0;
}

static int open_volume(struct copying *c, struct err *err)
{
    const struct volume_opts opts = { .path = c->opts->to,
                                      .format = c->opts->format,
                                      .mode = c->opts->mode,
                                      .force = c->opts->force,
                                      .unhashed = true,
                                      .workers = c->opts->workers,
                                      .stop = c->opts->stop };

    if (!c->opts->to)
        return 0;
    c->volume = volume_open(&opts, err);
    return !c->volume || volume_start(c->volume, NULL, err) < 0 ? -1 : 0;
}

/* Open the archive, learn what is secret, and choose the names. */
static int prepare(struct copying *c, struct err *err)
{
    size_t i;

    if (archive_reader_open(&c->reader, c->opts->from, err) < 0)
        return -1;
    archive_reader_watch(&c->reader, c->opts->stop, c->opts->watcher);
    if (manifest_scan(&c->reader, manifest_read_check, NULL, &c->original, err) < 0 ||
        copy_plan_load(&c->plan, c->opts->from, c->opts->rules, err) < 0 ||
        masker_init(&c->masker, c->opts->rules, err) < 0 || spare_ids(c, err) < 0)
        return -1;
    memcpy(c->result->original, c->original.sha256, SHA256_SIZE);
    if (visit_files(c, learn_entry, err) < 0 || masker_settle(&c->masker, err) < 0)
        return -1;
    for (i = 0; i < c->plan.count; i++) {
        if (name_file(c, c->plan.files[i], err) < 0)
            return -1;
    }
    memset(c->masker.counts, 0, sizeof(c->masker.counts));
    return 0;
}

static int copy_all(struct copying *c, struct err *err)
{
    if (visit_files(c, copy_entry, err) < 0 || write_links(c, err) < 0 ||
        mask_manifest(c, err) < 0)
        return -1;
    memcpy(c->result->counts, c->masker.counts, sizeof(c->masker.counts));
    if (c->volume && write_tags(c, err) < 0)
        return -1;
    return report_files(c, err); /* last: a failure must not follow what is printed */
}

int copy_run(const struct copy_opts *opts, struct copy_result *result, struct err *err)
{
    struct copying c = { .opts = opts, .result = result };
    int rc = -1;

    *result = (struct copy_result){ 0 };
    buf_init(&c.in, CONTENT_MAX);
    buf_init(&c.out, 2 * CONTENT_MAX);
    buf_init(&c.scratch, CONTENT_MAX);
    buf_init(&c.masked_manifest, MANIFEST_REWRITE_MAX);
    c.hasher = hasher_new(err);
    c.names = hashmap_new(err);
    if (c.hasher && c.names && open_volume(&c, err) == 0 && prepare(&c, err) == 0)
        rc = copy_all(&c, err);
    (void)volume_free(c.volume, false);
    json_free(c.doc);
    masker_clear(&c.masker);
    copy_plan_clear(&c.plan);
    hashmap_free(c.names);
    hasher_free(c.hasher);
    buf_clear(&c.masked_manifest);
    buf_clear(&c.scratch);
    buf_clear(&c.out);
    buf_clear(&c.in);
    archive_reader_close(&c.reader);
    return rc < 0 ? err_wrap(err, "cannot copy '%s'", opts->from) : 0;
}
