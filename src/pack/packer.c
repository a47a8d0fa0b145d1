/* SPDX-License-Identifier: MIT */
#include "pack/packer.h"

#include "base/mem.h"
#include "base/queue.h"
#include "base/text.h"
#include "format/sniff.h"
#include "pack/dedupe.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define ENTRY_PATH_MAX 2048

enum parcel_kind { PARCEL_ITEM, PARCEL_DOCUMENT, PARCEL_HEAD, PARCEL_MORE, PARCEL_TAIL };

struct parcel {
    enum parcel_kind kind;
    struct parcel *next; /* while it waits for the head */
    struct item *item;
    struct body *body;
    struct chunk *chunk;
    char *path;
    int64_t mtime;
    uint64_t size;
    bool whole;
};

struct packer {
    struct packer_opts opts;
    struct volume *volume;
    struct plan *plan;
    struct queue *queue;
    pthread_t thread;
    bool joined;
    atomic_bool failed;
    atomic_bool stopping; /* drop what is still in the queue */
    _Atomic uint64_t waited_us;
    struct err err; /* the thread's, then the joiner's */

    /* the thread's own */
    struct hasher *hasher;
    struct dedupe *dedupe;
    unsigned char *scratch;
    struct document *documents;
    struct document **last_document;
    struct item *head; /* the item that passes through */
    uint64_t head_size;
    unsigned char head_bytes[SNIFF_SIZE];
    size_t head_len;
    struct parcel *parked; /* what waits for it, oldest first */
    struct parcel **last_parked;
};

static void parcel_free(struct parcel *parcel)
{
    if (!parcel)
        return;
    body_free(parcel->body);
    chunk_unref(parcel->chunk);
    mem_free(parcel->path);
    mem_free(parcel);
}

/* An entry's whole path. */
static const char *entry_path(const struct packer *p, char out[ENTRY_PATH_MAX],
                              const char *path)
{
    (void)snprintf(out, ENTRY_PATH_MAX, "%s/%s", p->opts.top, path);
    return out;
}

static void hash_body(struct packer *p, const struct body *body, struct digest *digest,
                      struct err *err)
{
    struct body_cursor cursor = { 0 };
    const unsigned char *bytes;
    struct chunk *chunk;
    ssize_t n;

    while ((n = body_next(body, &cursor, p->scratch, &bytes, &chunk, err)) > 0)
        hasher_add(p->hasher, bytes, (size_t)n);
    hasher_end(p->hasher, digest);
}

/* Write a whole body as one entry. */
static int put_body(struct packer *p, const char *path, const struct body *body, int64_t mtime,
                    bool packed, struct place *place, struct err *err)
{
    struct body_cursor cursor = { 0 };
    char full[ENTRY_PATH_MAX];
    const unsigned char *bytes;
    struct chunk *chunk;
    ssize_t n;
    int rc;

    if (volume_begin(p->volume, entry_path(p, full, path), body->size, mtime, packed, NULL,
                     place, err) < 0)
        return -1;
    while ((n = body_next(body, &cursor, p->scratch, &bytes, &chunk, err)) > 0) {
        rc = chunk ? volume_add_chunk(p->volume, chunk, err)
                   : volume_add(p->volume, bytes, (size_t)n, err);
        if (rc < 0)
            return -1;
    }
    return n < 0 ? -1 : volume_end(p->volume, body->size, err);
}

static int put_link(struct packer *p, struct item *item, bool packed, struct err *err)
{
    char full[ENTRY_PATH_MAX];
    char target[ENTRY_PATH_MAX];

    item->link = true;
    return volume_begin(p->volume, entry_path(p, full, item->path), 0, item->what.mtime, packed,
                        entry_path(p, target, item->duplicate_of->path), &item->place, err);
}

static bool wants_link(const struct packer *p, uint64_t size)
{
    return volume_links(p->volume) &&
           (p->opts.duplicates == PACKER_LINK ||
            (p->opts.duplicates == PACKER_AUTO && size >= PACKER_LINK_MIN));
}

/* What an item's bytes turned out to be. */
static void describe(struct item *item, uint64_t size, const struct digest *digest,
                     const struct sniff *is)
{
    char hex[SHA256_TEXT];
    const char *sum = item->what.checksum;
    const char *ext = strrchr(item->path, '.');

    item->size = size;
    item->digest = *digest;
    item->media_type = is ? is->media_type : sniff_media_type(ext ? ext + 1 : "");
    text_hex(hex, digest->sha256, SHA256_SIZE);
    /* a HAR's checksum is of its compressed form at rest, which may arrive plain */
    item->mismatch = sum && strlen(sum) == SHA256_TEXT - 1 && strcasecmp(sum, hex) != 0 &&
                     !(item->what.type && strcmp(item->what.type, "har") == 0);
    item->packed = true;
}

/* Write one item whose content is known, as a file or as a link to who had it first. */
static int put_item(struct packer *p, struct item *item, const struct body *body,
                    const struct digest *digest, const struct item *first, struct err *err)
{
    unsigned char head[SNIFF_SIZE];
    size_t len = body_head(body, head, sizeof(head));
    const struct sniff *is = sniff_find(head, len);
    bool packed = is && is->packed;

    if (plan_name(p->plan, item, head, len, err) < 0)
        return -1;
    describe(item, body->size, digest, is);
    item->duplicate_of = first;
    if (first && wants_link(p, body->size))
        return put_link(p, item, packed, err);
    return put_body(p, item->path, body, item->what.mtime, packed, &item->place, err);
}

static int put_followers(struct packer *p, const struct item *leader, const struct body *body,
                         const struct digest *digest, const struct item *first, struct err *err)
{
    struct item *item;

    for (item = leader->followers; item; item = item->next) {
        if (put_item(p, item, body, digest, first, err) < 0)
            return err_wrap(err, "artifact '%s'", item->what.artifact_id);
    }
    return 0;
}

static int pack_item(struct packer *p, struct item *item, struct body *body, struct err *err)
{
    struct digest digest;
    struct item *first = NULL;

    err_clear(err);
    hash_body(p, body, &digest, err);
    if (err->kind)
        return -1;
    if (p->opts.dedupe) {
        first = dedupe_find(p->dedupe, body->size, &digest);
        if (!first && dedupe_add(p->dedupe, body->size, &digest, item, err) < 0)
            return -1;
    }
    if (put_item(p, item, body, &digest, first, err) < 0)
        return err_wrap(err, "artifact '%s'", item->what.artifact_id);
    return put_followers(p, item, body, &digest, first ? first : item, err);
}

static int pack_document(struct packer *p, struct parcel *parcel, struct err *err)
{
    struct document *document = mem_new(sizeof(*document), err);

    if (!document)
        return -1;
    document->path = parcel->path;
    parcel->path = NULL;
    document->size = parcel->body->size;
    *p->last_document = document;
    p->last_document = &document->next;
    hash_body(p, parcel->body, &document->digest, err);
    return put_body(p, document->path, parcel->body, parcel->mtime, false, NULL, err);
}

/* Begin an item that passes through; it is media or large, and its body is no file yet. */
static int pack_head(struct packer *p, struct parcel *parcel, struct err *err)
{
    struct item *item = parcel->item;
    const struct sniff *is;
    char full[ENTRY_PATH_MAX];
    struct chunk *chunk;

    p->head = item;
    p->head_size = parcel->size;
    p->head_len = body_head(parcel->body, p->head_bytes, sizeof(p->head_bytes));
    is = sniff_find(p->head_bytes, p->head_len);
    if (plan_name(p->plan, item, p->head_bytes, p->head_len, err) < 0)
        return -1;
    volume_mark(p->volume);
    if (volume_begin(p->volume, entry_path(p, full, item->path), parcel->size, item->what.mtime,
                     is && is->packed, NULL, &item->place, err) < 0)
        return -1;
    for (chunk = parcel->body->first; chunk; chunk = chunk->next) {
        hasher_add(p->hasher, chunk->data, chunk->len);
        if (volume_add_chunk(p->volume, chunk, err) < 0)
            return -1;
    }
    return 0;
}

static int pack_more(struct packer *p, struct parcel *parcel, struct err *err)
{
    hasher_add(p->hasher, parcel->chunk->data, parcel->chunk->len);
    return volume_add_chunk(p->volume, parcel->chunk, err);
}

/* End the item that passed through; when it was for nothing, go back to before it. */
static int pack_tail(struct packer *p, bool whole, struct err *err)
{
    struct item *item = p->head;
    struct item *first = NULL;
    struct item *follower;
    struct digest digest;
    const struct sniff *is = sniff_find(p->head_bytes, p->head_len);

    p->head = NULL;
    hasher_end(p->hasher, &digest);
    if (!whole) {
        volume_back(p->volume);
        return 0;
    }
    if (volume_end(p->volume, p->head_size, err) < 0)
        return -1;
    if (p->opts.dedupe) {
        first = dedupe_find(p->dedupe, p->head_size, &digest);
        if (!first && dedupe_add(p->dedupe, p->head_size, &digest, item, err) < 0)
            return -1;
    }
    describe(item, p->head_size, &digest, is);
    item->duplicate_of = first;
    if (first) {
        volume_back(p->volume);
        if (put_link(p, item, is && is->packed, err) < 0)
            return -1;
    }
    for (follower = item->followers; follower; follower = follower->next) {
        if (plan_name(p->plan, follower, p->head_bytes, p->head_len, err) < 0)
            return -1;
        describe(follower, p->head_size, &digest, is);
        follower->duplicate_of = first ? first : item;
        if (put_link(p, follower, is && is->packed, err) < 0)
            return -1;
    }
    return 0;
}

static int unpack(struct packer *p, struct parcel *parcel, struct err *err)
{
    switch (parcel->kind) {
    case PARCEL_ITEM:
        return pack_item(p, parcel->item, parcel->body, err);
    case PARCEL_DOCUMENT:
        return pack_document(p, parcel, err);
    case PARCEL_HEAD:
        return pack_head(p, parcel, err);
    case PARCEL_MORE:
        return pack_more(p, parcel, err);
    case PARCEL_TAIL:
        return pack_tail(p, parcel->whole, err);
    }
    return 0;
}

/* Do one parcel's work, or drop it when there is no use in it. */
static void handle(struct packer *p, struct parcel *parcel)
{
    struct err err;

    if (!atomic_load(&p->failed) && !atomic_load(&p->stopping)) {
        err_clear(&err);
        if (unpack(p, parcel, &err) < 0) {
            p->err = err;
            atomic_store(&p->failed, true);
        } else if (volume_failed(p->volume)) {
            atomic_store(&p->failed, true); /* drain tells why */
        }
    }
    parcel_free(parcel);
}

static void *run(void *ctx)
{
    struct packer *p = ctx;
    struct parcel *parcel;
    uint64_t waited = 0;

    while ((parcel = queue_pop(p->queue, &waited))) {
        bool heads = parcel->kind != PARCEL_ITEM && parcel->kind != PARCEL_DOCUMENT;

        atomic_store(&p->waited_us, waited);
        if (p->head && !heads) {
            *p->last_parked = parcel;
            p->last_parked = &parcel->next;
            continue;
        }
        handle(p, parcel);
        while (!p->head && p->parked) {
            parcel = p->parked;
            p->parked = parcel->next;
            if (!p->parked)
                p->last_parked = &p->parked;
            handle(p, parcel);
        }
    }
    return NULL;
}

static void end_thread(struct packer *p)
{
    if (p->joined)
        return;
    queue_close(p->queue);
    (void)pthread_join(p->thread, NULL);
    p->joined = true;
}

struct packer *packer_new(const struct packer_opts *opts, struct volume *volume,
                          struct plan *plan, struct err *err)
{
    struct packer *p = mem_new(sizeof(*p), err);
    int rc;

    if (!p)
        return NULL;
    p->opts = *opts;
    p->volume = volume;
    p->plan = plan;
    p->joined = true;
    p->last_document = &p->documents;
    p->last_parked = &p->parked;
    p->queue = queue_new(err);
    p->hasher = hasher_new(err);
    p->dedupe = dedupe_new(err);
    p->scratch = mem_new(CHUNK_SIZE, err);
    if (!p->queue || !p->hasher || !p->dedupe || !p->scratch)
        goto fail;
    rc = pthread_create(&p->thread, NULL, run, p);
    if (rc) {
        (void)err_set(err, ERR_SYSTEM, "cannot start a thread (error %d)", rc);
        goto fail;
    }
    p->joined = false;
    return p;
fail:
    packer_free(p);
    return NULL;
}

void packer_free(struct packer *p)
{
    if (!p)
        return;
    atomic_store(&p->stopping, true);
    end_thread(p);
    while (p->documents) {
        struct document *next = p->documents->next;

        mem_free(p->documents->path);
        mem_free(p->documents);
        p->documents = next;
    }
    while (p->parked) {
        struct parcel *next = p->parked->next;

        parcel_free(p->parked);
        p->parked = next;
    }
    queue_free(p->queue);
    hasher_free(p->hasher);
    dedupe_free(p->dedupe);
    mem_free(p->scratch);
    mem_free(p);
}

/* Queue what is in the template; it is freed with all it holds when that fails. */
static int hand_over(struct packer *p, const struct parcel *what, struct err *err)
{
    struct parcel *parcel = mem_new(sizeof(*parcel), err);

    if (!parcel) {
        body_free(what->body);
        chunk_unref(what->chunk);
        mem_free(what->path);
        return -1;
    }
    *parcel = *what;
    if (queue_push(p->queue, parcel, err) == 0)
        return 0;
    parcel_free(parcel);
    return -1;
}

int packer_item(struct packer *p, struct item *item, struct body *body, struct err *err)
{
    struct parcel parcel = { .kind = PARCEL_ITEM, .item = item, .body = body };

    return hand_over(p, &parcel, err);
}

int packer_document(struct packer *p, char *path, int64_t mtime, struct body *body,
                    struct err *err)
{
    struct parcel parcel = {
        .kind = PARCEL_DOCUMENT, .path = path, .mtime = mtime, .body = body
    };

    return hand_over(p, &parcel, err);
}

int packer_head(struct packer *p, struct item *item, struct body *body, uint64_t size,
                struct err *err)
{
    struct parcel parcel = { .kind = PARCEL_HEAD, .item = item, .body = body, .size = size };

    return hand_over(p, &parcel, err);
}

int packer_more(struct packer *p, struct chunk *chunk, struct err *err)
{
    struct parcel parcel = { .kind = PARCEL_MORE, .chunk = chunk };

    return hand_over(p, &parcel, err);
}

int packer_tail(struct packer *p, bool whole, struct err *err)
{
    struct parcel parcel = { .kind = PARCEL_TAIL, .whole = whole };

    return hand_over(p, &parcel, err);
}

bool packer_failed(const struct packer *p)
{
    return atomic_load(&p->failed);
}

uint64_t packer_waited(const struct packer *p)
{
    return atomic_load(&p->waited_us);
}

bool packer_starved(struct packer *p)
{
    return queue_starved(p->queue);
}

int packer_join(struct packer *p, struct err *err)
{
    end_thread(p);
    if (!atomic_load(&p->failed))
        return 0;
    if (!p->err.kind) {
        uint64_t written;

        return volume_drain(p->volume, &written, err);
    }
    if (err)
        *err = p->err;
    return -1;
}

const struct document *packer_documents(const struct packer *p)
{
    return p->documents;
}
