/* SPDX-License-Identifier: MIT */
#include "cmdutil/audit.h"

#include "base/file.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/lister.h"
#include "client/listing.h"
#include "cmdutil/api_client.h"
#include "cmdutil/idlist.h"
#include "format/container.h"
#include "format/sshsig.h"
#include "pull/planner.h"
#include "reader/bag_stream.h"
#include "reader/manifest_scan.h"

#include <fnmatch.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX ((size_t)1 << 24)
#define BATCH     500 /* runs per listing */

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Whether an entry is an archive: a file by its name, or a bag. */
static bool is_archive(FTS *fts, FTSENT *entry)
{
    if (entry->fts_info == FTS_D && entry->fts_level > 0 && bag_is(entry->fts_accpath)) {
        (void)fts_set(fts, entry, FTS_SKIP);
        return fnmatch("*.partial", entry->fts_name, 0) != 0; /* it is being written */
    }
    return entry->fts_info == FTS_F && entry->fts_name[0] != '.' &&
           container_is_named(entry->fts_name);
}

int audit_find(struct audit_files *files, const char *dir, struct err *err)
{
    char *const roots[] = { (char *)(uintptr_t)dir, NULL };
    FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    FTSENT *entry;
    int rc = 0;

    if (!fts)
        return err_sys(err, "cannot read '%s'", dir);
    while (rc == 0 && (entry = fts_read(fts))) {
        if (!is_archive(fts, entry))
            continue;
        rc = mem_room(&files->paths, &files->cap, files->count, sizeof(char *), FILES_MAX, err);
        if (rc == 0) {
            files->paths[files->count] = mem_copy(entry->fts_path, err);
            rc = files->paths[files->count] ? 0 : -1;
            files->count += rc == 0;
        }
    }
    (void)fts_close(fts);
    if (rc == 0 && !files->count)
        rc = err_set(err, ERR_NOT_FOUND, "no archive found below '%s'", dir);
    return rc;
}

void audit_files_clear(struct audit_files *files)
{
    while (files->count)
        mem_free(files->paths[--files->count]);
    mem_free(files->paths);
    *files = (struct audit_files){ 0 };
}

int audit_signature(const char *archive, const char *signature, const char *signers,
                    const struct manifest_digests *manifest, struct err *err)
{
    char *path = signature ? mem_copy(signature, err) : mem_format(err, "%s.sig", archive);
    struct buf sig;
    struct buf list;
    char who[SSHSIG_WHO_MAX];
    char shown[SSHSIG_WHO_MAX * 4];
    char name[4096];
    int rc = -1;

    buf_init(&sig, SSHSIG_FILE_MAX);
    buf_init(&list, SSHSIG_FILE_MAX);
    if (path && file_load(signers, &list, err) == 0 && file_load(path, &sig, err) == 0) {
        rc = sshsig_check(buf_text(&sig), buf_text(&list), manifest->sha512, who, err);
        if (rc < 0)
            (void)err_wrap(err, "'%s'", path);
        else
            (void)printf("%s: signed by %s\n", text_shown(name, sizeof(name), archive),
                         text_shown(shown, sizeof(shown), who));
    }
    buf_clear(&sig);
    buf_clear(&list);
    mem_free(path);
    return rc;
}

/* The IDs of an archive's runs and artifacts, both archived and listed as missing. */
struct audit_held {
    struct idlist runs;
    struct hashmap *names; /* all IDs of the runs */
    struct hashmap *artifacts;
};

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct audit_held *held = ctx;
    struct json *doc;
    struct buf id;
    int rc;

    if (section != MANIFEST_READ_RUNS && section != MANIFEST_READ_ARTIFACTS &&
        section != MANIFEST_READ_MISSING)
        return 0;
    doc = json_parse(text, len, err);
    rc = doc ? 0 : -1;

    buf_init(&id, 4096);
    if (rc == 0)
        rc = json_append(
            json_get(json_root(doc), section == MANIFEST_READ_RUNS ? "run_id" : "artifact_id"),
            &id, err);
    if (rc == 0 && id.len && section == MANIFEST_READ_RUNS) {
        if (!hashmap_get(held->names, id.data, id.len))
            rc = idlist_add(&held->runs, buf_text(&id), "the manifest", err) < 0
                     ? -1
                     : hashmap_add(held->names, id.data, id.len, held, err);
    } else if (rc == 0 && id.len && !hashmap_get(held->artifacts, id.data, id.len)) {
        rc = hashmap_add(held->artifacts, id.data, id.len, held, err);
    }
    buf_clear(&id);
    json_free(doc);
    return rc;
}

static bool has_name(const struct audit_held *held, const char *name)
{
    return *name && hashmap_get(held->names, name, strlen(name));
}

static size_t tell_lacking(const struct audit_held *held, const struct listing *listing)
{
    size_t lacking = 0;
    size_t i;
    size_t k;

    for (i = 0; i < listing->count; i++) {
        const struct listed_run *run = &listing->runs[i];

        if (run->failed && run->err.kind == ERR_NOT_FOUND) {
            log_line(LOG_WARNING, "%s", run->err.text); /* it lacks nothing any more */
        } else if (run->failed) {
            lacking++;
            log_line(LOG_ERROR, "run '%.100s' was not compared with the service: %s", run->id,
                     run->err.text);
        }
        if (run->depth && (has_name(held, run->id) || has_name(held, run->other)))
            continue;                     /* listed as a run of its own */
        if (run->depth && !run->failed) { /* started by a run, and in no archive */
            lacking++;
            log_line(
                LOG_ERROR,
                "run '%.100s', started by run '%.100s', exists at the service but not in the "
                "archive",
                run->id, run->parent);
            continue;
        }
        for (k = 0; !run->failed && k < run->list.count; k++) {
            const struct artifact *a = &run->list.rows[k];

            if (hashmap_get(held->artifacts, a->artifact_id, strlen(a->artifact_id)) ||
                planner_is_zip(a))
                continue;
            lacking++;
            log_line(LOG_ERROR,
                     "artifact '%.100s' (%.60s) of run '%s' exists at the service but "
                     "not in the archive",
                     a->artifact_id, a->artifact_type ? a->artifact_type : "no type", run->id);
        }
    }
    return lacking;
}

struct audit_held *audit_held_new(struct err *err)
{
    struct audit_held *held = mem_new(sizeof(*held), err);

    if (!held)
        return NULL;
    held->names = hashmap_new(err);
    held->artifacts = hashmap_new(err);
    if (held->names && held->artifacts)
        return held;
    audit_held_free(held);
    return NULL;
}

void audit_held_free(struct audit_held *held)
{
    if (!held)
        return;
    idlist_clear(&held->runs);
    hashmap_free(held->names);
    hashmap_free(held->artifacts);
    mem_free(held);
}

int audit_held_add(struct audit_held *held, const char *archive, struct err *err)
{
    struct archive_reader reader = { 0 };
    int rc = archive_reader_open(&reader, archive, err);

    if (rc == 0)
        rc = manifest_scan(&reader, on_row, held, NULL, err);
    archive_reader_close(&reader);
    return rc;
}

int audit_against_api(const struct audit_held *held, const struct session_args *session,
                      size_t *lacking, struct err *err)
{
    struct kind_filter filter = { 0 };
    size_t from;
    int rc = 0;

    *lacking = 0;
    for (from = 0; rc == 0 && from < held->runs.count; from += BATCH) {
        struct listing listing = { .children = true, .deep = true };
        struct api_client client = { 0 };
        size_t count = held->runs.count - from < BATCH ? held->runs.count - from : BATCH;

        rc = api_client_listing(&client, session, held->runs.ids + from, count, &filter,
                                &listing, err);
        if (rc == 0)
            *lacking += tell_lacking(held, &listing);
        lister_clear(&listing);
        api_client_close(&client);
    }
    return rc;
}
