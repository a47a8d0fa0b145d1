/* SPDX-License-Identifier: MIT */
#include "writer/entry_writer.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "writer/dedupe.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ENTRY_PATH_MAX 2048

struct entry_writer {
    struct entry_writer_opts opts;
    struct volume *volume;
    struct plan *plan;
    struct hasher *hasher;
    struct dedupe *dedupe;
    unsigned char *scratch;
    /* of the item that is written while it arrives */
    unsigned char head[ENTRY_WRITER_HEAD];
    size_t head_len;
    uint64_t size; /* announced */
    uint64_t got;
};

struct entry_writer *entry_writer_new(const struct entry_writer_opts *opts,
                                      struct volume *volume, struct plan *plan, struct err *err)
{
    struct entry_writer *s = mem_new(sizeof(*s), err);

    if (!s)
        return NULL;
    s->opts = *opts;
    s->volume = volume;
    s->plan = plan;
    s->hasher = hasher_new(err);
    s->dedupe = dedupe_new(err);
    s->scratch = mem_new(CHUNK_SIZE, err);
    if (s->hasher && s->dedupe && s->scratch)
        return s;
    entry_writer_free(s);
    return NULL;
}

void entry_writer_free(struct entry_writer *s)
{
    if (!s)
        return;
    hasher_free(s->hasher);
    dedupe_free(s->dedupe);
    mem_free(s->scratch);
    mem_free(s);
}

/* An entry's whole path. */
static const char *entry_path(const struct entry_writer *s, char out[ENTRY_PATH_MAX],
                              const char *path)
{
    (void)snprintf(out, ENTRY_PATH_MAX, "%s/%s", s->opts.top, path);
    return out;
}

int entry_writer_hash(struct entry_writer *s, const struct body *body, struct digest *digest,
                      struct err *err)
{
    struct body_cursor cursor = { 0 };
    const unsigned char *bytes;
    struct chunk *chunk;
    ssize_t n;

    while ((n = body_next(body, &cursor, s->scratch, &bytes, &chunk, err)) > 0)
        hasher_add(s->hasher, bytes, (size_t)n);
    hasher_end(s->hasher, digest);
    return n < 0 ? -1 : 0;
}

/* Whether the service gave a checksum. */
static bool has_sum(const struct item *item)
{
    return item->what.checksum && strlen(item->what.checksum) == SHA256_TEXT - 1;
}

bool entry_writer_proven(const struct item *item, const struct digest *digest)
{
    const char *sum = item->what.checksum;
    char plain[SHA256_TEXT];
    char coded[SHA256_TEXT];

    if (!has_sum(item))
        return false;
    text_hex(plain, digest->sha256, SHA256_SIZE);
    text_hex(coded, item->encoded_sha256, SHA256_SIZE);
    return strcasecmp(sum, plain) == 0 || (item->encoded && strcasecmp(sum, coded) == 0);
}

bool entry_writer_suspect(const struct item *item, const struct body *body,
                          const struct digest *digest)
{
    unsigned char head[ENTRY_WRITER_HEAD];

    return item_suspect(item, head, body_head(body, head, sizeof(head))) &&
           !entry_writer_proven(item, digest);
}

bool entry_writer_mismatch(const struct item *item, const struct digest *digest)
{
    if (!has_sum(item) || entry_writer_proven(item, digest))
        return false;
    /* the sum is of the compressed form at rest, and it came plain: nothing to compare */
    return item->encoded || !item_at_rest_coded(item);
}

/* Write a whole body as one entry. */
static int put_body(struct entry_writer *s, const char *path, const struct body *body,
                    int64_t mtime, bool packed, struct spot *place, struct err *err)
{
    struct body_cursor cursor = { 0 };
    char full[ENTRY_PATH_MAX];
    const unsigned char *bytes;
    struct chunk *chunk;
    ssize_t n;
    int rc;

    if (volume_begin(s->volume,
                     &(struct entry_file){ .path = entry_path(s, full, path),
                                           .size = body->size,
                                           .mtime = mtime,
                                           .packed = packed },
                     place, err) < 0)
        return -1;
    while ((n = body_next(body, &cursor, s->scratch, &bytes, &chunk, err)) > 0) {
        if (s->opts.stopping && atomic_load(s->opts.stopping))
            return err_set(err, ERR_CANCELLED, "stopped");
        rc = chunk ? volume_add_chunk(s->volume, chunk, err)
                   : volume_add(s->volume, bytes, (size_t)n, err);
        if (rc < 0)
            return -1;
    }
    return n < 0 ? -1 : volume_end(s->volume, err);
}

static int tell(const struct entry_writer *s, const char *path, const struct item *item,
                const struct body *body, struct err *err)
{
    return s->opts.seen ? s->opts.seen(s->opts.ctx, path, item, body, err) : 0;
}

int entry_writer_file(struct entry_writer *s, const char *path, const struct body *body,
                      int64_t mtime, struct err *err)
{
    return tell(s, path, NULL, body, err) < 0
               ? -1
               : put_body(s, path, body, mtime, false, NULL, err);
}

static int put_link(struct entry_writer *s, struct item *item, bool packed, struct err *err)
{
    char full[ENTRY_PATH_MAX];
    char target[ENTRY_PATH_MAX];

    item->link = true;
    return volume_begin(
        s->volume,
        &(struct entry_file){ .path = entry_path(s, full, item->path),
                              .size = 0,
                              .mtime = item->what.mtime,
                              .link = entry_path(s, target, item->duplicate_of->path),
                              .packed = packed },
        &item->place, err);
}

static bool wants_link(const struct entry_writer *s, uint64_t size)
{
    return volume_links(s->volume) &&
           (s->opts.duplicates == ENTRY_WRITER_LINK ||
            (s->opts.duplicates == ENTRY_WRITER_AUTO && size >= ENTRY_WRITER_LINK_MIN));
}

static bool is_type(const struct item *item, const char *type)
{
    return item->what.type && strcmp(item->what.type, type) == 0;
}

/* Say what is odd about a recording: served as what it is not, or never finished. */
static void judge_recording(struct item *item, const unsigned char *head, size_t len,
                            const struct sniff *is)
{
    const char *ext = item->what.uri ? path_ext(path_base(item->what.uri)) : "";

    if (!is_type(item, "recording") && !is_type(item, "session_replay"))
        return;
    if (is && *ext && strcmp(sniff_media_type(ext + 1), is->media_type) != 0)
        item_note(item, "named-otherwise");
    if (!is || strncmp(is->media_type, "video/", 6) != 0)
        item_note(item, "not-a-video");
    else if (sniff_unfinished(head, len))
        item_note(item, "unfinished");
}

/* What an item's bytes turned out to be. */
void entry_writer_describe(struct item *item, const char *path, uint64_t size,
                           const struct digest *digest, const unsigned char *head, size_t len)
{
    const struct sniff *is = sniff_find(head, len);
    const char *ext = strrchr(path, '.');

    item->size = size;
    item->digest = *digest;
    item->media_type = is ? is->media_type : sniff_media_type(ext ? ext + 1 : "");
    item->mismatch = entry_writer_mismatch(item, digest);
    item->suspect = item_suspect(item, head, len) && !entry_writer_proven(item, digest);
    if (item->suspect)
        item_note(item, "suspect-content");
    judge_recording(item, head, len, is);
}

/* The same of one that is being packed now. */
static void describe(struct item *item, uint64_t size, const struct digest *digest,
                     const unsigned char *head, size_t len)
{
    entry_writer_describe(item, item->path, size, digest, head, len);
    atomic_store(&item->packed, true);
}

int entry_writer_known(struct entry_writer *s, struct err *err)
{
    size_t i;

    for (i = 0; s->opts.dedupe && i < plan_count(s->plan); i++) {
        struct item *item = plan_at(s->plan, i);

        if (item->packed && !item->duplicate_of && !item_hidden(item) &&
            !dedupe_find(s->dedupe, item->size, &item->digest) &&
            dedupe_add(s->dedupe, item->size, &item->digest, item, err) < 0)
            return -1;
    }
    return 0;
}

/* Write one item whose content is known, as a file or as a link to who had it first. */
static int put_item(struct entry_writer *s, struct item *item, const struct body *body,
                    const struct digest *digest, const struct item *first, struct err *err)
{
    size_t len = body_head(body, s->head, sizeof(s->head));
    const struct sniff *is = sniff_find(s->head, len);
    bool packed = is && is->packed;

    if (plan_name(s->plan, item, s->head, len, err) < 0)
        return -1;
    describe(item, body->size, digest, s->head, len);
    item->duplicate_of = first;
    if (tell(s, item->path, item, body, err) < 0)
        return -1;
    if (first && wants_link(s, body->size))
        return put_link(s, item, packed, err);
    return put_body(s, item->path, body, item->what.mtime, packed, &item->place, err);
}

/* Who had this content first; the item itself from now on, when nobody had. */
static int find_first(struct entry_writer *s, struct item *item, uint64_t size,
                      const struct digest *digest, struct item **first, struct err *err)
{
    *first = NULL;
    if (!s->opts.dedupe)
        return 0;
    *first = dedupe_find(s->dedupe, size, digest);
    return *first ? 0 : dedupe_add(s->dedupe, size, digest, item, err);
}

/* Whether what its leader turned out to be is what the service says of a follower, too. */
static bool follows(const struct item *follower, uint64_t size, const struct digest *digest)
{
    return !item_hidden(follower) && item_fits(follower, size) &&
           !entry_writer_mismatch(follower, digest);
}

int entry_writer_item(struct entry_writer *s, struct item *leader, const struct body *body,
                      const struct digest *digest, struct err *err)
{
    struct item *first;
    struct item *item;

    if (find_first(s, leader, body->size, digest, &first, err) < 0)
        return -1;
    if (put_item(s, leader, body, digest, first, err) < 0)
        return err_wrap(err, "artifact '%s'", leader->what.artifact_id);
    for (item = leader->followers; item; item = item->next) {
        if (follows(item, body->size, digest) &&
            put_item(s, item, body, digest, first ? first : leader, err) < 0)
            return err_wrap(err, "artifact '%s'", item->what.artifact_id);
    }
    return 0;
}

int entry_writer_begin(struct entry_writer *s, struct item *item, uint64_t size,
                       const void *head, size_t head_len, struct err *err)
{
    const struct sniff *is;
    char full[ENTRY_PATH_MAX];

    s->head_len = head_len < sizeof(s->head) ? head_len : sizeof(s->head);
    memcpy(s->head, head, s->head_len);
    s->size = size;
    s->got = 0;
    is = sniff_find(s->head, s->head_len);
    if (plan_name(s->plan, item, s->head, s->head_len, err) < 0)
        return -1;
    volume_mark(s->volume);
    return volume_begin(s->volume,
                        &(struct entry_file){ .path = entry_path(s, full, item->path),
                                              .size = size,
                                              .mtime = item->what.mtime,
                                              .packed = is && is->packed },
                        &item->place, err);
}

int entry_writer_more(struct entry_writer *s, struct chunk *chunk, struct err *err)
{
    s->got += chunk->len;
    if (s->got > s->size)
        return 0; /* the entry's header says otherwise: it will be taken back */
    hasher_add(s->hasher, chunk->data, chunk->len);
    return volume_add_chunk(s->volume, chunk, err);
}

bool entry_writer_fits(const struct entry_writer *s)
{
    return s->got == s->size;
}

void entry_writer_digest(struct entry_writer *s, struct digest *digest)
{
    hasher_end(s->hasher, digest);
}

int entry_writer_end(struct entry_writer *s, struct item *item, const struct digest *digest,
                     struct err *err)
{
    const struct sniff *is = sniff_find(s->head, s->head_len);
    bool packed = is && is->packed;
    struct item *first;
    struct item *follower;

    if (volume_end(s->volume, err) < 0 || find_first(s, item, s->size, digest, &first, err) < 0)
        return -1;
    describe(item, s->size, digest, s->head, s->head_len);
    item->duplicate_of = first;
    if (first) {
        volume_back(s->volume);
        if (put_link(s, item, packed, err) < 0)
            return -1;
    }
    for (follower = item->followers; follower; follower = follower->next) {
        if (!follows(follower, s->size, digest))
            continue;
        if (plan_name(s->plan, follower, s->head, s->head_len, err) < 0)
            return -1;
        describe(follower, s->size, digest, s->head, s->head_len);
        follower->duplicate_of = first ? first : item;
        if (put_link(s, follower, packed, err) < 0)
            return -1;
    }
    return 0;
}
