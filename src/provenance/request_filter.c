/* SPDX-License-Identifier: MIT */
#include "provenance/request_filter.h"

#include "format/tagfile.h"

#include <stdio.h>
#include <string.h>

/* Copy the first line with a new number of removed lines. */
static int put_header(struct request_filter *f, const struct request_line *line,
                      const char *text, size_t len, struct err *err)
{
    struct json_value v = json_get(json_root(line->doc), "removed");
    uint64_t before;
    size_t raw_len;
    const char *raw = json_raw(v, &raw_len);
    char number[32];

    if (!json_u64(v, &before))
        return err_set(err, ERR_FORMAT, "the header does not say how many lines were removed");
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)(before + f->remove));
    return f->put(f->to, text, (size_t)(raw - text), err) < 0 ||
                   f->put(f->to, number, strlen(number), err) < 0
               ? -1
               : f->put(f->to, raw + raw_len, len - (size_t)(raw + raw_len - text), err);
}

static int on_line(void *ctx, const char *text, size_t len, struct err *err)
{
    struct request_filter *f = ctx;
    struct request_line line;
    int rc = request_line_read(&line, text, len, err);
    bool keep = rc == 0 && (!line.run || f->keep(f->ctx, line.run));

    f->line++;
    f->removed += rc == 0 && !keep;
    if (rc == 0 && (f->line == 1) != (line.kind == REQUEST_LINE_HEADER))
        rc = err_set(err, ERR_FORMAT, "the header is not the first line");
    if (rc == 0 && line.kind == REQUEST_LINE_HEADER)
        rc = put_header(f, &line, text, len, err);
    else if (rc == 0 && keep)
        rc = f->put(f->to, text, len, err);
    if (rc == 0 && keep)
        rc = f->put(f->to, "\n", 1, err);
    request_line_clear(&line);
    return rc < 0 ? err_wrap(err, "line %llu of " TAGFILE_REQUESTS, (unsigned long long)f->line)
                  : 0;
}

void request_filter_begin(struct request_filter *f)
{
    f->removed = 0;
    f->line = 0;
    request_lines_init(&f->lines, on_line, f);
}

int request_filter_put(void *ctx, const void *bytes, size_t len, struct err *err)
{
    return request_lines_put(&((struct request_filter *)ctx)->lines, bytes, len, err);
}

int request_filter_end(struct request_filter *f, struct err *err)
{
    int rc = request_lines_end(&f->lines, err);

    request_lines_clear(&f->lines);
    return rc;
}
