/* SPDX-License-Identifier: MIT */
#include "sync/catalog_import.h"

#include "api/reason.h"
#include "api/run.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "catalog/contents.h"
#include "catalog/log_replay.h"
#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "catalog/search.h"
#include "catalog/text_index.h"
#include "client/identity.h"
#include "client/listing.h"
#include "format/manifest_read.h"
#include "reader/archive_reader.h"
#include "reader/manifest_scan.h"
#include "reader/verify.h"
#include "sync/text_import.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * copies with a wrong checksum before an artifact is not fetched again; its run is never listed
 * as safe
 */
#define SUM_TRIES 3

#define VOLUMES_MAX ((size_t)1 << 24)
#define TOLD_MAX    5 /* defects of a volume that are logged one by one */

struct entering {
    struct db *catalog;
    const struct catalog_import_opts *opts;
    const char *name;
    struct volume_name parts;
    int64_t volume;
    struct region *region; /* texts of the current row */
    size_t rows;
    bool catalog_failed; /* the catalog failed, not the volume */
    bool strange;        /* a different volume under this name */
};

/* Record that a failure is the catalog's, not the volume's. */
static int catalog_result(struct entering *e, int rc)
{
    e->catalog_failed = e->catalog_failed || rc < 0;
    return rc;
}

/* When a volume was made, at the earliest: the start of its sync according to its name, or
 * now if that time is in the future. */
static int64_t made_ms(const struct entering *e)
{
    int64_t stamp = db_us(e->parts.stamp);
    int64_t now = e->opts->now_ms;

    return stamp == DB_UNKNOWN || stamp / 1000 > now ? now : stamp / 1000;
}

/* Whether the run was listed under both IDs and with its child runs, if it may have these:
 * versions before 0.2 listed only one ID. */
static bool is_asked_whole(const struct manifest_read_run *row)
{
    return row->named || (!identity_is_task(row->run_id) && !identity_is_workflow(row->run_id));
}

/* Set the state of an archived run: open until it is listed again, or sealed if its end was
 * long before it was archived. */
static int set_state(struct entering *e, const struct manifest_read_run *row, struct err *err)
{
    const struct catalog_import_opts *o = e->opts;
    int64_t ended = db_us(row->finished_at);
    bool old = ended != DB_UNKNOWN && made_ms(e) - ended / 1000 >= o->give_up;
    int newer = search_newer(e->catalog, row->run_id, e->name, err);
    bool retried = manifest_read_noted(row, RUN_NOTE_RETRY);
    bool empty = manifest_read_noted(row, RUN_NOTE_EMPTY);
    bool over = newer || !row->status || (run_is_terminal(row->status) && !retried);
    bool sealed = old && over && !row->missing && !empty && is_asked_whole(row);
    struct run_state_row seen = { .run_id = row->run_id,
                                  .status = newer ? NULL : row->status,
                                  .created_at = db_us(row->created_at),
                                  .finished_at = ended };

    if (newer < 0)
        return -1;
    if (o->pruning)
        return 0;
    if (sealed) { /* a run whose parts may have been pruned is not sealed */
        int pruned = log_replay_pruned(e->catalog, row->run_id, err);

        if (pruned < 0)
            return -1;
        sealed = !pruned;
    }
    if (run_state_seen(e->catalog, &seen, over, o->now_ms, err) < 0)
        return -1;
    if (!over) /* the next sync asks for the run */
        return run_state_set(e->catalog, row->run_id, RUN_STATE_RUNNING, 0,
                             retried ? RUN_STATE_RETRY : NULL, err);
    return run_state_set(e->catalog, row->run_id, sealed ? RUN_STATE_SEALED : RUN_STATE_OPEN,
                         o->now_ms + (row->missing ? RUN_STATE_HOUR : o->settle),
                         sealed  ? "archived long after its end"
                         : empty ? RUN_STATE_EMPTY
                                 : NULL,
                         err);
}

/* Set the state of a run that could not be archived: vanished if the service does not know
 * the run, otherwise deferred. */
static int run_failed(struct entering *e, const struct manifest_read_run *row, struct err *err)
{
    struct run_state_row seen = { .run_id = row->run_id,
                                  .created_at = db_us(row->created_at),
                                  .finished_at = db_us(row->finished_at) };
    char other[VOLUME_NAME];

    if (run_state_seen(e->catalog, &seen, true, e->opts->now_ms, err) < 0)
        return -1;
    if (strcmp(row->error, reason_word(REASON_RUN_NOT_FOUND)) == 0)
        return run_state_vanished(e->catalog, row->run_id, row->error, err) < 0 ? -1 : 0;
    if (contents_volume_of(e->catalog, row->run_id, other, sizeof(other)))
        return 0; /* another volume has the run, and is newer */
    return run_state_put_off(e->catalog, row->run_id, RUN_STATE_DUE, e->opts->now_ms,
                             row->error, err);
}

/* Record the second ID of a run, and its parent run. */
static int relate(struct entering *e, const struct manifest_read_run *row, struct err *err)
{
    const char *name = row->run_id;
    const char *other = row->other_run_id;

    if (other && run_id_valid(other) && identity_pair(name, other)) {
        identity_order(&name, &other);
        if (relation_learn(e->catalog, name, other, err) < 0)
            return -1;
    }
    if (row->parent_run_id && run_id_valid(row->parent_run_id))
        return relation_set_parent(e->catalog, row->run_id, row->parent_run_id, err);
    return 0;
}

static int on_run(struct entering *e, const char *text, size_t len, struct err *err)
{
    struct manifest_read_run row;
    struct contents_run run;

    if (manifest_read_run(&row, text, len, e->region, err) < 0)
        return -1;
    if (!run_id_valid(row.run_id))
        return 0;
    if (catalog_result(e, relate(e, &row, err)) < 0)
        return -1;
    if (row.error)
        return e->opts->pruning ? 0 : catalog_result(e, run_failed(e, &row, err));
    run = (struct contents_run){ .run_id = row.run_id,
                                 .supplements = row.supplements,
                                 .status = row.status,
                                 .run_type = row.run_type,
                                 .failure_reason = row.failure_reason,
                                 .prompt = row.prompt,
                                 .title = row.title,
                                 .output = row.output,
                                 .created_at = db_us(row.created_at),
                                 .finished_at = db_us(row.finished_at),
                                 .artifacts = row.archived,
                                 .missing = row.missing };
    return catalog_result(
        e, contents_run(e->catalog, e->volume, &run, err) < 0 ? -1 : set_state(e, &row, err));
}

/*
 * Handle an artifact with a wrong checksum: it is fetched again, up to SUM_TRIES copies. An
 * artifact with suspect content is not fetched again, since all ways to fetch it were tried;
 * but its run is not safe.
 */
static int wrong_bytes(struct entering *e, const struct manifest_read_artifact *row,
                       struct err *err)
{
    const struct contents_missing again = {
        row->run_id, row->artifact_id, row->artifact_type,
        reason_word(row->mismatch ? REASON_CHECKSUM_MISMATCH : REASON_SUSPECT_CONTENT), false
    };
    int settled = contents_has_good(e->catalog, row->run_id, row->artifact_id, err);

    if (settled)
        return settled < 0 ? -1 : 0; /* another volume has a good copy */
    if (contents_again(e->catalog, &again, row->mismatch ? SUM_TRIES : 1, err) < 0)
        return -1;
    return e->opts->pruning || !row->mismatch
               ? 0
               : run_state_reopen(e->catalog, row->run_id, e->opts->now_ms + RUN_STATE_HOUR,
                                  "an artifact's checksum does not match the service's", err);
}

static int on_artifact(struct entering *e, const char *text, size_t len, struct err *err)
{
    struct manifest_read_artifact row;
    struct contents_artifact artifact;
    uint8_t listed[CONTENTS_LISTED];

    if (manifest_read_artifact(&row, text, len, e->region, err) < 0 ||
        contents_listing(
            listed,
            &(struct contents_listing){ row.checksum, row.modified_at, row.listed_size },
            err) < 0)
        return -1;
    artifact = (struct contents_artifact){ .run_id = row.run_id,
                                           .artifact_id = row.artifact_id,
                                           .type = row.artifact_type,
                                           .path = row.path,
                                           .created_at = db_us(row.created_at),
                                           .size = row.size,
                                           .listed = row.told ? listed : NULL,
                                           .wrong = row.mismatch || row.suspect };
    memcpy(artifact.sha256, row.sha256, SHA256_SIZE);
    if (contents_artifact(e->catalog, e->volume, &artifact, err) < 0)
        return catalog_result(e, -1);
    return artifact.wrong && row.artifact_id ? catalog_result(e, wrong_bytes(e, &row, err)) : 0;
}

static int on_missing(struct entering *e, const char *text, size_t len, struct err *err)
{
    struct manifest_read_missing row;
    struct contents_missing missing;

    if (manifest_read_missing(&row, text, len, e->region, err) < 0)
        return -1;
    if (!row.artifact_id || e->opts->pruning) /* a whole run is missing: its state says when
                                               * to retry */
        return 0;
    missing = (struct contents_missing){ row.run_id, row.artifact_id, row.artifact_type,
                                         row.reason, reason_word_is_final(row.reason) };
    return catalog_result(e, contents_missing(e->catalog, &missing, err));
}

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct entering *e = ctx;

    if (region_renew(&e->region, &e->rows, err) < 0)
        return -1;
    switch (section) {
    case MANIFEST_READ_RUNS:
        return on_run(e, text, len, err);
    case MANIFEST_READ_ARTIFACTS:
        return on_artifact(e, text, len, err);
    case MANIFEST_READ_MISSING:
        return on_missing(e, text, len, err);
    case MANIFEST_READ_HEAD:
    case MANIFEST_READ_CREATED:
    case MANIFEST_READ_SOURCE:
    case MANIFEST_READ_PREVIOUS:
    case MANIFEST_READ_FILTER:
    case MANIFEST_READ_CHILDREN:
    case MANIFEST_READ_DOCUMENTS:
        break;
    }
    return 0;
}

/* Import the manifest; its digest is known only after the last row. */
static int enter(struct entering *e, struct archive_reader *reader,
                 const struct volume_seen *seen, struct err *err)
{
    struct contents_volume volume = { .name = e->name,
                                      .manifest_sha256 = "",
                                      .size = seen->size,
                                      .tail = seen->tail,
                                      .created_ms = e->opts->now_ms,
                                      .entered_ms = clock_wall(),
                                      .verified_ms = e->opts->verified_ms };
    struct manifest_digests digests;
    char hex[SHA256_TEXT];

    if (catalog_result(e, contents_volume(e->catalog, &volume, &e->volume, err)) < 0 ||
        manifest_scan(reader, on_row, e, &digests, err) < 0)
        return -1;
    e->strange = strcmp(reader->top, e->parts.top) != 0;
    if (e->strange)
        return err_set(err, ERR_MISMATCH, "it is archive '%.200s' under a different name",
                       reader->top);
    text_hex(hex, digests.sha256, SHA256_SIZE);
    if (catalog_result(e, contents_end(e->catalog, e->volume, hex, err)) < 0)
        return -1;
    return e->opts->texts ? text_import(e->catalog, e->volume, reader, &e->opts->stop,
                                        &e->catalog_failed, err)
                          : 0;
}

/* Examine a volume that is about to be read. *strange is set if it is not a regular file. */
static int look(const struct volume_store *store, const char *name, struct volume_seen *seen,
                bool *strange, struct err *err)
{
    int there = volume_store_look(store, name, seen, err);

    *strange = there > 0 && !seen->regular;
    if (there == 0)
        return err_set(err, ERR_NOT_FOUND, "'%s/%s' no longer exists", store->place, name);
    return *strange    ? err_set(err, ERR_MISMATCH, "it is not %s",
                              volume_store_is_remote(store) ? "what its commit record says"
                                                               : "a regular file")
           : there < 0 ? -1
                       : 0;
}

static int import_archive(struct entering *e, const struct volume_store *store, struct err *err)
{
    struct volume_seen seen;
    struct archive_reader reader = { 0 };
    char *path = volume_store_read(store, e->name, err);
    int rc = path ? look(store, e->name, &seen, &e->strange, err) : -1;

    if (rc == 0)
        rc = archive_reader_open(&reader, path, err);
    if (rc == 0)
        rc = catalog_result(e, db_begin(e->catalog, err));
    if (rc == 0) {
        rc = enter(e, &reader, &seen, err);
        if (rc == 0)
            rc = catalog_result(e, db_commit(e->catalog, err));
        else
            db_rollback(e->catalog);
    }
    region_free(e->region);
    e->region = NULL;
    archive_reader_close(&reader);
    mem_free(path);
    return rc;
}

/* Whether an error means that the volume's bytes are damaged. */
static bool is_damage(const struct err *err)
{
    return err_is_damage(err) || err->os == EIO;
}

/* The enter function of heal_reader. */
static int on_enter(void *ctx, struct db *catalog, const char *name, enum fixity_fault *fault,
                    struct err *err)
{
    const struct catalog_import_opts *opts = ctx;
    struct entering e = { .catalog = catalog, .opts = opts, .name = name };

    if (!volume_name_parse(&e.parts, name))
        return err_set(err, ERR_FORMAT, "'%.200s' is not a volume name", name);
    if (import_archive(&e, opts->store, err) == 0)
        return HEAL_GOOD;
    (void)err_wrap(err, "cannot import volume '%s' into the catalog", name);
    if (e.catalog_failed || !volume_store_at_fault(err))
        return -1;
    *fault = e.strange ? FIXITY_DIFFERS : FIXITY_DAMAGED;
    return e.strange || is_damage(err) ? HEAL_BAD : HEAL_UNREADABLE;
}

int catalog_import_volume(struct db *catalog, const char *name,
                          const struct catalog_import_opts *opts, struct err *err)
{
    struct catalog_import_opts own = *opts;
    enum fixity_fault fault;

    return on_enter(&own, catalog, name, &fault, err) ? -1 : 0;
}

/* Add the texts of one volume, which the catalog has. */
static int add_texts(struct db *catalog, const char *name, int64_t id,
                     const struct catalog_import_opts *opts, bool *catalog_failed,
                     struct err *err)
{
    struct archive_reader reader = { 0 };
    char sha256[SHA256_TEXT];
    char head[SHA256_TEXT];
    char *path = volume_store_read(opts->store, name, err);
    int rc = path ? contents_manifest(catalog, name, sha256, err) : -1;

    *catalog_failed = rc < 0;
    if (rc >= 0)
        rc = catalog_import_head(opts->store, name, head, err);
    if (rc == 0 && strcmp(head, sha256) != 0)
        rc = err_set(err, ERR_MISMATCH, "it has a different manifest");
    if (rc == 0)
        rc = archive_reader_open(&reader, path, err);
    if (rc == 0) {
        rc = db_begin(catalog, err);
        *catalog_failed = rc < 0;
    }
    if (rc == 0)
        rc = text_import(catalog, id, &reader, &opts->stop, catalog_failed, err);
    if (rc == 0) {
        rc = db_commit(catalog, err);
        *catalog_failed = rc < 0;
    } else {
        db_rollback(catalog);
    }
    archive_reader_close(&reader);
    mem_free(path);
    return rc;
}

static int on_volume(void *ctx, const struct contents_volume *volume, struct err *err)
{
    return text_list_add(ctx, volume->name, VOLUMES_MAX, err);
}

int catalog_import_texts(struct db *catalog, const struct catalog_import_opts *opts,
                         struct err *err)
{
    struct text_list names = { 0 };
    size_t added = 0;
    size_t i;
    int rc = contents_volumes(catalog, on_volume, &names, err);

    for (i = 0; rc == 0 && i < names.count; i++) {
        bool catalog_failed = false;
        int64_t id;

        rc = stop_check(&opts->stop, err) < 0
                 ? -1
                 : text_index_lacks(catalog, names.at[i], &id, err);
        if (rc <= 0)
            continue;
        rc = add_texts(catalog, names.at[i], id, opts, &catalog_failed, err);
        added += rc == 0;
        if (rc < 0 && !catalog_failed && volume_store_at_fault(err)) {
            log_line(LOG_WARNING, "the texts of volume '%s' are not in the index: %s",
                     names.at[i], err->text);
            rc = 0;
        }
    }
    if (added)
        log_line(LOG_INFO, "the logs and LLM texts of %zu volume%s were added to the index",
                 added, text_plural(added));
    text_list_clear(&names);
    return rc;
}

/* State of verifying a volume. */
struct telling {
    const char *name;
    struct pull_watcher watcher;
    size_t count;
};

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
    const struct telling *t = ctx;
    const struct pull_status status = { .verified = t->name,
                                        .bytes = done,
                                        .bytes_expected = total };

    t->watcher.status(t->watcher.ctx, &status);
}

static void on_damage(void *ctx, const struct verify_damage *d)
{
    struct telling *t = ctx;
    char shown[600];

    if (++t->count <= TOLD_MAX)
        log_line(LOG_ERROR, "volume '%s': %s%s%s", t->name,
                 d->path ? text_shown(shown, sizeof(shown), d->path) : "", d->path ? " " : "",
                 d->what);
}

/* Read an archive's top directory and the digest of its manifest. */
static int read_head(const char *path, char top[VOLUME_NAME], char sha256[SHA256_TEXT],
                     struct err *err)
{
    struct archive_reader reader = { 0 };
    struct manifest_digests digests;
    int rc = archive_reader_open(&reader, path, err);

    if (rc == 0)
        rc = manifest_scan(&reader, manifest_read_check, NULL, &digests, err);
    if (rc == 0) {
        (void)snprintf(top, VOLUME_NAME, "%s", reader.top);
        text_hex(sha256, digests.sha256, SHA256_SIZE);
    }
    archive_reader_close(&reader);
    return rc;
}

int catalog_import_head(const struct volume_store *store, const char *name,
                        char sha256[SHA256_TEXT], struct err *err)
{
    struct volume_seen seen;
    char top[VOLUME_NAME];
    bool strange;
    char *path = volume_store_read(store, name, err);
    int rc = path ? look(store, name, &seen, &strange, err) : -1;

    if (rc == 0)
        rc = read_head(path, top, sha256, err);
    mem_free(path);
    return rc;
}

/* Verify the whole volume; on failure err says what is wrong. */
static int read_all(const char *path, const char *name, const struct catalog_import_opts *opts,
                    struct err *err)
{
    struct telling telling = { .name = name, .watcher = opts->watcher };
    struct verify_opts how = { .damage = on_damage,
                               .ctx = &telling,
                               .stop = opts->stop,
                               .watcher = { on_progress, &telling } };
    struct verify_result result;

    if (verify_run(path, &how, &result, err) < 0)
        return -1;
    if (!result.damages)
        return 0;
    return err_set(err, ERR_MISMATCH, "%llu defect%s", (unsigned long long)result.damages,
                   text_plural(result.damages));
}

/* The check function of heal_reader. */
static int on_check(void *ctx, const char *name, const char *sha256, enum fixity_fault *fault,
                    struct err *err)
{
    const struct catalog_import_opts *opts = ctx;
    struct volume_seen seen;
    struct volume_name parts;
    char top[VOLUME_NAME];
    char head[SHA256_TEXT];
    bool strange = false;
    char *path = volume_store_read(opts->store, name, err);
    int rc = path && volume_name_parse(&parts, name) ? HEAL_GOOD : -1;

    *fault = FIXITY_DAMAGED;
    if (rc == HEAL_GOOD &&
        (look(opts->store, name, &seen, &strange, err) < 0 ||
         read_head(path, top, head, err) < 0 || read_all(path, name, opts, err) < 0)) {
        *fault = strange ? FIXITY_DIFFERS : FIXITY_DAMAGED;
        rc = is_damage(err) ? HEAL_BAD : volume_store_at_fault(err) ? HEAL_UNREADABLE : -1;
    } else if (rc == HEAL_GOOD && strcmp(top, parts.top) != 0) {
        *fault = FIXITY_DIFFERS;
        (void)err_set(err, ERR_MISMATCH, "it is archive '%.200s'", top);
        rc = HEAL_BAD;
    } else if (rc == HEAL_GOOD && *sha256 && strcmp(head, sha256) != 0) {
        *fault = FIXITY_DIFFERS;
        (void)err_set(err, ERR_MISMATCH, "it has a different manifest");
        rc = HEAL_BAD;
    }
    mem_free(path);
    return rc;
}

int catalog_import_check(const char *name, const struct catalog_import_opts *opts,
                         enum fixity_fault *fault, struct err *err)
{
    struct catalog_import_opts own = *opts;

    return on_check(&own, name, "", fault, err);
}

struct catalog_import_opts catalog_import_defaults(const struct volume_store *store,
                                                   int64_t now_ms, struct stop stop)
{
    return (struct catalog_import_opts){ .store = store,
                                         .verified_ms = DB_UNKNOWN,
                                         .now_ms = now_ms,
                                         .settle = SYNC_SETTLE,
                                         .give_up = SYNC_GIVE_UP,
                                         .stop = stop,
                                         .watcher = pull_unwatched() };
}

struct heal_reader catalog_import_reader(struct catalog_import_opts *opts)
{
    return (struct heal_reader){ on_enter, on_check, opts->stop, opts };
}
