/* SPDX-License-Identifier: MIT */
#include "open/verify.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "format/bag.h"
#include "open/box.h"
#include "open/roll.h"
#include "open/walk.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG_MAX  ((size_t)1 << 30)
#define INFO_MAX ((size_t)1 << 20)

struct check {
    const struct verify_opts *opts;
    struct verify_result *result;
    struct box box;
    struct roll *roll; /* what there should be, and what was seen */
    pthread_mutex_t lock;
    /* tag files, by their place in tag_names; under lock */
    struct buf tags[ROLL_TAGS];
    uint8_t tag_sha256[ROLL_TAGS][SHA256_SIZE];
    bool tag_seen[ROLL_TAGS];
};

static void report(struct check *c, const char *path, const char *artifact_id, uint64_t offset,
                   const char *fmt, ...) PRINTF_LIKE(5, 6);

static void report(struct check *c, const char *path, const char *artifact_id, uint64_t offset,
                   const char *fmt, ...)
{
    struct verify_damage damage = { path, artifact_id, offset, NULL };
    char what[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    damage.what = what;
    c->result->damages++;
    c->opts->damage(c->opts->ctx, &damage);
}

/* A file outside of data/. */
static int see_tag(struct check *c, struct tape *tape, const struct tape_entry *entry,
                   const char *name, struct err *err)
{
    int tag = roll_tag(name);
    uint64_t size;

    if (tag < 0) {
        uint8_t sha256[SHA256_SIZE];

        if (tape_copy(tape, NULL, NULL, sha256, &size, err) < 0)
            return -1;
        (void)pthread_mutex_lock(&c->lock);
        if (roll_see_other(c->roll, name, entry->offset, sha256, err) < 0)
            report(c, name, NULL, entry->offset, "%s", err->text);
        (void)pthread_mutex_unlock(&c->lock);
        return 0;
    }
    if (tape_copy(tape, tag == ROLL_MANIFEST ? NULL : buf_put, &c->tags[tag],
                  c->tag_sha256[tag], &size, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&c->lock);
    if (c->tag_seen[tag])
        report(c, name, NULL, entry->offset, "stands twice in the archive");
    c->tag_seen[tag] = true;
    (void)pthread_mutex_unlock(&c->lock);
    return 0;
}

/* A file or link below data/. */
static int see_payload(struct check *c, struct tape *tape, const struct tape_entry *entry,
                       const char *name, struct err *err)
{
    struct roll_seen seen = { .size = entry->size, .offset = entry->offset };
    const char *target = entry->kind == TAPE_LINK ? entry->target : NULL;
    size_t top = strlen(c->box.top);
    int rc = 0;

    if (target && strncmp(target, c->box.top, top) == 0 && target[top] == '/')
        seen.target = target + top + 1;
    else if (target)
        seen.target = "(outside)";
    if (!target && !c->opts->quick)
        rc = tape_copy(tape, NULL, NULL, seen.sha256, &seen.size, err);
    if (rc < 0)
        return -1;
    seen.hashed = !target && !c->opts->quick;
    (void)pthread_mutex_lock(&c->lock);
    c->result->bytes += seen.hashed ? seen.size : 0;
    rc = roll_see(c->roll, name, &seen, err);
    if (rc < 0 && err->kind == ERR_EXISTS) {
        report(c, name, NULL, entry->offset, "stands twice in the archive");
        rc = 0;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return rc;
}

static int on_entry(void *ctx, struct tape *tape, const struct tape_entry *entry,
                    struct err *err)
{
    struct check *c = ctx;
    size_t top = strlen(c->box.top);
    bool inside = strncmp(entry->path, c->box.top, top) == 0 && entry->path[top] == '/';
    const char *name = inside ? entry->path + top + 1 : entry->path;
    char shown[300];

    if (entry->kind == TAPE_DIR && (inside || strcmp(entry->path, c->box.top) == 0))
        return 0;
    (void)pthread_mutex_lock(&c->lock);
    c->result->files++;
    if (!inside || entry->kind > TAPE_LINK)
        report(c, text_shown(shown, sizeof(shown), entry->path), NULL, entry->offset, "%s",
               inside ? "is neither a file nor a hard link" : "lies outside the top directory");
    (void)pthread_mutex_unlock(&c->lock);
    if (!inside || entry->kind > TAPE_LINK)
        return 0;
    if (strncmp(name, "data/", 5) == 0)
        return see_payload(c, tape, entry, name, err);
    return see_tag(c, tape, entry, name, err);
}

static void on_damage(void *ctx, uint64_t offset, const struct err *err)
{
    struct check *c = ctx;

    (void)pthread_mutex_lock(&c->lock);
    report(c, NULL, NULL, offset, "%s", err->text);
    (void)pthread_mutex_unlock(&c->lock);
}

/* What the manifest names as the archive before it. */
static int take_previous(struct check *c, const char *text, size_t len, struct err *err)
{
    struct region *region = region_new(err);
    struct rows_name row;
    int rc = region ? rows_name(&row, ROWS_PREVIOUS, text, len, region, err) : -1;

    if (rc == 0) {
        (void)snprintf(c->result->previous, sizeof(c->result->previous), "%s", row.name);
        text_hex(c->result->previous_sha256, row.sha256, SHA256_SIZE);
    }
    region_free(region);
    return rc;
}

static int on_row(void *ctx, enum rows_section section, const char *text, size_t len,
                  struct err *err)
{
    struct check *c = ctx;

    switch (section) {
    case ROWS_PREVIOUS:
        return take_previous(c, text, len, err);
    case ROWS_DOCUMENTS:
        return roll_add_document(c->roll, text, len, err);
    case ROWS_ARTIFACTS:
        c->result->artifacts++;
        return roll_add(c->roll, text, len, err);
    case ROWS_MISSING:
        c->result->missing++;
        break;
    case ROWS_HEAD:
    case ROWS_RUNS:
        break;
    }
    return 0;
}

/* One row of the manifest against what was seen of it. */
static void check_row(struct check *c, const struct roll_row *row)
{
    const struct rows_artifact *a = &row->artifact;
    const struct roll_seen *seen = row->seen;
    const struct roll_seen *content = row->content;
    bool as_written; /* not packed again, where another may be the link of two */
    uint64_t coded;
    uint64_t plain;

    if (!row->sum)
        report(c, a->path, a->artifact_id, VERIFY_NOWHERE, "is not in manifest-sha256.txt");
    else if (memcmp(row->sum, a->sha256, SHA256_SIZE) != 0)
        report(c, a->path, a->artifact_id, VERIFY_NOWHERE,
               "has another SHA-256 in manifest-sha256.txt than in manifest.json");
    if (!seen) {
        if (!c->opts->quick && !c->opts->share)
            report(c, a->path, a->artifact_id,
                   a->offset == ROWS_NONE ? VERIFY_NOWHERE : a->offset,
                   "is in the manifest and not in the archive");
        return;
    }
    as_written = c->box.indexed || a->offset == seen->offset;
    if (!as_written && seen->target && !content)
        report(c, a->path, a->artifact_id, seen->offset,
               "is a link to '%.200s', which is not there", seen->target);
    else if (as_written && a->link != (seen->target != NULL))
        report(c, a->path, a->artifact_id, seen->offset,
               "manifest and tar header disagree about whether it is a link");
    else if (as_written && seen->target &&
             (!a->duplicate_of || strcmp(seen->target, a->duplicate_of) != 0))
        report(c, a->path, a->artifact_id, seen->offset,
               "is a link to '%.200s', not to '%.200s'", seen->target,
               a->duplicate_of ? a->duplicate_of : "");
    if (c->box.indexed && a->offset != seen->offset)
        report(c, a->path, a->artifact_id, seen->offset,
               "manifest and tar header disagree about where it is");
    else if (c->box.indexed &&
             seek_find(&c->box.seek, seen->offset, &coded, &plain) != a->frame)
        report(c, a->path, a->artifact_id, seen->offset,
               "manifest and seek table disagree about its frame");
    if (content && content->size != a->size)
        report(c, a->path, a->artifact_id, seen->offset,
               "has %llu bytes, and the manifest says %llu", (unsigned long long)content->size,
               (unsigned long long)a->size);
    else if (content && content->hashed && memcmp(content->sha256, a->sha256, SHA256_SIZE) != 0)
        report(c, a->path, a->artifact_id, seen->offset,
               "does not have the SHA-256 that the manifest gives");
}

/* A file that is no artifact, or that nobody knows; list is the BagIt file that names it. */
static void check_other(struct check *c, const struct roll_other *other, const char *list)
{
    uint64_t at = other->seen ? other->seen->offset : VERIFY_NOWHERE;
    bool hashed = other->seen && other->seen->hashed;

    if (!other->sum && !other->document)
        report(c, other->path, NULL, at, "was added: no manifest names it");
    else if (!other->document)
        report(c, other->path, NULL, at, "is in %s and not in manifest.json", list);
    else if (!other->sum)
        report(c, other->path, NULL, at, "is in manifest.json and not in %s", list);
    else if (memcmp(other->sum, other->document, SHA256_SIZE) != 0)
        report(c, other->path, NULL, at, "has another SHA-256 in %s than in manifest.json",
               list);
    else if (!other->seen && !c->opts->quick && !c->opts->share)
        report(c, other->path, NULL, at, "is in the manifests and not in the archive");
    else if (hashed && memcmp(other->seen->sha256, other->sum, SHA256_SIZE) != 0)
        report(c, other->path, NULL, at, "does not have the SHA-256 that the manifests give");
}

/* Payload-Oxum in bag-info.txt; false when there is none. */
static bool oxum(const struct buf *info, uint64_t *bytes, uint64_t *files)
{
    const char *at = strstr(buf_text(info), "Payload-Oxum: ");
    unsigned long long b;
    unsigned long long f;
    char *end;

    if (!at)
        return false;
    b = strtoull(at + 14, &end, 10);
    if (*end != '.')
        return false;
    f = strtoull(end + 1, NULL, 10);
    *bytes = b;
    *files = f;
    return true;
}

/* The value of a line "name: value" of bag-info.txt. */
static void info_value(const struct buf *info, const char *name, char *out, size_t size)
{
    const char *at = buf_text(info);
    size_t len = strlen(name);

    for (; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        if (strncmp(at, name, len) == 0 && at[len] == ':' && at[len + 1] == ' ') {
            (void)snprintf(out, size, "%.*s", (int)strcspn(at + len + 2, "\r\n"), at + len + 2);
            return;
        }
    }
}

static void check_tags(struct check *c)
{
    uint64_t bytes;
    uint64_t files;
    struct roll_other extra;
    char previous[SHA256_TEXT] = "";
    size_t k;
    int i;

    for (i = 0; i < ROLL_TAGS; i++) {
        const uint8_t *sum = roll_tag_sum(c->roll, i);

        if (!c->tag_seen[i])
            report(c, roll_tag_name(i), NULL, VERIFY_NOWHERE, "is not in the archive");
        else if (i != ROLL_TAGMANIFEST && !sum)
            report(c, roll_tag_name(i), NULL, VERIFY_NOWHERE,
                   "is not in tagmanifest-sha256.txt");
        else if (i != ROLL_TAGMANIFEST && memcmp(sum, c->tag_sha256[i], SHA256_SIZE) != 0)
            report(c, roll_tag_name(i), NULL, VERIFY_NOWHERE,
                   "does not have the SHA-256 that tagmanifest-sha256.txt gives");
    }
    for (k = 0; roll_extra(c->roll, k, &extra); k++)
        check_other(c, &extra, "tagmanifest-sha256.txt");
    if (c->tag_seen[ROLL_BAGIT] && strcmp(buf_text(&c->tags[ROLL_BAGIT]), BAG_DECLARATION) != 0)
        report(c, "bagit.txt", NULL, VERIFY_NOWHERE, "is not BagIt 1.0's");
    if (!c->tag_seen[ROLL_INFO])
        return;
    info_value(&c->tags[ROLL_INFO], BAG_PREVIOUS_SHA256, previous, sizeof(previous));
    if (strcmp(previous, c->result->previous_sha256) != 0)
        report(c, "bag-info.txt", NULL, VERIFY_NOWHERE,
               "names another archive before it than manifest.json");
    if (!oxum(&c->tags[ROLL_INFO], &bytes, &files))
        report(c, "bag-info.txt", NULL, VERIFY_NOWHERE, "has no Payload-Oxum");
    else if (files != roll_sums(c->roll) ||
             (!c->opts->quick && !c->opts->share && bytes != roll_bytes(c->roll)))
        report(c, "bag-info.txt", NULL, VERIFY_NOWHERE,
               "Payload-Oxum is %llu.%llu, and the payload %llu.%llu",
               (unsigned long long)bytes, (unsigned long long)files,
               (unsigned long long)roll_bytes(c->roll), (unsigned long long)roll_sums(c->roll));
}

/* Read the two lists of digests; a line that is none is damage. */
static int take_sums(struct check *c, struct err *err)
{
    char bad[200];

    if (roll_sum_lines(c->roll, ROLL_PAYLOAD, buf_text(&c->tags[ROLL_PAYLOAD]), bad, err) < 0)
        return -1;
    if (*bad)
        report(c, "manifest-sha256.txt", NULL, VERIFY_NOWHERE, "%s", bad);
    if (roll_sum_lines(c->roll, ROLL_TAGMANIFEST, buf_text(&c->tags[ROLL_TAGMANIFEST]), bad,
                       err) < 0)
        return -1;
    if (*bad)
        report(c, "tagmanifest-sha256.txt", NULL, VERIFY_NOWHERE, "%s", bad);
    return 0;
}

static int compare(struct check *c, struct err *err)
{
    struct roll_row row;
    struct roll_other other;
    size_t i;

    if (take_sums(c, err) < 0 || roll_join(c->roll, err) < 0)
        return -1;
    for (i = 0; roll_row(c->roll, i, &row); i++)
        check_row(c, &row);
    for (i = 0; roll_other(c->roll, i, &other); i++)
        check_other(c, &other, "manifest-sha256.txt");
    check_tags(c);
    return 0;
}

static bool on_stopped(void *ctx)
{
    const struct check *c = ctx;

    return c->opts->stopped(c->opts->ctx);
}

static int walk(struct check *c, struct err *err)
{
    bool (*stopped)(void *ctx) = c->opts->stopped ? on_stopped : NULL;
    struct walk_opts opts = { .share = c->opts->share,
                              .shares = c->opts->shares,
                              .stopped = stopped,
                              .entry = on_entry,
                              .damage = on_damage,
                              .ctx = c };
    struct walk_opts tail = {
        .threads = 1, .stopped = stopped, .entry = on_entry, .damage = on_damage, .ctx = c
    };
    size_t count;
    const uint64_t *offsets = roll_offsets(c->roll, &count);

    if (c->opts->quick && c->box.indexed) { /* the tag files alone: what follows the payload */
        tail.share = 2;
        tail.shares = UINT64_MAX;
        return walk_run(&c->box, &tail, &c->box.locator.plain, 1, err);
    }
    return walk_run(&c->box, &opts, offsets, count, err);
}

/* Whether a plain tar ends as it must: in two blocks of zeros. */
static bool has_end(struct box *box)
{
    static const unsigned char zeros[1024];
    unsigned char end[sizeof(zeros)];

    return box->size >= sizeof(end) && box->size % 512 == 0 &&
           box_read(box, end, sizeof(end), box->size - sizeof(end), NULL) == 0 &&
           memcmp(end, zeros, sizeof(end)) == 0;
}

static int run(struct check *c, const char *path, struct err *err)
{
    struct err tail;

    if (box_open_anyway(&c->box, path, &tail, err) < 0)
        return -1;
    if (tail.kind)
        report(c, NULL, NULL, VERIFY_NOWHERE, "%s", tail.text);
    c->result->indexed = c->box.indexed;
    if (c->box.format == BOX_TAR && !has_end(&c->box))
        report(c, NULL, NULL, c->box.size, "the end of the tar stream is missing");
    if (box_manifest(&c->box, on_row, c, &c->result->manifest, err) < 0) {
        if (err->kind != ERR_MISMATCH && err->kind != ERR_FORMAT && err->kind != ERR_LIMIT)
            return -1;
        report(c, "manifest.json", NULL, c->box.indexed ? c->box.locator.plain : VERIFY_NOWHERE,
               "%s", err->text);
        err_clear(err);
        return 0; /* without it, there is nothing to compare with */
    }
    return walk(c, err) < 0 ? -1 : compare(c, err);
}

int verify_run(const char *path, const struct verify_opts *opts, struct verify_result *result,
               struct err *err)
{
    struct check *c = mem_new(sizeof(*c), err);
    int rc = -1;
    int i;

    *result = (struct verify_result){ 0 };
    if (!c)
        return -1;
    c->opts = opts;
    c->result = result;
    (void)pthread_mutex_init(&c->lock, NULL);
    for (i = 0; i < ROLL_TAGS; i++)
        buf_init(&c->tags[i], i == ROLL_PAYLOAD || i == ROLL_MANIFEST ? TAG_MAX : INFO_MAX);
    c->roll = roll_new(err);
    if (c->roll)
        rc = run(c, path, err);
    (void)snprintf(result->top, sizeof(result->top), "%s", c->box.top);
    for (i = 0; i < ROLL_TAGS; i++)
        buf_clear(&c->tags[i]);
    roll_free(c->roll);
    box_close(&c->box);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
    return rc;
}
