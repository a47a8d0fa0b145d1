/* SPDX-License-Identifier: MIT */
#include "fetch/budget.h"

#include "base/pool.h"
#include "base/queue.h"
#include "base/text.h"
#include "format/frame.h"

#include <sys/resource.h>

#define READ_SIZE   ((uint64_t)128 << 10) /* bytes per read of a transfer */
/* seconds: the longest interval between two reads of a transfer */
#define READ_WITHIN 5
#define WORKERS_MAX 64
#define FILES_MAX   128 /* bodies in files, in addition to one for each transfer */
#define PASS_LEAST  36  /* chunks: a frame, and some that the next one begins with */
#define PASS_MOST   80
#define PARTS       32 /* chunks */

/* Divide the memory, of which `left` bytes are not fixed. */
static void divide(struct budget *budget, uint64_t left)
{
    uint64_t pass = left / 7 / CHUNK_SIZE;
    uint64_t copies;
    uint64_t enough;

    pass = pass < PASS_LEAST ? PASS_LEAST : pass > PASS_MOST ? PASS_MOST : pass;
    budget->pass_chunks = (size_t)pass;
    budget->part_chunks = PARTS;
    budget->contexts = (size_t)(left * 9 / 50);
    budget->body_chunks = (size_t)(left * 3 / 14 / BUDGET_CHUNK);
    copies = left - pass * CHUNK_SIZE - budget->contexts - budget->body_chunks * BUDGET_CHUNK;
    budget->cut_text = (size_t)(copies * 4 / 9);
    if (budget->cut_text > FRAME_CUT_TEXT)
        budget->cut_text = FRAME_CUT_TEXT;
    /* no more than whole frames for all lanes and threads; bodies get the rest */
    enough = (8 + (uint64_t)budget->workers) * FRAME_CUT_TEXT;
    if (copies > enough) {
        budget->body_chunks += (size_t)((copies - enough) / BUDGET_CHUNK);
        copies = enough;
    }
    budget->copies = (size_t)copies;
}

int budget_choose(struct budget *budget, const struct budget_limits *limits, struct err *err)
{
    uint64_t most = limits->jobs ? limits->jobs : 1;
    unsigned share = limits->share ? limits->share : 1;
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
                         .workers = (budget_workers() + share - 1) / share };
    memory = memory < BUDGET_MEMORY_MIN ? BUDGET_MEMORY_MIN : memory;
    divide(budget, memory - BUDGET_FIXED);
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
