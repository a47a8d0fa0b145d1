/* SPDX-License-Identifier: MIT */
#include "reader/extract.h"

#include "base/mem.h"
#include "base/text.h"
#include "format/extract_dir.h"
#include "format/safe_name.h"
#include "format/tagfile.h"
#include "reader/archive_reader.h"
#include "reader/inventory.h"
#include "reader/manifest_scan.h"
#include "reader/parallel_scan.h"
#include "reader/stage.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/*
 * Files are extracted first, in the archive's order, by several threads; then the tag files,
 * which are kept under temporary names until their digests are known from
 * tagmanifest-sha256.txt, the last entry; then the links. A link is only made to the file that
 * this run wrote for its target. If the target was not written (it was not selected, or exists
 * already), the content is read from the archive again for the first such link, and further
 * links refer to that file; so too when the file system allows the target no further link.
 *
 * If the manifest cannot be read, --keep-going extracts the files below data/ of the first top
 * directory without verification, and warns about it.
 */
#define LINKS_MAX ((size_t)1 << 26)

/* Marks of a row of the inventory. */
enum {
    OUT = 1,  /* extracted, or already there */
    LOST = 2, /* reported as lost */
    COPY = 4, /* its content must be read for a link */
    MET = 8,  /* an entry with its path was found */
};

/* The file with a row's content, and the row whose path the file has. */
struct done {
    struct extract_dir_id id; /* inode 0: none yet */
    uint32_t row;
};

struct hard_link {
    uint32_t row;
    uint32_t target;
};

struct extract {
    const struct extract_opts *opts;
    struct archive_reader reader;
    struct extract_dir root;
    struct inventory *inventory; /* NULL if the manifest cannot be read */
    struct manifest_digests manifest;
    atomic_bool damaged;
    /* under lock */
    pthread_mutex_t lock;
    struct extract_result *result;
    struct err damage; /* the first damage */
    struct done *done; /* one per row */
    struct hard_link *links;
    size_t count;
    size_t cap;
    struct stage stage;
};

/* Report a lost file; called with the lock held. */
static void lose(struct extract *x, const char *path, const char *why)
{
    char shown[EXTRACT_DIR_SHOWN];

    x->result->lost++;
    x->opts->lost(x->opts->ctx, extract_dir_shown(&x->root, path, shown), why);
    atomic_store(&x->damaged, true);
}

/*
 * Report the file of a row as lost, once, unless it was extracted; called with the lock held.
 */
static void lose_row(struct extract *x, uint32_t row, const char *path, const char *why)
{
    if (inventory_marks(x->inventory, row) & (OUT | LOST))
        return;
    inventory_mark(x->inventory, row, LOST);
    lose(x, path, why);
}

/* The path of a row including the top directory; returns out. */
static const char *full_path(const struct extract *x, uint32_t row,
                             char out[SAFE_NAME_PATH_MAX + 1])
{
    char path[SAFE_NAME_PATH_MAX + 1];

    (void)snprintf(out, SAFE_NAME_PATH_MAX + 1, "%s/%.*s", x->reader.top,
                   (int)(SAFE_NAME_PATH_MAX - sizeof(x->reader.top)),
                   inventory_path(x->inventory, row, path));
    return out;
}

/*
 * Whether a file is to be extracted. Artifacts were selected while the manifest was read, since
 * a compact row lacks values that a filter compares.
 */
static bool is_wanted(const struct extract *x, const char *path, uint32_t number)
{
    struct inventory_row row = { .document = true };

    if (number != INVENTORY_NONE)
        inventory_get(x->inventory, number, &row);
    return row.document ? x->opts->wanted(x->opts->ctx, path, NULL) : row.selected;
}

/*
 * Record the result of a file; row may be INVENTORY_NONE. Returns 0 unless the error is fatal.
 */
static int account(struct extract *x, const char *path, uint32_t row, uint64_t size, int rc,
                   struct err *err)
{
    char shown[EXTRACT_DIR_SHOWN];

    (void)pthread_mutex_lock(&x->lock);
    if (rc == 0) {
        x->result->files++;
        x->result->bytes += size;
    } else if (err->kind == ERR_EXISTS) {
        x->result->kept++;
        x->opts->kept(x->opts->ctx, extract_dir_shown(&x->root, path, shown));
        rc = 0;
    } else if (err_is_damage(err) && row != INVENTORY_NONE) {
        lose_row(x, row, path, err->text);
    } else if (err_is_damage(err)) {
        lose(x, path, err->text);
    }
    if (rc == 0 && row != INVENTORY_NONE)
        inventory_mark(x->inventory, row, OUT);
    (void)pthread_mutex_unlock(&x->lock);
    if (rc == 0 || err_is_damage(err))
        return 0;
    return err->kind == ERR_SYSTEM
               ? err_wrap(err, "'%.400s'", extract_dir_shown(&x->root, path, shown))
               : -1;
}

/* Write the current entry, which is the content of row, at the path of the row at. */
static int put_row(struct extract *x, struct entry_reader *entries,
                   const struct entry_reader_entry *entry, uint32_t row, uint32_t at,
                   struct err *err)
{
    char path[SAFE_NAME_PATH_MAX + 1];
    struct inventory_row want;
    struct extract_dir_id id = { 0 };
    int rc;

    inventory_get(x->inventory, row, &want);
    (void)full_path(x, at, path);
    if (entry->size != want.size)
        rc = err_set(err, ERR_MISMATCH, "size is %llu byte%s, but %llu in the manifest",
                     (unsigned long long)entry->size, text_plural(entry->size),
                     (unsigned long long)want.size);
    else
        rc = stage_put(&x->stage, entries, entry, path, want.sha256, &id, err);
    if (rc == 0) {
        (void)pthread_mutex_lock(&x->lock);
        x->done[row] = (struct done){ id, at };
        (void)pthread_mutex_unlock(&x->lock);
    }
    rc = account(x, path, at, want.size, rc, err);
    return rc == 0 && entry_reader_broken(entries) ? -1 : rc;
}

/* Record a link, to be made at the end. */
static int keep_link(struct extract *x, uint32_t row, const char *target, struct err *err)
{
    const char *below = archive_reader_below(&x->reader, target);
    int rc;

    (void)pthread_mutex_lock(&x->lock);
    rc = mem_room(&x->links, &x->cap, x->count, sizeof(*x->links), LINKS_MAX, err);
    if (rc == 0)
        x->links[x->count++] =
            (struct hard_link){ row,
                                below ? inventory_find(x->inventory, below) : INVENTORY_NONE };
    (void)pthread_mutex_unlock(&x->lock);
    return rc;
}

/* Stage a tag file. */
static int put_tag(struct extract *x, struct entry_reader *entries,
                   const struct entry_reader_entry *entry, int tag, bool wanted,
                   struct err *err)
{
    uint64_t max = x->inventory
                       ? tagfile_max(tag, x->manifest.size, inventory_count(x->inventory))
                       : MANIFEST_SCAN_MAX;
    int rc = stage_take(&x->stage, tag, entries, entry, max, wanted, err);

    /* the files that need it are reported instead */
    if (rc < 0 && !wanted && err_is_damage(err))
        rc = 0;
    else if (rc < 0)
        rc = account(x, entry->path, INVENTORY_NONE, 0, rc, err);
    return rc == 0 && entry_reader_broken(entries) ? -1 : rc;
}

/* Why an entry is not extracted without a manifest; NULL: no reason. Only files below data/ of
 * the first top directory. */
static const char *refusal_without_manifest(struct extract *x,
                                            const struct entry_reader_entry *entry)
{
    const char *why = entry_reader_refused(entry);
    size_t top = strcspn(entry->path, "/");

    if (why)
        return why;
    (void)pthread_mutex_lock(&x->lock);
    if (!x->reader.top[0] && top < sizeof(x->reader.top))
        memcpy(x->reader.top, entry->path, top); /* top is zeroed: the NUL is there */
    (void)pthread_mutex_unlock(&x->lock);
    return archive_reader_below(&x->reader, entry->path)
               ? safe_name_not_payload(archive_reader_below(&x->reader, entry->path))
               : "outside the top directory";
}

/* Extract an entry without a manifest. */
static int put_unverified(struct extract *x, struct entry_reader *entries,
                          const struct entry_reader_entry *entry, struct err *err)
{
    const char *why = refusal_without_manifest(x, entry);
    struct extract_dir_id id;
    char *path = mem_copy(entry->path, err);
    int rc;

    if (!path)
        return -1;
    if (!why && entry->kind == ENTRY_READER_LINK)
        rc = err_set(err, ERR_FORMAT,
                     "link to '%.200s', which cannot be verified without the manifest",
                     entry->target);
    else if (why)
        rc = err_set(err, ERR_FORMAT, "%s", why);
    else
        rc = stage_put(&x->stage, entries, entry, path, NULL, &id, err);
    rc = account(x, path, INVENTORY_NONE, entry->size, rc, err);
    mem_free(path);
    return rc == 0 && entry_reader_broken(entries) ? -1 : rc;
}

static int on_entry(void *ctx, struct entry_reader *entries,
                    const struct entry_reader_entry *entry, struct err *err)
{
    struct extract *x = ctx;
    const char *below = archive_reader_below(&x->reader, entry->path);
    int tag = below ? tagfile_find(below) : -1;
    uint32_t number =
        x->inventory && below && tag < 0 ? inventory_find(x->inventory, below) : INVENTORY_NONE;
    bool wanted = entry->kind != ENTRY_READER_DIR && is_wanted(x, entry->path, number);
    const char *why;
    bool twice;

    if (atomic_load(&x->damaged) && !x->opts->keep_going)
        return err_set(err, ERR_CANCELLED, "the archive is damaged");
    if (tag >= 0 && entry->kind != ENTRY_READER_DIR)
        return put_tag(x, entries, entry, tag, wanted, err);
    if (!wanted)
        return 0;
    if (!x->inventory)
        return put_unverified(x, entries, entry, err);
    why = entry_reader_refused(entry);
    if (!why && number == INVENTORY_NONE)
        why = "not in the manifest";
    (void)pthread_mutex_lock(&x->lock);
    /*
     * of two entries, the one where the manifest says is taken, whichever a thread meets first
     */
    twice =
        !why && ((inventory_marks(x->inventory, number) & MET) ||
                 (x->reader.indexed && !inventory_is_at(x->inventory, number, entry->offset)));
    if (twice)
        why = "occurs twice in the archive, or is not where the manifest says";
    else if (!why)
        inventory_mark(x->inventory, number, MET);
    (void)pthread_mutex_unlock(&x->lock);
    if (why) {
        (void)err_set(err, ERR_FORMAT, "%s", why);
        return account(x, entry->path, twice ? INVENTORY_NONE : number, 0, -1, err);
    }
    return entry->kind == ENTRY_READER_LINK ? keep_link(x, number, entry->target, err)
                                            : put_row(x, entries, entry, number, number, err);
}

static void on_damage(void *ctx, uint64_t offset, const struct err *err)
{
    struct extract *x = ctx;

    (void)offset;
    atomic_store(&x->damaged, true);
    (void)pthread_mutex_lock(&x->lock);
    if (!x->inventory)
        lose(x, NULL, err->text);
    else if (!x->damage.kind) /* the damaged files are reported by path at the end */
        x->damage = *err;
    (void)pthread_mutex_unlock(&x->lock);
}

/* Give the tag files their names, or report why not. */
static int name_tags(struct extract *x, struct err *err)
{
    int rc = stage_sum(&x->stage, err);
    int i;

    for (i = 0; rc == 0 && i < TAG_COUNT; i++) {
        const uint8_t *sha256 = i == TAG_MANIFEST && x->inventory ? x->manifest.sha256 : NULL;

        rc = stage_name(&x->stage, i, sha256, err);
        if (rc)
            rc = account(x, x->stage.files[i].path, INVENTORY_NONE, x->stage.files[i].size,
                         rc < 0 ? -1 : 0, err);
    }
    return rc;
}

/* Extract the content of a row marked COPY, at the path of the first link that needs it. */
static int on_copy(void *ctx, struct entry_reader *entries,
                   const struct entry_reader_entry *entry, struct err *err)
{
    struct extract *x = ctx;
    const char *below = archive_reader_below(&x->reader, entry->path);
    uint32_t row = below && entry->kind == ENTRY_READER_FILE
                       ? inventory_find(x->inventory, below)
                       : INVENTORY_NONE;
    bool copy = false;

    if (row != INVENTORY_NONE) {
        (void)pthread_mutex_lock(&x->lock);
        copy = (inventory_marks(x->inventory, row) & COPY) && !x->done[row].id.inode;
        (void)pthread_mutex_unlock(&x->lock);
    }
    return copy ? put_row(x, entries, entry, row, x->done[row].row, err) : 0;
}

static void on_copy_damage(void *ctx, uint64_t offset, const struct err *err)
{
    (void)ctx; /* the links that need it are reported as lost */
    (void)offset;
    (void)err;
}

/* Check that the manifest has the same content for a link and its target. */
static int check_link(const struct extract *x, const struct hard_link *link, struct err *err)
{
    if (link->target == INVENTORY_NONE)
        return err_set(err, ERR_FORMAT, "link to a file that is not in the manifest");
    if (link->target == link->row)
        return err_set(err, ERR_FORMAT, "link to itself");
    if (inventory_is_same(x->inventory, link->row, link->target))
        return 0;
    return err_set(err, ERR_MISMATCH,
                   "link to a file with another content than the manifest has for the link");
}

/* Extract the content of link targets that this run did not write. */
static int copy_targets(struct extract *x, const uint8_t *starts, struct err *err)
{
    struct parallel_scan_opts opts = { .starts = starts,
                                       .stop = x->opts->stop,
                                       .entry = on_copy,
                                       .damage = on_copy_damage,
                                       .ctx = x };
    size_t copies = 0;
    size_t i;

    for (i = 0; i < x->count; i++) {
        const struct hard_link *link = &x->links[i];
        char path[SAFE_NAME_PATH_MAX + 1];

        if (check_link(x, link, NULL) < 0 || x->done[link->target].id.inode ||
            (inventory_marks(x->inventory, link->target) & (COPY | LOST)) ||
            (!x->opts->force && extract_dir_has(&x->root, full_path(x, link->row, path))))
            continue;
        inventory_mark(x->inventory, link->target, COPY);
        x->done[link->target].row = link->row;
        copies++;
    }
    return copies ? parallel_scan(&x->reader, &opts, err) : 0;
}

/* Create a link. */
static int make_link(struct extract *x, const struct hard_link *link, const char *path,
                     struct err *err)
{
    char to[SAFE_NAME_PATH_MAX + 1];
    const struct done *done;

    if (check_link(x, link, err) < 0)
        return -1;
    if (!x->opts->force && extract_dir_vacant(&x->root, path, err) < 0)
        return -1;
    done = &x->done[link->target];
    if (!done->id.inode)
        return err_set(err, ERR_MISMATCH, "the target of the link could not be extracted");
    return extract_dir_link(&x->root, path, full_path(x, done->row, to), &done->id,
                            x->opts->force, err);
}

/*
 * Extract the content again at the path of a link that cannot be made; further links lead to
 * this file.
 */
static int copy_again(struct extract *x, const struct hard_link *link, struct err *err)
{
    bool here = x->reader.indexed;
    char path[SAFE_NAME_PATH_MAX + 1];
    struct entry_reader_entry entry;
    struct entry_reader *entries;
    struct inventory_row row;
    int rc;

    inventory_get(x->inventory, link->target, &row);
    x->done[link->target].id.inode = 0;
    entries = entry_reader_open(&x->reader, here ? row.offset : 0, UINT64_MAX, err);
    rc = entries
             ? entry_reader_find(entries, full_path(x, link->target, path), here, &entry, err)
             : -1;
    rc = rc == 0 ? put_row(x, entries, &entry, link->target, link->row, err)
                 : account(x, full_path(x, link->row, path), link->row, 0, -1, err);
    entry_reader_free(entries);
    return rc;
}

static int make_links(struct extract *x, struct err *err)
{
    size_t i;

    for (i = 0; i < x->count; i++) {
        const struct hard_link *link = &x->links[i];
        char path[SAFE_NAME_PATH_MAX + 1];
        int rc;

        if (inventory_marks(x->inventory, link->row) & OUT) /* already extracted by on_copy */
            continue;
        rc = make_link(x, link, full_path(x, link->row, path), err);
        if (rc < 0 && extract_dir_must_copy(err)) {
            if (stop_check(&x->opts->stop, err) < 0 || copy_again(x, link, err) < 0)
                return -1;
            continue;
        }
        x->result->links += rc == 0;
        x->result->files -= rc == 0; /* account, called next, counts it as a file */
        if (account(x, path, link->row, 0, rc, err) < 0)
            return -1;
    }
    return 0;
}

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct extract *x = ctx;
    char path[SAFE_NAME_PATH_MAX + 1];

    if (inventory_add(x->inventory, section, text, len, err) < 0)
        return -1;
    if (section == MANIFEST_READ_ARTIFACTS &&
        x->opts->wanted(x->opts->ctx, full_path(x, inventory_count(x->inventory) - 1, path),
                        inventory_last(x->inventory)))
        inventory_select(x->inventory);
    return 0;
}

/* Report all selected files of the manifest that were not extracted. */
static void count_losses(struct extract *x)
{
    const char *why =
        atomic_load(&x->damaged) ? "in a damaged part of the archive" : "not in the archive";
    char path[SAFE_NAME_PATH_MAX + 1];
    uint32_t i;

    (void)pthread_mutex_lock(&x->lock);
    for (i = 0; i < inventory_count(x->inventory); i++) {
        if (!(inventory_marks(x->inventory, i) & (OUT | LOST)) &&
            is_wanted(x, full_path(x, i, path), i))
            lose_row(x, i, path, why);
    }
    (void)pthread_mutex_unlock(&x->lock);
}

/* Report damage even if no selected file is affected, or if it ended the extraction. */
static void report_damage(struct extract *x)
{
    (void)pthread_mutex_lock(&x->lock);
    if (x->damage.kind && !x->result->lost)
        lose(x, NULL, x->damage.text);
    (void)pthread_mutex_unlock(&x->lock);
}

static bool on_stopped(void *ctx)
{
    const struct extract *x = ctx;

    return stop_asked(&x->opts->stop) || (atomic_load(&x->damaged) && !x->opts->keep_going);
}

/* Read the manifest. Without it, --keep-going continues all the same. */
static int read_manifest(struct extract *x, struct err *err)
{
    if (manifest_scan(&x->reader, on_row, x, &x->manifest, err) == 0) {
        x->done = mem_array(inventory_count(x->inventory), sizeof(*x->done), err);
        return x->done ? 0 : -1;
    }
    if (!err_is_damage(err) || !x->opts->keep_going)
        return -1;
    lose(x, tagfile_name(TAG_MANIFEST), err->text);
    x->opts->lost(x->opts->ctx, NULL, "without the manifest, extracted files are not verified");
    inventory_free(x->inventory);
    x->inventory = NULL;
    memset(x->reader.top, 0, sizeof(x->reader.top));
    err_clear(err);
    return 0;
}

static int walk(struct extract *x, const uint8_t *starts, struct err *err)
{
    struct parallel_scan_opts opts = {
        .threads = x->inventory ? 0 : 1, /* the first entry determines the top directory */
        .guess = !x->inventory,
        .starts = starts,
        .stop = { on_stopped, -1, x },
        .entry = on_entry,
        .damage = on_damage,
        .ctx = x
    };
    int rc = parallel_scan(&x->reader, &opts, err);

    if (rc < 0 && !(err->kind == ERR_CANCELLED && atomic_load(&x->damaged)))
        return -1;
    if (rc < 0) /* report the damage first, not its consequences */
        report_damage(x);
    if ((rc == 0 || x->stage.sums.len) && name_tags(x, err) < 0) /* else nothing is known */
        return -1;
    if (x->inventory && rc == 0) { /* else the first loss ended the extraction */
        if (copy_targets(x, starts, err) < 0 || make_links(x, err) < 0)
            return -1;
        count_losses(x);
    }
    report_damage(x);
    return 0;
}

static int run(struct extract *x, const char *path, struct err *err)
{
    struct err tail;
    uint8_t *starts = NULL;
    int rc;

    if (archive_reader_open_anyway(&x->reader, path, &tail, err) < 0 ||
        extract_dir_open(&x->root, x->opts->dir, err) < 0)
        return -1;
    archive_reader_watch(&x->reader, x->opts->stop, x->opts->watcher);
    if (tail.kind && !x->opts->keep_going) {
        *err = tail;
        return err_hint(err, "use --keep-going to extract the undamaged files");
    }
    if (read_manifest(x, err) < 0)
        return -1;
    x->result->indexed = x->reader.indexed;
    if (x->inventory && !(starts = inventory_starts(x->inventory, &x->reader.seek, err)))
        return -1;
    rc = walk(x, starts, err);
    mem_free(starts);
    return rc;
}

int extract_run(const char *path, const struct extract_opts *opts,
                struct extract_result *result, struct err *err)
{
    struct extract x = { .opts = opts,
                         .result = result,
                         .root = { .fd = -1, .top = opts->top } };
    int rc = -1;

    *result = (struct extract_result){ 0 };
    (void)pthread_mutex_init(&x.lock, NULL);
    stage_init(&x.stage, &x.root, opts->force, opts->mode);
    x.inventory = inventory_new(0, err);
    if (x.inventory)
        rc = run(&x, path, err);
    (void)snprintf(result->top, sizeof(result->top), "%s",
                   opts->top && x.reader.top[0] ? opts->top : x.reader.top);
    stage_clear(&x.stage);
    inventory_free(x.inventory);
    mem_free(x.done);
    mem_free(x.links);
    extract_dir_close(&x.root);
    archive_reader_close(&x.reader);
    (void)pthread_mutex_destroy(&x.lock);
    return rc;
}
