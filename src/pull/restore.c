/* SPDX-License-Identifier: MIT */
#include "pull/restore.h"

#include "base/file.h"
#include "base/hashmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "fetch/fetch.h"
#include "format/sniff.h"
#include "pull/groups.h"
#include "pull/pull_opts.h"
#include "reader/salvage.h"
#include "writer/entry_writer.h"
#include "writer/output.h"

#include <string.h>
#include <unistd.h>

#define TEXT_MAX     ((size_t)64 << 20) /* more bytes than the view uses of any file */
#define ENTRIES_MAX  ((size_t)1 << 26)
#define STATUS_MAX   1000
#define ATTEMPTS_MAX 1000000
#define PIECE        ((size_t)128 << 10) /* bytes of a file in a directory read at a time */

/* A file that is valid so far, and is kept once a border follows. */
struct found {
    const struct item *item;
    const struct journal_row *row;
    const struct packed *first; /* the file that it is a duplicate of, or NULL */
    char *text;                 /* for the view, or NULL */
    size_t len;
};

struct restore {
    const struct restore_opts *opts;
    struct restored *restored;
    struct volume_kept kept; /* as of the last border that was accepted */
    struct hasher *hasher;
    struct hashmap *by_path; /* found files, as struct packed */
    struct groups *groups;   /* the same, and what else must be found */
    struct found *found;     /* found since that border */
    size_t count;
    size_t cap;
    /* the packer's results of found items, by the plan's index; here: it is kept */
    struct packed *packed;
    struct extract_dir_id *ids; /* in a directory: its files, by the plan's index */
    /* the entry being read */
    struct found now;
    uint64_t size;
    unsigned char head[ENTRY_WRITER_HEAD];
    size_t head_len;
    struct buf text;
    size_t want; /* bytes of it that the view may use */
};

/* A path below the top directory; NULL when it is not below it. */
static const char *below(const struct restore *r, const char *path)
{
    size_t len = strlen(r->opts->top);

    return strncmp(path, r->opts->top, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

static const struct packed *packed_at(const struct restore *r, const char *path)
{
    return hashmap_get(r->by_path, path, strlen(path));
}

static struct packed *packed_of(const struct restore *r, const struct item *item)
{
    return &r->packed[item->index];
}

/* Whether an item may have a path: its own, or one that is not taken. */
static bool may_have_path(const struct restore *r, const struct item *item, const char *path)
{
    return item->path ? strcmp(item->path, path) == 0
                      : entry_names_is_free(r->opts->names, path);
}

static int on_entry(void *ctx, const struct salvage_entry *entry, struct err *err)
{
    struct restore *r = ctx;
    const char *path = below(r, entry->path);
    const struct journal_row *row = path ? journal_find(r->opts->journal, path) : NULL;
    const struct packed *first;
    const struct item *item =
        row ? plan_find(r->opts->plan, row->run_id, row->artifact_id, err) : NULL;

    if (!item || item->twinned || groups_found(r->groups, item->index) ||
        !may_have_path(r, item, path))
        return 0;
    first = row->duplicate_of ? packed_at(r, row->duplicate_of) : NULL;
    if (row->duplicate_of && !first)
        return 0;
    if (entry->target && (!first || !below(r, entry->target) ||
                          strcmp(below(r, entry->target), row->duplicate_of) != 0))
        return 0;
    *packed_of(r, item) = (struct packed){ .link = entry->target != NULL };
    r->restored->places[item->index] = (struct spot){ entry->frame, entry->offset, 0 };
    r->now = (struct found){ .item = item, .row = row, .first = first };
    r->size = entry->size;
    r->head_len = 0;
    buf_reset(&r->text);
    r->want = r->opts->page ? page_wants(&(struct page_file){ path, item->what.type,
                                                              "text/plain", entry->size })
                            : 0;
    return 1;
}

static int on_bytes(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct restore *r = ctx;
    size_t room = sizeof(r->head) - r->head_len;
    size_t more = r->want - r->text.len;

    hasher_add(r->hasher, bytes, len);
    memcpy(r->head + r->head_len, bytes, len < room ? len : room);
    r->head_len += len < room ? len : room;
    return buf_add(&r->text, bytes, len < more ? len : more, err) < 0 ? -1 : 1;
}

/* Whether the bytes match the journal and the current list. */
static bool is_right(const struct restore *r, struct packed *packed)
{
    const struct item *item = r->now.item;
    const struct journal_row *row = r->now.row;
    char listed[ITEM_LISTED_MAX];

    packed->encoded = row->encoded && row->proven;
    packed->encoded_size = row->encoded_size;
    memcpy(packed->encoded_sha256, row->encoded_sha256, SHA256_SIZE);
    if (!row->listed || strcmp(row->listed, item_listed(item, listed)) != 0)
        /* the list has changed: the bytes may be those of another version */
        return false;
    if (row->size != r->size || memcmp(row->sha256, packed->digest.sha256, SHA256_SIZE) != 0 ||
        entry_writer_mismatch(item, packed) != row->mismatch)
        return false;
    /* bytes that somebody else may have written are accepted by the service's checksum only */
    return row->proven || entry_writer_proven(item, packed);
}

/* Keep the bytes that the view uses of the file. */
static int keep_text(struct restore *r, struct err *err)
{
    if (!r->want)
        return 0;
    r->now.len = r->text.len;
    r->now.text = mem_new(r->now.len + 1, err);
    if (!r->now.text)
        return -1;
    if (r->now.len)
        memcpy(r->now.text, r->text.data, r->now.len);
    return 0;
}

/*
 * Remember the file until a border; its followers are expected, and it may be an expected one
 * itself.
 */
static int add(struct restore *r, struct err *err)
{
    const struct item *item = r->now.item;

    if (mem_room(&r->found, &r->cap, r->count, sizeof(*r->found), ENTRIES_MAX, err) < 0 ||
        hashmap_add(r->by_path, r->now.row->path, strlen(r->now.row->path), packed_of(r, item),
                    err) < 0)
        return -1;
    groups_add(r->groups, item, r->now.row);
    r->found[r->count++] = r->now;
    r->now = (struct found){ 0 };
    return 0;
}

/*
 * Add the notes of a file whose row has no valid MAC, beside those that its first bytes tell. A
 * link has no bytes: a recording gets the notes of its target, which has those of a recording
 * only if it is one.
 *
 * target   of a link; NULL: it is none
 */
static void guess_notes(struct packed *packed, const struct item *item,
                        const struct packed *target)
{
    unsigned i;

    if (item->unlisted) /* it was kept for that alone */
        packed_note(packed, PACKED_HOLDS_MORE);
    for (i = 0; target && item_is_recording(item) && i < target->note_count; i++) {
        const char *word = target->notes[i];

        if (strcmp(word, PACKED_NAMED_OTHERWISE) == 0 ||
            strcmp(word, PACKED_NOT_A_VIDEO) == 0 || strcmp(word, PACKED_UNFINISHED) == 0)
            packed_note(packed, word);
    }
}

static int on_end(void *ctx, struct err *err)
{
    struct restore *r = ctx;
    const struct item *item = r->now.item;
    const struct journal_row *row = r->now.row;
    const struct packed *first = r->now.first;
    struct packed *packed = packed_of(r, item);

    hasher_end(r->hasher, &packed->digest);
    if (packed->link) { /* its content is that of the link's target */
        r->size = first->size;
        packed->digest = first->digest;
    }
    if (!is_right(r, packed))
        return 0;
    packed->path = row->path;
    if (packed->link) {
        packed->size = r->size;
        packed->media_type = sniff_known_type(row->proven ? row->media_type : NULL);
        if (!packed->media_type)
            packed->media_type = first->media_type;
        packed->mismatch = row->mismatch;
    } else {
        if (sniff_type_is_har(item->what.type) &&
            sniff_is(sniff_find(r->head, r->head_len), "zst"))
            entry_writer_keep_coded(item, r->size, &(struct err){ .kind = ERR_FORMAT }, packed);
        entry_writer_describe(packed, item, r->size, r->head, r->head_len);
    }
    if (row->proven) /* as judged when it was stored, perhaps by what is not seen again */
        packed_set_notes(packed, row->notes);
    else
        guess_notes(packed, item, packed->link ? first : NULL);
    return keep_text(r, err) < 0 || add(r, err) < 0 ? -1 : 1;
}

/* Keep a found file. */
static int take(struct restore *r, struct found *found, struct err *err)
{
    const struct item *item = found->item;
    const struct journal_row *row = found->row;
    struct outcome *outcome = &r->restored->outcomes[item->index];
    struct packed *packed = packed_of(r, item);

    packed->path = item->path ? item->path : entry_names_take(r->opts->names, row->path, err);
    if (!packed->path)
        return -1;
    packed->duplicate_of = found->first ? found->first->path : NULL; /* it was kept before */
    if (found->text && page_text(r->opts->page,
                                 &(struct page_file){ packed->path, item->what.type,
                                                      "text/plain", packed->size },
                                 found->text, found->len, err) < 0)
        return -1;
    mem_free(found->text);
    found->text = NULL;
    *outcome = (struct outcome){ .via = fetch_via(row->via),
                                 .http_status = (long)(row->http_status % STATUS_MAX),
                                 .attempts = (unsigned)(row->attempts % ATTEMPTS_MAX),
                                 .fetched_at = (int64_t)row->fetched_at };
    packed->here = true;
    packed->unproven = !row->proven;
    r->restored->items++;
    r->restored->bytes += packed->size;
    return 0;
}

static int on_border(void *ctx, const struct salvage_border *border, struct err *err)
{
    struct restore *r = ctx;
    size_t i;

    if (groups_owed(r->groups))
        return 1;
    for (i = r->kept.seek.count; i < border->seek->count; i++) {
        const struct seek_row *row = &border->seek->rows[i];

        if (seek_add(&r->kept.seek, row->coded, row->plain, err) < 0)
            return -1;
    }
    for (i = 0; i < r->count; i++) {
        if (take(r, &r->found[i], err) < 0)
            return -1;
    }
    r->count = 0;
    r->kept.coded = border->coded;
    r->kept.plain = border->plain;
    sha256_set(r->kept.sha, border->sha);
    return 1;
}

/* Discard what was found after the last border. */
static void drop(struct restore *r, struct found *found)
{
    mem_free(found->text);
    if (found->item)
        *packed_of(r, found->item) = (struct packed){ 0 };
}

static void clear(struct restore *r)
{
    size_t i;

    for (i = 0; i < r->count; i++)
        drop(r, &r->found[i]);
    drop(r, &r->now);
    mem_free(r->found);
    hasher_free(r->hasher);
    hashmap_free(r->by_path);
    groups_free(r->groups);
    mem_free(r->ids);
    buf_clear(&r->text);
    seek_clear(&r->kept.seek);
    sha256_free(r->kept.sha);
}

/* Hand a file's bytes to on_bytes. returns 1; 0: it cannot be read; -1: fatal */
static int read_file(struct restore *r, const struct tree_left *left, unsigned char *piece,
                     struct err *err)
{
    uint64_t at = 0;
    struct err ignored;

    while (at < left->size) {
        size_t n = left->size - at < PIECE ? (size_t)(left->size - at) : PIECE;

        if (file_pread(left->fd, piece, n, at, &ignored) < 0)
            return 0;
        if (on_bytes(r, piece, n, err) < 0)
            return -1;
        at += n;
    }
    return 1;
}

/*
 * Check the file of a journal's row as an entry of an archive is checked: it is a hard link if
 * it is the same file as its target.
 */
static int judge_left(struct restore *r, const struct journal_row *row,
                      const struct tree_left *left, unsigned char *piece, struct err *err)
{
    const struct packed *first = row->duplicate_of ? packed_at(r, row->duplicate_of) : NULL;
    const struct extract_dir_id *id = first ? &r->ids[first - r->packed] : NULL;
    bool link = id && id->device == left->id.device && id->inode == left->id.inode;
    char *path = mem_format(err, "%s/%s", r->opts->top, row->path);
    char *target = link ? mem_format(err, "%s/%s", r->opts->top, row->duplicate_of) : NULL;
    const struct salvage_entry entry = { .path = path,
                                         .target = target,
                                         .size = link ? 0 : left->size,
                                         .frame = SPOT_NONE,
                                         .offset = SPOT_NONE };
    int rc = path && (target || !link) ? on_entry(r, &entry, err) : -1;
    const struct item *item = r->now.item;

    if (rc > 0 && !link)
        rc = read_file(r, left, piece, err);
    if (rc > 0)
        rc = on_end(r, err);
    if (rc > 0) {
        r->ids[item->index] = left->id;
        rc = tree_restamp(left, item->what.mtime, err);
        if (rc < 0)
            (void)err_wrap(err, "'%.300s'", row->path);
    } else if (item) { /* not kept: reset the hash for the next row */
        hasher_end(r->hasher, &(struct digest){ 0 });
        drop(r, &r->now);
        r->now = (struct found){ 0 };
    }
    mem_free(path);
    mem_free(target);
    return rc < 0 ? -1 : 0;
}

/* Check all files that the journal names: duplicates of other files last. */
static int judge_all(struct restore *r, const struct tree *tree, struct err *err)
{
    unsigned char *piece = mem_new(PIECE, err);
    const struct journal_row *row;
    struct tree_left left;
    int duplicates;
    int rc = piece ? 0 : -1;

    for (duplicates = 0; duplicates < 2; duplicates++) {
        for (row = journal_first(r->opts->journal); rc == 0 && row; row = row->next) {
            if ((row->duplicate_of != NULL) != duplicates || !tree_look(tree, row->path, &left))
                continue;
            rc = judge_left(r, row, &left, piece, err);
            file_close(&left.fd);
        }
    }
    mem_free(piece);
    return rc;
}

/* Whether a file has all that it needs: its group, and the file that it is a duplicate of. */
static bool is_complete(const struct restore *r, const struct found *found)
{
    return (!found->first || groups_found(r->groups, (size_t)(found->first - r->packed))) &&
           groups_complete(r->groups, found->item);
}

/* Drop the files that are not complete, until no other file depends on a dropped one. */
static void drop_incomplete(struct restore *r)
{
    bool again;
    size_t i;

    do {
        again = false;
        for (i = 0; i < r->count; i++) {
            struct found *found = &r->found[i];

            if (!found->item || is_complete(r, found))
                continue;
            groups_drop(r->groups, found->item);
            drop(r, found);
            *found = (struct found){ 0 };
            again = true;
        }
    } while (again);
}

/*
 * Keep the valid files of a directory: they have no order, so that files after an invalid one
 * are kept, too.
 */
static int restore_tree(struct restore *r, struct tree *tree, struct err *err)
{
    struct hashmap *kept = hashmap_new(err);
    uint64_t bytes = 0;
    size_t i;
    int rc = -1;

    r->ids = mem_array(plan_count(r->opts->plan), sizeof(*r->ids), err);
    if (!kept || !r->ids || tree_survey(tree, err) < 0 || judge_all(r, tree, err) < 0)
        goto out;
    drop_incomplete(r);
    for (i = 0; i < r->count; i++) {
        struct found *found = &r->found[i];
        struct packed *packed = found->item ? packed_of(r, found->item) : NULL;

        if (!packed)
            continue;
        if (take(r, found, err) < 0 ||
            hashmap_add(kept, packed->path, strlen(packed->path), packed, err) < 0)
            goto out;
        bytes += packed->link ? 0 : packed->size;
    }
    r->count = 0;
    rc = tree_start(tree, kept, bytes, err);
out:
    hashmap_free(kept);
    return rc;
}

/* Allocate what restoring needs. */
static int set_up(struct restore *r, struct err *err)
{
    struct restored *restored = r->restored;
    struct region *region = restored->region = region_on(r->opts->pagefile, err);
    size_t count = plan_count(r->opts->plan);

    buf_init(&r->text, TEXT_MAX);
    r->hasher = hasher_new(err);
    r->by_path = hashmap_on(r->opts->pagefile, err);
    r->kept.sha = sha256_new(err);
    r->groups = groups_new(r->opts->plan, r->opts->journal, err);
    if (!region)
        return -1;
    restored->outcomes = region_take(region, count * sizeof(*restored->outcomes), err);
    restored->places = region_take(region, count * sizeof(*restored->places), err);
    restored->packed = r->packed = region_take(region, count * sizeof(*r->packed), err);
    return r->hasher && r->by_path && r->kept.sha && r->groups && restored->outcomes &&
                   restored->places && r->packed
               ? 0
               : -1;
}

/* Read the unfinished archive up to its first error. */
static int read_left(struct restore *r, int fd, enum frame_codec codec, struct err *err)
{
    const struct salvage_hooks hooks = { on_entry, on_bytes, on_end, on_border, r };

    return set_up(r, err) < 0 ? -1 : salvage_run(fd, codec, &hooks, err);
}

int restore_run(const struct restore_opts *opts, struct restored *restored, struct err *err)
{
    struct restore r = { .opts = opts, .restored = restored };
    struct tree *tree = volume_tree(opts->volume);
    char size[TEXT_SIZE_MAX];
    int rc = -1;

    if (!volume_has_left(opts->volume))
        return volume_start(opts->volume, NULL, err);
    if (tree)
        rc = set_up(&r, err) < 0 ? -1 : restore_tree(&r, tree, err);
    else if (read_left(&r, volume_left(opts->volume), volume_codec(opts->volume), err) == 0)
        rc = volume_start(opts->volume, &r.kept, err);
    else
        (void)err_wrap(err, "cannot resume an interrupted attempt");
    if (rc == 0)
        log_line(LOG_INFO, "resuming an interrupted attempt: %zu artifact%s (%s) %s kept",
                 restored->items, text_plural(restored->items),
                 text_size(size, restored->bytes), restored->items == 1 ? "is" : "are");
    clear(&r);
    return rc;
}

/* The journal as a later attempt will read it; NULL: it cannot be read. */
static struct journal *load_journal(const struct pull_opts *opts, struct pagefile *file,
                                    const char *path, struct err *err)
{
    char *request = pull_opts_request(opts, err);
    struct journal *journal =
        request ? journal_load_on(file, path, request, opts->state_key, err) : NULL;

    mem_free(request);
    return journal;
}

/*
 * Read what is left as a later attempt will. Of a directory, what is not kept is removed; all
 * is removed if nothing is.
 */
static int measure(struct restore *r, const struct pull_opts *opts, const char *partial,
                   struct err *err)
{
    bool readable = r->opts->journal && r->opts->names;
    bool dir = opts->format == CONTAINER_DIR;
    struct tree *tree = dir ? tree_open(opts->output, opts->force, opts->mode, err) : NULL;
    int fd = dir ? -1 : file_read_own(partial);
    int rc = -1;

    if (tree && readable)
        rc = set_up(r, err) < 0 ? -1 : restore_tree(r, tree, err);
    else if (fd >= 0 && readable)
        rc = read_left(r, fd, volume_codec_of(opts->format), err);
    tree_free(tree, r->restored->items > 0);
    if (!dir && !r->restored->items)
        (void)unlink(partial);
    file_close(&fd);
    return rc;
}

size_t restore_measure(const struct pull_opts *opts, struct plan *plan,
                       struct pagefile *pagefile)
{
    struct err err = { 0 };
    struct restore_opts how = { .top = opts->top, .plan = plan, .pagefile = pagefile };
    struct restored restored = { 0 };
    struct restore r = { .opts = &how, .restored = &restored };
    char *partial = mem_format(&err, "%s" OUTPUT_PARTIAL, opts->output);
    char *rows = partial ? mem_format(&err, "%s" JOURNAL_SUFFIX, partial) : NULL;
    struct journal *journal = rows ? load_journal(opts, pagefile, rows, &err) : NULL;
    size_t kept;

    how.journal = journal;
    how.names = entry_names_on(pagefile, &err);
    if (rows && measure(&r, opts, partial, &err) < 0 && err.kind)
        log_line(LOG_INFO, "cannot read back the kept artifacts: %s", err.text);
    if (!restored.items && rows)
        (void)unlink(rows);
    clear(&r);
    journal_free(journal, false);
    entry_names_free(how.names);
    mem_free(partial);
    mem_free(rows);
    kept = restored.items;
    restored_clear(&restored);
    return kept;
}

void restored_clear(struct restored *restored)
{
    region_free(restored->region);
    *restored = (struct restored){ 0 };
}
