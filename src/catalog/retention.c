/* SPDX-License-Identifier: MIT */
#include "catalog/retention.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_US  ((int64_t)86400 * 1000000)
#define PERIODS 4

bool retention_any(const struct retention_rules *r)
{
    return r->days || r->last || r->daily || r->weekly || r->monthly || r->yearly ||
           r->status_count;
}

static int newest_first(const void *a, const void *b)
{
    const struct retention_run *x = a;
    const struct retention_run *y = b;

    if (x->ended != y->ended)
        return x->ended < y->ended ? 1 : -1;
    return strcmp(x->run_id, y->run_id);
}

/* Divide, rounding down, for times before 1970 as well. */
static int64_t divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* The number of the day, week (from Monday), month or year that contains a time. */
static int64_t period_of(int which, int64_t us)
{
    int64_t days = divide(us, DAY_US);
    time_t seconds = (time_t)(days * 86400);
    struct tm date;

    if (which == 0)
        return days;
    if (which == 1)
        return divide(days + 3, 7); /* 1970 began on a Thursday */
    if (!gmtime_r(&seconds, &date))
        return days;
    return which == 2 ? (int64_t)date.tm_year * 12 + date.tm_mon : date.tm_year;
}

static void keep(struct retention_run *run, enum retention_why why)
{
    run->kept = true;
    run->why |= 1U << why;
}

static bool has_status(const struct retention_rules *rules, const char *status)
{
    size_t i;

    for (i = 0; status && i < rules->status_count; i++) {
        if (strcmp(rules->statuses[i], status) == 0)
            return true;
    }
    return false;
}

void retention_decide(const struct retention_rules *rules, struct retention_run *runs,
                      size_t count, int64_t now)
{
    uint64_t left[PERIODS] = { rules->daily, rules->weekly, rules->monthly, rules->yearly };
    int64_t last[PERIODS];
    size_t i;
    int k;

    if (count)
        qsort(runs, count, sizeof(*runs), newest_first);
    for (i = 0; i < count; i++) {
        struct retention_run *run = &runs[i];

        run->kept = false;
        run->why = 0;
        if (run->held)
            keep(run, RETENTION_HELD);
        if (i < rules->last)
            keep(run, RETENTION_LAST);
        if (rules->days && divide(now - run->ended, DAY_US) < (int64_t)rules->days)
            keep(run, RETENTION_DAYS);
        if (has_status(rules, run->status))
            keep(run, RETENTION_STATUS);
        for (k = 0; k < PERIODS; k++) {
            int64_t period = period_of(k, run->ended);

            if (!left[k] || (i && last[k] == period))
                continue;
            left[k]--;
            keep(run, (enum retention_why)(RETENTION_DAILY + k));
        }
        for (k = 0; k < PERIODS; k++)
            last[k] = period_of(k, run->ended);
    }
}
