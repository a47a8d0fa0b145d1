/* SPDX-License-Identifier: MIT */
#include "fetch/budget.h"

#include "base/pool.h"
#include "base/queue.h"
#include "base/text.h"
#include "format/frame.h"
#include "net/engine.h"

#include <sys/resource.h>

#define READ_SIZE   ((uint64_t)128 << 10) /* bytes per read of a transfer */
/* seconds: the longest interval between two reads of a transfer */
#define READ_WITHIN 5
#define WORKERS_MAX 64
#define FILES_MAX   128 /* bodies in files, in addition to one for each transfer */
#define PASS_LEAST  36  /* chunks: a frame, and some that the next one begins with */
#define PASS_MOST   80
#define PARTS       32                    /* chunks */
#define WIRE_BEYOND ((uint64_t)171 << 17) /* what all else needs at least: 21.4 MiB */
#define WIRE_EACH   ((uint64_t)128 << 10) /* what a transfer costs at most: request_memory */

#define RESERVED   60                   /* percent of the connections' memory */
#define IDLE_LEVEL 6                    /* that idle threads reach */
#define COPIES_MIN ((uint64_t)19 << 19) /* a frame of each size, and a step of each lane */

/* request_memory counts on it: a small body fits its first chunk, and is never paused */
_Static_assert(REQUEST_SMALL <= BUDGET_CHUNK, "a small body needs more than one chunk");

/* The part of memory, of which `left` bytes are not fixed, for connections. */
static uint64_t wire_of(uint64_t left, unsigned jobs)
{
    uint64_t part = left > WIRE_BEYOND ? (left - WIRE_BEYOND) * 2 / 3 : 0;
    uint64_t enough =
        (jobs + (uint64_t)(jobs < ENGINE_CALLS ? jobs : ENGINE_CALLS)) * WIRE_EACH;

    return part < enough ? part : enough;
}

/* Divide the memory, of which `left` bytes are not fixed. */
static void divide(struct budget *budget, uint64_t left)
{
    uint64_t wire = wire_of(left, budget->jobs);
    uint64_t pass = (left - wire) / 7 / CHUNK_SIZE;
    uint64_t copies;
    uint64_t contexts;
    uint64_t more;
    uint64_t enough;
    unsigned workers;

    budget->reserve = (size_t)(wire * RESERVED / 100);
    budget->wire = (size_t)wire - budget->reserve;
    left -= wire;
    pass = pass < PASS_LEAST ? PASS_LEAST : pass > PASS_MOST ? PASS_MOST : pass;
    budget->pass_chunks = (size_t)pass;
    budget->part_chunks = PARTS;
    budget->contexts = (size_t)(left * 23 / 100);
    budget->body_chunks = (size_t)(left * 18 / 100 / BUDGET_CHUNK);
    copies = left - pass * CHUNK_SIZE - budget->contexts - budget->body_chunks * BUDGET_CHUNK;
    /* idle threads have the contexts of a higher level: as many of them as leave enough for
     * copies */
    for (workers = budget->workers; workers; workers--) {
        contexts = workers * (uint64_t)frame_context(IDLE_LEVEL);
        more = contexts > budget->contexts ? contexts - budget->contexts : 0;
        if (copies < COPIES_MIN + more && more)
            continue;
        copies -= more;
        budget->contexts += (size_t)more;
        break;
    }
    budget->cut_text = (size_t)(copies * 4 / 9);
    if (budget->cut_text > FRAME_CUT_TEXT)
        budget->cut_text = FRAME_CUT_TEXT;
    /* at most whole frames for all lanes and threads; bodies get the rest */
    enough = (8 + (uint64_t)budget->workers) * FRAME_CUT_TEXT;
    if (copies > enough) {
        budget->body_chunks += (size_t)((copies - enough) / BUDGET_CHUNK);
        copies = enough;
    }
    budget->copies = (size_t)copies;
}

/*
 * Divide the memory if the user chose a level: as many threads as there is memory for their
 * contexts, after the minimum of all other parts.
 */
static int divide_by_level(struct budget *budget, const struct budget_limits *limits,
                           struct err *err)
{
    uint64_t memory = limits->memory ? limits->memory : BUDGET_MEMORY;
    uint64_t contexts;

    if (!limits->memory)
        memory += budget->workers * (uint64_t)limits->context;
    while (budget->workers > 1 &&
           memory < BUDGET_MEMORY_MIN + budget->workers * (uint64_t)limits->context)
        budget->workers--;
    contexts = budget->workers * (uint64_t)limits->context;
    if (memory < BUDGET_MEMORY_MIN + contexts) {
        (void)err_set(err, ERR_USAGE, "--memory %llum is too little for this --level",
                      (unsigned long long)(memory >> 20));
        return err_hint(err, "use --memory %llum, or a lower level",
                        (unsigned long long)((BUDGET_MEMORY_MIN + contexts + 0xFFFFF) >> 20));
    }
    divide(budget, memory - contexts - BUDGET_FIXED);
    budget->contexts = (size_t)contexts;
    return 0;
}

int budget_choose(struct budget *budget, const struct budget_limits *limits, struct err *err)
{
    uint64_t most = limits->jobs ? limits->jobs : 1;
    unsigned share = limits->share ? limits->share : 1;
    unsigned processors = limits->processors ? limits->processors : budget_workers();
    uint64_t descriptors = limits->descriptors / share;
    uint64_t memory = limits->memory ? limits->memory : BUDGET_MEMORY;
    uint64_t left;

    if (descriptors < BUDGET_RESERVED + 3)
        return err_set(
            err, ERR_LIMIT, "the process may open %llu file%s, and a pull needs %d (ulimit -n)",
            (unsigned long long)descriptors, text_plural(descriptors), BUDGET_RESERVED + 3);
    if (limits->rate && most > limits->rate * READ_WITHIN / READ_SIZE)
        most = limits->rate * READ_WITHIN / READ_SIZE;
    /* each transfer needs three: its connection, its file, and an API connection */
    left = descriptors - BUDGET_RESERVED;
    if (most > left / 3)
        most = left / 3;
    most = most ? most : 1;
    left -= 3 * most;
    *budget =
        (struct budget){ .jobs = (unsigned)most,
                         .files = (unsigned)(most + (left < FILES_MAX ? left : FILES_MAX)),
                         .workers = (processors + share - 1) / share };
    memory = memory < BUDGET_MEMORY_MIN ? BUDGET_MEMORY_MIN : memory;
    divide(budget, memory - BUDGET_FIXED);
    if (budget->workers * (uint64_t)limits->context > budget->contexts)
        return divide_by_level(budget, limits, err);
    return 0;
}

unsigned budget_workers(void)
{
    return queue_threads(WORKERS_MAX);
}

uint64_t budget_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = { limit.rlim_max, limit.rlim_max };

        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

int budget_suffices(struct err *err)
{
    struct budget budget;

    return budget_choose(
        &budget, &(struct budget_limits){ .jobs = 1, .descriptors = budget_descriptors() },
        err);
}
