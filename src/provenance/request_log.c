/* SPDX-License-Identifier: MIT */
#include "provenance/request_log.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/text.h"
#include "provenance/build_id.h"
#include "redact/redact.h"

#include <string.h>
#include <unistd.h>

#define URL_ROOM    ((size_t)64 << 10) /* longest URL whose path is logged */
#define NOTE_MAX    ((size_t)1 << 20)
#define VERSION_MAX 200
#define HOST_MAX    256

/* A request; its texts are in the log's region. */
struct entry {
    const char *run; /* NULL: none */
    const char *members;
    struct request_answer answer;
    uint32_t session; /* counted from 1; 0: this process */
};

struct entries {
    struct segments at;
    size_t count;
};

struct request_log {
    const char *key;
    struct region *region;
    struct entries own;     /* of this process, in the order of their numbers */
    struct entries earlier; /* of attempts before */
    struct request_session session;
    struct request_session *sessions; /* those attempts; texts are in the region */
    size_t session_count;
    size_t session_cap;
    size_t session_first; /* index of the last of them's first entry */
    const char *service;
    const char *version;
    uint64_t lost;
    int64_t clock_low; /* the offset is at least this, and at most the next */
    int64_t clock_high;
    int64_t clock_last; /* the offset by the last answer alone */
    bool clock_known;
    struct sha256 *sha;
    struct buf text;
    struct buf clean;
    int (*keep)(void *ctx, const char *note, size_t len, struct err *err);
    void *keep_ctx;
    bool kept; /* there is a keeper */
};

static struct entry *entry_at(const struct entries *entries, size_t i)
{
    return segments_at(&entries->at, i);
}

/* The entry of this process that has a number; NULL: none. */
static struct entry *entry_of(const struct request_log *log, uint64_t number)
{
    return log && number && number <= log->own.count ? entry_at(&log->own, (size_t)number - 1)
                                                     : NULL;
}

/* Give a note, which is in log->text, to the keeper. */
static void tell(struct request_log *log)
{
    struct err err;

    if (log->keep(log->keep_ctx, buf_text(&log->text), log->text.len, &err) == 0)
        return;
    log_line(LOG_INFO, "%s; the requests of this attempt are not kept for a later one",
             err.text);
    log->kept = false;
}

static void tell_session(struct request_log *log, const struct request_session *what)
{
    buf_reset(&log->text);
    if (!log->kept ||
        buf_addf(&log->text, NULL, "{\"began\": %lld, \"tool\": ", (long long)what->began) <
            0 ||
        jsonw_quote(&log->text, what->tool, strlen(what->tool), NULL) < 0 ||
        (what->build && buf_addf(&log->text, NULL, ", \"build\": \"%s\"", what->build) < 0) ||
        (what->host && (buf_adds(&log->text, ", \"host\": ", NULL) < 0 ||
                        jsonw_quote(&log->text, what->host, strlen(what->host), NULL) < 0)) ||
        buf_adds(&log->text, "}", NULL) < 0)
        return;
    tell(log);
}

static void tell_request(struct request_log *log, uint64_t number, const struct entry *entry)
{
    buf_reset(&log->text);
    if (!log->kept ||
        buf_addf(&log->text, NULL,
                 "{\"asked\": %llu, \"members\": ", (unsigned long long)number) < 0 ||
        jsonw_quote(&log->text, entry->members, strlen(entry->members), NULL) < 0 ||
        (entry->run && (buf_adds(&log->text, ", \"run\": ", NULL) < 0 ||
                        jsonw_quote(&log->text, entry->run, strlen(entry->run), NULL) < 0)) ||
        buf_adds(&log->text, "}", NULL) < 0)
        return;
    tell(log);
}

static void tell_answer(struct request_log *log, uint64_t number, const struct entry *entry)
{
    const struct request_answer *answer = &entry->answer;
    char hex[SHA256_TEXT] = "";

    buf_reset(&log->text);
    if (answer->summed)
        text_hex(hex, answer->sha256, SHA256_SIZE);
    if (!log->kept ||
        buf_addf(&log->text, NULL, "{\"answered\": %llu, \"sha256\": \"%s\"",
                 (unsigned long long)number, hex) < 0 ||
        (answer->rows != REQUEST_LINE_NONE && buf_addf(&log->text, NULL, ", \"rows\": %llu",
                                                       (unsigned long long)answer->rows) < 0) ||
        (answer->expected != REQUEST_LINE_NONE &&
         buf_addf(&log->text, NULL, ", \"expected\": %llu",
                  (unsigned long long)answer->expected) < 0) ||
        buf_adds(&log->text, "}", NULL) < 0)
        return;
    tell(log);
}

/* Copy the texts of a session. */
static int copy_session(struct request_log *log, struct request_session *out,
                        const struct request_session *what, struct err *err)
{
    struct request_session made = *what;

    made.tool = region_text(log->region, what->tool, err);
    made.build = what->build ? region_text(log->region, what->build, err) : NULL;
    made.host = what->host ? region_text(log->region, what->host, err) : NULL;
    if (!made.tool || (what->build && !made.build) || (what->host && !made.host))
        return -1;
    *out = made;
    return 0;
}

/* A base URL without credentials; NULL: no memory. */
static const char *clean_service(struct request_log *log, const char *service, struct err *err)
{
    const struct redact what = { log->key, false, NULL };

    return region_text(log->region, redact_copy(service, &what, log->region), err);
}

static int set_up(struct request_log *log, const struct request_log_opts *opts, struct err *err)
{
    char id[BUILD_ID_TEXT];
    char host[HOST_MAX] = "";
    struct request_session session = { .tool = opts->tool,
                                       .build = build_id(id),
                                       .began = clock_wall() };

    if (opts->host && gethostname(host, sizeof(host) - 1) == 0 && *host)
        session.host = host;
    log->region = region_on(opts->pagefile, err);
    if (!log->region)
        return -1;
    segments_init(&log->own.at, log->region, sizeof(struct entry));
    segments_init(&log->earlier.at, log->region, sizeof(struct entry));
    log->service = clean_service(log, opts->service, err);
    return log->service ? copy_session(log, &log->session, &session, err) : -1;
}

struct request_log *request_log_new(const struct request_log_opts *opts, struct err *err)
{
    struct request_log *log = mem_new(sizeof(*log), err);

    if (!log)
        return NULL;
    log->key = opts->key;
    buf_init(&log->text, NOTE_MAX);
    buf_init(&log->clean, JSON_TEXT_MAX);
    log->sha = sha256_new(err);
    if (log->sha && set_up(log, opts, err) == 0)
        return log;
    request_log_free(log);
    return NULL;
}

void request_log_free(struct request_log *log)
{
    if (!log)
        return;
    segments_clear(&log->own.at);
    segments_clear(&log->earlier.at);
    region_free(log->region);
    sha256_free(log->sha);
    buf_clear(&log->text);
    buf_clear(&log->clean);
    mem_free(log->sessions);
    mem_free(log);
}

/* Count what could not be logged. */
static void lose(struct request_log *log)
{
    if (!log->lost++)
        log_line(LOG_WARNING, "the log of requests is incomplete: out of memory");
}

/* Append an entry; NULL: it is lost. */
static struct entry *append(struct request_log *log, struct entries *entries, const char *run,
                            const char *members)
{
    struct entry made = { .answer = { .rows = REQUEST_LINE_NONE,
                                      .expected = REQUEST_LINE_NONE } };

    if (members && log->own.count + log->earlier.count < REQUEST_LOG_MAX &&
        segments_reach(&entries->at, entries->count + 1, NULL) == 0) {
        made.members = region_text(log->region, members, NULL);
        made.run = run ? region_text(log->region, run, NULL) : NULL;
    }
    if (!made.members || (run && !made.run)) {
        lose(log);
        return NULL;
    }
    *entry_at(entries, entries->count) = made;
    return entry_at(entries, entries->count++);
}

/* A URL's path and query, redacted; valid until log->clean changes. */
static const char *path_of(struct request_log *log, const char *url)
{
    const struct redact what = { log->key, false, NULL };
    const char *path;

    buf_reset(&log->clean);
    if (strlen(url) > URL_ROOM || redact_text(&log->clean, url, strlen(url), &what, NULL) < 0)
        return "(unreadable)";
    path = strstr(buf_text(&log->clean), "://");
    path = path ? strchr(path + 3, '/') : buf_text(&log->clean);
    return path ? path : "/";
}

uint64_t request_log_add(struct request_log *log, const struct request_asked *asked)
{
    struct request_asked made = *asked;
    struct entry *entry;

    if (!log)
        return 0;
    made.path = path_of(log, asked->path);
    buf_reset(&log->text);
    if (request_line_members(&log->text, &made, NULL) < 0)
        buf_reset(&log->text);
    entry = append(log, &log->own, asked->run, log->text.len ? buf_text(&log->text) : NULL);
    if (!entry)
        return 0;
    tell_request(log, log->own.count, entry);
    return log->own.count;
}

void request_log_digest(struct request_log *log, uint64_t number,
                        const uint8_t sha256[SHA256_SIZE])
{
    struct entry *entry = entry_of(log, number);

    if (!entry || entry->answer.summed)
        return;
    entry->answer.summed = true;
    memcpy(entry->answer.sha256, sha256, SHA256_SIZE);
    tell_answer(log, number, entry);
}

void request_log_clean(struct request_log *log, uint64_t number, const char *text, size_t len)
{
    const struct entry *entry = entry_of(log, number);
    uint8_t sha256[SHA256_SIZE];

    if (!entry || entry->answer.summed)
        return;
    sha256_add(log->sha, text, len);
    sha256_end(log->sha, sha256);
    request_log_digest(log, number, sha256);
}

void request_log_answer(struct request_log *log, uint64_t number, const char *text, size_t len)
{
    const struct entry *entry = entry_of(log, number);
    struct redact what;

    if (!entry || entry->answer.summed)
        return;
    what = (struct redact){ log->key, false, NULL };
    buf_reset(&log->clean);
    if (redact_text(&log->clean, text, len, &what, NULL) == 0)
        request_log_clean(log, number, buf_text(&log->clean), log->clean.len);
    else
        lose(log);
    if (log->clean.cap > NOTE_MAX) /* free what one large answer needed */
        buf_clear(&log->clean);
}

void request_log_rows(struct request_log *log, uint64_t number, uint64_t rows,
                      uint64_t expected)
{
    struct entry *entry = entry_of(log, number);

    if (!entry)
        return;
    entry->answer.rows = rows;
    entry->answer.expected = expected;
    if (entry->answer.summed) /* else the digest follows */
        tell_answer(log, number, entry);
}

void request_log_clock(struct request_log *log, int64_t date, int64_t from, int64_t to)
{
    int64_t low = date - to; /* it was sent at this second, before it arrived */
    int64_t high = date + 999 - from;

    if (!log)
        return;
    log->clock_last = low + (high - low) / 2;
    if (!log->clock_known) {
        log->clock_low = low;
        log->clock_high = high;
    } else {
        log->clock_low = low > log->clock_low ? low : log->clock_low;
        log->clock_high = high < log->clock_high ? high : log->clock_high;
    }
    log->clock_known = true;
}

/* The service's clock minus ours. */
static int64_t clock_offset(const struct request_log *log)
{
    if (!log->clock_known)
        return CLOCK_NONE;
    return log->clock_low <= log->clock_high
               ? log->clock_low + (log->clock_high - log->clock_low) / 2
               : log->clock_last; /* a clock was set meanwhile */
}

void request_log_version(struct request_log *log, const char *json, size_t len)
{
    const struct redact what = { log ? log->key : NULL, false, NULL };
    struct json *doc = log ? json_parse(json, len, NULL) : NULL;
    const char *text = doc ? json_text(json_root(doc), "version", log->region) : NULL;

    if (text && *text && strlen(text) <= VERSION_MAX)
        log->version = redact_copy(text, &what, log->region);
    json_free(doc);
}

void request_log_copy(struct request_log *log, const struct request_log *from)
{
    size_t i;

    for (i = 0; log && from && i < from->own.count; i++) {
        const struct entry *there = entry_at(&from->own, i);
        struct entry *entry = append(log, &log->own, there->run, there->members);

        if (entry)
            entry->answer = there->answer;
    }
    if (log && from)
        log->lost += from->lost;
}

/* Begin the session of an earlier attempt. */
static void take_session(struct request_log *log, struct json_value note)
{
    struct request_session session = { .number = log->session_count + 1,
                                       .tool = json_text(note, "tool", log->region),
                                       .build = json_text(note, "build", log->region),
                                       .host = json_text(note, "host", log->region) };
    uint64_t began;

    if (!session.tool || !json_u64(json_get(note, "began"), &began) ||
        mem_room(&log->sessions, &log->session_cap, log->session_count, sizeof(session),
                 UINT32_MAX, NULL) < 0)
        return;
    session.began = (int64_t)began;
    log->sessions[log->session_count++] = session;
    log->session_first = log->earlier.count;
}

/* Add a request of the last of these sessions. */
static void take_request(struct request_log *log, struct json_value note, uint64_t number)
{
    const char *members = json_text(note, "members", log->region);
    struct entry *entry;

    if (!members || number != log->earlier.count - log->session_first + 1)
        return;
    entry = append(log, &log->earlier, json_text(note, "run", log->region), members);
    if (entry)
        entry->session = (uint32_t)log->session_count;
}

/* Add what is known of an answer to such a request. */
static void take_answer(struct request_log *log, struct json_value note, uint64_t number)
{
    const char *hex = json_text(note, "sha256", log->region);
    struct entry *entry;

    if (!number || number > log->earlier.count - log->session_first)
        return;
    entry = entry_at(&log->earlier, log->session_first + (size_t)number - 1);
    if (hex && *hex && text_unhex(entry->answer.sha256, SHA256_SIZE, hex) == 0)
        entry->answer.summed = true;
    (void)json_u64(json_get(note, "rows"), &entry->answer.rows);
    (void)json_u64(json_get(note, "expected"), &entry->answer.expected);
}

void request_log_earlier(struct request_log *log, const char *note, size_t len)
{
    struct json *doc = log ? json_parse(note, len, NULL) : NULL;
    struct json_value root = doc ? json_root(doc) : (struct json_value){ 0 };
    uint64_t number;

    if (json_type(json_get(root, "began")) != JSON_ABSENT)
        take_session(log, root);
    else if (log && !log->session_count)
        ; /* a note without a session */
    else if (json_u64(json_get(root, "asked"), &number))
        take_request(log, root, number);
    else if (json_u64(json_get(root, "answered"), &number))
        take_answer(log, root, number);
    json_free(doc);
}

void request_log_keep(struct request_log *log,
                      int (*keep)(void *ctx, const char *note, size_t len, struct err *err),
                      void *ctx)
{
    size_t i;

    if (!log)
        return;
    log->keep = keep;
    log->keep_ctx = ctx;
    log->kept = true;
    tell_session(log, &log->session);
    for (i = 0; log->kept && i < log->own.count; i++) {
        tell_request(log, i + 1, entry_at(&log->own, i));
        tell_answer(log, i + 1, entry_at(&log->own, i));
    }
}

uint64_t request_log_number(const struct request_log *log, uint64_t number)
{
    return log && number ? log->earlier.count + number : 0;
}

const struct request_answer *request_log_answer_of(const struct request_log *log,
                                                   uint64_t number)
{
    const struct entry *entry = entry_of(log, number);

    return entry ? &entry->answer : NULL;
}

/* What is being written. */
struct writing {
    const struct request_log *log;
    bool (*about)(void *ctx, const char *run);
    void *ctx;
    put_fn *put;
    void *to;
    struct buf line;
};

/* Write the requests of a list that are about runs of the archive, or about none. */
static int put_entries(struct writing *w, const struct entries *entries, uint64_t before,
                       struct err *err)
{
    size_t i;

    for (i = 0; i < entries->count; i++) {
        const struct entry *entry = entry_at(entries, i);

        if (entry->run && !w->about(w->ctx, entry->run))
            continue;
        if (request_line_request(&w->line, before + i + 1,
                                 entry->session ? entry->session : w->log->session_count + 1,
                                 entry->members, &entry->answer, err) < 0 ||
            request_line_flush(&w->line, w->put, w->to, err) < 0)
            return -1;
    }
    return 0;
}

static int put_sessions(struct writing *w, struct err *err)
{
    const struct request_log *log = w->log;
    struct request_session own = log->session;
    size_t i;

    own.number = log->session_count + 1;
    for (i = 0; i < log->session_count; i++) {
        if (request_line_session(&w->line, &log->sessions[i], err) < 0)
            return -1;
    }
    return request_line_session(&w->line, &own, err) < 0
               ? -1
               : request_line_flush(&w->line, w->put, w->to, err);
}

int request_log_put(const struct request_log *log, bool (*about)(void *ctx, const char *run),
                    void *ctx, put_fn *put, void *to, struct err *err)
{
    struct writing w = { .log = log, .about = about, .ctx = ctx, .put = put, .to = to };
    const struct request_header header = { .service = log->service,
                                           .version = log->version,
                                           .clock = clock_offset(log),
                                           .sessions = log->session_count + 1,
                                           .lost = log->lost };
    int rc;

    buf_init(&w.line, JSON_TEXT_MAX);
    rc = request_line_header(&w.line, &header, err);
    if (rc == 0)
        rc = request_line_flush(&w.line, put, to, err);
    if (rc == 0)
        rc = put_sessions(&w, err);
    if (rc == 0)
        rc = put_entries(&w, &log->earlier, 0, err);
    if (rc == 0)
        rc = put_entries(&w, &log->own, log->earlier.count, err);
    buf_clear(&w.line);
    return rc;
}

void request_refs_add(struct request_refs *refs, uint64_t number)
{
    size_t more = refs->count ? refs->count - 1 : 0;

    if (!number || refs->count == REQUEST_REFS_MAX)
        return;
    if (!refs->count)
        refs->first = number;
    else if (mem_room(&refs->more, &refs->cap, more, sizeof(*refs->more), REQUEST_REFS_MAX,
                      NULL) < 0)
        return;
    else
        refs->more[more] = number;
    refs->count++;
}

uint64_t request_refs_at(const struct request_refs *refs, size_t nth)
{
    return nth ? refs->more[nth - 1] : refs->first;
}

void request_refs_clear(struct request_refs *refs)
{
    mem_free(refs->more);
    *refs = (struct request_refs){ 0 };
}
