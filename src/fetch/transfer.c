/* SPDX-License-Identifier: MIT */
#include "fetch/transfer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/pulse.h"
#include "format/sniff.h"

#include <string.h>

#define LOOK_MS 50
#define AGE_MS  3000 /* frames end after twice this time at the latest */

static void part_clear(struct part *part)
{
    body_free(part->body);
    chunk_unref(part->chunk);
    *part = (struct part){ 0 };
}

void part_free(struct part *part)
{
    if (part)
        part_clear(part);
    mem_free(part);
}

int transfers_init(struct transfers *all, unsigned count, struct err *err)
{
    unsigned i;

    all->slots = mem_array(count, sizeof(*all->slots), err);
    if (!all->slots)
        return -1;
    all->count = all->width = count;
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
        part_clear(&all->slots[i].part);
        buf_clear(&all->slots[i].url);
    }
    mem_free(all->slots);
    chunk_unref(all->spare);
    *all = (struct transfers){ 0 };
}

/* Whether there are descriptors for one more body in a file, and for all running ones. */
static bool file_room(const struct transfers *all)
{
    unsigned need = all->spool->files ? atomic_load(all->spool->files) + 1 : 1;
    unsigned i;

    for (i = 0; i < all->count; i++) {
        const struct transfer *t = &all->slots[i];

        need += t->task && !t->part.passing && (!t->part.body || t->part.body->fd < 0);
    }
    return need <= all->files_max;
}

/* Whether a transfer, other than the head, waits for a chunk. */
static bool any_waits(const struct transfers *all)
{
    const struct transfer *t = all->slots;

    while (t < all->slots + all->count && !(t->task && t->paused && !t->part.passing))
        t++;
    return t < all->slots + all->count;
}

bool transfers_room(struct transfers *all, const struct task *task)
{
    bool barred = spool_barred(all->spool);

    if (all->running == all->count)
        return false;
    if (task->rank == TASK_RANK_HEAD)
        return true;
    if (barred && (all->running >= all->width || any_waits(all)))
        return false;
    if (!barred && task->rank == TASK_RANK_NONE && all->files_max && !file_room(all))
        return false;
    if (!all->spare)
        all->spare = pool_try(all->spool->pool);
    all->refused = all->refused || !all->spare;
    return all->spare != NULL;
}

/* Resume the task's part, or start a body, which gets its own chunk. */
static int take_part(struct transfer *t, struct task *task, struct err *err)
{
    struct transfers *all = t->all;

    t->part = (struct part){ 0 };
    if (task->part) {
        t->part = *task->part;
        mem_free(task->part);
        task->part = NULL;
        all->parts--;
    }
    task->rank = TASK_RANK_NONE;
    if (t->part.passing)
        return 0;
    if (!t->part.body)
        t->part.body = body_new(err);
    if (!t->part.body)
        return -1;
    body_lend(t->part.body, all->spare);
    all->spare = NULL;
    return 0;
}

struct transfer *transfer_open(struct transfers *all, struct task *task, struct err *err)
{
    struct transfer *t = all->slots;

    while (t->task)
        t++;
    t->request = (struct request){ 0 };
    if (take_part(t, task, err) < 0)
        return NULL;
    t->task = task;
    t->paused = t->waitable = t->yields = false;
    t->longest = 0;
    t->begun = clock_mono();
    pulse_slot((unsigned)(t - all->slots), SLOT_ASKING, t->part.resume.from);
    all->running++;
    return t;
}

static void release(struct transfer *t)
{
    if (t->part.passing)
        t->all->head = NULL;
    part_clear(&t->part);
    pulse_slot((unsigned)(t - t->all->slots), SLOT_IDLE, 0);
    t->task->spent += clock_mono() - t->begun;
    t->task = NULL;
    t->all->running--;
}

uint64_t transfer_have(const struct transfer *t)
{
    const struct request *request = &t->request;

    if (!request_good(request))
        return t->part.resume.from;
    return request->received + (request_partial(request) ? request->resume.from : 0);
}

bool transfer_doubtful(const struct transfer *t)
{
    unsigned char head[ENTRY_WRITER_HEAD];

    return t->task->has_other_route &&
           item_suspect(t->task->item, head, body_head(t->part.body, head, sizeof(head)));
}

/*
 * Whether a body may have to be unpacked first, by its item. Without files there may be no
 * room for that, so the first bytes decide; with `packed`, a compressed HAR stays compressed.
 */
static bool is_packed(const struct transfer *t, bool packed)
{
    const struct item *item = t->task->item;
    bool har = sniff_type_is_har(item->what.type);
    unsigned char head[SNIFF_SIZE];
    const struct sniff *is;

    if (!spool_barred(t->all->spool) || item->unlisted)
        return item->bundle || har;
    is = sniff_find(head, body_head(t->part.body, head, sizeof(head)));
    return (har && !packed && sniff_is(is, "zst")) ||
           (item->bundle && item->bundle->parent != item && sniff_is(is, "zip"));
}

/* The size of the whole body: as announced, or, without files, else the service's. */
static uint64_t total_of(const struct transfer *t)
{
    uint64_t total = request_total(&t->request);

    if (total == REQUEST_UNSAID && spool_barred(t->all->spool) &&
        t->request.coding == CODING_NONE && transfer_sized(t))
        total = t->task->item->what.file_size;
    return total;
}

/*
 * Bytes not received yet, or UINT64_MAX if this body cannot pass through, for example because
 * it may have to be unpacked first or does not match its type.
 */
static uint64_t remaining(const struct transfer *t, bool packed)
{
    const struct request *request = &t->request;
    const struct plan_artifact *what = t->task ? &t->task->item->what : NULL;
    uint64_t least = spool_barred(t->all->spool) ? 0 : t->all->pass_min;
    const struct body *body = t->part.body;
    uint64_t total = what ? total_of(t) : REQUEST_UNSAID;

    if (!what || !body || (request->stream && !t->waitable) || !body->size || body->fd >= 0 ||
        total == REQUEST_UNSAID || total < least || total < body->size ||
        t->task->wrong_lengths || total > request->max || is_packed(t, packed) ||
        (what->sized && what->file_size != total) || transfer_doubtful(t))
        return UINT64_MAX;
    return total - body->size;
}

/* Let a body pass through from now on. */
static int make_head(struct transfer *t)
{
    struct transfers *all = t->all;
    struct body *body = t->part.body;
    uint64_t total = total_of(t);

    all->head = t->task;
    t->part.passing = true;
    t->part.body = NULL;
    return packer_head(all->packer, t->task->item, body, total, &all->err);
}

int transfers_choose_head(struct transfers *all, bool packed)
{
    struct transfer *best = NULL;
    uint64_t least = UINT64_MAX;
    unsigned i;

    if (!all->pass || all->head)
        return 0;
    for (i = 0; i < all->count; i++) {
        uint64_t left = remaining(&all->slots[i], packed);

        if (left < least) {
            least = left;
            best = &all->slots[i];
        }
    }
    return best ? make_head(best) : 0;
}

/* Fill a chunk of the head's pool and give it to the packer when it is full. */
static enum sink pass(struct transfer *t, const char *bytes, size_t len)
{
    struct transfers *all = t->all;
    struct part *part = &t->part;
    size_t room = part->chunk ? part->chunk->size - part->chunk->len : 0;
    struct chunk *spare = NULL;
    size_t n = len < room ? len : room;

    if (len > room) {
        spare = pool_try(all->pass);
        if (!spare)
            return SINK_FULL;
    }
    if (n) {
        memcpy(part->chunk->data + part->chunk->len, bytes, n);
        part->chunk->len += n;
    }
    if (spare) {
        if (part->chunk && packer_more(all->packer, part->chunk, &all->err) < 0) {
            part->chunk = spare;
            return SINK_REFUSED;
        }
        part->chunk = spare;
        memcpy(spare->data, bytes + n, len - n);
        spare->len = len - n;
    }
    all->bytes += len;
    return SINK_TAKEN;
}

bool transfer_sized(const struct transfer *t)
{
    const struct item *item = t->task->item;
    const struct body *body = t->part.body;
    unsigned char head[SNIFF_SIZE];
    size_t len = body ? body_head(body, head, sizeof(head)) : 0;
    const struct sniff *is = sniff_find(head, len);
    bool coded = sniff_is(is, "zst");

    if (item->what.bundle_key && sniff_is(is, "zip"))
        return false;
    if (item_at_rest_coded(item) && !coded && len && head[0] == '{')
        return false;
    return item->what.sized;
}

bool transfer_overdue(const struct transfer *t, const struct stall *stall, uint64_t now)
{
    uint64_t bps = backoff_share(stall->bps, stall->rate, t->all->count);
    uint64_t size = request_total(&t->request);

    if (size == REQUEST_UNSAID)
        size = t->task->item->what.sized ? t->task->item->what.file_size : 0;
    return t->task->spent + (now - t->begun) > backoff_allowance(size, bps, stall->time);
}

/* The answer is the whole body instead of the rest: discard the part. */
static int start_over(struct transfer *t, struct err *err)
{
    int rc = 0;

    if (request_partial(&t->request))
        return 0;
    if (t->part.passing) {
        rc = packer_tail(t->all->packer, false, 0, err);
        t->all->head = NULL;
    }
    part_clear(&t->part);
    return rc;
}

/* Whether a body without a free chunk may continue in a file. A stream cannot wait. */
static bool may_spill(const struct transfer *t)
{
    const struct transfers *all = t->all;

    return (t->request.stream && !t->waitable) || all->starving ||
           (!all->head && packer_starved(all->packer)) ||
           (t->paused && clock_mono() - t->paused_at >= TRANSFER_PAUSE);
}

static enum sink take(struct transfer *t, const char *bytes, size_t len)
{
    struct transfers *all = t->all;
    bool taken;

    if (t->part.resume.from && start_over(t, &all->err) < 0)
        return SINK_REFUSED;
    if (t->part.passing)
        return pass(t, bytes, len);
    if (!t->part.body)
        t->part.body = body_new(&all->err);
    if (!t->part.body)
        return SINK_REFUSED;
    taken = body_add(t->part.body, all->spool, false, bytes, len);
    if (!taken && transfers_choose_head(all, false) < 0)
        return SINK_REFUSED;
    if (t->part.passing)
        return pass(t, bytes, len);
    if (!taken && may_spill(t))
        taken = body_add(t->part.body, all->spool, true, bytes, len);
    if (taken) {
        all->bytes += len;
        return SINK_TAKEN;
    }
    t->yields = t->request.stream && !t->waitable;
    all->refused = all->refused || !t->yields;
    return t->yields ? SINK_REFUSED : SINK_FULL;
}

/* Publish the state of a transfer for the watchdog. */
static void show(const struct transfer *t, bool paused)
{
    const struct part *part = &t->part;

    pulse_slot((unsigned)(t - t->all->slots),
               paused                              ? SLOT_PAUSED
               : part->passing                     ? SLOT_PASSING
               : part->body && part->body->fd >= 0 ? SLOT_SPILLING
                                                   : SLOT_RECEIVING,
               transfer_have(t));
}

enum sink transfer_sink(void *ctx, const char *bytes, size_t len)
{
    struct transfer *t = ctx;
    enum sink verdict = take(t, bytes, len);

    if (verdict == SINK_FULL && !t->paused)
        t->paused_at = clock_mono();
    show(t, verdict == SINK_FULL);
    if (verdict != SINK_FULL)
        t->longest = transfer_pause(t);
    t->paused = verdict == SINK_FULL;
    return verdict;
}

uint64_t transfer_pause(const struct transfer *t)
{
    uint64_t now = t->paused ? clock_mono() - t->paused_at : 0;

    return now > t->longest ? now : t->longest;
}

/* The transfer that was paused first and was not offered in this round. */
static struct transfer *longest_paused(struct transfers *all)
{
    struct transfer *oldest = NULL;
    unsigned i;

    for (i = 0; i < all->count; i++) {
        struct transfer *t = &all->slots[i];

        if (!t->task || !t->paused || t->round == all->round)
            continue;
        if (t->part.passing)
            return t;
        if (!oldest || t->paused_at < oldest->paused_at)
            oldest = t;
    }
    return oldest;
}

void transfers_offer(struct transfers *all, void (*resume)(struct request *request))
{
    struct transfer *t;

    all->round++;
    while ((t = longest_paused(all))) {
        bool head = t->part.passing;

        t->round = all->round;
        resume(&t->request);
        if (t->paused && !head)
            return;
    }
}

/* How a body is encoded that its server compressed although no coding was requested. */
static enum body_coding coding_of(const struct request *request)
{
    switch (request->coding) {
    case CODING_GZIP:
        return CODED_GZIP;
    case CODING_DEFLATE:
        return CODED_DEFLATE;
    case CODING_ZSTD:
        return CODED_ZSTD;
    case CODING_NONE:
    case CODING_OTHER: /* refused by request_header */
        break;
    }
    return CODED_NOT;
}

int transfer_commit(struct transfer *t, unsigned again, struct err *err)
{
    struct transfers *all = t->all;
    struct chunk *chunk;
    struct body *body;
    int rc = 0;

    if (t->part.resume.from && start_over(t, err) < 0) { /* an empty body has no first byte */
        release(t);
        return -1;
    }
    chunk = t->part.chunk;
    body = t->part.body;
    if (t->part.passing) {
        t->part.chunk = NULL;
        if (chunk)
            rc = packer_more(all->packer, chunk, err);
        if (rc == 0)
            rc = packer_tail(all->packer, true, again, err);
    } else {
        t->part.body = NULL;
        if (!body)
            body = body_new(err);
        if (body)
            body->coding = coding_of(&t->request);
        rc = body ? packer_item(all->packer, t->task->item, body, again, err) : -1;
    }
    release(t);
    if (++all->ended >= all->width && all->width < all->count) {
        all->width++;
        all->ended = 0;
    }
    return rc;
}

int transfer_abort(struct transfer *t, struct err *err)
{
    int rc = t->part.passing ? packer_tail(t->all->packer, false, 0, err) : 0;

    release(t);
    return rc;
}

/* Store the validators of a response, for a range request later. */
static void note(struct transfer *t)
{
    const struct request *request = &t->request;
    const struct plan_artifact *what = &t->task->item->what;
    struct resume *resume = &t->part.resume;

    if (!request_good(request))
        return; /* nothing was received of the body */
    resume->from = transfer_have(t);
    if (request_partial(request))
        return;
    resume->total = request_total(request);
    if (resume->total == REQUEST_UNSAID && what->sized)
        resume->total = what->file_size;
    resume->judged = what->checksum != NULL;
    resume->seen = request->seen;
    t->part.origin = request->origin;
}

int transfer_hold(struct transfer *t, struct err *err)
{
    struct transfers *all = t->all;
    struct part *part;

    note(t);
    /* without files it cannot wait for its next attempt, unless it passes through */
    if (spool_barred(all->spool) && !all->head && all->pass &&
        remaining(t, false) != UINT64_MAX && resume_possible(&t->part.resume) &&
        make_head(t) < 0) {
        *err = all->err;
        release(t);
        return -1;
    }
    if ((!t->part.body && !t->part.passing) || t->request.coding != CODING_NONE ||
        !resume_possible(&t->part.resume) ||
        (!t->part.passing && all->parts >= TRANSFER_PARTS) ||
        (t->part.body && !body_park(t->part.body, all->spool)))
        return transfer_abort(t, err);
    part = mem_new(sizeof(*part), err);
    if (!part) {
        release(t);
        return -1;
    }
    *part = t->part;
    t->part = (struct part){ 0 };
    t->task->part = part;
    t->task->rank = part->passing ? TASK_RANK_HEAD : TASK_RANK_PART;
    all->parts++;
    release(t);
    return 0;
}

bool transfer_resumable(const struct task *task, const struct origin *origin)
{
    const struct part *part = task->part;

    return !part || part->origin == origin || part->resume.judged;
}

int transfer_forget(struct transfers *all, struct task *task, struct err *err)
{
    struct part *part = task->part;
    int rc = 0;

    if (!part)
        return 0;
    task->part = NULL;
    task->rank = TASK_RANK_NONE;
    all->parts--;
    if (part->passing) {
        all->head = NULL;
        rc = packer_tail(all->packer, false, 0, err);
    }
    part_free(part);
    return rc;
}

/* Whether the packer was waiting for more than half of the time since the last check. */
static bool starved(const struct transfers *all, uint64_t waited, uint64_t passed)
{
    if (packer_starved(all->packer) && waited == all->waited)
        return true; /* idle since before the last check */
    return waited - all->waited > passed * 500;
}

int transfers_look(struct transfers *all, uint64_t now, bool *again, struct err *err)
{
    uint64_t passed = now - all->looked;
    uint64_t waited = packer_waited(all->packer);

    *again = all->offers;
    all->offers = false;
    if (passed < LOOK_MS)
        return 0;
    *again = *again || all->refused;
    all->starving = all->refused && starved(all, waited, passed);
    all->refused = false;
    all->looked = now;
    all->waited = waited;
    if (now - all->aged >= AGE_MS) {
        all->aged = now;
        if (packer_age(all->packer, err) < 0)
            return -1;
    }
    if (all->starving && !all->head)
        return packer_release(all->packer, err);
    return 0;
}
