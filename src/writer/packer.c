/* SPDX-License-Identifier: MIT */
#include "writer/packer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/pulse.h"
#include "base/queue.h"
#include "format/sniff.h"
#include "writer/decode.h"
#include "writer/unbundle.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum parcel_kind {
    PARCEL_ITEM,
    PARCEL_DOCUMENT,
    PARCEL_HEAD,
    PARCEL_MORE,
    PARCEL_TAIL,
    PARCEL_RELEASE,
    PARCEL_AGE,
};

struct parcel {
    enum parcel_kind kind;
    struct parcel *next; /* waits until the head has ended */
    const struct item *item;
    struct body *body;
    struct chunk *chunk;
    char *path;
    int64_t mtime;
    uint64_t size;
    bool whole;
    unsigned again; /* flags of enum packer_again */
    size_t items;   /* of the plan so far */
    size_t bundles;
};

struct packer {
    struct packer_opts opts;
    struct volume *volume;
    struct queue *queue;
    pthread_t thread;
    bool joined;
    atomic_bool failed;
    atomic_bool stopping; /* discard the rest of the queue */
    _Atomic uint64_t waited_us;
    struct err err; /* used by the thread, then by the joiner */

    struct queue *results; /* results for the transfer loop */

    bool idle; /* stepped: the queue was empty last time, and since when */
    uint64_t idle_since;

    /* used by the thread only */
    struct entry_writer *entries;
    struct unbundle unbundle;
    struct document *documents;
    struct document **last_document;
    const struct item *head; /* the item that passes through */
    bool drop;               /* discard its bytes: it is stored already */
    bool packed;             /* it is a compressed HAR, which cannot be unpacked now */
    struct parcel *parked;   /* parcels that wait for its end, oldest first */
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

/* Queue a result for the transfer loop. */
static int tell(struct packer *p, const struct pack_result *what, struct err *err)
{
    struct pack_result *result = mem_new(sizeof(*result), err);

    if (!result)
        return -1;
    *result = *what;
    if (queue_push(p->results, result, err) == 0)
        return 0;
    mem_free(result);
    return -1;
}

/* The answer to an item's body: wake the transfer loop. */
static int answer(struct packer *p, const struct item *item, enum pack_event event,
                  struct err *err)
{
    if (tell(p, &(struct pack_result){ .event = event, .item = item }, err) < 0)
        return -1;
    p->opts.news(p->opts.ctx);
    return 0;
}

static int on_stored(void *ctx, const struct item *item, const struct packed *packed,
                     struct err *err)
{
    return tell(ctx,
                &(struct pack_result){ .event = PACK_STORED, .item = item, .packed = *packed },
                err);
}

static int on_noted(void *ctx, const struct item *item, const char *word, struct err *err)
{
    return tell(ctx, &(struct pack_result){ .event = PACK_NOTED, .item = item, .note = word },
                err);
}

/* Decode a HAR that was received compressed; *body is then another body. */
static int unwrap(struct packer *p, const struct item *item, struct body **body,
                  struct packed *packed, struct err *err)
{
    struct body *plain = decode_body(*body, CODED_ZSTD, p->opts.parts, p->opts.max_size, err);

    if (!plain) {
        if (!unbundle_only_bad(err))
            return -1;
        entry_writer_keep_coded(item, (*body)->size, err, packed);
        return 0;
    }
    packed->encoded = true;
    packed->encoded_size = (*body)->size;
    memcpy(packed->encoded_sha256, packed->digest.sha256, sizeof(packed->encoded_sha256));
    body_free(*body);
    *body = plain;
    return entry_writer_judge(p->entries, item, plain, packed, err);
}

/* Pack an item's own content, unless its type or checksum is wrong and it may come again. */
static int pack_content(struct packer *p, const struct parcel *parcel, struct packed *packed,
                        enum pack_event *what, struct err *err)
{
    const struct item *item = parcel->item;

    err_clear(err);
    if ((parcel->again & PACKER_AGAIN_SUSPECT) &&
        entry_writer_suspect(item, parcel->body, packed)) {
        *what = PACK_SUSPECT;
        return 0;
    }
    if ((parcel->again & PACKER_AGAIN_SUM) && entry_writer_mismatch(item, packed)) {
        *what = PACK_MISMATCH;
        return 0;
    }
    return entry_writer_item(p->entries, item, parcel->body, packed, err);
}

/*
 * Decode a body that was received encoded.
 *
 * returns  1; 0: it is broken, or does not match the service's data; -1: fatal
 */
static int undo_coding(struct packer *p, struct parcel *parcel, struct err *err)
{
    struct body *plain =
        decode_body(parcel->body, parcel->body->coding, p->opts.parts, p->opts.max_size, err);

    if (!plain)
        return unbundle_only_bad(err) ? 0 : -1;
    body_free(parcel->body);
    parcel->body = plain;
    return item_fits(parcel->item, plain->size);
}

/* Pack the ZIP of a bundle that was fetched by its own row, and was unpacked or is unusable. */
static int pack_parent(struct packer *p, const struct parcel *parcel, bool apart,
                       struct packed *packed, struct err *err)
{
    const struct item *item = parcel->item;

    if (!apart && (parcel->again & PACKER_AGAIN_SUSPECT) &&
        entry_writer_suspect(item, parcel->body, packed))
        return answer(p, item, PACK_SUSPECT, err);
    if (!item->unlisted && entry_writer_item(p->entries, item, parcel->body, packed, err) < 0)
        return -1;
    return answer(p, item, apart ? PACK_SPLIT : PACK_BROKEN, err);
}

static int pack_item(struct packer *p, struct parcel *parcel, struct err *err)
{
    const struct item *item = parcel->item;
    const struct sniff *is;
    struct packed packed = { 0 };
    unsigned char head[SNIFF_SIZE];
    enum pack_event what = PACK_DONE;
    enum unbundle_found found = UNBUNDLE_NOT;

    if (entry_writer_has(p->entries, item)) /* it was extracted from a ZIP in the meantime */
        return answer(p, item, PACK_DONE, err);
    if (parcel->body->coding != CODED_NOT) {
        int rc = undo_coding(p, parcel, err);

        if (rc <= 0)
            return rc < 0 ? -1 : answer(p, item, PACK_LENGTH, err);
    }
    if (entry_writer_judge(p->entries, item, parcel->body, &packed, err) < 0)
        return -1;
    is = sniff_find(head, body_head(parcel->body, head, sizeof(head)));
    if (item->bundle && sniff_is(is, "zip") &&
        unbundle_item(&p->unbundle,
                      &(struct unbundle_request){ item, parcel->body, &packed.digest,
                                                  parcel->again != 0 },
                      &found, err) < 0)
        return -1;
    err_clear(err);
    unbundle_note(&p->unbundle, item, &packed);
    if (item->bundle && item->bundle->parent == item)
        return pack_parent(p, parcel, found == UNBUNDLE_PACKED, &packed, err);
    if (found == UNBUNDLE_PACKED)
        return answer(p, item, PACK_SPLIT, err);
    if (found == UNBUNDLE_LACKS || unbundle_is_zip(&p->unbundle, item, &packed.digest))
        return answer(p, item, PACK_LACKS, err);
    if (item->what.bundle_key && sniff_is(is, "zip") && !item_fits(item, parcel->body->size))
        return answer(p, item, PACK_LENGTH, err); /* not judged before: see transfer_sized */
    if ((sniff_is(is, "zip") &&
         unbundle_picture(&p->unbundle, item, &parcel->body, &packed, err) < 0) ||
        (sniff_type_is_har(item->what.type) && sniff_is(is, "zst") &&
         unwrap(p, item, &parcel->body, &packed, err) < 0))
        return -1;
    if (pack_content(p, parcel, &packed, &what, err) < 0)
        return -1;
    return answer(p, item, what, err);
}

static int pack_document(struct packer *p, struct parcel *parcel, struct err *err)
{
    struct document *document = mem_new(sizeof(*document), err);

    if (!document)
        return -1;
    if (!p->documents) /* a resume truncates the archive before the documents */
        volume_flush(p->volume);
    document->path = parcel->path;
    parcel->path = NULL;
    document->size = parcel->body->size;
    *p->last_document = document;
    p->last_document = &document->next;
    if (entry_writer_hash(p->entries, parcel->body, &document->digest, err) < 0)
        return -1;
    return entry_writer_file(p->entries, document->path, parcel->body, parcel->mtime,
                             &document->place, err);
}

/* Start an item that passes through. */
static int pack_head(struct packer *p, struct parcel *parcel, struct err *err)
{
    unsigned char head[ENTRY_WRITER_HEAD];
    size_t len = body_head(parcel->body, head, sizeof(head));
    struct chunk *chunk;

    p->head = parcel->item;
    p->packed = sniff_type_is_har(p->head->what.type) && sniff_is(sniff_find(head, len), "zst");
    /* it was extracted from a ZIP in the meantime */
    p->drop = entry_writer_has(p->entries, parcel->item);
    if (p->drop)
        return 0;
    if (entry_writer_begin(p->entries, parcel->item, parcel->size, head, len, err) < 0)
        return -1;
    for (chunk = parcel->body->first; chunk; chunk = chunk->next) {
        if (entry_writer_more(p->entries, chunk, err) < 0)
            return -1;
    }
    return 0;
}

/* End the item that passed through; if it is not kept, go back to before it. */
static int pack_tail(struct packer *p, const struct parcel *parcel, struct err *err)
{
    const struct item *item = p->head;
    struct packed packed = { 0 };
    bool whole;

    p->head = NULL;
    if (p->drop)
        return parcel->whole ? answer(p, item, PACK_DONE, err) : 0;
    entry_writer_digest(p->entries, &packed.digest);
    if (!parcel->whole || !entry_writer_fits(p->entries)) {
        volume_back(p->volume);
        return parcel->whole ? answer(p, item, PACK_LENGTH, err) : 0;
    }
    if ((parcel->again & PACKER_AGAIN_SUM) && entry_writer_mismatch(item, &packed)) {
        volume_back(p->volume);
        return answer(p, item, PACK_MISMATCH, err);
    }
    if (p->packed)
        packed_note(&packed, PACKED_NOT_UNPACKED);
    if (entry_writer_end(p->entries, item, &packed, err) < 0)
        return -1;
    /* the ZIP of a bundle was not unpacked: its members are fetched by their own requests */
    whole = item->bundle && item->bundle->parent == item;
    return answer(p, item, whole ? PACK_BROKEN : PACK_DONE, err);
}

static int unpack(struct packer *p, struct parcel *parcel, struct err *err)
{
    switch (parcel->kind) {
    case PARCEL_ITEM:
        return pack_item(p, parcel, err);
    case PARCEL_DOCUMENT:
        return pack_document(p, parcel, err);
    case PARCEL_HEAD:
        return pack_head(p, parcel, err);
    case PARCEL_MORE:
        return p->drop ? 0 : entry_writer_more(p->entries, parcel->chunk, err);
    case PARCEL_TAIL:
        return pack_tail(p, parcel, err);
    case PARCEL_RELEASE:
    case PARCEL_AGE:
        if (!p->head)
            (parcel->kind == PARCEL_AGE ? volume_age : volume_release)(p->volume);
    }
    return 0;
}

/* Process one parcel, or discard it after a failure or a cancel. */
static void handle(struct packer *p, struct parcel *parcel)
{
    struct err err;

    pulse_beat(BEAT_PACKED);
    if (!atomic_load(&p->failed) && !atomic_load(&p->stopping)) {
        err_clear(&err);
        if (entry_writer_reach(p->entries, parcel->items, &err) < 0 ||
            unbundle_reach(&p->unbundle, parcel->bundles, &err) < 0 ||
            unpack(p, parcel, &err) < 0) {
            p->err = err;
            atomic_store(&p->failed, true);
        } else if (volume_failed(p->volume)) {
            atomic_store(&p->failed, true); /* drain returns the error */
        }
        if (atomic_load(&p->failed))
            p->opts.news(p->opts.ctx);
    }
    parcel_free(parcel);
}

/*
 * Process a parcel, or queue it until the head has ended; then process the parcels that waited
 * for the end of a head.
 */
static void take(struct packer *p, struct parcel *parcel)
{
    bool heads = parcel->kind != PARCEL_ITEM && parcel->kind != PARCEL_DOCUMENT;

    if (p->head && !heads) {
        *p->last_parked = parcel;
        p->last_parked = &parcel->next;
        return;
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

static void *run(void *ctx)
{
    struct packer *p = ctx;
    struct parcel *parcel;
    uint64_t waited = 0;

    while ((parcel = queue_pop(p->queue, &waited))) {
        atomic_store(&p->waited_us, waited);
        take(p, parcel);
    }
    return NULL;
}

bool packer_step(struct packer *p)
{
    struct parcel *parcel = queue_try(p->queue);
    uint64_t now = clock_mono_us();

    if (!parcel) {
        if (!p->idle)
            p->idle_since = now;
        p->idle = true;
        return false;
    }
    if (p->idle)
        atomic_store(&p->waited_us, atomic_load(&p->waited_us) + now - p->idle_since);
    p->idle = false;
    take(p, parcel);
    return true;
}

static void end_thread(struct packer *p)
{
    while (p->opts.stepped && packer_step(p))
        ;
    if (p->joined)
        return;
    queue_close(p->queue);
    (void)pthread_join(p->thread, NULL);
    p->joined = true;
}

struct packer *packer_new(const struct packer_opts *opts, struct volume *volume,
                          const struct plan *plan, struct entry_names *names, struct err *err)
{
    struct packer *p = mem_new(sizeof(*p), err);

    if (!p)
        return NULL;
    p->opts = *opts;
    p->volume = volume;
    p->joined = true;
    p->last_document = &p->documents;
    p->last_parked = &p->parked;
    p->queue = queue_new(err);
    p->results = queue_new(err);
    p->opts.entries.stopping = &p->stopping;
    p->opts.entries.stored = on_stored;
    p->opts.entries.stored_ctx = p;
    p->entries = entry_writer_new(&p->opts.entries, volume, plan, names, err);
    p->unbundle = (struct unbundle){
        .entries = p->entries,
        .plan = plan,
        .parts = opts->parts,
        .max_size = opts->max_size,
        .noted = on_noted,
        .ctx = p,
    };
    if (!p->queue || !p->results || !p->entries)
        goto fail;
    if (opts->stepped)
        return p;
    errno = pthread_create(&p->thread, NULL, run, p);
    if (errno) {
        (void)err_sys(err, "cannot start a thread");
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
    struct pack_result result;

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
    while (p->results && packer_result(p, &result))
        ;
    queue_free(p->queue);
    queue_free(p->results);
    entry_writer_free(p->entries);
    unbundle_clear(&p->unbundle);
    mem_free(p);
}

/* Queue the template; on failure it is freed with its contents. */
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
    parcel->items = plan_count(p->unbundle.plan);
    parcel->bundles = plan_bundle_count(p->unbundle.plan);
    if (queue_push(p->queue, parcel, err) == 0)
        return 0;
    parcel_free(parcel);
    return -1;
}

int packer_item(struct packer *p, const struct item *item, struct body *body, unsigned again,
                struct err *err)
{
    return hand_over(
        p, &(struct parcel){ .kind = PARCEL_ITEM, .item = item, .body = body, .again = again },
        err);
}

int packer_document(struct packer *p, char *path, int64_t mtime, struct body *body,
                    struct err *err)
{
    return hand_over(
        p,
        &(struct parcel){ .kind = PARCEL_DOCUMENT, .path = path, .mtime = mtime, .body = body },
        err);
}

int packer_release(struct packer *p, struct err *err)
{
    return hand_over(p, &(struct parcel){ .kind = PARCEL_RELEASE }, err);
}

int packer_age(struct packer *p, struct err *err)
{
    return hand_over(p, &(struct parcel){ .kind = PARCEL_AGE }, err);
}

int packer_head(struct packer *p, const struct item *item, struct body *body, uint64_t size,
                struct err *err)
{
    struct parcel parcel = { .kind = PARCEL_HEAD, .item = item, .body = body, .size = size };

    return hand_over(p, &parcel, err);
}

int packer_more(struct packer *p, struct chunk *chunk, struct err *err)
{
    return hand_over(p, &(struct parcel){ .kind = PARCEL_MORE, .chunk = chunk }, err);
}

int packer_tail(struct packer *p, bool whole, unsigned again, struct err *err)
{
    return hand_over(p, &(struct parcel){ .kind = PARCEL_TAIL, .whole = whole, .again = again },
                     err);
}

bool packer_result(struct packer *p, struct pack_result *result)
{
    struct pack_result *first = queue_try(p->results);

    if (!first)
        return false;
    *result = *first;
    mem_free(first);
    return true;
}

struct spot packer_place(const struct packer *p, const struct item *item)
{
    return entry_writer_place(p->entries, item);
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
    return p->opts.stepped ? p->idle : queue_starved(p->queue);
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
