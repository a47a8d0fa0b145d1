/* SPDX-License-Identifier: MIT */
#include "reader/verify.h"

#include "base/mem.h"
#include "base/text.h"
#include "format/bag.h"
#include "format/payload_path.h"
#include "format/tagfile.h"
#include "provenance/request_check.h"
#include "reader/archive_reader.h"
#include "reader/inventory.h"
#include "reader/name_check.h"
#include "reader/parallel_scan.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Marks of a row of the inventory. */
enum {
    SEEN = 1,    /* found in the archive */
    LINKED = 2,  /* found as a link, to the row's target */
    MOVED = 4,   /* at another position: the archive was repacked */
    BAD = 8,     /* does not match the manifest */
    SUMMED = 16, /* in a BagIt manifest */
    MET = 32,    /* an entry with its path was found */
    LOGGED = 64, /* the log of requests has a line for it */
};

struct tag_file {
    bool seen;
    uint8_t sha256[SHA256_SIZE];
    bool summed; /* tagmanifest-sha256.txt has its digest */
    uint8_t sum[SHA256_SIZE];
};

/* A BagIt manifest being parsed. */
struct listed {
    struct check *check;
    enum tag tag;
    bool bad; /* a malformed line was reported */
    struct tagfile_lines lines;
};

struct check {
    const struct verify_opts *opts;
    struct verify_result *result;
    struct archive_reader reader;
    struct inventory *inventory; /* expected contents, with marks; several threads search */
    pthread_mutex_t lock;
    /* under lock */
    struct tag_file tags[TAG_COUNT];
    struct buf info;
    struct buf bagit;
    struct buf tagsums;
    bool logged;            /* the log of requests was read */
    uint64_t summed;        /* number of lines in manifest-sha256.txt */
    uint64_t payload_bytes; /* size of their files that were found */
};

static void report(struct check *c, const char *path, const char *artifact_id, uint64_t offset,
                   const char *fmt, ...) PRINTF_LIKE(5, 6);

static void report(struct check *c, const char *path, const char *artifact_id, uint64_t offset,
                   const char *fmt, ...)
{
    struct verify_damage damage = { path, artifact_id, c->reader.bag ? VERIFY_NOWHERE : offset,
                                    NULL };
    char what[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    damage.what = what;
    c->result->damages++;
    c->opts->damage(c->opts->ctx, &damage);
}

/* Report damage of a row. */
static void report_row(struct check *c, uint32_t number, uint64_t offset, const char *what)
{
    char path[SAFE_NAME_PATH_MAX + 1];
    char id[256];

    report(c, inventory_path(c->inventory, number, path),
           inventory_id(c->inventory, number, id), offset, "%s", what);
}

/* Compare a digest in a BagIt manifest with the row of its path. */
static void take_sum(struct check *c, enum tag list, const char *path,
                     const uint8_t sha256[SHA256_SIZE])
{
    const char *name = tagfile_name((int)list);
    uint32_t number = inventory_find(c->inventory, path);
    struct inventory_row row;

    c->summed += list == TAG_PAYLOAD;
    if (number == INVENTORY_NONE) {
        report(c, path, NULL, VERIFY_NOWHERE, "is in %s but not in manifest.json", name);
        return;
    }
    inventory_get(c->inventory, number, &row);
    if (inventory_marks(c->inventory, number) & SUMMED)
        report(c, name, NULL, VERIFY_NOWHERE, "lists '%.200s' twice", path);
    else if (memcmp(row.sha256, sha256, SHA256_SIZE) != 0)
        report(c, path, NULL, VERIFY_NOWHERE,
               "has a different SHA-256 in %s than in manifest.json", name);
    inventory_mark(c->inventory, number, SUMMED);
}

/* Process a line of a BagIt manifest; a tagfile_fn. */
static void on_sum(void *ctx, const char *path, const uint8_t *sha256)
{
    struct listed *l = ctx;
    struct check *c = l->check;
    int tag = sha256 && l->tag == TAG_TAGS ? tagfile_find(path) : -1;

    (void)pthread_mutex_lock(&c->lock);
    if (!sha256) {
        if (!l->bad)
            report(c, tagfile_name((int)l->tag), NULL, VERIFY_NOWHERE,
                   "has a malformed line: %.100s", path);
        l->bad = true;
    } else if (tag < 0) {
        take_sum(c, l->tag, path, sha256);
    } else {
        if (c->tags[tag].summed)
            report(c, tagfile_name((int)l->tag), NULL, VERIFY_NOWHERE, "lists '%.200s' twice",
                   path);
        c->tags[tag].summed = true;
        memcpy(c->tags[tag].sum, sha256, SHA256_SIZE);
    }
    (void)pthread_mutex_unlock(&c->lock);
}

static struct listed *listed_new(struct check *c, enum tag tag, struct err *err)
{
    struct listed *l = mem_new(sizeof(*l), err);

    if (!l)
        return NULL;
    l->check = c;
    l->tag = tag;
    tagfile_lines_init(&l->lines, on_sum, l);
    return l;
}

/* Read a tag file, according to its kind. */
static int read_tag(struct check *c, struct entry_reader *entries, enum tag tag, uint64_t size,
                    uint8_t sha256[SHA256_SIZE], struct err *err)
{
    struct listed *l;
    int rc;

    switch (tag) {
    case TAG_MANIFEST:
        return entry_reader_copy(entries, size, put_nowhere, NULL, sha256, err);
    case TAG_INFO:
        return entry_reader_copy(entries, size, buf_put, &c->info, sha256, err);
    case TAG_BAGIT:
        return entry_reader_copy(entries, size, buf_put, &c->bagit, sha256, err);
    case TAG_TAGS:
        return entry_reader_copy(entries, size, buf_put, &c->tagsums, sha256, err);
    case TAG_PAYLOAD:
    case TAG_COUNT:
        break;
    }
    l = listed_new(c, tag, err);
    rc = l ? entry_reader_copy(entries, size, tagfile_lines_put, &l->lines, sha256, err) : -1;
    if (rc == 0)
        tagfile_lines_end(&l->lines);
    mem_free(l);
    return rc;
}

/* Whether an error concerns the current entry only, so that others can still be read. */
static bool of_entry(const struct entry_reader *entries, const struct err *err)
{
    return !entry_reader_broken(entries) && err_is_damage(err);
}

/* Check a tag file. */
static int see_tag(struct check *c, struct entry_reader *entries,
                   const struct entry_reader_entry *entry, enum tag tag, struct err *err)
{
    uint64_t max =
        tagfile_max((int)tag, c->result->manifest.size, inventory_count(c->inventory));
    uint8_t sha256[SHA256_SIZE];
    const char *wrong = NULL;
    int rc;

    (void)pthread_mutex_lock(&c->lock);
    if (c->tags[tag].seen)
        wrong = "occurs twice in the archive";
    else if (entry->kind != ENTRY_READER_FILE)
        wrong = "is a link";
    else if (entry->size > max)
        wrong = "is too large";
    c->tags[tag].seen = true;
    if (wrong)
        report(c, tagfile_name((int)tag), NULL, entry->offset, "%s", wrong);
    (void)pthread_mutex_unlock(&c->lock);
    if (wrong)
        return 0;
    rc = read_tag(c, entries, tag, entry->size, sha256, err);
    if (rc < 0 && !of_entry(entries, err))
        return -1;
    (void)pthread_mutex_lock(&c->lock);
    if (rc < 0)
        report(c, tagfile_name((int)tag), NULL, entry->offset, "%s", err->text);
    else
        memcpy(c->tags[tag].sha256, sha256, SHA256_SIZE);
    (void)pthread_mutex_unlock(&c->lock);
    return 0;
}

/* Check the position and kind of a row's entry; called with the lock held. */
static void check_place(struct check *c, uint32_t number, const struct inventory_row *row,
                        const struct entry_reader_entry *entry)
{
    bool link = entry->kind == ENTRY_READER_LINK;
    uint64_t at[2];

    if (!c->reader.indexed && row->offset != entry->offset) {
        inventory_mark(c->inventory, number, MOVED);
        return;
    }
    if (row->link != link)
        report_row(c, number, entry->offset,
                   "is a link in either the manifest or the tar header, but not in both");
    if (!c->reader.indexed || row->unplaced)
        return;
    if (row->offset != entry->offset)
        report_row(c, number, entry->offset,
                   "has a different offset in the manifest than in the archive");
    else if (!row->document &&
             seek_find(&c->reader.seek, entry->offset, &at[0], &at[1]) != row->frame)
        report_row(c, number, entry->offset,
                   "has a different frame in the manifest than in the seek table");
    else if (row->odd_level)
        report_row(c, number, entry->offset, INVENTORY_ODD_LEVEL);
}

/* Check a link's target; called with the lock held. */
static void see_link(struct check *c, uint32_t number, const struct entry_reader_entry *entry)
{
    const char *target = archive_reader_below(&c->reader, entry->target);
    uint32_t to = target ? inventory_find(c->inventory, target) : INVENTORY_NONE;
    char path[SAFE_NAME_PATH_MAX + 1];
    char id[256];

    inventory_mark(c->inventory, number, LINKED | (to == INVENTORY_NONE ? BAD : 0));
    inventory_set_target(c->inventory, number, to);
    if (to == INVENTORY_NONE)
        report(c, inventory_path(c->inventory, number, path),
               inventory_id(c->inventory, number, id), entry->offset,
               "is a link to '%.200s', which is not in the manifest", entry->target);
    else if (!(inventory_marks(c->inventory, number) & MOVED) &&
             !inventory_is_duplicate(c->inventory, number, to))
        report(c, inventory_path(c->inventory, number, path),
               inventory_id(c->inventory, number, id), entry->offset,
               "is a link to '%.200s', which is not the target in the manifest", entry->target);
}

/* What the checks of other modules report. */
static void report_found(void *ctx, const char *path, const char *what)
{
    report(ctx, path, NULL, VERIFY_NOWHERE, "%s", what);
}

/* Read the log of requests, and compare it with the manifest. */
static int read_log(struct check *c, struct entry_reader *entries, uint64_t size,
                    uint8_t sha256[SHA256_SIZE], struct err *err)
{
    const struct request_check_opts opts = { .report = report_found,
                                             .ctx = c,
                                             .lock = &c->lock };
    int rc = inventory_read_log(c->inventory, entries, size, LOGGED, &opts, sha256, err);

    c->logged = rc == 0; /* read when all threads have ended */
    return rc;
}

/* Hash a row's file and compare the digest with the manifest. */
static int see_content(struct check *c, struct entry_reader *entries, uint32_t number,
                       const struct inventory_row *row, uint64_t offset, struct err *err)
{
    uint8_t sha256[SHA256_SIZE];
    const char *wrong = NULL;
    bool log = row->document && number == inventory_find(c->inventory, TAGFILE_REQUESTS);
    int rc = log ? read_log(c, entries, row->size, sha256, err)
                 : entry_reader_copy(entries, row->size, put_nowhere, NULL, sha256, err);

    if (rc < 0 && !of_entry(entries, err))
        return -1;
    if (rc < 0)
        wrong = err->text;
    else if (memcmp(sha256, row->sha256, SHA256_SIZE) != 0)
        wrong = "has a different SHA-256 than in the manifest";
    (void)pthread_mutex_lock(&c->lock);
    c->result->bytes += rc == 0 ? row->size : 0;
    if (wrong)
        report_row(c, number, offset, wrong);
    inventory_mark(c->inventory, number, SEEN | (wrong ? BAD : 0));
    (void)pthread_mutex_unlock(&c->lock);
    return 0;
}

/*
 * Whether a row belongs to the requested share. Of an indexed archive, frames are shared out
 * instead.
 */
static bool is_in_share(const struct check *c, uint32_t number)
{
    const struct verify_opts *opts = c->opts;

    return c->reader.indexed || !opts->share || number % opts->shares == opts->share - 1;
}

/* Check an entry that is in the manifest. */
static int see_row(struct check *c, struct entry_reader *entries,
                   const struct entry_reader_entry *entry, uint32_t number, struct err *err)
{
    struct inventory_row row;
    bool link = entry->kind == ENTRY_READER_LINK;
    char path[SAFE_NAME_PATH_MAX + 1];
    char id[256];
    bool done = true;

    inventory_get(c->inventory, number, &row);
    (void)pthread_mutex_lock(&c->lock);
    if (inventory_marks(c->inventory, number) & MET) {
        report_row(c, number, entry->offset, "occurs twice in the archive");
    } else {
        check_place(c, number, &row, entry);
        if (link) {
            see_link(c, number, entry);
        } else if (entry->size != row.size) {
            report(c, inventory_path(c->inventory, number, path),
                   inventory_id(c->inventory, number, id), entry->offset,
                   "has %llu byte%s, but %llu in the manifest", (unsigned long long)entry->size,
                   text_plural(entry->size), (unsigned long long)row.size);
            inventory_mark(c->inventory, number, BAD);
        } else {
            done = c->opts->quick || !is_in_share(c, number);
        }
        inventory_mark(c->inventory, number, done ? MET | SEEN : MET);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return done ? 0 : see_content(c, entries, number, &row, entry->offset, err);
}

static int on_entry(void *ctx, struct entry_reader *entries,
                    const struct entry_reader_entry *entry, struct err *err)
{
    struct check *c = ctx;
    const char *below = archive_reader_below(&c->reader, entry->path);
    const char *name = below ? below : entry->path;
    const char *wrong = NULL;
    uint32_t number = INVENTORY_NONE;
    int tag = -1;

    if (entry->kind == ENTRY_READER_DIR && (below || strcmp(entry->path, c->reader.top) == 0))
        return 0;
    if (!below) {
        wrong = "is outside the top directory";
    } else if (entry->kind > ENTRY_READER_LINK) {
        wrong = "is neither a file nor a hard link";
    } else {
        tag = tagfile_find(name);
        number = tag < 0 ? inventory_find(c->inventory, name) : INVENTORY_NONE;
        if (tag < 0 && number == INVENTORY_NONE)
            wrong = "was added: it is not in the manifest";
    }
    (void)pthread_mutex_lock(&c->lock);
    c->result->files++;
    if (wrong)
        report(c, name, NULL, entry->offset, "%s", wrong);
    (void)pthread_mutex_unlock(&c->lock);
    if (wrong)
        return 0;
    return tag >= 0 ? see_tag(c, entries, entry, (enum tag)tag, err)
                    : see_row(c, entries, entry, number, err);
}

static void on_damage(void *ctx, uint64_t offset, const struct err *err)
{
    struct check *c = ctx;

    (void)pthread_mutex_lock(&c->lock);
    report(c, NULL, NULL, offset, "%s", err->text);
    (void)pthread_mutex_unlock(&c->lock);
}

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct check *c = ctx;

    switch (section) {
    case MANIFEST_READ_PREVIOUS:
        return manifest_scan_previous(text, len, c->result->previous,
                                      sizeof(c->result->previous), c->result->previous_sha256,
                                      err);
    case MANIFEST_READ_DOCUMENTS:
        return inventory_add(c->inventory, section, text, len, err);
    case MANIFEST_READ_ARTIFACTS:
        c->result->artifacts++;
        return inventory_add(c->inventory, section, text, len, err);
    case MANIFEST_READ_MISSING:
        c->result->missing++;
        break;
    case MANIFEST_READ_HEAD:
    case MANIFEST_READ_CREATED:
    case MANIFEST_READ_SOURCE:
    case MANIFEST_READ_FILTER:
    case MANIFEST_READ_CHILDREN:
    case MANIFEST_READ_RUNS:
        break;
    }
    return 0;
}

/* Check a link's target and content, after all entries were read. */
static void check_link(struct check *c, uint32_t number, const struct inventory_row *row)
{
    uint32_t to = inventory_target(c->inventory, number);
    struct inventory_row target;
    unsigned marks;

    if (to == INVENTORY_NONE)
        return;
    inventory_get(c->inventory, to, &target);
    marks = inventory_marks(c->inventory, to);
    if (to == number || (marks & LINKED))
        report_row(c, number, row->offset, "is a link to a link");
    else if (!(marks & SEEN) && !c->opts->quick && !c->opts->share)
        report_row(c, number, row->offset, "is a link to a file that is not in the archive");
    else if ((marks & BAD) || target.size != row->size ||
             memcmp(target.sha256, row->sha256, SHA256_SIZE) != 0)
        report_row(c, number, row->offset,
                   "is a link to a file with different content than in the manifest");
}

/* Check a row of the manifest, after all entries were read. */
static void check_row(struct check *c, uint32_t number)
{
    unsigned marks = inventory_marks(c->inventory, number);
    struct inventory_row row;
    char path[SAFE_NAME_PATH_MAX + 1];
    bool payload = payload_path_is(inventory_path(c->inventory, number, path));

    inventory_get(c->inventory, number, &row);
    if (!(marks & SUMMED) && !row.document)
        report_row(c, number, VERIFY_NOWHERE, "is not in manifest-sha256.txt");
    else if (!(marks & SUMMED))
        report(c, path, NULL, VERIFY_NOWHERE, "is in manifest.json but not in %s",
               tagfile_name(payload ? TAG_PAYLOAD : TAG_TAGS));
    if (c->logged && !(marks & LOGGED) && request_check_wants(path))
        report_found(c, path, "is not in " TAGFILE_REQUESTS);
    if (marks & LINKED)
        check_link(c, number, &row);
    else if (!(marks & SEEN) && !c->opts->quick && !c->opts->share)
        report_row(c, number, row.offset == MANIFEST_READ_NONE ? VERIFY_NOWHERE : row.offset,
                   "is in the manifest but not in the archive");
    if (payload && (marks & (SUMMED | SEEN)) == (SUMMED | SEEN))
        c->payload_bytes += row.size; /* a wrong size was already reported */
}

static void check_tags(struct check *c)
{
    const struct bag_payload payload = { c->payload_bytes, c->summed,
                                         !c->opts->quick && !c->opts->share,
                                         c->result->previous_sha256 };
    int i;

    for (i = 0; i < TAG_COUNT; i++) {
        const struct tag_file *tag = &c->tags[i];

        if (!tag->seen)
            report(c, tagfile_name(i), NULL, VERIFY_NOWHERE, "is not in the archive");
        else if (i != TAG_TAGS && !tag->summed)
            report(c, tagfile_name(i), NULL, VERIFY_NOWHERE,
                   "is not in tagmanifest-sha256.txt");
        else if (i != TAG_TAGS && memcmp(tag->sum, tag->sha256, SHA256_SIZE) != 0)
            report(c, tagfile_name(i), NULL, VERIFY_NOWHERE,
                   "has a different SHA-256 than in tagmanifest-sha256.txt");
    }
    if (c->tags[TAG_BAGIT].seen && strcmp(buf_text(&c->bagit), BAG_DECLARATION) != 0)
        report(c, tagfile_name(TAG_BAGIT), NULL, VERIFY_NOWHERE,
               "is not the declaration of BagIt 1.0");
    if (c->tags[TAG_INFO].seen)
        bag_check_info(buf_text(&c->info), &payload, report_found, c);
}

/* Compare the tag files and the manifest, after all entries were read. */
static int compare(struct check *c, struct err *err)
{
    struct listed *l = listed_new(c, TAG_TAGS, err);
    uint32_t i;
    int rc = l ? tagfile_lines_put(&l->lines, c->tagsums.data, c->tagsums.len, err) : -1;

    if (rc == 0) {
        tagfile_lines_end(&l->lines);
        for (i = 0; i < inventory_count(c->inventory); i++)
            check_row(c, i);
        check_tags(c);
    }
    mem_free(l);
    return rc;
}

static int walk(struct check *c, struct err *err)
{
    struct parallel_scan_opts opts = { .share = c->reader.indexed ? c->opts->share : 0,
                                       .shares = c->opts->shares,
                                       .stop = c->opts->stop,
                                       .entry = on_entry,
                                       .damage = on_damage,
                                       .ctx = c };
    struct parallel_scan_opts tail = { .threads = 1,
                                       .tags = true,
                                       .stop = c->opts->stop,
                                       .entry = on_entry,
                                       .damage = on_damage,
                                       .ctx = c };
    uint8_t *starts;
    int rc;

    if (c->opts->quick && c->reader.indexed)
        return parallel_scan(&c->reader, &tail, err);
    starts = inventory_starts(c->inventory, &c->reader.seek, err);
    opts.starts = starts;
    rc = starts ? parallel_scan(&c->reader, &opts, err) : -1;
    mem_free(starts);
    return rc;
}

static int run(struct check *c, const char *path, struct err *err)
{
    struct err names = { 0 }, tail;

    if (archive_reader_open_anyway(&c->reader, path, &tail, err) < 0)
        return -1;
    archive_reader_watch(&c->reader, c->opts->stop, c->opts->watcher);
    if (tail.kind)
        report(c, NULL, NULL, VERIFY_NOWHERE, "%s", tail.text);
    c->result->indexed = c->reader.indexed;
    c->result->directory = c->reader.bag != NULL;
    if (c->reader.format == CONTAINER_TAR && !archive_reader_has_end(&c->reader))
        report(c, NULL, NULL, c->reader.size, "the end of the tar stream is missing");
    if (name_check_scan(&c->reader, on_row, c, &c->result->manifest, &names, err) < 0) {
        size_t name = strlen(path) + strlen("'': ");

        if ((c->reader.foreign && !c->result->damages) ||
            (err->kind != ERR_MISMATCH && err->kind != ERR_FORMAT && err->kind != ERR_LIMIT))
            return -1;
        report(c, tagfile_name(TAG_MANIFEST), NULL,
               c->reader.indexed ? c->reader.locator.plain : VERIFY_NOWHERE, "%s",
               strlen(err->text) > name && strncmp(err->text + 1, path, strlen(path)) == 0
                   ? err->text + name
                   : err->text);
        err_clear(err);
        return 0; /* nothing to compare the archive with */
    }
    if (names.kind)
        report(c, NULL, NULL, VERIFY_NOWHERE, "%s", names.text);
    return walk(c, err) < 0 ? -1 : compare(c, err);
}

int verify_run(const char *path, const struct verify_opts *opts, struct verify_result *result,
               struct err *err)
{
    struct check *c = mem_new(sizeof(*c), err);
    int rc = -1;

    *result = (struct verify_result){ 0 };
    if (!c)
        return -1;
    c->opts = opts;
    c->result = result;
    (void)pthread_mutex_init(&c->lock, NULL);
    buf_init(&c->info, TAGFILE_SIZE_MAX);
    buf_init(&c->bagit, TAGFILE_SIZE_MAX);
    buf_init(&c->tagsums, TAGFILE_TAGS_MAX);
    c->inventory = inventory_new(0, err);
    if (c->inventory)
        rc = run(c, path, err);
    (void)snprintf(result->top, sizeof(result->top), "%s", c->reader.top);
    buf_clear(&c->info);
    buf_clear(&c->bagit);
    buf_clear(&c->tagsums);
    inventory_free(c->inventory);
    archive_reader_close(&c->reader);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
    return rc;
}
