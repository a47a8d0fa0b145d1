/* SPDX-License-Identifier: MIT */
#include "client/records.h"

#include "base/file.h"
#include "base/mem.h"
#include "redact/redact.h"

#include <errno.h>
#include <string.h>

#define ROWS_MAX (RECORD_REQUESTS_MAX + 100)

struct records {
    const struct endpoint_filter *filter;
    const char *key;
    const char *dir;
    int fd; /* -1: no file yet */
    uint64_t size;
    struct buf clean;
};

struct records *records_new(const struct endpoint_filter *filter, const char *key,
                            const char *dir, struct err *err)
{
    struct records *records = mem_new(sizeof(*records), err);

    if (!records)
        return NULL;
    *records = (struct records){ .filter = filter, .key = key, .dir = dir, .fd = -1 };
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

int records_keep(struct records *records, struct record_set *set, enum endpoint endpoint,
                 const char *about, const char *json, size_t len, struct err *err)
{
    struct record_row *row = add(set, endpoint, about, err);
    struct redact what = { records->key, false, NULL };
    struct err why;

    if (!row)
        return err->kind ? -1 : 0;
    buf_reset(&records->clean);
    err_clear(&why);
    if (len > RECORD_MAX || set->bytes + len > RECORDS_MAX)
        return lose(set, row, REASON_TOO_LARGE);
    if (redact_json(&records->clean, json, len, &what, &why) < 0) {
        if (why.kind == ERR_MEMORY) {
            *err = why;
            return -1;
        }
        return lose(set, row, why.kind == ERR_LIMIT ? REASON_TOO_LARGE : REASON_BAD_ANSWER);
    }
    if (records->fd < 0) {
        records->fd = file_temp(records->dir, err);
        if (records->fd < 0)
            return -1;
    }
    if (file_pwrite(records->fd, buf_text(&records->clean), records->clean.len, records->size,
                    err) < 0)
        return err_wrap(err, "cannot store the runs' records");
    row->at = records->size;
    row->len = records->clean.len;
    records->size += row->len;
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
    while (set->count)
        mem_free(set->rows[--set->count].name);
    mem_free(set->rows);
    *set = (struct record_set){ 0 };
}
