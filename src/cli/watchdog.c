/* SPDX-License-Identifier: MIT */
#include "cli/watchdog.h"

#include "base/clock.h"
#include "base/pulse.h"
#include "cli/exit.h"
#include "cli/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS   200
#define WARN_MS   60000
#define ANSWER_MS 1000
#define READER_MS 10000

static struct {
    pthread_t thread;
    bool running;
    uint64_t limit;
    uint64_t warn;
    /* protected by lock, which no other module takes */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
} watchdog = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* What the watchdog observed so far. */
struct seen {
    uint64_t beats[BEATS];
    uint64_t moved[BEATS]; /* time of the counter's last change */
    uint64_t last;         /* time of the last progress, or of the last registered wait */
    uint64_t asked;        /* time since which SIGUSR1 is unanswered; 0: answered */
    bool warned;
    bool told; /* the wait for the reader of standard output was reported */
};

/* Print a line without the log, whose lock may be held forever. */
static void say(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void say(const char *fmt, ...)
{
    char line[400] = "skyarc: ";
    size_t used = strlen(line);
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(line + used, sizeof(line) - used - 1, fmt, args);
    va_end(args);
    if (len < 0)
        return;
    used += (size_t)len < sizeof(line) - used - 2 ? (size_t)len : sizeof(line) - used - 2;
    line[used++] = '\n';
    if (write(STDERR_FILENO, line, used) < 0) {
        /* standard error is closed: nothing can be reported */
    }
}

/* Whole seconds, rounded up. */
static unsigned long long seconds(uint64_t ms)
{
    return (ms + 999) / 1000;
}

/* Print the state of counters, waits and transfers. */
static void describe(const struct seen *seen, uint64_t now)
{
    char text[100];
    unsigned i;

    for (i = 0; i < BEATS; i++) {
        if (seen->beats[i])
            say("status: %s: %llu times, last %llu s ago", pulse_beat_name((enum pulse_beat)i),
                (unsigned long long)seen->beats[i],
                (unsigned long long)(now - seen->moved[i]) / 1000);
    }
    for (i = 0; i < WAITS; i++) {
        if (pulse_waits((enum pulse_wait)i))
            say("status: waiting for %s", pulse_wait_name((enum pulse_wait)i));
    }
    if (pulse_is_due() > now)
        say("status: waiting for %s: %llu s", pulse_wait_name(WAIT_DUE),
            (unsigned long long)(pulse_is_due() - now) / 1000);
    for (i = 0; i < PULSE_SLOTS; i++) {
        if (pulse_slot_text(i, text, sizeof(text)))
            say("status: transfer %u: %s", i + 1, text);
    }
}

/* Whether a counter changed, or a wait is registered. */
static bool progressed(struct seen *seen, uint64_t now)
{
    bool alive = pulse_is_due() > now;
    unsigned i;

    for (i = 0; i < BEATS; i++) {
        uint64_t beats = pulse_beats((enum pulse_beat)i);

        if (beats == seen->beats[i])
            continue;
        seen->beats[i] = beats;
        seen->moved[i] = now;
        alive = true;
    }
    for (i = 0; i < WAITS; i++)
        alive = alive || pulse_waits((enum pulse_wait)i);
    return alive;
}

static void answer(struct seen *seen, uint64_t now)
{
    if (!signals_unanswered()) {
        seen->asked = 0;
    } else if (!seen->asked) {
        seen->asked = now;
    } else if (now - seen->asked >= ANSWER_MS && signals_asked()) {
        describe(seen, now);
    }
}

/* Warn once if nobody reads standard output. */
static void tell_reader(struct seen *seen, uint64_t now)
{
    uint64_t moved = seen->moved[BEAT_WRITTEN];

    if (!pulse_waits(WAIT_READER) || now - moved < READER_MS) {
        seen->told = false;
    } else if (!seen->told) {
        say("warning: waiting for %s for %llu s", pulse_wait_name(WAIT_READER),
            (unsigned long long)(now - moved) / 1000);
        seen->told = true;
    }
}

static void look(struct seen *seen, uint64_t now)
{
    answer(seen, now);
    tell_reader(seen, now);
    if (progressed(seen, now)) {
        seen->last = now;
        seen->warned = false;
    }
    if (!watchdog.limit || now - seen->last < watchdog.warn)
        return;
    if (!seen->warned) {
        say("warning: no progress for %llu s; the current state is:",
            seconds(now - seen->last));
        describe(seen, now);
        seen->warned = true;
    }
    if (now - seen->last < watchdog.limit)
        return;
    say("error: no progress for %llu s, and nothing is being waited for but a server's bytes. "
        "Unless --hang-timeout is shorter than --speed-time, this is a bug in skyarc; please "
        "report the lines above. Downloaded data is kept: run the same command again to resume",
        (unsigned long long)(now - seen->last) / 1000);
    _exit(EXIT_FAILED);
}

static void *run(void *ctx)
{
    struct seen seen = { .last = clock_mono(), .moved = { [BEAT_WRITTEN] = clock_mono() } };

    (void)ctx;
    (void)pthread_mutex_lock(&watchdog.lock);
    while (!watchdog.stopping) {
        struct timespec until;

        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (pthread_cond_clockwait(&watchdog.changed, &watchdog.lock, CLOCK_MONOTONIC,
                                   &until) == ETIMEDOUT)
            look(&seen, clock_mono());
    }
    (void)pthread_mutex_unlock(&watchdog.lock);
    return NULL;
}

int watchdog_start(uint64_t limit, struct err *err)
{
    sigset_t all;
    sigset_t before;
    int rc;

    if (watchdog.running)
        return 0;
    watchdog.limit = limit;
    watchdog.warn = limit / 5 < WARN_MS ? limit / 5 : WARN_MS;
    watchdog.stopping = false;
    (void)pthread_cond_init(&watchdog.changed, NULL);
    (void)sigfillset(&all); /* signals are handled by other threads */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&watchdog.thread, NULL, run, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) {
        errno = rc;
        return err_sys(err, "cannot start a thread");
    }
    watchdog.running = true;
    return 0;
}

void watchdog_stop(void)
{
    if (!watchdog.running)
        return;
    (void)pthread_mutex_lock(&watchdog.lock);
    watchdog.stopping = true;
    (void)pthread_cond_signal(&watchdog.changed);
    (void)pthread_mutex_unlock(&watchdog.lock);
    (void)pthread_join(watchdog.thread, NULL);
    watchdog.running = false;
}
