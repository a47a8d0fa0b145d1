/* SPDX-License-Identifier: MIT */
#include "pull/request_file.h"

#include "base/hashmap.h"
#include "base/mem.h"
#include "format/tagfile.h"

#include <stdio.h>
#include <string.h>

#define PATH_ROOM 1024

int request_file_begin(struct request_file *file, const struct pull_opts *opts,
                       struct pagefile *pagefile, struct err *err)
{
    const struct request_log_opts log = { .pagefile = pagefile,
                                          .key = secret_peek(opts->api->key),
                                          .service = opts->api->base,
                                          .tool = opts->tool,
                                          .host = opts->log_host };

    file->log = request_log_new(&log, err);
    if (!file->log)
        return -1;
    request_log_copy(file->log, opts->asked);
    return 0;
}

/* Append a note to the journal, unless that is closed. */
static int keep_note(void *ctx, const char *note, size_t len, struct err *err)
{
    const struct request_file *file = ctx;

    return file->journal ? journal_note(file->journal, note, len, err) : 0;
}

void request_file_keep(struct request_file *file, struct journal *journal)
{
    const struct journal_note *note;

    file->journal = journal;
    for (note = journal_notes(journal); note; note = note->next)
        request_log_earlier(file->log, note->json, note->len);
    request_log_keep(file->log, keep_note, file);
}

void request_file_forget(struct request_file *file)
{
    file->journal = NULL;
}

void request_file_lists(struct request_file *file, const struct listing *listing, size_t count)
{
    for (; file->cleaned < count; file->cleaned++)
        listing_log(&listing->runs[file->cleaned]);
}

void request_file_flush(struct request_file *file)
{
    struct err err;

    if (file->journal && journal_flush(file->journal, &err) < 0)
        file->journal = NULL; /* the fetch warns, for whose rows it is as full */
}

void request_file_clear(struct request_file *file)
{
    request_log_free(file->log);
    *file = (struct request_file){ 0 };
}

struct writing {
    const struct request_file *file;
    const struct manifest_facts *facts;
    struct hashmap *runs; /* the names of the archive's runs */
    const struct document *document;
    size_t item; /* index of the next item of the plan */
    put_fn *put;
    void *to;
    struct buf line;
};

static int name_run(struct writing *w, const char *name, struct err *err)
{
    return !*name || hashmap_get(w->runs, name, strlen(name))
               ? 0
               : hashmap_add(w->runs, name, strlen(name), w, err);
}

static int name_runs(struct writing *w, struct err *err)
{
    const struct listing *listing = w->facts->listing;
    size_t i;

    for (i = 0; i < listing->count; i++) {
        if (name_run(w, listing->runs[i].id, err) < 0 ||
            name_run(w, listing->runs[i].other, err) < 0)
            return -1;
    }
    return 0;
}

static bool is_about(void *ctx, const char *run)
{
    return hashmap_get(((const struct writing *)ctx)->runs, run, strlen(run)) != NULL;
}

/* Write the counts of the run with an index. */
static int put_counts(struct writing *w, size_t index, struct err *err)
{
    const struct manifest_facts *facts = w->facts;
    const struct listed_run *run = &facts->listing->runs[index];
    struct request_counts counts = { .listed = run->list.count };

    for (; w->item < plan_count(facts->plan) && plan_at(facts->plan, w->item)->run == index;
         w->item++) {
        const struct item *item = plan_at(facts->plan, w->item);
        bool here = fetch_packed(facts->fetch, item)->here;

        counts.expected += here || !item->unlisted;
        counts.received += here;
    }
    return request_line_run(&w->line, run->id, &counts, err) < 0
               ? -1
               : request_line_flush(&w->line, w->put, w->to, err);
}

/*
 * Write the line of a record that is stored as the next document; a record without a request
 * has none.
 */
static int put_record(struct writing *w, const struct listed_run *run,
                      const struct request_refs *from, const char *path, struct err *err)
{
    const struct request_log *log = w->file->log;
    const struct document *document = w->document;
    size_t i;

    if (!document || strcmp(document->path, path) != 0)
        return 0;
    w->document = document->next;
    if (request_line_record(&w->line, path, run->id, document->digest.sha256, from->joined,
                            err) < 0)
        return -1;
    for (i = 0; i < from->count; i++) {
        uint64_t number = request_refs_at(from, i);
        const struct request_answer *answer = request_log_answer_of(log, number);

        if (answer && request_line_page(&w->line, i == 0, request_log_number(log, number),
                                        answer, err) < 0)
            return -1;
    }
    return request_line_end(&w->line, err) < 0
               ? -1
               : request_line_flush(&w->line, w->put, w->to, err);
}

/* Write the lines of a run's records, in the order of tagfiles_documents. */
static int put_records(struct writing *w, const struct listed_run *run, struct err *err)
{
    char path[PATH_ROOM];
    size_t i;

    if (run->failed)
        return 0;
    (void)snprintf(path, sizeof(path), TAGFILE_DOCUMENT, run->id, TAGFILE_RUN);
    if (put_record(w, run, &run->run_from, path, err) < 0)
        return -1;
    (void)snprintf(path, sizeof(path), TAGFILE_DOCUMENT, run->id, TAGFILE_LIST);
    if (put_record(w, run, &run->list_from, path, err) < 0)
        return -1;
    for (i = 0; i < run->records.count; i++) {
        const struct record_row *row = &run->records.rows[i];

        (void)snprintf(path, sizeof(path), TAGFILE_RECORD, run->id, row->name);
        if (!row->reason && put_record(w, run, &row->from, path, err) < 0)
            return -1;
    }
    return 0;
}

int request_file_put(const struct request_file *file, const struct manifest_facts *facts,
                     put_fn *put, void *to, struct err *err)
{
    struct writing w = { .file = file,
                         .facts = facts,
                         .runs = hashmap_new(err),
                         .document = packer_documents(facts->packer),
                         .put = put,
                         .to = to };
    size_t i;
    int rc = w.runs ? name_runs(&w, err) : -1;

    buf_init(&w.line, REQUEST_LINE_MAX);
    if (rc == 0)
        rc = request_log_put(file->log, is_about, &w, put, to, err);
    for (i = 0; rc == 0 && i < facts->listing->count; i++) {
        const struct listed_run *run = &facts->listing->runs[i];

        rc = put_counts(&w, i, err) < 0 ? -1 : put_records(&w, run, err);
    }
    buf_clear(&w.line);
    hashmap_free(w.runs);
    return rc;
}
