/* SPDX-License-Identifier: MIT */
#include "fetch/budget.h"

#include "base/queue.h"
#include "base/text.h"

#include <sys/resource.h>

#define READ_SIZE   ((uint64_t)128 << 10) /* bytes per read of a transfer */
/* seconds: the longest interval between two reads of a transfer */
#define READ_WITHIN 5
#define WORKERS_MAX 64
#define FILES_MAX   128 /* bodies in files, in addition to one for each transfer */

int budget_choose(struct budget *budget, unsigned jobs, uint64_t rate, unsigned share,
                  uint64_t descriptors, struct err *err)
{
    uint64_t most = jobs ? jobs : 1;
    uint64_t starts;
    uint64_t left;

    share = share ? share : 1;
    descriptors /= share;
    if (descriptors < BUDGET_RESERVED + 3)
        return err_set(
            err, ERR_LIMIT, "the process may open %llu file%s, and a pull needs %d (ulimit -n)",
            (unsigned long long)descriptors, text_plural(descriptors), BUDGET_RESERVED + 3);
    if (rate && most > rate * READ_WITHIN / READ_SIZE)
        most = rate * READ_WITHIN / READ_SIZE;
    /* each transfer needs three: its connection, its file, and an API connection */
    left = descriptors - BUDGET_RESERVED;
    if (most > left / 3)
        most = left / 3;
    most = most ? most : 1;
    left -= 3 * most;
    starts = most < BUDGET_STARTS ? most : BUDGET_STARTS;
    *budget =
        (struct budget){ .jobs = (unsigned)most,
                         .files = (unsigned)(most + (left < FILES_MAX ? left : FILES_MAX)),
                         .workers = (budget_workers() + share - 1) / share,
                         .body_chunks = 72 + (size_t)(most + starts),
                         .start_chunks = 72 + 2 * (size_t)starts,
                         .pass_chunks = 80,
                         .part_chunks = 64 };
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

    return budget_choose(&budget, 1, 0, 0, budget_descriptors(), err);
}
