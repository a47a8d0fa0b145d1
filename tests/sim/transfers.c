/* SPDX-License-Identifier: MIT */
/*
 * The simulation of transfers: runs schedules, each from its seed.
 *
 *   transfers [-v] [-p] [-d DIR] FIRST COUNT
 *
 * -p: pools as large, counted in frames, as those of a real pull; else down to the smallest.
 * Prints the seed of each schedule that hangs or fails, and exits with 1; else prints the
 * number of schedules. `transfers SEED 1` replays one.
 */
#include "sim.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "fetch/fetch.h"
#include "net/loop.h"
#include "pull/planner.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOP       "sim"
#define BLOCKED_S 20

struct world world;

static struct fetch *fetch; /* the schedule's */
static bool proportioned;   /* -p */

/* splitmix64; by Sebastiano Vigna, public domain. */
uint32_t sim_below(uint32_t n)
{
    uint64_t z = world.dice += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return n ? (uint32_t)((z ^ z >> 31) >> 32) % n : 0;
}

bool sim_percent(unsigned percent)
{
    return sim_below(100) < percent;
}

void sim_moved(void)
{
    world.progress_at = sim_now();
}

void sim_fail(const char *fmt, ...)
{
    va_list args;

    fprintf(stderr, "seed %llu: ", (unsigned long long)world.seed);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr,
            "\n  %u jobs, %u body chunks, %u pass chunks of %zu bytes, %u artifacts, %s\n",
            world.jobs, world.body_chunks, world.pass_chunks, world.chunk, world.count,
            world.families ? "frames of families" : "one frame");
    if (fetch)
        fprintf(stderr, "  %zu ended, %u running\n", fetch_progress(fetch).done,
                fetch_progress(fetch).running);
    sim_print_engine();
    exit(1);
}

static unsigned any_jobs(void)
{
    switch (sim_below(4)) {
    case 0:
        return 1 + sim_below(3);
    case 1:
        return 1 + sim_below(256);
    default:
        return 1 + sim_below(24);
    }
}

/* A wait, which would never end in a single thread. */
static void on_alarm(int sig)
{
    (void)sig;
    sim_fail("blocked for %d s", BLOCKED_S);
}

/* Choose the parameters of this schedule. */
static void draw(uint64_t seed)
{
    const char *dir = world.dir;
    bool verbose = world.verbose;

    world = (struct world){ .seed = seed, .dice = seed, .dir = dir, .verbose = verbose };
    world.chunk = (size_t)64 << sim_below(4);
    world.jobs = any_jobs();
    world.body_chunks = 1 + sim_below(sim_percent(50) ? 4 : 40);
    world.pass_chunks = sim_percent(85) ? 18 + sim_below(8) : 0;
    if (proportioned) {
        world.body_chunks = 48 + 2 * world.jobs;
        world.pass_chunks = world.pass_chunks ? 40 : 0;
    }
    world.fault = sim_percent(40) ? 0 : sim_below(60);
    world.liar = sim_percent(80) ? 0 : sim_below(30);
    world.unsaid = sim_percent(50) ? 0 : sim_below(100);
    world.slow = sim_percent(50) ? 0 : sim_below(60);
    world.endless = sim_percent(80) ? 0 : sim_below(20);
    world.packer_weight = 1 + sim_below(20);
    world.frame_weight = 1 + sim_below(20);
    world.byte_weight = 1 + sim_below(40);
    /* without the dice, so that the seeds in docs/robustness.md stay what they are */
    world.admits = seed % 7 == 3 ? 1 + (unsigned)(seed / 7 % 12) : UINT_MAX;
    world.families = (seed + 5) % 10 < 4;
    world.cut_text = world.chunk * (20 + seed / 10 % 3 * 14); /* more than cut_piece */
    world.copies = seed / 30 % 2 ? 1 : 0;
    reserve_init(&world.reserve, seed / 60 % 2 ? world.chunk * (seed % 200) : 0);
    world.bar_at = seed % 11 == 3 ? 0 : UINT64_MAX;
    if (seed % 11 == 7)
        world.bar_at = 1000 + seed * 7919 % 6000;
    world.streams = world.bar_at != UINT64_MAX && seed / 11 % 2;
    world.stop_at = sim_percent(5) ? sim_below(60000) : UINT64_MAX;
}

static bool on_stopped(void *ctx)
{
    (void)ctx;
    return sim_now() >= world.stop_at;
}

static const char *here_at(const struct item *item)
{
    return fetch_outcome(fetch, item)->via ? fetch_packed(fetch, item)->path : NULL;
}

static void list_run(struct listing *listing, struct listed_run *run, const struct api *api,
                     const struct kind_filter *filter, struct callers *callers)
{
    struct buf json;
    struct err err;

    buf_init(&json, 1 << 20);
    if (things_list(&json, 0) < 0 ||
        artifact_list_parse(&run->list, buf_text(&json), json.len, &err) < 0)
        sim_fail("the list: %s", err.text);
    buf_clear(&json);
    run->id = "wr_1";
    run->listing = listing;
    run->listed_at = clock_wall();
    *listing = (struct listing){ .runs = run,
                                 .count = 1,
                                 .api = api,
                                 .filter = filter,
                                 .bundles = true,
                                 .callers = callers };
}

/* Without files, the memory did not suffice for an artifact. */
static void check_no_space(const struct item *item, const struct thing *thing)
{
    bool known =
        world.pass_chunks && !world.liar && (!world.unsaid || thing->sized) && !item->bundle;

    if (thing->sent.len <= (world.body_chunks - 1) * world.chunk)
        sim_fail("artifact '%s' has %zu bytes, for which there was memory", thing->id,
                 thing->sent.len);
    if (known)
        sim_fail("artifact '%s' of known size is missing", thing->id);
}

/* Without permanent faults no artifact may be missing. */
static void check_missing(struct plan *plan)
{
    size_t i;
    unsigned k;

    for (i = 0; i < plan_count(plan); i++) {
        const struct item *item = plan_at(plan, i);

        for (k = 0; k < world.count; k++) {
            if (!item->unlisted && !here_at(item) && !world.slow && !world.things[k].missized &&
                !world.things[k].endless &&
                strcmp(world.things[k].id, item->what.artifact_id) == 0) {
                if (world.bar_at != UINT64_MAX &&
                    fetch_outcome(fetch, item)->reason == REASON_NO_SPACE) {
                    check_no_space(item, &world.things[k]);
                    continue;
                }
                sim_fail("artifact '%s' is missing: %s", world.things[k].id,
                         reason_word(fetch_outcome(fetch, item)->reason));
            }
        }
    }
}

/* Finish the archive as pull does, and check it. */
static void seal(struct volume *volume, const char *path, struct plan *plan)
{
    struct volume_result result;
    struct err err;

    if (volume_begin_manifest(
            volume, &(struct entry_file){ .path = TOP "/manifest.json", .size = 2, .mtime = 1 },
            &err) < 0 ||
        volume_add(volume, "{}", 2, &err) < 0 || volume_end(volume, &err) < 0 ||
        volume_finish(volume, &result, &err) < 0)
        sim_fail("cannot end the archive: %s", err.text);
    archive_check(path, TOP, plan, here_at);
    (void)unlink(path);
}

/* Run one schedule. */
static void play(uint64_t seed)
{
    static struct artifact_filter filter;
    struct api api = { 0 };
    struct loop loop = { 0 };
    struct callers callers;
    struct listing listing;
    struct listed_run run = { 0 };
    struct planner_opts planner = {
        .skip = planner_skips_none, .listing = &listing, .filter = &filter, .dedupe = true
    };
    struct planner making;
    struct entry_names *names = entry_names_new(NULL);
    struct plan *plan;
    struct pool *bodies;
    struct pool *pass;
    atomic_uint files = 0;
    atomic_bool barred = false;
    struct spool spool;
    struct spool parts;
    struct volume *volume;
    struct err err;
    char path[256];
    int rc;

    err_clear(&err);
    draw(seed);
    sim_set(1000000);
    sim_moved();
    things_make();
    planner.names = names;
    planner.dedupe = !sim_percent(10);
    planner.bundles = (enum bundle_mode)sim_below(3);
    (void)snprintf(path, sizeof(path), "%s/%llu.tar%s", world.dir, (unsigned long long)seed,
                   world.families ? ".zst" : "");
    {
        struct volume_opts opts = { .path = path,
                                    .format =
                                        world.families ? CONTAINER_TAR_ZST : CONTAINER_TAR,
                                    .level = world.families,
                                    .force = true,
                                    .mode = 0600,
                                    .workers = 1 + sim_below(4),
                                    .stepped = true,
                                    .sizes = { .cut_file = world.chunk * 2,
                                               .cut_piece = world.chunk * 16,
                                               .copy_max = world.chunk / 4,
                                               .chunk = world.chunk,
                                               .cut_text = world.cut_text,
                                               .copies = world.copies,
                                               .cut_most = world.cut_text * 4 },
                                    .reserve = &world.reserve };
        struct engine_opts engine = { .jobs = world.jobs };
        struct loop_hooks hooks = { { on_stopped, -1, NULL }, loop_no_tick, NULL };

        volume = volume_open(&opts, &err);
        if (!volume || volume_start(volume, NULL, &err) < 0 ||
            api_init(&api, "http://api.test", NULL, &err) < 0 ||
            loop_init(&loop, &engine, &hooks, &err) < 0)
            sim_fail("%s", err.text);
    }
    loop.dice = seed;
    callers_init(&callers, &loop, &api, world.jobs, 4);
    list_run(&listing, &run, &api, &filter.kinds, &callers);
    if (planner_begin(&making, &planner, &err) < 0 || planner_finish(&making, &err) < 0)
        sim_fail("%s", err.text);
    plan = making.plan;
    bodies = pool_new(world.body_chunks, world.chunk, &err);
    pass = pool_new(world.pass_chunks ? world.pass_chunks : 1, world.chunk, &err);
    spool = (struct spool){ bodies, world.dir, &files, &barred };
    parts = (struct spool){ pool_new(proportioned ? 32 : 1 + sim_below(40), world.chunk, &err),
                            world.dir, NULL, &barred };
    if (!names || !plan || !bodies || !pass || !parts.pool)
        sim_fail("%s", err.text);
    pool_on_return(bodies, loop_wake, &loop);
    pool_on_return(pass, loop_wake, &loop);
    {
        struct packer_opts packer = {
            .entries = { .top = TOP, .seen = entry_writer_unseen, .dedupe = planner.dedupe },
            .parts = &parts,
            .max_size = 64 << 20,
            .news = loop_wake,
            .ctx = &loop,
            .stepped = true
        };
        struct fetch_opts opts = { .api = &api,
                                   .listing = &listing,
                                   .plan = plan,
                                   .spool = &spool,
                                   .callers = &callers,
                                   .jobs = world.jobs,
                                   .retries = 5,
                                   .stall = { 1024, 1000, 0 },
                                   .max_size = 64 << 20,
                                   .pass = world.pass_chunks ? pass : NULL,
                                   .files = 1 + sim_below(sim_percent(50) ? 8 : 80),
                                   .pass_min = world.chunk * (1 + sim_below(8)),
                                   .deadline = sim_percent(5) ? sim_below(120000) : UINT64_MAX,
                                   .strict = sim_percent(5) };

        opts.packer = packer_new(&packer, volume, plan, names, &err);
        if (!opts.packer || !(fetch = fetch_new(&opts, &loop, &err)))
            sim_fail("%s", err.text);
        world.packer = opts.packer;
        world.volume = volume;
        world.spool = &spool;
        rc = fetch_run(fetch, &err);
        if (rc < 0 && err.kind != ERR_CANCELLED && !(opts.strict && err.kind == ERR_MISMATCH))
            sim_fail("%s", err.text);
        if (rc < 0 && fetch_stop(fetch, &err) < 0)
            sim_fail("%s", err.text);
        if (rc == 0 && packer_join(opts.packer, &err) < 0)
            sim_fail("%s", err.text);
        if (rc == 0 && !world.fault && opts.deadline == UINT64_MAX)
            check_missing(plan);
        seal(volume, path, plan);
        world.packer = NULL;
        world.spool = NULL;
        world.volume = NULL;
        packer_free(opts.packer);
    }
    volume_free(volume, false);
    loop_clear(&loop);
    fetch_free(fetch);
    fetch = NULL;
    pool_free(bodies);
    pool_free(pass);
    pool_free(parts.pool);
    plan_free(plan);
    entry_names_free(names);
    artifact_list_clear(&run.list);
    api_clear(&api);
    things_clear();
}

int main(int argc, char **argv)
{
    unsigned long long first;
    unsigned long long count;
    unsigned long long i;
    int opt;

    world.dir = "/tmp";
    while ((opt = getopt(argc, argv, "vpd:")) != -1) {
        if (opt == 'p')
            proportioned = true;
        else if (opt == 'v')
            world.verbose = true;
        else if (opt == 'd')
            world.dir = optarg;
        else
            return 2;
    }
    if (argc - optind != 2) {
        fprintf(stderr, "usage: transfers [-v] [-p] [-d DIR] FIRST COUNT\n");
        return 2;
    }
    first = strtoull(argv[optind], NULL, 10);
    count = strtoull(argv[optind + 1], NULL, 10);
    log_setup(world.verbose ? LOG_DEBUG : LOG_ERROR, 0);
    (void)signal(SIGALRM, on_alarm);
    for (i = first; i < first + count; i++) {
        (void)alarm(BLOCKED_S);
        play(i);
    }
    printf("%llu schedules ended whole\n", count);
    return 0;
}
