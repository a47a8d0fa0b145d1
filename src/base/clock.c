/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

uint64_t clock_mono_us(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_mono(void)
{
    return clock_mono_us() / 1000;
}

int64_t clock_wall(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + (int64_t)ts.tv_nsec / 1000000;
}

void clock_sleep(uint64_t ms)
{
    struct timespec ts = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

    while (nanosleep(&ts, &ts) < 0)
        ;
}

void clock_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
}

const char *clock_format(char out[CLOCK_TEXT_MAX], int64_t t, enum clock_style style)
{
    int64_t unit = style == CLOCK_MICROS ? 1000000 : 1000;
    int64_t part = t % unit;
    struct tm tm;
    time_t seconds;
    size_t len = 0;

    if (part < 0)
        part += unit;
    seconds = (time_t)((t - part) / unit);
    if (!gmtime_r(&seconds, &tm))
        memset(&tm, 0, sizeof(tm));
    out[0] = '\0';
    switch (style) {
    case CLOCK_RFC3339:
        (void)strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
        break;
    case CLOCK_COMPACT:
        (void)strftime(out, CLOCK_TEXT_MAX, "%Y%m%dT%H%M%SZ", &tm);
        break;
    case CLOCK_DATE:
        (void)strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%d", &tm);
        break;
    case CLOCK_MICROS:
        len = strftime(out, CLOCK_TEXT_MAX, "%Y%m%dT%H%M%S", &tm);
        (void)snprintf(out + len, CLOCK_TEXT_MAX - len, ".%06dZ", (int)part);
        break;
    }
    return out;
}

/* Parse exactly count digits and advance *s past them; -1 if there are fewer. */
static int number(const char **s, int count)
{
    int n = 0;

    while (count-- > 0) {
        if (**s < '0' || **s > '9')
            return -1;
        n = n * 10 + (*(*s)++ - '0');
    }
    return n;
}

static int skip(const char **s, char c)
{
    if (**s != c)
        return 0;
    (*s)++;
    return 1;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t days(int y, int m, int d)
{
    int64_t years = y - (m <= 2);
    int64_t era = (years >= 0 ? years : years - 399) / 400;
    int64_t yoe = years - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int month_length(int y, int m)
{
    static const int length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

    return length[m - 1] + (m == 2 && leap);
}

/* Parse a fraction such as ".276851" as microseconds; further digits are ignored. */
static int64_t fraction(const char **s)
{
    int64_t us = 0;
    int64_t unit = 100000;

    if (!skip(s, '.') && !skip(s, ','))
        return 0;
    for (; **s >= '0' && **s <= '9'; (*s)++) {
        us += (**s - '0') * unit;
        unit /= 10;
    }
    return us;
}

/*
 * Parse "Z", "+02:00", "+0200" or nothing; returns the offset in seconds east of UTC, else 0.
 */
static int64_t zone(const char **s)
{
    int sign = **s == '-' ? -1 : 1;
    int h;
    int m;

    if (skip(s, 'Z') || skip(s, 'z') || (**s != '+' && **s != '-'))
        return 0;
    (*s)++;
    h = number(s, 2);
    (void)skip(s, ':');
    m = **s ? number(s, 2) : 0;
    return h < 0 || m < 0 ? 0 : sign * (int64_t)(h * 3600 + m * 60);
}

int64_t clock_us(const char *s)
{
    int y;
    int mon;
    int d;
    int h = 0;
    int min = 0;
    int sec = 0;
    int64_t us = 0;
    int64_t east = 0;

    if (!s)
        return CLOCK_NONE;
    y = number(&s, 4);
    mon = (skip(&s, '-'), number(&s, 2));
    d = (skip(&s, '-'), number(&s, 2));
    if (skip(&s, 'T') || skip(&s, ' ')) {
        h = number(&s, 2);
        min = (skip(&s, ':'), number(&s, 2));
        sec = skip(&s, ':') || *s >= '0' ? number(&s, 2) : 0;
        us = fraction(&s);
        east = zone(&s);
    }
    if (*s || y < 1970 || mon < 1 || mon > 12 || d < 1 || d > month_length(y, mon) || h < 0 ||
        h > 23 || min < 0 || min > 59 || sec < 0 || sec > 60)
        return CLOCK_NONE;
    return ((days(y, mon, d) * 86400 + h * 3600 + min * 60 + sec - east) * 1000000) + us;
}

int64_t clock_http(const char *s)
{
    const time_t latest = (time_t)253402300800; /* 10000-01-01 */
    time_t seconds = curl_getdate(s, NULL);

    return seconds < 0 || seconds >= latest ? CLOCK_NONE : (int64_t)seconds * 1000;
}
