/* SPDX-License-Identifier: MIT */
/* The loop from the plan to the packer's results; the test plays the engine and the servers. */
#include "fetch/fetch.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/origin.h"
#include "tar_file.h"
#include "tasks.h"

#define MOST 8 /* requests of a test */
#define ROW_AT(host, id, query, more)                                                          \
    "{\"artifact_id\":\"" id "\",\"artifact_type\":\"html\",\"uri\":\"s3://b/" id "\"" more    \
    ",\"signed_url\":\"https://" host "/" id "?" query "\"}"
#define ROW(id, query, more) ROW_AT("store.test", id, query, more)
#define SOON                 "Signature=x&Expires=4102444800"
#define LATER                "Signature=x&Expires=4102448400"

/* A server's answers: the first row whose text is part of the URL and that is not used up. */
struct answer {
    const char *url;
    long status; /* 0: the connection breaks */
    const char *body;
    unsigned times; /* 0: always */
};

static struct {
    struct origins *origins;
    const struct answer *answers;
    unsigned used[MOST];
    struct request *running[MOST];
    unsigned count;
    unsigned most;         /* largest number of running requests */
    unsigned affords;      /* requests that the memory suffices for; 0: any number */
    char asked[MOST][128]; /* the URLs, in order */
    bool signed_with_key[MOST];
    unsigned asked_count;
    unsigned dropped;
    struct packer *packer;
} net;

struct engine {
    int unused;
};

struct engine *engine_new(const struct engine_opts *opts, struct err *err)
{
    net.origins = origins_new(2 * opts->jobs, err);
    return mem_new(sizeof(struct engine), err);
}

void engine_free(struct engine *engine)
{
    origins_free(net.origins);
    mem_free(engine);
}

struct origin *engine_origin(struct engine *engine, const char *url)
{
    (void)engine;
    return origins_of_url(net.origins, url, NULL);
}

bool engine_affords(struct engine *engine, const struct origin *origin, uint64_t expected)
{
    (void)engine;
    (void)origin;
    (void)expected;
    return !net.affords || net.count < net.affords;
}

int engine_start(struct engine *engine, struct request *request, struct err *err)
{
    (void)err;
    assert_true(net.asked_count < MOST);
    net.signed_with_key[net.asked_count] = request->key != NULL;
    (void)snprintf(net.asked[net.asked_count++], sizeof(net.asked[0]), "%s", request->url);
    request->length = REQUEST_UNSAID;
    request->retry_after = BACKOFF_UNSAID;
    request->date = CLOCK_NONE;
    request->origin = engine_origin(engine, request->url);
    origin_begin(request->origin, request->costly, clock_mono());
    net.running[net.count++] = request;
    net.most = net.count > net.most ? net.count : net.most;
    return 0;
}

static void unlink_request(const struct request *request, bool ok)
{
    unsigned i = 0;

    while (net.running[i] != request)
        i++;
    for (net.count--; i < net.count; i++) /* valgrind takes a checked memmove for memcpy */
        net.running[i] = net.running[i + 1];
    origin_end(request->origin, request->costly, ok, clock_mono());
}

void engine_drop(struct engine *engine, struct request *request)
{
    (void)engine;
    net.dropped++;
    unlink_request(request, false);
}

/* Answer the request that was started first. */
static void answer(struct request *request)
{
    const struct answer *a = net.answers;

    while (!strstr(request->url, a->url) || (a->times && net.used[a - net.answers] == a->times))
        a++;
    net.used[a - net.answers]++;
    request->status = a->status;
    unlink_request(request, a->status == 200);
    if (!a->status)
        (void)err_set(&request->err, ERR_NET, "connection reset");
    if (a->status == 200) {
        request->length = strlen(a->body);
        assert_int_equal(request->sink(request->ctx, a->body, strlen(a->body)), SINK_TAKEN);
        request->received = strlen(a->body);
    }
    request->done(request->ctx, request);
}

int engine_poll(struct engine *engine, int timeout, int fd, struct err *err)
{
    (void)engine;
    (void)timeout;
    (void)fd;
    (void)err;
    if (net.count)
        answer(net.running[0]);
    while (packer_step(net.packer))
        ;
    return 0;
}

uint64_t engine_allowance(const struct engine *engine, const struct request *request)
{
    (void)engine;
    (void)request;
    return UINT64_MAX / 2;
}

void engine_slow(const struct request *request)
{
    origin_slow(request->origin, clock_mono(), 1, clock_mono());
}

void engine_resume(struct request *request)
{
    (void)request;
}

void engine_wake(struct engine *engine)
{
    (void)engine;
}

struct scene {
    struct fixture f;
    struct kind_filter filter;
    struct loop loop;
    struct callers callers;
    struct spool spool;
    struct entry_names *names;
    struct volume *volume;
    struct fetch *fetch;
};

static void no_news(void *ctx)
{
    (void)ctx;
}

/* Fetch the artifacts of a list with so many transfers at a time. */
static void begin(struct scene *s, const char *json, const struct answer *answers,
                  struct fetch_opts opts)
{
    struct volume_opts volume = {
        .path = tar_path, .format = CONTAINER_TAR, .mode = 0600, .workers = 1, .stepped = true
    };
    struct packer_opts packer = { .entries = { .top = "top", .seen = entry_writer_unseen },
                                  .parts = &s->spool,
                                  .max_size = 1 << 20,
                                  .news = no_news,
                                  .stepped = true };

    memset(&net, 0, sizeof(net));
    *s = (struct scene){ 0 };
    log_setup(LOG_ERROR, 0); /* runs that cannot be listed again are warnings */
    net.answers = answers;
    fixture_make(&s->f, json);
    s->f.api.key = secret_new("key", 3, NULL);
    s->f.run.listed_at = clock_wall();
    s->loop =
        (struct loop){ .engine = s->f.engine, .hooks = { stop_never(), loop_no_tick, s } };
    callers_init(&s->callers, &s->loop, &s->f.api, 1, 0);
    s->f.listing.filter = &s->filter;
    s->f.listing.callers = &s->callers;
    s->spool = (struct spool){ pool_new(16, CHUNK_SIZE, NULL), tar_dir, NULL, NULL };
    s->names = entry_names_new(NULL);
    s->volume = volume_open(&volume, NULL);
    assert_non_null(s->volume);
    assert_int_equal(volume_start(s->volume, NULL, NULL), 0);
    net.packer = packer_new(&packer, s->volume, s->f.plan, s->names, NULL);
    opts.api = &s->f.api;
    opts.listing = &s->f.listing;
    opts.plan = s->f.plan;
    opts.packer = net.packer;
    opts.spool = &s->spool;
    opts.callers = &s->callers;
    opts.jobs = opts.jobs ? opts.jobs : 1;
    opts.max_size = 1 << 20;
    opts.deadline = opts.deadline ? opts.deadline : UINT64_MAX;
    s->fetch = fetch_new(&opts, &s->loop, NULL);
    assert_non_null(s->fetch);
}

static void end(struct scene *s)
{
    packer_free(net.packer);
    fetch_free(s->fetch);
    volume_free(s->volume, false);
    entry_names_free(s->names);
    pool_free(s->spool.pool);
    fixture_clear(&s->f);
}

static const struct item *item(const struct scene *s, size_t i)
{
    return plan_at(s->f.plan, i);
}

/* The i-th request went to a URL with this text. */
static void asked(unsigned i, const char *text)
{
    assert_true(i < net.asked_count);
    assert_non_null(strstr(net.asked[i], text));
}

static void test_urls_that_expire_soonest_are_first(void **state)
{
    static const struct answer answers[] = { { "store.test", 200, "hello", 0 } };
    struct scene s;
    struct fetch_progress progress;

    (void)state;
    begin(&s, "[" ROW("a", LATER, "") "," ROW("b", SOON, "") "]", answers,
          (struct fetch_opts){ 0 });
    assert_int_equal(fetch_run(s.fetch, NULL), 0);
    assert_int_equal(net.asked_count, 2);
    asked(0, "/b?");
    asked(1, "/a?");
    assert_int_equal(net.most, 1);
    assert_false(net.signed_with_key[0]);
    assert_string_equal(fetch_outcome(s.fetch, item(&s, 0))->via, "signed-url");
    assert_int_equal(fetch_outcome(s.fetch, item(&s, 0))->attempts, 1);
    assert_int_equal(fetch_packed(s.fetch, item(&s, 0))->size, 5);
    assert_int_equal(fetch_reason(s.fetch, item(&s, 0)), REASON_NONE);
    assert_int_equal(fetch_stored(s.fetch), 2);
    progress = fetch_progress(s.fetch);
    assert_int_equal(progress.done, 2);
    assert_int_equal(progress.missing, 0);
    assert_int_equal(progress.running, 0);
    assert_int_equal(progress.bytes, 10);
    end(&s);
}

/* The engine of these tests allows each host two transfers. */
static void test_so_many_at_a_time(void **state)
{
    static const struct answer answers[] = { { "", 200, "hello", 0 } };
    static const struct {
        const char *rows;
        unsigned most;
    } cases[] = {
        { "[" ROW("a", SOON, "") "," ROW("b", SOON, "") "," ROW("c", SOON, "") "]", 2 },
        { "[" ROW("a", SOON, "") "," ROW("b", SOON, "") "," ROW_AT(
              "h2", "c", SOON, "") "," ROW_AT("h2", "d", SOON, "") "]",
          3 },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct scene s;

        begin(&s, cases[i].rows, answers, (struct fetch_opts){ .jobs = 3 });
        assert_int_equal(fetch_run(s.fetch, NULL), 0);
        assert_int_equal(net.most, cases[i].most);
        assert_int_equal(fetch_stored(s.fetch), plan_count(s.f.plan));
        end(&s);
    }
}

/* Without memory for another connection a task waits until a request has ended. */
static void test_so_many_as_memory_allows(void **state)
{
    static const struct answer answers[] = { { "", 200, "hello", 0 } };
    struct scene s;

    (void)state;
    begin(&s, "[" ROW("a", SOON, "") "," ROW("b", SOON, "") "," ROW("c", SOON, "") "]", answers,
          (struct fetch_opts){ .jobs = 3 });
    net.affords = 1;
    assert_int_equal(fetch_run(s.fetch, NULL), 0);
    net.affords = 0;
    assert_int_equal(net.most, 1);
    assert_int_equal(fetch_stored(s.fetch), 3);
    end(&s);
}

/* The object is gone: the content endpoint is asked, with the key; then it is missing. */
static void test_the_way_to_the_content_endpoint(void **state)
{
    static const struct answer answers[] = { { "store.test", 404, NULL, 0 },
                                             { "/artifacts/a", 200, "hello", 0 },
                                             { "/artifacts/b", 404, NULL, 0 } };
    struct scene s;

    (void)state;
    begin(&s, "[" ROW("a", SOON, "") "," ROW("b", SOON, "") "]", answers,
          (struct fetch_opts){ 0 });
    assert_int_equal(fetch_run(s.fetch, NULL), 0);
    assert_int_equal(net.asked_count, 4);
    asked(2, "api.test");
    assert_true(net.signed_with_key[2]);
    assert_string_equal(fetch_outcome(s.fetch, item(&s, 0))->via, "content-endpoint");
    assert_int_equal(fetch_outcome(s.fetch, item(&s, 0))->attempts, 2);
    assert_null(fetch_outcome(s.fetch, item(&s, 1))->via);
    assert_int_equal(fetch_reason(s.fetch, item(&s, 1)), REASON_GONE);
    assert_int_equal(fetch_outcome(s.fetch, item(&s, 1))->http_status, 404);
    assert_int_equal(fetch_stored(s.fetch), 1);
    assert_int_equal(fetch_progress(s.fetch).missing, 1);
    end(&s);
}

static void test_strict_ends_at_the_first_missing_artifact(void **state)
{
    static const struct answer answers[] = { { "/", 404, NULL, 0 } };
    struct scene s;
    struct err err;

    (void)state;
    begin(&s, "[" ROW("a", SOON, "") "," ROW("b", LATER, "") "]", answers,
          (struct fetch_opts){ .strict = true });
    err_clear(&err);
    assert_int_equal(fetch_run(s.fetch, &err), -1);
    assert_int_equal(err.kind, ERR_MISMATCH);
    assert_int_equal(fetch_stop(s.fetch, NULL), 0);
    assert_int_equal(fetch_reason(s.fetch, item(&s, 0)), REASON_GONE);
    end(&s);
}

/* One list of the run gives fresh URLs to all its tasks. */
static void test_expired_urls_are_refreshed_by_one_list(void **state)
{
    static const struct answer answers[] = {
        { "/wr_1/", 200, "[" ROW("a", LATER, "") "," ROW("b", LATER, "") "]", 0 },
        { LATER, 200, "hello", 0 }
    };
    struct scene s;

    (void)state;
    begin(&s,
          "[" ROW("a", "Signature=x&Expires=1000", "") "," ROW("b", "Signature=x&Expires=1000",
                                                               "") "]",
          answers, (struct fetch_opts){ .jobs = 2 });
    assert_int_equal(fetch_run(s.fetch, NULL), 0);
    assert_int_equal(net.asked_count, 3);
    asked(0, "/wr_1/");
    assert_true(net.signed_with_key[0]);
    asked(1, LATER);
    asked(2, LATER);
    assert_string_equal(fetch_outcome(s.fetch, item(&s, 0))->via, "renewed-url");
    assert_string_equal(fetch_outcome(s.fetch, item(&s, 1))->via, "renewed-url");
    end(&s);
}

/* No transfer starts after the deadline; each artifact is missing for the same reason. */
static void test_the_deadline(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, "[" ROW("a", SOON, "") "," ROW("b", SOON, "") "]", NULL,
          (struct fetch_opts){ .deadline = 1 });
    assert_int_equal(fetch_run(s.fetch, NULL), 0);
    assert_int_equal(net.asked_count, 0);
    assert_int_equal(fetch_reason(s.fetch, item(&s, 0)), REASON_TIMEOUT);
    assert_int_equal(fetch_reason(s.fetch, item(&s, 1)), REASON_TIMEOUT);
    end(&s);
}

/* A checksum that the content does not have: it is fetched once more, and kept as it is. */
static void test_a_wrong_checksum_is_fetched_twice(void **state)
{
    static const struct answer answers[] = { { "store.test", 200, "hello", 0 } };
    struct scene s;

    (void)state;
    begin(&s,
          "[" ROW("a", SOON,
                  ",\"checksum\":"
                  "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"") "]",
          answers, (struct fetch_opts){ 0 });
    assert_int_equal(fetch_run(s.fetch, NULL), 0);
    assert_int_equal(net.asked_count, 2);
    assert_true(fetch_packed(s.fetch, item(&s, 0))->here);
    assert_true(fetch_packed(s.fetch, item(&s, 0))->mismatch);
    end(&s);
}

/* A pull is stopped while one body is with the packer and one is on its way. */
static bool stop_after_the_first(void *ctx)
{
    return fetch_progress(((struct scene *)ctx)->fetch).bytes > 0;
}

static void test_what_was_received_before_a_stop_is_stored(void **state)
{
    static const struct answer answers[] = { { "/b?", 200, "hello", 0 } };
    struct scene s;
    struct err err;

    (void)state;
    begin(&s, "[" ROW("a", LATER, "") "," ROW("b", SOON, "") "]", answers,
          (struct fetch_opts){ .jobs = 2 });
    s.loop.hooks.stop = (struct stop){ stop_after_the_first, -1, &s };
    err_clear(&err);
    assert_int_equal(fetch_run(s.fetch, &err), -1);
    assert_int_equal(err.kind, ERR_CANCELLED);
    assert_int_equal(net.count, 1);
    assert_int_equal(fetch_stop(s.fetch, NULL), 0);
    assert_int_equal(net.count, 0);
    assert_int_equal(net.dropped, 1);
    assert_int_equal(fetch_stored(s.fetch), 1);
    assert_true(fetch_packed(s.fetch, item(&s, 1))->here);
    assert_null(fetch_outcome(s.fetch, item(&s, 0))->via);
    end(&s);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, tar_set_up, tar_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_urls_that_expire_soonest_are_first),
        CASE(test_so_many_at_a_time),
        CASE(test_so_many_as_memory_allows),
        CASE(test_the_way_to_the_content_endpoint),
        CASE(test_strict_ends_at_the_first_missing_artifact),
        CASE(test_expired_urls_are_refreshed_by_one_list),
        CASE(test_the_deadline),
        CASE(test_a_wrong_checksum_is_fetched_twice),
        CASE(test_what_was_received_before_a_stop_is_stored),
    };

    return RUN(tests);
}
