/* SPDX-License-Identifier: MIT */
#include "flow/transfer.h"

#include "base/mem.h"

#include <string.h>

#define PASS_MIN ((uint64_t)1 << 20) /* a shorter body is not worth a mark */
#define LOOK_MS  50

int transfers_init(struct transfers *all, unsigned count, struct err *err)
{
    unsigned i;

    all->slots = mem_array(count, sizeof(*all->slots), err);
    if (!all->slots)
        return -1;
    all->count = count;
    for (i = 0; i < count; i++) {
        all->slots[i].all = all;
        buf_init(&all->slots[i].url, URL_MAX);
    }
    return 0;
}

void transfers_clear(struct transfers *all)
{
    unsigned i;

    for (i = 0; all->slots && i < all->count; i++) {
        body_free(all->slots[i].body);
        chunk_unref(all->slots[i].chunk);
        buf_clear(&all->slots[i].url);
    }
    mem_free(all->slots);
    *all = (struct transfers){ 0 };
}

struct transfer *transfer_open(struct transfers *all, struct want *want)
{
    unsigned i;

    for (i = 0; i < all->count; i++) {
        struct transfer *t = &all->slots[i];

        if (t->want)
            continue;
        t->want = want;
        t->passing = false;
        all->running++;
        return t;
    }
    return NULL;
}

static void release(struct transfer *t)
{
    body_free(t->body);
    chunk_unref(t->chunk);
    t->body = NULL;
    t->chunk = NULL;
    t->want = NULL;
    t->all->running--;
    if (t->all->head == t)
        t->all->head = NULL;
}

/*
 * Bytes still to come, or UINT64_MAX when this body cannot pass through: also one that may have
 * to be unpacked first.
 */
static uint64_t remaining(const struct transfer *t)
{
    const struct request *request = &t->request;
    const struct plan_artifact *what = t->want ? &t->want->item->what : NULL;

    if (!what || !t->body || !t->body->first || t->body->fd >= 0 || request->encoded ||
        request->length == REQUEST_UNSAID || request->length < PASS_MIN ||
        request->length > request->max || t->want->item->bundle ||
        (what->type && strcmp(what->type, "har") == 0) ||
        (what->sized && what->file_size != request->length))
        return UINT64_MAX;
    return request->length - t->body->size;
}

/* Let the body that is nearest to its end pass through from now on. */
static int choose_head(struct transfers *all)
{
    struct transfer *best = NULL;
    uint64_t least = UINT64_MAX;
    struct body *body;
    unsigned i;

    if (!all->reserve || all->head)
        return 0;
    for (i = 0; i < all->count; i++) {
        uint64_t left = remaining(&all->slots[i]);

        if (left < least) {
            least = left;
            best = &all->slots[i];
        }
    }
    if (!best)
        return 0;
    all->head = best;
    best->passing = true;
    body = best->body;
    best->body = NULL;
    return packer_head(all->packer, best->want->item, body, best->request.length, &all->err);
}

/* Fill a chunk of the head's and hand it over when it is full. */
static enum sink pass(struct transfer *t, const char *bytes, size_t len)
{
    struct transfers *all = t->all;
    size_t room = t->chunk ? CHUNK_SIZE - t->chunk->len : 0;
    struct chunk *spare = NULL;
    size_t n = len < room ? len : room;

    if (len > room) {
        spare = pool_try(all->spool->pool, 0);
        if (!spare)
            return SINK_FULL;
    }
    if (n) {
        memcpy(t->chunk->data + t->chunk->len, bytes, n);
        t->chunk->len += n;
    }
    if (spare) {
        if (t->chunk && packer_more(all->packer, t->chunk, &all->err) < 0) {
            t->chunk = spare;
            return SINK_REFUSED;
        }
        t->chunk = spare;
        memcpy(spare->data, bytes + n, len - n);
        spare->len = len - n;
    }
    all->bytes += len;
    return SINK_TAKEN;
}

enum sink transfer_sink(void *ctx, const char *bytes, size_t len)
{
    struct transfer *t = ctx;
    struct transfers *all = t->all;
    bool spill = false;
    int rc;

    if (t->passing)
        return pass(t, bytes, len);
    if (!t->body)
        t->body = body_new(&all->err);
    if (!t->body)
        return SINK_REFUSED;
    for (;;) {
        rc = body_add(t->body, all->spool, all->reserve, spill, bytes, len, &all->err);
        if (rc || spill)
            break;
        if (choose_head(all) < 0)
            return SINK_REFUSED;
        if (t->passing)
            return pass(t, bytes, len);
        if (!all->starving && (all->head || !packer_starved(all->packer)))
            break;
        spill = true;
    }
    if (rc == 0) {
        all->refused = true;
        return SINK_FULL;
    }
    all->bytes += len;
    return rc < 0 ? SINK_REFUSED : SINK_TAKEN;
}

int transfer_commit(struct transfer *t, bool again, struct err *err)
{
    struct transfers *all = t->all;
    struct chunk *chunk = t->chunk;
    struct body *body = t->body;
    int rc = 0;

    if (t->passing) {
        t->chunk = NULL;
        if (chunk)
            rc = packer_more(all->packer, chunk, err);
        if (rc == 0)
            rc = packer_tail(all->packer, true, again, err);
    } else {
        t->body = NULL;
        if (!body)
            body = body_new(err); /* an empty body has no first byte */
        rc = body ? packer_item(all->packer, t->want->item, body, again, err) : -1;
    }
    release(t);
    return rc;
}

int transfer_abort(struct transfer *t, struct err *err)
{
    int rc = t->passing ? packer_tail(t->all->packer, false, false, err) : 0;

    release(t);
    return rc;
}

bool transfers_look(struct transfers *all, uint64_t now)
{
    uint64_t passed = now - all->looked;
    uint64_t waited = packer_waited(all->packer);
    bool again = all->refused;

    if (passed < LOOK_MS)
        return false;
    all->starving =
        all->refused && (packer_starved(all->packer)
                             ? waited == all->waited || waited - all->waited > passed * 500
                             : waited - all->waited > passed * 500);
    all->refused = false;
    all->looked = now;
    all->waited = waited;
    return again;
}
