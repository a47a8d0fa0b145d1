/* SPDX-License-Identifier: MIT */
#include "writer/entry_writer.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "format/sniff.h"
#include "writer/dedupe.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The result for an item, kept until the archive is complete. */
struct entry_slot {
    const char *path; /* NULL: no path yet */
    bool here;
    enum entry_family family; /* of the frame that it is in */
    bool alone;        /* its content differs from its leader's, so it is stored on its own */
    struct spot place; /* filled in by the framer when the entry's frame ends */
};

struct entry_writer {
    struct entry_writer_opts opts;
    struct volume *volume;
    struct entry_names *names;
    struct region *region;
    struct segments slots; /* of struct entry_slot, by the plan's index */
    struct hasher *hasher;
    struct dedupe *dedupe;
    unsigned char *scratch;
    /* for the item that is written while it is received */
    unsigned char head[ENTRY_WRITER_HEAD];
    size_t head_len;
    uint64_t size; /* announced size */
    uint64_t got;
};

/*
 * Take over the items kept from an interrupted attempt; new content is compared with theirs,
 * too.
 */
static int take_before(struct entry_writer *entries, const struct plan *plan, struct err *err)
{
    const struct packed_before *before = &entries->opts.before;
    size_t i;

    for (i = 0; before->items && i < plan_count(plan); i++) {
        const struct packed *packed = &before->items[i];
        struct entry_slot *slot = segments_at(&entries->slots, i);

        if (!packed->here)
            continue;
        slot->path = packed->path;
        slot->family = entry_family(plan_at(plan, i)->what.type);
        slot->here = true;
        slot->place = before->places[i];
        if (entries->opts.dedupe && !packed->duplicate_of &&
            !dedupe_find(entries->dedupe, packed->size, &packed->digest) &&
            dedupe_add(entries->dedupe, packed->size, &packed->digest, slot, err) < 0)
            return -1;
    }
    return 0;
}

int entry_writer_reach(struct entry_writer *entries, size_t count, struct err *err)
{
    size_t i = segments_room(&entries->slots);

    if (segments_reach(&entries->slots, count, err) < 0)
        return -1;
    for (; i < segments_room(&entries->slots); i++)
        ((struct entry_slot *)segments_at(&entries->slots, i))->place =
            (struct spot){ SPOT_NONE, SPOT_NONE, 0 };
    return 0;
}

struct entry_writer *entry_writer_new(const struct entry_writer_opts *opts,
                                      struct volume *volume, const struct plan *plan,
                                      struct entry_names *names, struct err *err)
{
    struct entry_writer *entries = mem_new(sizeof(*entries), err);

    if (!entries)
        return NULL;
    entries->opts = *opts;
    entries->volume = volume;
    entries->names = names;
    entries->hasher = hasher_new(err);
    entries->dedupe = dedupe_on(opts->pagefile, err);
    entries->scratch = mem_new(CHUNK_SIZE, err);
    entries->region = region_on(opts->pagefile, err);
    segments_init(&entries->slots, entries->region, sizeof(struct entry_slot));
    if (entries->hasher && entries->dedupe && entries->scratch && entries->region &&
        entry_writer_reach(entries, plan_count(plan), err) == 0 &&
        take_before(entries, plan, err) == 0)
        return entries;
    entry_writer_free(entries);
    return NULL;
}

void entry_writer_free(struct entry_writer *entries)
{
    if (!entries)
        return;
    hasher_free(entries->hasher);
    dedupe_free(entries->dedupe);
    mem_free(entries->scratch);
    segments_clear(&entries->slots);
    region_free(entries->region);
    mem_free(entries);
}

static struct entry_slot *slot_of(const struct entry_writer *entries, const struct item *item)
{
    return segments_at(&entries->slots, item->index);
}

bool entry_writer_has(const struct entry_writer *entries, const struct item *item)
{
    return slot_of(entries, item)->here;
}

struct spot entry_writer_place(const struct entry_writer *entries, const struct item *item)
{
    return item->index < segments_room(&entries->slots)
               ? slot_of(entries, item)->place
               : (struct spot){ SPOT_NONE, SPOT_NONE, 0 };
}

/* Give an item a path, unless it has one. */
static int name(struct entry_writer *entries, const struct item *item, struct err *err)
{
    struct entry_slot *slot = slot_of(entries, item);

    slot->family = entry_family(item->what.type);
    if (!slot->path)
        slot->path = item->path ? item->path
                                : entry_names_give(entries->names, item, entries->head,
                                                   entries->head_len, err);
    return slot->path ? 0 : -1;
}

/* Hash a whole body; har (may be NULL) reads it, too. */
static int hash(struct entry_writer *entries, const struct body *body, struct digest *digest,
                struct suspect_har *har, struct err *err)
{
    struct body_cursor cursor = { 0 };
    const unsigned char *bytes;
    struct chunk *chunk;
    ssize_t n;

    while ((n = body_next(body, &cursor, entries->scratch, &bytes, &chunk, err)) > 0) {
        hasher_add(entries->hasher, bytes, (size_t)n);
        if (har)
            suspect_har_add(har, bytes, (size_t)n);
    }
    hasher_end(entries->hasher, digest);
    return n < 0 ? -1 : 0;
}

int entry_writer_hash(struct entry_writer *entries, const struct body *body,
                      struct digest *digest, struct err *err)
{
    return hash(entries, body, digest, NULL, err);
}

void entry_writer_keep_coded(const struct item *item, uint64_t size, const struct err *why,
                             struct packed *packed)
{
    packed_note(packed, PACKED_NOT_UNPACKED);
    packed->cut_har = why->kind == ERR_FORMAT && !item_vouches(item, size);
}

/* Whether a HAR that was read is not whole, although no size says so: cut_har. */
static bool is_cut_har(const struct item *item, const struct suspect_har *har, const void *head,
                       size_t len)
{
    /* one that is still compressed is judged by entry_writer_keep_coded */
    return item_at_rest_coded(item) && !sniff_is(sniff_find(head, len), "zst") &&
           !suspect_har_whole(har);
}

int entry_writer_judge(struct entry_writer *entries, const struct item *item,
                       const struct body *body, struct packed *packed, struct err *err)
{
    unsigned char head[SNIFF_SIZE];
    struct suspect_har har = { 0 };

    if (hash(entries, body, &packed->digest, item_at_rest_coded(item) ? &har : NULL, err) < 0)
        return -1;
    packed->cut_har = is_cut_har(item, &har, head, body_head(body, head, sizeof(head)));
    return 0;
}

/* Whether the service gave a checksum. */
static bool has_sum(const struct item *item)
{
    return item->what.checksum && strlen(item->what.checksum) == SHA256_TEXT - 1;
}

/* Whether the service gave a checksum that the content or its encoded form has. */
bool entry_writer_proven(const struct item *item, const struct packed *packed)
{
    const char *sum = item->what.checksum;
    char plain[SHA256_TEXT];
    char coded[SHA256_TEXT];

    if (!has_sum(item))
        return false;
    text_hex(plain, packed->digest.sha256, SHA256_SIZE);
    text_hex(coded, packed->encoded_sha256, SHA256_SIZE);
    return strcasecmp(sum, plain) == 0 || (packed->encoded && strcasecmp(sum, coded) == 0);
}

bool entry_writer_suspect(const struct item *item, const struct body *body,
                          const struct packed *packed)
{
    unsigned char head[ENTRY_WRITER_HEAD];

    return (packed->cut_har || item_suspect(item, head, body_head(body, head, sizeof(head)))) &&
           !entry_writer_proven(item, packed);
}

bool entry_writer_mismatch(const struct item *item, const struct packed *packed)
{
    if (!item->what.checksum || entry_writer_proven(item, packed))
        return false; /* one that is no SHA-256 in hex differs: nothing has it */
    /*
     * the checksum is of the compressed form at rest, and the body was received decoded: it
     * cannot be compared
     */
    return packed->encoded || !item_at_rest_coded(item);
}

void packed_note(struct packed *packed, const char *word)
{
    unsigned i;

    for (i = 0; i < packed->note_count; i++) {
        if (strcmp(packed->notes[i], word) == 0)
            return;
    }
    if (packed->note_count < PACKED_NOTES)
        packed->notes[packed->note_count++] = word;
}

/* All notes that packed can have. */
static const char *const words[] = {
    PACKED_HOLDS_MORE,      PACKED_FROM_ZIP,    PACKED_NOT_UNPACKED, SUSPECT_NOTE,
    PACKED_NAMED_OTHERWISE, PACKED_NOT_A_VIDEO, PACKED_UNFINISHED,   PACKED_OTHER_SIZE,
};

const char *packed_notes_text(const struct packed *packed, char out[PACKED_NOTES_TEXT])
{
    size_t len = 0;
    unsigned i;

    for (i = 0; i < packed->note_count && len < PACKED_NOTES_TEXT; i++)
        len += (size_t)snprintf(out + len, PACKED_NOTES_TEXT - len, "%s%s", i ? " " : "",
                                packed->notes[i]);
    return len ? out : NULL;
}

void packed_set_notes(struct packed *packed, const char *text)
{
    size_t i;

    packed->note_count = 0;
    for (i = 0; text && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(text, words[i]))
            packed_note(packed, words[i]);
    }
    packed->suspect = text && strstr(text, SUSPECT_NOTE);
}

/* Write a whole body as one entry. */
static int put_body(struct entry_writer *entries, const struct entry_file *file,
                    const struct body *body, struct spot *place, struct err *err)
{
    struct body_cursor cursor = { 0 };
    char full[ENTRY_PATH];
    const unsigned char *bytes;
    struct chunk *chunk;
    ssize_t n;
    int rc;

    if (volume_begin(
            entries->volume,
            &(struct entry_file){ .path = entry_path(full, entries->opts.top, file->path),
                                  .size = body->size,
                                  .mtime = file->mtime,
                                  .packed = file->packed,
                                  .family = file->family },
            place, err) < 0)
        return -1;
    while ((n = body_next(body, &cursor, entries->scratch, &bytes, &chunk, err)) > 0) {
        if (entries->opts.stopping && atomic_load(entries->opts.stopping))
            return err_set(err, ERR_CANCELLED, "stopped");
        rc = chunk ? volume_add_chunk(entries->volume, chunk, err)
                   : volume_add(entries->volume, bytes, (size_t)n, err);
        if (rc < 0)
            return -1;
    }
    return n < 0 ? -1 : volume_end(entries->volume, err);
}

int entry_writer_file(struct entry_writer *entries, const char *path, const struct body *body,
                      int64_t mtime, struct spot *place, struct err *err)
{
    pagefile_touch(entries->opts.pagefile, body->text ? body->size : 0);
    if (entries->opts.seen(entries->opts.ctx, path, NULL, NULL, body, err) < 0)
        return -1;
    return put_body(entries, &(struct entry_file){ .path = path, .mtime = mtime }, body, place,
                    err);
}

/* A link is in the same kind of frames as its target, so that it comes after it. */
static int put_link(struct entry_writer *entries, const struct item *item,
                    const struct entry_slot *first, struct packed *packed, bool compressed,
                    struct err *err)
{
    char full[ENTRY_PATH];
    char target[ENTRY_PATH];

    packed->link = true;
    return volume_begin(entries->volume,
                        &(struct entry_file){
                            .path = entry_path(full, entries->opts.top, packed->path),
                            .size = 0,
                            .mtime = item->what.mtime,
                            .link = entry_path(target, entries->opts.top, packed->duplicate_of),
                            .packed = compressed,
                            .family = first->family },
                        &slot_of(entries, item)->place, err);
}

/* The item's entry is written: report it. */
static int stored(struct entry_writer *entries, const struct item *item, struct packed *packed,
                  struct err *err)
{
    packed->here = true;
    slot_of(entries, item)->here = true;
    return entries->opts.stored(entries->opts.stored_ctx, item, packed, err);
}

static bool wants_link(const struct entry_writer *entries, uint64_t size)
{
    return volume_links(entries->volume) &&
           (entries->opts.duplicates == ENTRY_WRITER_LINK ||
            (entries->opts.duplicates == ENTRY_WRITER_AUTO && size >= ENTRY_WRITER_LINK_MIN));
}

/* Note anomalies of a recording: content of another type, or an unfinished file. */
static void judge_recording(struct packed *packed, const struct item *item,
                            const unsigned char *head, size_t len, const struct sniff *is)
{
    const char *ext = item->what.uri ? path_ext(path_base(item->what.uri)) : "";

    if (!item_is_recording(item))
        return;
    if (is && *ext && strcmp(sniff_media_type(ext + 1), is->media_type) != 0)
        packed_note(packed, PACKED_NAMED_OTHERWISE);
    if (!is || strncmp(is->media_type, "video/", 6) != 0)
        packed_note(packed, PACKED_NOT_A_VIDEO);
    else if (sniff_unfinished(head, len))
        packed_note(packed, PACKED_UNFINISHED);
}

void entry_writer_describe(struct packed *packed, const struct item *item, uint64_t size,
                           const unsigned char *head, size_t len)
{
    const struct sniff *is = sniff_find(head, len);
    const char *ext = strrchr(packed->path, '.');

    packed->size = size;
    packed->media_type = is ? is->media_type : sniff_media_type(ext ? ext + 1 : "");
    packed->mismatch = entry_writer_mismatch(item, packed);
    packed->suspect = (packed->cut_har || item_suspect(item, head, len)) &&
                      !entry_writer_proven(item, packed);
    if (packed->suspect)
        packed_note(packed, SUSPECT_NOTE);
    judge_recording(packed, item, head, len, is);
}

/* Whether content is already compressed, judged by its first bytes. */
static bool is_compressed(const struct entry_writer *entries)
{
    const struct sniff *is = sniff_find(entries->head, entries->head_len);

    return is && is->packed;
}

/*
 * Write one item whose content is known, as a file or as a link to the first item with this
 * content.
 */
static int put_item(struct entry_writer *entries, const struct item *item,
                    const struct body *body, struct packed *packed,
                    const struct entry_slot *first, struct err *err)
{
    struct entry_slot *slot = slot_of(entries, item);
    int rc;

    entries->head_len = body_head(body, entries->head, sizeof(entries->head));
    if (name(entries, item, err) < 0)
        return -1;
    packed->path = slot->path;
    packed->duplicate_of = first ? first->path : NULL;
    entry_writer_describe(packed, item, body->size, entries->head, entries->head_len);
    if (entries->opts.seen(entries->opts.ctx, slot->path, item, packed, body, err) < 0)
        return -1;
    if (first && wants_link(entries, body->size))
        rc = put_link(entries, item, first, packed, is_compressed(entries), err);
    else
        rc = put_body(entries,
                      &(struct entry_file){ .path = slot->path,
                                            .mtime = item->what.mtime,
                                            .packed = is_compressed(entries),
                                            .family = slot->family },
                      body, &slot->place, err);
    return rc < 0 ? -1 : stored(entries, item, packed, err);
}

/* The first item with this content; if there is none, the item itself is registered. */
static int find_first(struct entry_writer *entries, const struct item *item, uint64_t size,
                      const struct digest *digest, const struct entry_slot **first,
                      struct err *err)
{
    *first = NULL;
    if (!entries->opts.dedupe)
        return 0;
    *first = dedupe_find(entries->dedupe, size, digest);
    return *first ? 0 : dedupe_add(entries->dedupe, size, digest, slot_of(entries, item), err);
}

/* The next item that an item stands for, or NULL. */
static const struct item *next_follower(const struct entry_writer *entries,
                                        const struct item *item)
{
    const struct item *next = plan_next_same(item);

    while (next && (slot_of(entries, next)->alone || slot_of(entries, next)->here))
        next = plan_next_same(next);
    return next;
}

/*
 * Whether a follower's data from the service matches its leader's content; if not, it is stored
 * on its own from now on.
 */
static bool follows(struct entry_writer *entries, const struct item *follower, uint64_t size,
                    const struct packed *packed)
{
    bool fits = !follower->unlisted && item_fits(follower, size) &&
                !entry_writer_mismatch(follower, packed);

    slot_of(entries, follower)->alone = !fits;
    return fits;
}

int entry_writer_item(struct entry_writer *entries, const struct item *leader,
                      const struct body *body, struct packed *packed, struct err *err)
{
    const struct digest digest = packed->digest;
    const struct item *item =
        slot_of(entries, leader)->alone ? NULL : next_follower(entries, leader);
    const struct entry_slot *first;

    if (find_first(entries, leader, body->size, &digest, &first, err) < 0)
        return -1;
    if (put_item(entries, leader, body, packed, first, err) < 0)
        return err_wrap(err, "artifact '%s'", leader->what.artifact_id);
    for (; item; item = next_follower(entries, item)) {
        struct packed same = { .digest = digest, .cut_har = packed->cut_har };

        if (follows(entries, item, body->size, &same) &&
            put_item(entries, item, body, &same, first ? first : slot_of(entries, leader),
                     err) < 0)
            return err_wrap(err, "artifact '%s'", item->what.artifact_id);
    }
    return 0;
}

int entry_writer_begin(struct entry_writer *entries, const struct item *item, uint64_t size,
                       const void *head, size_t head_len, struct err *err)
{
    struct entry_slot *slot = slot_of(entries, item);
    char full[ENTRY_PATH];

    entries->head_len = head_len < sizeof(entries->head) ? head_len : sizeof(entries->head);
    memcpy(entries->head, head, entries->head_len);
    entries->size = size;
    entries->got = 0;
    if (name(entries, item, err) < 0)
        return -1;
    volume_mark(entries->volume);
    return volume_begin(
        entries->volume,
        &(struct entry_file){ .path = entry_path(full, entries->opts.top, slot->path),
                              .size = size,
                              .mtime = item->what.mtime,
                              .packed = is_compressed(entries),
                              .family = slot->family },
        &slot->place, err);
}

int entry_writer_more(struct entry_writer *entries, struct chunk *chunk, struct err *err)
{
    entries->got += chunk->len;
    if (entries->got > entries->size)
        return 0; /* the size in the entry's header is wrong: the entry will be removed */
    hasher_add(entries->hasher, chunk->data, chunk->len);
    return volume_add_chunk(entries->volume, chunk, err);
}

bool entry_writer_fits(const struct entry_writer *entries)
{
    return entries->got == entries->size;
}

void entry_writer_digest(struct entry_writer *entries, struct digest *digest)
{
    hasher_end(entries->hasher, digest);
}

/* Write a link for an item that is identical to the one that passed through. */
static int put_same(struct entry_writer *entries, const struct item *item,
                    struct packed *packed, const struct entry_slot *first, struct err *err)
{
    if (name(entries, item, err) < 0)
        return -1;
    packed->path = slot_of(entries, item)->path;
    packed->duplicate_of = first->path;
    entry_writer_describe(packed, item, entries->size, entries->head, entries->head_len);
    if (put_link(entries, item, first, packed, is_compressed(entries), err) < 0)
        return -1;
    return stored(entries, item, packed, err);
}

int entry_writer_end(struct entry_writer *entries, const struct item *leader,
                     struct packed *packed, struct err *err)
{
    const struct digest digest = packed->digest;
    const struct item *item =
        slot_of(entries, leader)->alone ? NULL : next_follower(entries, leader);
    const struct entry_slot *first;

    if (volume_end(entries->volume, err) < 0 ||
        find_first(entries, leader, entries->size, &digest, &first, err) < 0)
        return -1;
    if (first) {
        volume_back(entries->volume);
        if (put_same(entries, leader, packed, first, err) < 0)
            return -1;
    } else {
        first = slot_of(entries, leader);
        packed->path = first->path;
        entry_writer_describe(packed, leader, entries->size, entries->head, entries->head_len);
        if (stored(entries, leader, packed, err) < 0)
            return -1;
    }
    for (; item; item = next_follower(entries, item)) {
        struct packed same = { .digest = digest };

        if (follows(entries, item, entries->size, &same) &&
            put_same(entries, item, &same, first, err) < 0)
            return -1;
    }
    return 0;
}

int entry_writer_unseen(void *ctx, const char *path, const struct item *item,
                        const struct packed *packed, const struct body *body, struct err *err)
{
    (void)ctx;
    (void)path;
    (void)item;
    (void)packed;
    (void)body;
    (void)err;
    return 0;
}
