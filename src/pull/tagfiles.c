/* SPDX-License-Identifier: MIT */
#include "pull/tagfiles.h"

#include "attest/authority.h"
#include "attest/sshsig.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "format/tagfile.h"
#include "writer/body.h"

#include <unistd.h>

void tagfiles_count(struct tagfiles *files)
{
    struct manifest_totals *t = &files->facts.totals;
    size_t i;

    for (i = 0; i < files->facts.listing->count; i++)
        t->missing += files->facts.listing->runs[i].failed;
    for (i = 0; i < plan_count(files->facts.plan); i++) {
        const struct item *item = plan_at(files->facts.plan, i);
        const struct packed *packed = fetch_packed(files->facts.fetch, item);

        if (!packed->here) {
            t->missing += !item->unlisted;
            continue;
        }
        t->artifacts++;
        t->bytes += packed->size;
        t->duplicates += packed->duplicate_of != NULL;
        files->mismatches += packed->mismatch;
        files->suspects += packed->suspect;
    }
    t->unique = t->artifacts - t->duplicates;
    t->downloaded_bytes = fetch_progress(files->facts.fetch).bytes;
}

/* A body being read from its start. */
struct reading {
    const struct body *body;
    struct body_cursor cursor;
    uint64_t at;
};

static ssize_t read_on(void *ctx, void *bytes, size_t len, struct err *err)
{
    struct reading *r = ctx;
    ssize_t n = body_read_at(r->body, &r->cursor, bytes, len, r->at, err);

    r->at += n > 0 ? (uint64_t)n : 0;
    return n;
}

int tagfiles_see(void *ctx, const char *path, const struct item *item,
                 const struct packed *packed, const struct body *body, struct err *err)
{
    struct reading reading = { .body = body };
    const struct page_file file = { path, item ? item->what.type : NULL,
                                    packed ? packed->media_type : NULL, body->size };

    return page_take(ctx, &file, read_on, &reading, err);
}

struct making {
    const struct tagfiles *files;
    struct manifest_text *manifest;
};

static int make_manifest(void *ctx, const struct manifest_views *views, put_fn *put, void *to,
                         struct err *err)
{
    return manifest_text_put(((struct making *)ctx)->manifest, views, put, to, err);
}

static int make_requests(void *ctx, put_fn *put, void *to, struct err *err)
{
    const struct tagfiles *files = ((struct making *)ctx)->files;

    return request_file_put(files->requests, &files->facts, put, to, err);
}

static int show_rows(void *ctx, struct page *page, struct err *err)
{
    return manifest_text_show(((struct making *)ctx)->manifest, page, err);
}

/* The payload files: the runs' documents, then the items. */
static int make_payload(void *ctx, struct tag_payload *payload, struct err *err)
{
    const struct manifest_facts *facts = &((struct making *)ctx)->files->facts;
    const struct document *document;
    size_t i;

    for (document = packer_documents(facts->packer); document; document = document->next) {
        if (tag_payload_add(payload, document->path, document->size, document->digest.sha256,
                            err) < 0)
            return -1;
    }
    for (i = 0; i < plan_count(facts->plan); i++) {
        const struct packed *packed = fetch_packed(facts->fetch, plan_at(facts->plan, i));

        if (packed->here && tag_payload_add(payload, packed->path, packed->size,
                                            packed->digest.sha256, err) < 0)
            return -1;
    }
    return 0;
}

int tagfiles_write(struct tagfiles *files, struct tag_result *manifest, struct err *err)
{
    const struct manifest_head *head = &files->facts.head;
    struct making making = { files, manifest_text_new(&files->facts, err) };
    struct tag_source source = { .volume = files->facts.volume,
                                 .page = files->page,
                                 .placed = packer_documents(files->facts.packer) != NULL,
                                 .info = { .name = files->top,
                                           .software = head->tool,
                                           .source = head->source,
                                           .made = head->created_at,
                                           .previous = head->previous,
                                           .previous_sha256 = head->previous_sha256 },
                                 .manifest = make_manifest,
                                 .requests = make_requests,
                                 .logged = true,
                                 .show = show_rows,
                                 .payload = make_payload,
                                 .ctx = &making };
    int rc = making.manifest ? tag_writer_write(&source, manifest, err) : -1;

    manifest_text_free(making.manifest);
    return rc;
}

/* Give a document of a run to the packer, which takes over its path and its body. */
static int put_document(struct packer *packer, const struct listed_run *run, char *path,
                        struct body *body, struct err *err)
{
    int64_t created = clock_us(run->run.created_at);

    if (!path || !body) {
        mem_free(path);
        body_free(body);
        return -1;
    }
    if (created == CLOCK_NONE)
        created = clock_wall() * 1000;
    return packer_document(packer, path, created / 1000000, body, err);
}

/* The same for a text that the listing owns. */
static int put_text(struct packer *packer, const struct listed_run *run, const char *name,
                    const char *text, size_t len, struct err *err)
{
    return put_document(packer, run, mem_format(err, TAGFILE_DOCUMENT, run->id, name),
                        body_of_borrowed(text, len, err), err);
}

/* The same for a stored record. */
static int put_record(struct packer *packer, const struct listed_run *run,
                      const struct records *records, const struct record_row *row,
                      struct err *err)
{
    return put_document(packer, run, mem_format(err, TAGFILE_RECORD, run->id, row->name),
                        row->text ? body_of_borrowed(row->text, row->len, err)
                                  : body_of_part(records_file(records), row->at, row->len, err),
                        err);
}

int tagfiles_documents(struct listing *listing, const struct records *records,
                       struct packer *packer, struct err *err)
{
    size_t i;
    size_t k;

    for (i = 0; i < listing->count; i++) {
        struct listed_run *run = &listing->runs[i];

        if (!run->failed && (put_text(packer, run, TAGFILE_RUN, buf_text(&run->run_json),
                                      run->run_json.len, err) < 0 ||
                             put_text(packer, run, TAGFILE_LIST, run->list_json.text,
                                      run->list_json.len, err) < 0))
            return -1;
        for (k = 0; !run->failed && k < run->records.count; k++) {
            const struct record_row *row = &run->records.rows[k];

            if (!row->reason && put_record(packer, run, records, row, err) < 0)
                return -1;
        }
    }
    return 0;
}

void tagfiles_stamp(const struct pull_opts *opts, struct pull_result *result)
{
    const char *archive = opts->stamped ? opts->stamped : opts->output;
    unsigned i;

    for (i = 1; opts->force && archive && i <= TSP_MOST; i++) { /* of the archive before */
        char *path = tsp_path(archive, i, NULL);

        if (path)
            (void)unlink(path); /* one that stays is of another digest, which verify says */
        mem_free(path);
    }
    for (i = 1; i <= opts->authorities.count; i++) {
        struct err err = { 0 };
        char when[CLOCK_TEXT_MAX];
        struct tsp_stamp stamp;
        char *path = tsp_path(archive, i, &err);

        if (path && stop_check(&opts->authorities.stop, &err) == 0 &&
            authority_ask(&opts->authorities, i, result->manifest_sha256, path, &stamp, &err) ==
                0) {
            result->stamps++;
            log_line(LOG_INFO, "'%s': time stamp of %s by %s", path,
                     clock_format(when, stamp.at_ms, CLOCK_RFC3339), stamp.who);
        } else {
            result->stamps_failed++;
            log_line(LOG_WARNING, "the archive has no time stamp of authority %u: %s", i,
                     err.text);
        }
        mem_free(path);
    }
}

int tagfiles_sign(const struct tag_result *manifest, const struct pull_opts *opts,
                  const char *path, struct err *err)
{
    struct buf text;
    int rc = -1;

    buf_init(&text, SSHSIG_FILE_MAX);
    if (!opts->force && access(path, F_OK) == 0)
        (void)err_set(err, ERR_EXISTS, "'%s' exists; --force replaces it", path);
    else if (sshsig_sign(opts->sign_key, manifest->sha512, &text, err) == 0)
        rc = file_put(path, text.data, text.len, opts->mode, err);
    buf_clear(&text);
    return rc;
}
