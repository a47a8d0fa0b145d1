/* SPDX-License-Identifier: MIT */
#include "provenance/request_check.h"

#include "base/mem.h"
#include "format/payload_path.h"
#include "format/tagfile.h"
#include "provenance/request_line.h"
#include "provenance/request_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REPORTS_MAX 100

/* A request with an answer. */
struct answer {
    uint64_t number;
    uint8_t sha256[SHA256_SIZE];
    bool good; /* a status of 2xx */
};

struct request_check {
    struct request_check_opts opts;
    struct request_lines lines;
    struct answer *answers; /* by ascending number */
    size_t count;
    size_t cap;
    uint64_t last; /* number of the last request */
    uint64_t line; /* number of the current line, from 1 */
    size_t reports;
    bool lossy;  /* there was no memory to log all: what a record lacks is no fault */
    bool broken; /* a line could not be read: nothing more is */
};

static void report(struct request_check *c, const char *path, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static void report(struct request_check *c, const char *path, const char *fmt, ...)
{
    char what[400];
    va_list args;

    if (c->reports++ >= REPORTS_MAX)
        return;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    (void)pthread_mutex_lock(c->opts.lock);
    c->opts.report(c->opts.ctx, path ? path : TAGFILE_REQUESTS, what);
    (void)pthread_mutex_unlock(c->opts.lock);
}

/* Keep the digest of a request's answer. */
static int take_request(struct request_check *c, const struct request_line *line,
                        struct err *err)
{
    struct answer answer = { .number = line->number,
                             .good = line->status >= 200 && line->status < 300 };

    if (line->number <= c->last) {
        report(c, NULL, "line %llu: the requests are not in the order of their numbers",
               (unsigned long long)c->line);
        c->broken = true;
        return 0;
    }
    c->last = line->number;
    if (!line->summed)
        return 0;
    memcpy(answer.sha256, line->sha256, SHA256_SIZE);
    if (mem_room(&c->answers, &c->cap, c->count, sizeof(answer), REQUEST_LOG_MAX, err) < 0)
        return -1;
    c->answers[c->count++] = answer;
    return 0;
}

static const struct answer *find_answer(const struct request_check *c, uint64_t number)
{
    size_t low = 0;
    size_t high = c->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (c->answers[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->count && c->answers[low].number == number ? &c->answers[low] : NULL;
}

/* Compare the answers that a record's line names with the requests. */
static void check_pages(struct request_check *c, const struct request_line *line)
{
    struct json_value page = { 0 };
    size_t count = json_count(line->pages);
    uint8_t sha256[SHA256_SIZE];
    uint64_t number;
    bool summed;

    if ((!count && !c->lossy) || (count > 1 && !line->joined))
        report(c, line->record, "is the answer to %s, according to %s",
               count ? "several requests" : "no request", TAGFILE_REQUESTS);
    while ((page = json_next(line->pages, page)).doc) {
        const struct answer *answer;

        if (!request_line_page_of(page, &number, &summed, sha256) || (!summed && !c->lossy)) {
            report(c, line->record, "line %llu of %s names a malformed answer",
                   (unsigned long long)c->line, TAGFILE_REQUESTS);
            return;
        }
        if (!summed)
            continue;
        answer = find_answer(c, number);
        if (!answer || !answer->good)
            report(c, line->record, "request %llu of %s, whose answer it is, %s",
                   (unsigned long long)number, TAGFILE_REQUESTS,
                   answer ? "failed" : "is not there, or has no answer");
        else if (memcmp(answer->sha256, sha256, SHA256_SIZE) != 0)
            report(c, line->record,
                   "the answer to request %llu of %s has another SHA-256 there than in the "
                   "record's line",
                   (unsigned long long)number, TAGFILE_REQUESTS);
        else if (!line->joined && memcmp(sha256, line->sha256, SHA256_SIZE) != 0)
            report(c, line->record, "is not the answer to request %llu of %s",
                   (unsigned long long)number, TAGFILE_REQUESTS);
    }
}

/* Find the document of a path; see request_check_opts. */
static bool find_document(struct request_check *c, const char *path,
                          uint8_t sha256[SHA256_SIZE])
{
    bool found;

    (void)pthread_mutex_lock(c->opts.lock);
    found = request_check_wants(path) && c->opts.find(c->opts.find_ctx, path, sha256);
    (void)pthread_mutex_unlock(c->opts.lock);
    return found;
}

static void check_record(struct request_check *c, const struct request_line *line)
{
    uint8_t sha256[SHA256_SIZE];

    if (!find_document(c, line->record, sha256)) {
        report(c, line->record, "is a record in %s, but not in manifest.json",
               TAGFILE_REQUESTS);
        return;
    }
    if (memcmp(sha256, line->sha256, SHA256_SIZE) != 0)
        report(c, line->record,
               "has a different SHA-256 in %s than in manifest.json: it is "
               "not what the service answered",
               TAGFILE_REQUESTS);
    check_pages(c, line);
}

/* A line that cannot be read, or that is out of its place: nothing more is read. */
static void stop(struct request_check *c, const char *why)
{
    report(c, NULL, "line %llu: %s", (unsigned long long)c->line, why);
    c->broken = true;
}

static int on_line(void *ctx, const char *text, size_t len, struct err *err)
{
    struct request_check *c = ctx;
    struct request_line line;
    struct err why = { 0 };
    int rc = 0;

    c->line++;
    if (c->broken)
        return 0;
    if (request_line_read(&line, text, len, &why) < 0)
        rc = why.kind == ERR_MEMORY ? err_set(err, ERR_MEMORY, "%s", why.text) : 0;
    if (why.kind && rc == 0)
        stop(c, why.text);
    else if (rc == 0 && (c->line == 1) != (line.kind == REQUEST_LINE_HEADER))
        stop(c, c->line == 1 ? "there is no header" : "a second header");
    else if (rc == 0 && line.kind == REQUEST_LINE_HEADER)
        c->lossy = line.lost > 0;
    else if (rc == 0 && line.kind == REQUEST_LINE_REQUEST)
        rc = take_request(c, &line, err);
    else if (rc == 0 && line.kind == REQUEST_LINE_RECORD)
        check_record(c, &line);
    request_line_clear(&line);
    return rc;
}

struct request_check *request_check_new(const struct request_check_opts *opts, struct err *err)
{
    struct request_check *c = mem_new(sizeof(*c), err);

    if (!c)
        return NULL;
    c->opts = *opts;
    request_lines_init(&c->lines, on_line, c);
    return c;
}

void request_check_free(struct request_check *c)
{
    if (!c)
        return;
    request_lines_clear(&c->lines);
    mem_free(c->answers);
    mem_free(c);
}

int request_check_put(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct request_check *c = ctx;
    struct err why;

    if (c->broken)
        return 0;
    if (request_lines_put(&c->lines, bytes, len, &why) == 0)
        return 0;
    if (why.kind == ERR_MEMORY)
        return err_set(err, ERR_MEMORY, "%s", why.text);
    report(c, NULL, "line %llu: %s", (unsigned long long)c->line + 1, why.text);
    c->broken = true;
    return 0;
}

void request_check_end(struct request_check *c)
{
    struct err err;

    if (!c->broken && request_lines_end(&c->lines, &err) < 0)
        report(c, NULL, "%s", err.text);
    else if (!c->line)
        report(c, NULL, "is empty");
}

bool request_check_wants(const char *path)
{
    size_t len;
    const char *run = payload_path_run(path, &len);
    const char *rest = run ? run + len + 1 : NULL;

    if (!rest)
        return false;
    if (strcmp(rest, TAGFILE_RUN) == 0 || strcmp(rest, TAGFILE_LIST) == 0)
        return true;
    len = strlen(rest);
    return strncmp(rest, "records/", 8) == 0 && !strchr(rest + 8, '/') && len > 13 &&
           strcmp(rest + len - 5, ".json") == 0;
}
