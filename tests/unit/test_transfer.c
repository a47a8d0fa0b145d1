/* SPDX-License-Identifier: MIT */
/* Bodies between the socket and a stepped packer: the test plays the engine's part. */
#include "fetch/transfer.h"

#include "fetch/fallback.h"
#include "limit/backoff.h"
#include "tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK  64 /* size of the chunks here */
#define CHUNKS 4
#define ROW(id, more)                                                                          \
    "{\"artifact_id\":\"" id "\",\"artifact_type\":\"html\",\"uri\":\"s3://b/" id "\"" more    \
    ",\"signed_url\":\"" URL_OF("h1", "x") "\"}"
#define ROWS "[" ROW("a", "") "," ROW("b", "") "," ROW("c", "") "]"

struct scene {
    struct fixture f;
    char dir[64];
    char path[128];
    atomic_uint files;
    atomic_bool barred;
    struct spool spool;
    struct entry_names *names;
    struct volume *volume;
    struct packer *packer;
    struct transfers all;
};

static void nothing(void *ctx)
{
    (void)ctx;
}

/* Transfers of the rows of a list; head_chunks: of the body that passes through. */
static void begin(struct scene *s, const char *json, unsigned count, size_t head_chunks)
{
    struct volume_opts volume = {
        .path = s->path, .format = CONTAINER_TAR, .mode = 0600, .workers = 1, .stepped = true
    };
    struct packer_opts opts = { .entries = { .top = "top", .seen = entry_writer_unseen },
                                .parts = &s->spool,
                                .max_size = 1 << 20,
                                .news = nothing,
                                .stepped = true };

    *s = (struct scene){ .dir = "/tmp/skyarc-unit-XXXXXX" };
    assert_non_null(mkdtemp(s->dir));
    (void)snprintf(s->path, sizeof(s->path), "%s/t.tar", s->dir);
    s->spool = (struct spool){ pool_new(CHUNKS, CHUNK, NULL), s->dir, &s->files, &s->barred };
    fixture_make(&s->f, json);
    s->names = entry_names_new(NULL);
    s->volume = volume_open(&volume, NULL);
    assert_non_null(s->volume);
    assert_int_equal(volume_start(s->volume, NULL, NULL), 0);
    s->packer = packer_new(&opts, s->volume, s->f.plan, s->names, NULL);
    assert_non_null(s->packer);
    s->all.packer = s->packer;
    s->all.spool = &s->spool;
    s->all.pass = head_chunks ? pool_new(head_chunks, CHUNK, NULL) : NULL;
    s->all.pass_min = 2 * CHUNK;
    assert_int_equal(transfers_init(&s->all, count, NULL), 0);
}

static void end(struct scene *s)
{
    struct pool *pass = s->all.pass;
    size_t i;

    for (i = 0; i < s->f.run.list.count; i++)
        assert_int_equal(transfer_forget(&s->all, fixture_task(&s->f, i), NULL), 0);
    transfers_clear(&s->all);
    packer_free(s->packer);
    volume_free(s->volume, false);
    entry_names_free(s->names);
    fixture_clear(&s->f);
    pool_free(pass);
    pool_free(s->spool.pool);
    (void)unlink(s->path);
    assert_int_equal(s->files, 0);
    assert_int_equal(rmdir(s->dir), 0);
}

/* Start a transfer whose answer is a 200 of this length. */
static struct transfer *start(struct scene *s, size_t i, uint64_t length)
{
    struct task *task = fixture_task(&s->f, i);
    struct transfer *t;

    assert_true(transfers_room(&s->all, task));
    t = transfer_open(&s->all, task, NULL);
    assert_non_null(t);
    t->request.status = 200;
    t->request.length = length;
    t->request.max = 1 << 20;
    t->request.resume = t->part.resume;
    t->request.resume.same_host = true;
    validators_tag(&t->request.seen, "\"v1\"");
    return t;
}

/* Give a transfer `len` bytes, a piece at a time, until a piece is not accepted. */
static enum sink feed(struct transfer *t, size_t len)
{
    char piece[CHUNK / 2];
    enum sink verdict = SINK_TAKEN;

    memset(piece, 'x', sizeof(piece));
    while (len && verdict == SINK_TAKEN) {
        size_t n = len < sizeof(piece) ? len : sizeof(piece);

        verdict = transfer_sink(t, piece, n);
        if (verdict == SINK_TAKEN) {
            t->request.received += n;
            len -= n;
        }
    }
    return verdict;
}

/* Run the packer; returns the event of its last result. */
static enum pack_event outcome(struct scene *s)
{
    struct pack_result result = { .event = PACK_NOTED };

    while (packer_step(s->packer)) {
    }
    while (packer_result(s->packer, &result)) {
    }
    return result.event;
}

static void test_a_start_needs_a_slot_a_chunk_and_a_descriptor(void **state)
{
    struct scene s;
    struct chunk *taken[CHUNKS];
    struct task *task;
    struct transfer *t;
    size_t i;

    (void)state;
    begin(&s, ROWS, 2, 0);
    task = fixture_task(&s.f, 2);
    for (i = 0; i < CHUNKS; i++)
        taken[i] = pool_try(s.spool.pool);
    assert_false(transfers_room(&s.all, task));
    assert_true(s.all.refused);
    task->rank = TASK_RANK_HEAD; /* passes through: it needs no chunk */
    assert_true(transfers_room(&s.all, task));
    task->rank = TASK_RANK_NONE;
    for (i = 0; i < CHUNKS; i++)
        chunk_unref(taken[i]);
    assert_true(transfers_room(&s.all, task));

    s.all.files_max = 2;
    t = start(&s, 0, 10);
    assert_true(transfers_room(&s.all, task)); /* one for each of two transfers */
    s.files = 1;
    assert_false(transfers_room(&s.all, task));
    s.files = 0;
    (void)start(&s, 1, 10);
    assert_false(transfers_room(&s.all, task)); /* no free slot */
    assert_int_equal(transfer_abort(t, NULL), 0);
    assert_int_equal(s.all.running, 1);
    assert_true(transfers_room(&s.all, task));
    assert_int_equal(transfer_abort(&s.all.slots[1], NULL), 0);
    end(&s);
}

static void test_a_whole_body_is_packed(void **state)
{
    struct scene s;
    struct transfer *t;

    (void)state;
    begin(&s, ROWS, 1, 0);
    t = start(&s, 0, 100);
    assert_int_equal(feed(t, 100), SINK_TAKEN);
    assert_int_equal(transfer_have(t), 100);
    assert_int_equal(s.all.bytes, 100);
    assert_int_equal(transfer_commit(t, 0, NULL), 0);
    assert_int_equal(s.all.running, 0);
    assert_int_equal(outcome(&s), PACK_DONE);
    t = start(&s, 1, 0);
    assert_int_equal(transfer_commit(t, 0, NULL), 0); /* no byte */
    assert_int_equal(outcome(&s), PACK_DONE);
    end(&s);
}

static void test_a_held_body_is_continued_or_begun_again(void **state)
{
    struct scene s;
    struct task *task;
    struct transfer *t;
    const struct origin *other = (const struct origin *)&s; /* compared only */

    (void)state;
    begin(&s, ROWS, 1, 0);
    task = fixture_task(&s.f, 0);
    t = start(&s, 0, 200);
    assert_int_equal(feed(t, 96), SINK_TAKEN);
    assert_int_equal(transfer_hold(t, NULL), 0);
    assert_non_null(task->part);
    assert_int_equal(task->rank, TASK_RANK_PART);
    assert_int_equal(s.all.parts, 1);
    assert_int_equal(s.files, 1); /* it holds no chunk of the pool */
    assert_true(transfer_resumable(task, NULL));
    assert_false(
        transfer_resumable(task, other)); /* another host's entity tag cannot be compared */

    t = start(&s, 0, 104);
    assert_int_equal(s.all.parts, 0);
    assert_int_equal(t->request.resume.from, 96);
    assert_int_equal(t->request.resume.total, 200);
    t->request.status = 206;
    (void)snprintf(t->request.range, sizeof(t->request.range), "bytes 96-199/200");
    assert_int_equal(transfer_have(t), 96);
    assert_int_equal(feed(t, 20), SINK_TAKEN);
    assert_int_equal(transfer_have(t), 116);
    assert_int_equal(t->part.body->size, 116);
    assert_int_equal(transfer_hold(t, NULL), 0);

    t = start(&s, 0, 200); /* the server sends all of it */
    assert_int_equal(t->request.resume.from, 116);
    assert_int_equal(feed(t, 200), SINK_TAKEN);
    assert_int_equal(t->part.body->size, 200);
    assert_int_equal(transfer_commit(t, 0, NULL), 0);
    assert_int_equal(outcome(&s), PACK_DONE);
    end(&s);
}

static void test_what_cannot_be_continued_is_not_held(void **state)
{
    struct scene s;
    struct task *task;
    struct transfer *t;

    (void)state;
    begin(&s, ROWS, 1, 0);
    task = fixture_task(&s.f, 0);
    t = start(&s, 0, 200);
    assert_int_equal(transfer_hold(t, NULL), 0); /* no part is kept */
    assert_null(task->part);
    t = start(&s, 0, 200);
    assert_int_equal(feed(t, 50), SINK_TAKEN);
    t->request.coding = CODING_GZIP; /* an offset in the plain body does not apply */
    assert_int_equal(transfer_hold(t, NULL), 0);
    assert_null(task->part);
    t = start(&s, 0, 200);
    assert_int_equal(feed(t, 50), SINK_TAKEN);
    s.all.parts = TRANSFER_PARTS;
    assert_int_equal(transfer_hold(t, NULL), 0);
    assert_null(task->part);
    s.all.parts = 0;
    t = start(&s, 0, REQUEST_UNSAID);
    t->request.seen = (struct validators){ 0 }; /* neither a tag nor a length */
    assert_int_equal(feed(t, 50), SINK_TAKEN);
    assert_int_equal(transfer_hold(t, NULL), 0);
    assert_null(task->part);
    assert_int_equal(s.all.running, 0);
    end(&s);
}

static void test_the_body_nearest_to_its_end_passes_through(void **state)
{
    struct scene s;
    struct transfer *far;
    struct transfer *near;

    (void)state;
    begin(&s, ROWS, 2, 2);
    far = start(&s, 0, 1000);
    near = start(&s, 1, 300);
    assert_int_equal(feed(far, 2 * CHUNK), SINK_TAKEN);
    assert_int_equal(feed(near, CHUNK), SINK_TAKEN);
    assert_null(s.all.head);
    assert_int_equal(feed(near, 3 * CHUNK),
                     SINK_TAKEN); /* one chunk from the pool, then its own */
    assert_ptr_equal(s.all.head, near->task);
    assert_true(near->part.passing && !near->part.body);
    assert_int_equal(feed(far, CHUNK), SINK_FULL);
    while (packer_step(s.packer)) {
    }
    assert_int_equal(feed(far, CHUNK), SINK_TAKEN); /* the chunks of the head were packed */
    assert_int_equal(transfer_have(near), 4 * CHUNK);
    assert_int_equal(feed(near, 300 - 4 * CHUNK), SINK_TAKEN);
    assert_int_equal(transfer_commit(near, 0, NULL), 0);
    assert_null(s.all.head);
    assert_int_equal(outcome(&s), PACK_DONE);
    assert_int_equal(transfer_abort(far, NULL), 0);
    end(&s);
}

static void test_a_body_that_passed_is_held_half_in_the_archive(void **state)
{
    struct scene s;
    struct task *task;
    struct transfer *t;

    (void)state;
    begin(&s, ROWS, 1, 2);
    task = fixture_task(&s.f, 0);
    t = start(&s, 0, 1000);
    assert_int_equal(feed(t, (CHUNKS + 1) * CHUNK), SINK_TAKEN);
    assert_ptr_equal(s.all.head, task);
    assert_int_equal(transfer_hold(t, NULL), 0);
    assert_int_equal(task->rank, TASK_RANK_HEAD);
    assert_int_equal(s.files, 0);
    assert_true(transfers_room(&s.all, task));
    assert_int_equal(transfer_forget(&s.all, task, NULL), 0);
    assert_null(s.all.head);
    assert_null(task->part);
    assert_int_equal(task->rank, TASK_RANK_NONE);
    end(&s);
}

static void test_no_chunk_pauses_a_body_or_sends_it_into_a_file(void **state)
{
    struct scene s;
    struct transfer *t;

    (void)state;
    begin(&s, ROWS, 1, 0);
    t = start(&s, 0, REQUEST_UNSAID);
    while (packer_step(s.packer)) {
    }
    s.all.head = fixture_task(&s.f, 1); /* the packer is busy with another body */
    assert_int_equal(feed(t, CHUNKS * CHUNK), SINK_TAKEN);
    assert_int_equal(feed(t, 10), SINK_FULL);
    assert_true(t->paused && s.all.refused);
    assert_int_equal(transfer_have(t), CHUNKS * CHUNK);
    t->paused_at -= TRANSFER_PAUSE; /* this long ago */
    assert_true(transfer_pause(t) >= TRANSFER_PAUSE);
    assert_int_equal(feed(t, 10), SINK_TAKEN);
    assert_false(t->paused);
    assert_true(t->part.body->fd >= 0);
    assert_true(transfer_pause(t) >= TRANSFER_PAUSE); /* the longest one counts */
    s.all.head = NULL;
    assert_int_equal(transfer_abort(t, NULL), 0);
    end(&s);
}

static struct transfer *offered[4];
static unsigned offers;
static const struct transfer *refuses;

static void on_resume(struct request *request)
{
    struct transfer *t =
        (struct transfer *)((char *)request - offsetof(struct transfer, request));

    offered[offers++] = t;
    t->paused = t == refuses;
}

/* libcurl keeps in memory whatever a paused stream of HTTP/2 receives. */
static void test_a_stream_is_never_paused(void **state)
{
    struct scene s;
    struct transfer *t;

    (void)state;
    begin(&s, ROWS, 1, 2);
    t = start(&s, 0, 1000 * CHUNK);
    while (packer_step(s.packer)) {
    }
    t->request.stream = true;
    assert_int_equal(feed(t, CHUNKS * CHUNK), SINK_TAKEN);
    assert_int_equal(feed(t, 10), SINK_TAKEN);
    assert_null(s.all.head);
    assert_true(t->part.body->fd >= 0);
    assert_int_equal(transfer_abort(t, NULL), 0);
    end(&s);
}

static void test_bytes_are_offered_to_the_head_then_by_age(void **state)
{
    struct scene s;
    struct transfer *slots;
    size_t i;

    (void)state;
    begin(&s, ROWS, 3, 0);
    for (i = 0; i < 3; i++)
        (void)start(&s, i, 1000);
    slots = s.all.slots;
    for (i = 0; i < 3; i++) {
        slots[i].paused = true;
        slots[i].paused_at = 100 - i; /* the last has waited longest */
    }
    slots[1].part.passing = true;
    offers = 0;
    refuses = &slots[2];
    transfers_offer(&s.all, on_resume);
    assert_int_equal(offers, 2); /* the second refused: the others are not resumed */
    assert_ptr_equal(offered[0], &slots[1]);
    assert_ptr_equal(offered[1], &slots[2]);
    slots[1].paused = true;
    refuses = &slots[1]; /* the head has its own pool: its refusal does not affect the others */
    offers = 0;
    transfers_offer(&s.all, on_resume);
    assert_int_equal(offers, 3);
    assert_ptr_equal(offered[2], &slots[0]);
    slots[1].part.passing = false;
    for (i = 0; i < 3; i++)
        assert_int_equal(transfer_abort(&slots[i], NULL), 0);
    end(&s);
}

/* Without files: the youngest body is given up, and nothing starts while the other waits. */
static void test_without_files_the_youngest_is_given_up(void **state)
{
    struct scene s;
    struct transfer *first;
    struct transfer *second;
    struct transfer *found;

    (void)state;
    begin(&s, ROWS, 3, 0);
    first = start(&s, 0, REQUEST_UNSAID);
    second = start(&s, 1, REQUEST_UNSAID);
    second->begun = first->begun + 1;
    assert_int_equal(feed(second, CHUNK), SINK_TAKEN);
    while (packer_step(s.packer)) {
    }
    s.spool.dir = "/nonexistent";
    assert_int_equal(feed(first, 3 * CHUNK), SINK_TAKEN);
    assert_int_equal(fallback_find(&s.all, first->begun, &found), FALLBACK_NONE);
    assert_int_equal(feed(first, 10), SINK_FULL); /* the packer is idle: a file is tried */
    assert_true(s.barred);
    assert_int_equal(first->part.body->size, 3 * CHUNK); /* nothing is lost */
    assert_int_equal(s.files, 0);
    assert_false(transfers_room(&s.all, fixture_task(&s.f, 2)));
    assert_int_equal(fallback_find(&s.all, first->paused_at, &found), FALLBACK_NONE);
    assert_int_equal(feed(second, 10), SINK_FULL); /* now all wait, and have all chunks */
    assert_int_equal(fallback_find(&s.all, first->paused_at, &found), FALLBACK_GIVE_BACK);
    assert_ptr_equal(found, second);
    assert_int_equal(s.all.width, 1);
    assert_int_equal(transfer_abort(second, NULL), 0);
    assert_int_equal(fallback_find(&s.all, first->paused_at, &found), FALLBACK_NONE);
    assert_int_equal(feed(first, CHUNK), SINK_TAKEN);
    assert_false(transfers_room(&s.all, fixture_task(&s.f, 1))); /* one at a time */
    assert_int_equal(feed(first, 10), SINK_FULL);
    assert_int_equal(fallback_find(&s.all, first->paused_at, &found), FALLBACK_LOSE);
    assert_ptr_equal(found, first);
    assert_int_equal(transfer_abort(first, NULL), 0);
    assert_true(transfers_room(&s.all, fixture_task(&s.f, 1)));
    end(&s);
}

/* Without files: a body of any known size passes through, and others do not wait for long. */
static void test_without_files_any_size_passes_through(void **state)
{
    struct scene s;
    struct transfer *first;
    struct transfer *second;
    struct transfer *found;

    (void)state;
    begin(&s, ROWS, 2, 2);
    s.all.pass_min = 1000 * CHUNK;
    atomic_store(&s.barred, true);
    first = start(&s, 0, CHUNKS * CHUNK + CHUNK);
    second = start(&s, 1, REQUEST_UNSAID);
    assert_int_equal(feed(second, CHUNK), SINK_TAKEN);
    assert_int_equal(feed(first, 3 * CHUNK), SINK_TAKEN);
    assert_int_equal(feed(second, 10), SINK_FULL);
    assert_true(first->part.passing && !second->part.passing);
    assert_int_equal(fallback_find(&s.all, second->paused_at, &found), FALLBACK_NONE);
    assert_int_equal(feed(first, CHUNK), SINK_TAKEN);
    assert_int_equal(fallback_find(&s.all, second->paused_at + TRANSFER_PAUSE, &found),
                     FALLBACK_GIVE_BACK);
    assert_ptr_equal(found, second);
    assert_int_equal(transfer_abort(second, NULL), 0);
    assert_int_equal(feed(first, CHUNK), SINK_TAKEN);
    assert_int_equal(transfer_commit(first, 0, NULL), 0);
    assert_int_equal(outcome(&s), PACK_DONE);
    end(&s);
}

/* Without files: a stream is given up at once, and asked for by HTTP/1.1. */
static void test_without_files_a_stream_is_given_up(void **state)
{
    struct scene s;
    struct transfer *t;
    struct transfer *found;

    (void)state;
    begin(&s, ROWS, 1, 2);
    atomic_store(&s.barred, true);
    assert_true(fallback_by_http1(&s.all, 0));
    assert_true(fallback_by_http1(&s.all, CHUNK + 1));
    assert_false(fallback_by_http1(&s.all, CHUNK));
    t = start(&s, 0, 1000 * CHUNK);
    t->request.stream = true;
    assert_int_equal(feed(t, CHUNKS * CHUNK), SINK_TAKEN);
    assert_int_equal(feed(t, 10), SINK_REFUSED);
    assert_true(t->yields);
    assert_int_equal(s.all.err.kind, ERR_NONE); /* not fatal */
    assert_int_equal(fallback_find(&s.all, clock_mono(), &found), FALLBACK_NONE);
    assert_int_equal(transfer_abort(t, NULL), 0);
    t = start(&s, 0, 1000 * CHUNK);
    t->request.stream = t->waitable = true; /* claimed by a status line alone */
    assert_int_equal(feed(t, CHUNKS * CHUNK), SINK_TAKEN);
    assert_int_equal(feed(t, 10), SINK_TAKEN);
    assert_true(t->part.passing);
    assert_int_equal(transfer_abort(t, NULL), 0);
    end(&s);
}

/* Without files an interrupted body is held only if it can pass through. */
static void test_without_files_what_breaks_passes_through(void **state)
{
    struct scene s;
    struct task *task;

    (void)state;
    begin(&s, ROWS, 1, 2);
    atomic_store(&s.barred, true);
    task = fixture_task(&s.f, 0);
    assert_int_equal(feed(start(&s, 0, 200), 96), SINK_TAKEN);
    assert_int_equal(transfer_hold(&s.all.slots[0], NULL), 0);
    assert_int_equal(task->rank, TASK_RANK_HEAD);
    assert_non_null(task->part);
    assert_int_equal(feed(start(&s, 1, 200), 96), SINK_TAKEN); /* there is a head already */
    assert_int_equal(transfer_hold(&s.all.slots[0], NULL), 0);
    assert_null(fixture_task(&s.f, 1)->part);
    end(&s);
}

static void test_time_is_allowed_by_size_and_share_of_the_rate(void **state)
{
    struct scene s;
    struct transfer *t;
    struct stall stall = { .bps = 1000, .time = 1000 };
    uint64_t allowed = backoff_allowance(4000, 1000, 1000);

    (void)state;
    begin(&s, ROWS, 2, 0);
    t = start(&s, 0, 4000);
    assert_false(transfer_overdue(t, &stall, t->begun + allowed));
    assert_true(transfer_overdue(t, &stall, t->begun + allowed + 1));
    t->task->spent = 1; /* in a former attempt */
    assert_true(transfer_overdue(t, &stall, t->begun + allowed));
    t->task->spent = 0;
    stall.rate = 400; /* two transfers, each with half of its share: 100 */
    assert_false(transfer_overdue(t, &stall, t->begun + allowed + 1));
    allowed = backoff_allowance(4000, 100, 1000);
    assert_false(transfer_overdue(t, &stall, t->begun + allowed));
    assert_true(transfer_overdue(t, &stall, t->begun + allowed + 1));
    assert_int_equal(transfer_abort(t, NULL), 0);
    end(&s);
}

static void test_whose_size_the_list_gives(void **state)
{
    static const char rows[] =
        "["
        "{\"artifact_id\":\"m\",\"uri\":\"s3://b/z\",\"bundle_key\":\"m\",\"file_size\":9,"
        "\"signed_url\":\"" URL_OF(
            "h1", "x") "\"},"
                       "{\"artifact_id\":\"z\",\"artifact_type\":\"har\",\"uri\":\"s3://b/"
                       "x.har.zst\",\"file_size\":9,"
                       "\"signed_url\":\"" URL_OF("h1", "x") "\"}," ROW("u", "") "]";
    static const struct {
        size_t row;
        const char *head;
        bool sized;
    } cases[] = {
        { 0, "PK\3\4rest", false },           /* the ZIP, not the member */
        { 0, "<html>", true },                /* the member */
        { 1, "{\"a\":1}", false },            /* received plain */
        { 1, "\x28\xb5\x2f\xfd rest", true }, /* received as stored */
        { 2, "<html>", false },               /* the list has no size */
    };
    struct scene s;
    size_t i;

    (void)state;
    begin(&s, rows, 1, 0);
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct transfer *t = start(&s, cases[i].row, REQUEST_UNSAID);

        assert_int_equal(transfer_sink(t, cases[i].head, strlen(cases[i].head)), SINK_TAKEN);
        assert_int_equal(transfer_sized(t), cases[i].sized);
        assert_int_equal(transfer_abort(t, NULL), 0);
    }
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_start_needs_a_slot_a_chunk_and_a_descriptor),
        cmocka_unit_test(test_a_whole_body_is_packed),
        cmocka_unit_test(test_a_held_body_is_continued_or_begun_again),
        cmocka_unit_test(test_what_cannot_be_continued_is_not_held),
        cmocka_unit_test(test_the_body_nearest_to_its_end_passes_through),
        cmocka_unit_test(test_a_body_that_passed_is_held_half_in_the_archive),
        cmocka_unit_test(test_no_chunk_pauses_a_body_or_sends_it_into_a_file),
        cmocka_unit_test(test_a_stream_is_never_paused),
        cmocka_unit_test(test_bytes_are_offered_to_the_head_then_by_age),
        cmocka_unit_test(test_without_files_the_youngest_is_given_up),
        cmocka_unit_test(test_without_files_any_size_passes_through),
        cmocka_unit_test(test_without_files_a_stream_is_given_up),
        cmocka_unit_test(test_without_files_what_breaks_passes_through),
        cmocka_unit_test(test_time_is_allowed_by_size_and_share_of_the_rate),
        cmocka_unit_test(test_whose_size_the_list_gives),
    };

    return RUN(tests);
}
