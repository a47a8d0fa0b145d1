/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include "base/clock.h"
#include "base/text.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_SIZE 2048
#define SHORTEST  4 /* characters; a shorter text is no key, and too common to redact */

static void keep_text(char *text, size_t size)
{
    (void)text;
    (void)size;
}

static void hide_nothing(void *ctx, int after)
{
    (void)ctx;
    (void)after;
}

static struct {
    pthread_mutex_t lock;
    enum log_level level;
    int json;
    int journal; /* stderr is systemd's journal: prefix priorities */
    const char *secret;
    void (*filter)(char *text, size_t size);
    void (*around)(void *ctx, int after);
    void *around_ctx;
} state = { .lock = PTHREAD_MUTEX_INITIALIZER,
            .level = LOG_WARNING,
            .filter = keep_text,
            .around = hide_nothing };

/*
 * Whether stderr is systemd's journal: JOURNAL_STREAM is "device:inode", see systemd.exec(5).
 */
static int is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char mine[64];
    struct stat st;

    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return 0;
    (void)snprintf(mine, sizeof(mine), "%llu:%llu", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino);
    return strcmp(stream, mine) == 0;
}

void log_setup(enum log_level level, int json)
{
    int journal = is_journal();

    (void)pthread_mutex_lock(&state.lock);
    state.level = level;
    state.json = json;
    state.journal = journal;
    (void)pthread_mutex_unlock(&state.lock);
}

void log_hide(const char *secret)
{
    (void)pthread_mutex_lock(&state.lock);
    state.secret = secret;
    (void)pthread_mutex_unlock(&state.lock);
}

void log_filter(void (*fn)(char *text, size_t size))
{
    (void)pthread_mutex_lock(&state.lock);
    state.filter = fn;
    (void)pthread_mutex_unlock(&state.lock);
}

void log_around(void (*fn)(void *ctx, int after), void *ctx)
{
    (void)pthread_mutex_lock(&state.lock);
    state.around = fn;
    state.around_ctx = ctx;
    (void)pthread_mutex_unlock(&state.lock);
}

void log_filter_off(void)
{
    log_filter(keep_text);
}

void log_around_off(void)
{
    log_around(hide_nothing, NULL);
}

enum log_level log_note(void)
{
    bool alone;

    (void)pthread_mutex_lock(&state.lock);
    alone = state.around == hide_nothing && state.level >= LOG_WARNING;
    (void)pthread_mutex_unlock(&state.lock);
    return alone && isatty(STDERR_FILENO) ? LOG_STATUS : LOG_INFO;
}

int log_wants(enum log_level level)
{
    return level <= state.level;
}

/* Overwrite each occurrence of the secret with asterisks. */
static void redact(char *text)
{
    size_t len = state.secret ? strlen(state.secret) : 0;
    char *at = text;

    if (len < SHORTEST)
        return;
    while ((at = strstr(at, state.secret))) {
        memset(at, '*', len);
        at += len;
    }
}

/* Escape quotes and backslashes for a JSON string. */
static void quoted(char *out, size_t size, const char *s)
{
    size_t used = 0;

    for (; *s && used + 3 < size; s++) {
        if (*s == '"' || *s == '\\')
            out[used++] = '\\';
        out[used++] = *s;
    }
    out[used] = '\0';
}

void log_line(enum log_level level, const char *fmt, ...)
{
    static const char *const names[] = { "status", "error", "warning", "info", "debug" };
    /* sd-daemon(3): notice, err, warning, info, debug */
    static const char *const priorities[] = { "<5>", "<3>", "<4>", "<6>", "<7>" };
    char raw[LINE_SIZE];
    char text[LINE_SIZE];
    char line[2 * LINE_SIZE + 128];
    char when[CLOCK_TEXT_MAX];
    va_list args;
    int len;

    if (!log_wants(level))
        return;
    va_start(args, fmt);
    len = vsnprintf(raw, sizeof(raw), fmt, args);
    va_end(args);
    (void)pthread_mutex_lock(&state.lock);
    if (len >= (int)sizeof(raw) && strrchr(raw, ' '))
        *strrchr(raw, ' ') = '\0'; /* drop a word cut in half: it may be half a secret */
    redact(raw);
    state.filter(raw, sizeof(raw));
    (void)text_shown(text, sizeof(text), raw);
    if (state.json) {
        quoted(raw, sizeof(raw), text);
        len = snprintf(line, sizeof(line),
                       "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"%s\"}\n",
                       clock_format(when, clock_wall(), CLOCK_RFC3339), names[level], raw);
    } else {
        len = snprintf(
            line, sizeof(line), "%sskyarc: %s%s%s\n", state.journal ? priorities[level] : "",
            level <= LOG_WARNING ? names[level] : "", level <= LOG_WARNING ? ": " : "", text);
    }
    state.around(state.around_ctx, 0);
    if (len > 0 && write(STDERR_FILENO, line, (size_t)len) < 0) {
        /* an error on stderr cannot be reported */
    }
    state.around(state.around_ctx, 1);
    (void)pthread_mutex_unlock(&state.lock);
}
