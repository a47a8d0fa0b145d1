/* SPDX-License-Identifier: MIT */
#include "client/records.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "redact/redact.h"

#include <errno.h>
#include <string.h>

#define ROWS_MAX (RECORD_REQUESTS_MAX + 100)

struct records {
    const struct endpoint_filter *filter;
    const char *key;
    const char *dir;
    struct request_log *log;
    int fd;             /* -1: no file yet */
    bool barred;        /* the file has failed: no record is written to it any more */
    uint64_t size;      /* of the file */
    uint64_t in_memory; /* bytes of records */
    struct buf clean;
};

struct records *records_new(const struct endpoint_filter *filter, const char *key,
                            const char *dir, struct request_log *log, struct err *err)
{
    struct records *records = mem_new(sizeof(*records), err);

    if (!records)
        return NULL;
    *records =
        (struct records){ .filter = filter, .key = key, .dir = dir, .log = log, .fd = -1 };
    buf_init(&records->clean, redact_room(RECORD_MAX));
    return records;
}

void records_free(struct records *records)
{
    if (!records)
        return;
    file_close(&records->fd);
    buf_clear(&records->clean);
    mem_free(records);
}

bool records_want(const struct records *records, enum endpoint endpoint)
{
    return records && endpoint < ENDPOINT_RECORDS && records->filter->wanted[endpoint];
}

/* Add a row; NULL with err->kind ERR_NONE if there is one with this name. */
static struct record_row *add(struct record_set *set, enum endpoint endpoint, const char *about,
                              struct err *err)
{
    struct record_row *row;
    char *name = mem_format(err, "%s%s%s", endpoint_name(endpoint), about ? "-" : "",
                            about ? about : "");
    size_t i;

    if (!name)
        return NULL;
    for (i = 0; i < set->count; i++) {
        if (strcmp(set->rows[i].name, name) == 0) {
            mem_free(name);
            err_clear(err);
            return NULL;
        }
    }
    if (mem_room(&set->rows, &set->cap, set->count, sizeof(*set->rows), ROWS_MAX, err) < 0) {
        mem_free(name);
        return NULL;
    }
    row = &set->rows[set->count++];
    *row = (struct record_row){ .name = name };
    return row;
}

static int lose(struct record_set *set, struct record_row *row, enum reason reason)
{
    row->reason = reason;
    row->lost = true;
    set->lost++;
    return 0;
}

/* Write the redacted record to the file. */
static int put_in_file(struct records *records, struct record_row *row, struct err *err)
{
    if (records->fd < 0)
        records->fd = file_temp(records->dir, err);
    if (records->fd < 0 || file_pwrite(records->fd, buf_text(&records->clean),
                                       records->clean.len, records->size, err) < 0)
        return -1;
    row->at = records->size;
    records->size += records->clean.len;
    return 0;
}

/*
 * Store the redacted record.
 *
 * returns  1; 0: there is no space for it; -1: ERR_MEMORY
 */
static int store(struct records *records, struct record_row *row, struct err *err)
{
    struct err why;

    if (!records->barred) {
        if (put_in_file(records, row, &why) == 0)
            return 1;
        log_line(LOG_WARNING, "%s; the runs' records are stored in memory (--spool-dir)",
                 why.text);
        records->barred = true;
    }
    if (records->clean.len > RECORDS_MEMORY - records->in_memory)
        return 0;
    row->text = mem_copy(buf_text(&records->clean), err);
    records->in_memory += records->clean.len;
    return row->text ? 1 : -1;
}

int records_keep(struct records *records, struct record_set *set, enum endpoint endpoint,
                 const char *about, const struct record_answer *answer, struct err *err)
{
    size_t len = answer->len;
    struct record_row *row = add(set, endpoint, about, err);
    struct redact what = { records->key, false, NULL };
    struct err why;
    int rc;

    if (!row)
        return err->kind ? -1 : 0;
    buf_reset(&records->clean);
    err_clear(&why);
    if (len > RECORD_MAX || set->bytes + len > RECORDS_MAX)
        return lose(set, row, REASON_TOO_LARGE);
    if (redact_json(&records->clean, answer->json, len, &what, &why) < 0) {
        if (why.kind == ERR_MEMORY) {
            *err = why;
            return -1;
        }
        return lose(set, row, why.kind == ERR_LIMIT ? REASON_TOO_LARGE : REASON_BAD_ANSWER);
    }
    rc = store(records, row, err);
    if (rc <= 0)
        return rc < 0 ? -1 : lose(set, row, REASON_NO_SPACE);
    if (answer->from->count == 1 && !answer->from->joined)
        request_log_clean(records->log, answer->from->first, buf_text(&records->clean),
                          records->clean.len);
    row->from = *answer->from;
    *answer->from = (struct request_refs){ 0 };
    row->len = records->clean.len;
    set->bytes += row->len;
    set->here++;
    return 0;
}

/* The reason for a missing record. */
static enum reason reason_of(enum endpoint_verdict verdict, const struct err *why)
{
    if (verdict == ENDPOINT_LACKED)
        return REASON_NOT_OFFERED;
    if (verdict == ENDPOINT_DENIED)
        return REASON_DENIED;
    if (why->os == ETIMEDOUT)
        return REASON_TIMEOUT;
    if (why->kind == ERR_LIMIT)
        return REASON_TOO_LARGE;
    if (why->kind == ERR_FORMAT)
        return REASON_BAD_ANSWER;
    if (why->http == 429)
        return REASON_RATE_LIMITED;
    if (why->http >= 500)
        return REASON_SERVER_ERROR;
    return why->http ? REASON_HTTP_ERROR : REASON_NETWORK_ERROR;
}

int records_lack(struct record_set *set, enum endpoint endpoint, const char *about,
                 enum endpoint_verdict verdict, const struct err *why, struct err *err)
{
    struct record_row *row = add(set, endpoint, about, err);

    if (!row)
        return err->kind ? -1 : 0;
    row->reason = reason_of(verdict, why);
    row->http_status = why->http;
    row->lost = verdict == ENDPOINT_FAILED;
    set->lost += row->lost;
    return 0;
}

int records_lose(struct record_set *set, enum endpoint endpoint, const char *about,
                 enum reason reason, struct err *err)
{
    struct record_row *row = add(set, endpoint, about, err);

    return row ? lose(set, row, reason) : err->kind ? -1 : 0;
}

int records_file(const struct records *records)
{
    return records->fd;
}

void record_set_clear(struct record_set *set)
{
    while (set->count) {
        mem_free(set->rows[--set->count].name);
        request_refs_clear(&set->rows[set->count].from);
        mem_free(set->rows[set->count].text);
    }
    mem_free(set->rows);
    *set = (struct record_set){ 0 };
}
