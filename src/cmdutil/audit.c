/* SPDX-License-Identifier: MIT */
#include "cmdutil/audit.h"

#include "api/artifact_filter.h"
#include "attest/proof.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pulse.h"
#include "base/text.h"
#include "cli/signals.h"
#include "client/extras.h"
#include "client/lister.h"
#include "client/listing.h"
#include "cmdutil/api_client.h"
#include "cmdutil/idlist.h"
#include "cmdutil/source.h"
#include "evidence/signature.h"
#include "evidence/time_stamps.h"
#include "format/container.h"
#include "pull/planner.h"
#include "reader/bag_stream.h"
#include "reader/manifest_scan.h"

#include <errno.h>
#include <fnmatch.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX ((size_t)1 << 24)
#define BATCH     500 /* runs per listing */

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Note what cannot be read; warn of what has an archive's name, or may have archives in it, and
 * is not followed. */
static int note_odd(struct audit_files *files, const FTSENT *entry, struct err *err)
{
    struct stat st;
    char *text;

    if (entry->fts_info == FTS_SL && stat(entry->fts_accpath, &st) == 0 && S_ISDIR(st.st_mode))
        log_line(LOG_WARNING, "'%s' is a link to a directory, which is not followed",
                 entry->fts_path);
    else if ((entry->fts_info == FTS_SL || entry->fts_info == FTS_SLNONE ||
              entry->fts_info == FTS_DEFAULT) &&
             entry->fts_name[0] != '.' && container_is_named(entry->fts_name))
        log_line(LOG_WARNING, "'%s' is not checked: it is %s", entry->fts_path,
                 entry->fts_info == FTS_DEFAULT ? "no regular file" : "a link");
    if ((entry->fts_info != FTS_DNR && entry->fts_info != FTS_ERR &&
         entry->fts_info != FTS_NS) ||
        (entry->fts_level == 1 && strcmp(entry->fts_name, "lost+found") == 0))
        return 0;
    if (mem_room(&files->faults, &files->fault_cap, files->fault_count, sizeof(char *),
                 FILES_MAX, err) < 0)
        return -1;
    text = mem_format(err, "cannot read '%s': %s", entry->fts_path, strerror(entry->fts_errno));
    if (!text)
        return -1;
    files->faults[files->fault_count++] = text;
    return 0;
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
    FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
    FTSENT *entry;
    int rc = 0;

    if (!fts)
        return err_sys(err, "cannot read '%s'", dir);
    while (rc == 0 && (errno = 0, entry = fts_read(fts))) {
        if (!is_archive(fts, entry)) {
            rc = note_odd(files, entry, err);
            continue;
        }
        rc = mem_room(&files->paths, &files->cap, files->count, sizeof(char *), FILES_MAX, err);
        if (rc == 0) {
            files->paths[files->count] = mem_copy(entry->fts_path, err);
            rc = files->paths[files->count] ? 0 : -1;
            files->count += rc == 0;
        }
    }
    if (rc == 0 && errno)
        rc = err_sys(err, "cannot read '%s'", dir);
    (void)fts_close(fts);
    if (rc == 0 && !files->count && !files->fault_count)
        rc = err_set(err, ERR_NOT_FOUND, "no archive found below '%s'", dir);
    return rc;
}

/* The volumes of a place being collected. */
struct finding_volumes {
    struct audit_files *files;
    const struct volume_store *store;
};

static int on_volume(void *ctx, const char *name, uint64_t size, struct err *err)
{
    struct finding_volumes *f = ctx;
    struct audit_files *files = f->files;

    (void)size;
    if (mem_room(&files->paths, &files->cap, files->count, sizeof(char *), FILES_MAX, err) < 0)
        return -1;
    files->paths[files->count] = volume_store_read(f->store, name, err);
    return files->paths[files->count] ? (files->count++, 0) : -1;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int audit_find_volumes(struct audit_files *files, const struct volume_store *store,
                       struct err *err)
{
    struct finding_volumes f = { files, store };
    int rc = volume_store_each(store, on_volume, &f, err);

    if (rc == 0 && !files->count)
        return err_set(err, ERR_NOT_FOUND, "no archive found below '%s'", store->place);
    if (rc == 0)
        qsort(files->paths, files->count, sizeof(char *), by_path);
    return rc;
}

void audit_files_clear(struct audit_files *files)
{
    while (files->count)
        mem_free(files->paths[--files->count]);
    while (files->fault_count)
        mem_free(files->faults[--files->fault_count]);
    mem_free(files->paths);
    mem_free(files->faults);
    *files = (struct audit_files){ 0 };
}

/* clang-format off */
const struct opt audit_proof_opts[] = {
    { 0,   "signers",     "FILE", OPT_TEXT, OPT_AT(audit_proofs, signers),    "also check the signature ARCHIVE.sig: it must be by one of these signers (file in the ALLOWED SIGNERS format of ssh-keygen)", 0, 0, NULL, false, NULL },
    { 0,   "signature",   "FILE", OPT_TEXT, OPT_AT(audit_proofs, signature),  "file of the signature, if it is not ARCHIVE.sig", 0, 0, NULL, false, NULL },
    { 0,   "tsa-ca",      "FILE", OPT_TEXT, OPT_AT(audit_proofs, tsa_ca),     "also check the time stamps ARCHIVE.tsr, ARCHIVE.2.tsr and so on: one must be by an authority whose certificate, or that of who issued it, is in this file (PEM), and was valid at that time", 0, 0, NULL, false, NULL },
    { 0,   "timestamp-response", "FILE", OPT_TEXT, OPT_AT(audit_proofs, response), "file of the time stamp, if it is not ARCHIVE.tsr", 0, 0, NULL, false, NULL },
    OPT_END,
};
/* clang-format on */

/* Check, before any archive is verified, that a file named by an option can be read. */
static int check_file(const char *option, const char *path, struct err *err)
{
    if (!path)
        return 0;
    if (source_is_dir(path))
        return err_set(err, ERR_USAGE, "%s: '%s' is a directory", option, path);
    return access(path, R_OK) < 0 ? err_sys(err, "%s: cannot read '%s'", option, path) : 0;
}

int audit_proofs_check(const struct audit_proofs *proofs, bool one, struct err *err)
{
    if (proofs->signature && !proofs->signers)
        return err_set(err, ERR_USAGE, "--signature needs --signers");
    if (proofs->response && !proofs->tsa_ca)
        return err_set(err, ERR_USAGE, "--timestamp-response needs --tsa-ca");
    if ((proofs->signature || proofs->response) && !one)
        return err_set(err, ERR_USAGE, "%s can be used with one archive only",
                       proofs->signature ? "--signature" : "--timestamp-response");
    if (check_file("--signers", proofs->signers, err) < 0 ||
        check_file("--signature", proofs->signature, err) < 0 ||
        check_file("--tsa-ca", proofs->tsa_ca, err) < 0)
        return -1;
    return check_file("--timestamp-response", proofs->response, err);
}

int audit_proofs_confine(const struct audit_proofs *proofs, struct confine *confine,
                         const char *operand, struct err *err)
{
    const char *const files[] = { proofs->signers, proofs->signature, proofs->tsa_ca,
                                  proofs->response };
    unsigned i;

    for (i = 0; i < PROOF_MOST; i++) {
        char *path = proof_path(operand, i, err);

        if (!path)
            return -1;
        confine_read(confine, path);
        mem_free(path);
    }
    for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
        if (files[i])
            confine_read(confine, files[i]);
    }
    return 0;
}

/* Check the signature of an archive. */
static int prove_signer(const struct audit_proofs *proofs, const char *archive,
                        const struct manifest_digests *manifest, char who[SSHSIG_WHO_MAX],
                        struct err *err)
{
    char *path =
        proofs->signature ? mem_copy(proofs->signature, err) : sshsig_path(archive, err);
    const struct signature what = { path, proofs->signers, signals_stopping() };
    int rc = path ? signature_check(&what, manifest, who, err) : -1;

    mem_free(path);
    return rc;
}

/* The time stamps of an archive. */
struct proving {
    struct audit_proved *proved;
    struct err first; /* what is wrong with the first that is not valid */
};

static int on_stamp(void *ctx, const char *path, const struct tsp_stamp *stamp,
                    const struct err *why, struct err *err)
{
    struct proving *proving = ctx;

    (void)err;
    if (!why) {
        proving->proved->stamps[proving->proved->stamp_count++] = *stamp;
        return 0;
    }
    log_line(LOG_WARNING, "'%s': %s", path, why->text);
    if (!proving->first.kind) {
        proving->first = *why;
        (void)err_wrap(&proving->first, "'%s'", path);
    }
    return 0;
}

/* Check the time stamps of an archive: one must be valid. */
static int prove_time(const char *response, const struct tsp_trust *trust, const char *archive,
                      const struct manifest_digests *manifest, struct audit_proved *proved,
                      struct err *err)
{
    const struct time_stamps stamps = { archive, response, manifest->sha256, trust };
    struct proving proving = { .proved = proved };
    int rc = time_stamps_each(&stamps, on_stamp, &proving, err);

    if (rc == 0 && !proved->stamp_count) {
        if (proving.first.kind)
            *err = proving.first;
        else
            (void)err_set(err, ERR_NOT_FOUND, "there is no time stamp '%s" TSP_SUFFIX "'",
                          archive);
        rc = -1;
    }
    return rc;
}

int audit_prove(const struct audit_proofs *proofs, const struct tsp_trust *trust,
                const char *archive, const struct manifest_digests *manifest,
                struct audit_proved *proved, void (*fault)(void *ctx, const char *what),
                void *ctx)
{
    struct err err = { 0 };
    int faults = 0;

    *proved = (struct audit_proved){ 0 };
    if (proofs->signers && prove_signer(proofs, archive, manifest, proved->signer, &err) < 0) {
        fault(ctx, err.text);
        faults++;
    }
    if (trust && prove_time(proofs->response, trust, archive, manifest, proved, &err) < 0) {
        fault(ctx, err.text);
        faults++;
    }
    return faults;
}

void audit_proved_print(const struct audit_proved *proved, const char *archive)
{
    char shown[TSP_WHO_MAX * 4];
    char when[CLOCK_TEXT_MAX];
    char name[4096];
    size_t i;

    (void)text_shown(name, sizeof(name), archive);
    if (proved->signer[0])
        (void)printf("%s: signed by %s\n", name,
                     text_shown(shown, sizeof(shown), proved->signer));
    for (i = 0; i < proved->stamp_count; i++)
        (void)printf("%s: its manifest existed at %s, says %s\n", name,
                     clock_format(when, proved->stamps[i].at_ms, CLOCK_RFC3339),
                     text_shown(shown, sizeof(shown), proved->stamps[i].who));
}

void audit_proved_put(const struct audit_proved *proved, struct jsonw *w)
{
    char when[CLOCK_TEXT_MAX];
    size_t i;

    jsonw_text(w, "signed_by", proved->signer[0] ? proved->signer : NULL);
    jsonw_array(w, "time_stamps", JSONW_LINES);
    for (i = 0; i < proved->stamp_count; i++) {
        jsonw_object(w, NULL, JSONW_INLINE);
        jsonw_text(w, "at", clock_format(when, proved->stamps[i].at_ms, CLOCK_RFC3339));
        jsonw_text(w, "authority", proved->stamps[i].who);
        jsonw_close(w);
    }
    jsonw_close(w);
}

/* The filter of an archive, and the runs that the archive has by this filter. */
struct filtered {
    struct filtered *next;
    struct region *region; /* owns the filter's texts */
    struct artifact_filter filter;
    struct hashmap *runs;
};

/* The IDs of an archive's runs and artifacts, both archived and listed as missing. */
struct audit_held {
    struct idlist runs;
    struct hashmap *names; /* all IDs of the runs */
    struct hashmap *artifacts;
    struct hashmap *parents;   /* IDs of runs that some archive has with their child runs */
    bool childless;            /* the archive being read was made without child runs */
    struct hashmap *whole;     /* IDs of runs that some archive has without a filter */
    struct filtered *filtered; /* archives with a filter */
    struct filtered *current;  /* of the archive being read; NULL: it has none so far */
    size_t left_out;           /* artifacts that only such an archive's filter explains */
};

/* Keep the filter of the archive being read. */
static int take_filter(struct audit_held *held, const char *text, size_t len, struct err *err)
{
    struct filtered *f = mem_new(sizeof(*f), err);
    struct manifest_filter m;

    if (!f)
        return -1;
    f->next = held->filtered;
    held->filtered = held->current = f; /* freed with held, however little of it is made */
    f->region = region_new(err);
    f->runs = f->region ? hashmap_new(err) : NULL;
    if (!f->runs || manifest_read_filter(&m, text, len, f->region, err) < 0)
        return -1;
    f->filter = (struct artifact_filter){ .kinds = { .wanted = (char **)(uintptr_t)m.types,
                                                     .wanted_count = m.type_count,
                                                     .unwanted = (char **)(uintptr_t)m.excluded,
                                                     .unwanted_count = m.excluded_count },
                                          .names = (char **)(uintptr_t)m.names,
                                          .name_count = m.name_count,
                                          .steps = (char **)(uintptr_t)m.steps,
                                          .step_count = m.step_count,
                                          .larger = m.larger_than != MANIFEST_NONE,
                                          .smaller = m.smaller_than != MANIFEST_NONE,
                                          .newer = m.newer_us != CLOCK_NONE,
                                          .older = m.older_us != CLOCK_NONE,
                                          .larger_than = m.larger_than,
                                          .smaller_than = m.smaller_than,
                                          .newer_us = m.newer_us,
                                          .older_us = m.older_us };
    return artifact_filter_within(&f->filter)
               ? 0
               : err_set(
                     err, ERR_LIMIT,
                     "the filter in the manifest has more names or steps, or longer ones, than "
                     "skyarc writes");
}

static int add_once(struct hashmap *map, const struct buf *id, void *value, struct err *err)
{
    return hashmap_get(map, id->data, id->len)
               ? 0
               : hashmap_add(map, id->data, id->len, value, err);
}

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct audit_held *held = ctx;
    struct json *doc;
    struct buf id;
    int rc;

    if (section == MANIFEST_READ_FILTER)
        return take_filter(held, text, len, err);
    if (section == MANIFEST_READ_CHILDREN)
        held->childless = strcmp(text, "false") == 0;
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
        rc = add_once(held->current ? held->current->runs : held->whole, &id, held, err);
        if (rc == 0 && !held->childless)
            rc = add_once(held->parents, &id, held, err);
        if (rc == 0 && !hashmap_get(held->names, id.data, id.len))
            rc = idlist_add(&held->runs, buf_text(&id), "the manifest", err) < 0
                     ? -1
                     : hashmap_add(held->names, id.data, id.len, held, err);
    } else if (rc == 0 && id.len) {
        rc = add_once(held->artifacts, &id, held, err);
    }
    buf_clear(&id);
    json_free(doc);
    return rc;
}

static bool has_name(const struct audit_held *held, const char *name)
{
    return *name && hashmap_get(held->names, name, strlen(name));
}

static bool has_run(const struct hashmap *runs, const struct listed_run *run)
{
    return hashmap_get(runs, run->id, strlen(run->id)) ||
           (*run->other && hashmap_get(runs, run->other, strlen(run->other)));
}

/* Whether an artifact is in no archive because of their filters: all archives with its run have
 * one, and none accepts the artifact. */
static bool is_left_out(const struct audit_held *held, const struct listed_run *run,
                        const struct artifact *a)
{
    const struct filtered *f;
    bool any = false;

    if (has_run(held->whole, run))
        return false;
    for (f = held->filtered; f; f = f->next) {
        if (!has_run(f->runs, run))
            continue;
        if (artifact_filter_listed(&f->filter, a))
            return false;
        any = true;
    }
    return any;
}

static size_t tell_lacking(struct audit_held *held, const struct listing *listing)
{
    size_t childless = 0;
    size_t lacking = 0;
    size_t i;
    size_t k;

    for (i = 0; i < listing->count; i++) {
        const struct listed_run *run = &listing->runs[i];

        if (run->depth && !has_run(held->parents, &listing->runs[run->root]) &&
            !has_run(held->names, run)) {
            childless++;
            continue;
        }
        if (run->failed && run->err.kind == ERR_NOT_FOUND) {
            log_line(LOG_WARNING, "%s", run->err.text); /* nothing can be lacking */
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
        for (k = 0; !run->failed && k < run->list.count - run->extras; k++) {
            const struct artifact *a = &run->list.rows[k];

            if (hashmap_get(held->artifacts, a->artifact_id, strlen(a->artifact_id)) ||
                planner_is_zip(a))
                continue;
            if (is_left_out(held, run, a)) {
                held->left_out++;
                continue;
            }
            lacking++;
            log_line(LOG_ERROR,
                     "artifact '%.100s' (%.60s) of run '%s' exists at the service but "
                     "not in the archive",
                     a->artifact_id, a->artifact_type ? a->artifact_type : "no type", run->id);
        }
    }
    if (childless)
        log_line(LOG_INFO, "%zu run%s started by these runs left out (--no-children)",
                 childless, text_plural(childless));
    return lacking;
}

struct audit_held *audit_held_new(struct err *err)
{
    struct audit_held *held = mem_new(sizeof(*held), err);

    if (!held)
        return NULL;
    held->names = hashmap_new(err);
    held->artifacts = hashmap_new(err);
    held->whole = hashmap_new(err);
    held->parents = hashmap_new(err);
    if (held->names && held->artifacts && held->whole && held->parents)
        return held;
    audit_held_free(held);
    return NULL;
}

void audit_held_free(struct audit_held *held)
{
    struct filtered *f;

    if (!held)
        return;
    while ((f = held->filtered)) {
        held->filtered = f->next;
        hashmap_free(f->runs);
        region_free(f->region);
        mem_free(f);
    }
    hashmap_free(held->whole);
    hashmap_free(held->parents);
    idlist_clear(&held->runs);
    hashmap_free(held->names);
    hashmap_free(held->artifacts);
    mem_free(held);
}

int audit_held_add(struct audit_held *held, const char *archive, struct err *err)
{
    held->current = NULL;
    held->childless = false;
    return manifest_scan_path(archive, stop_never(), on_row, held, NULL, err);
}

int audit_against_api(struct audit_held *held, const struct session_args *session,
                      size_t *lacking, struct err *err)
{
    struct kind_filter filter = { 0 };
    size_t from;
    int rc = 0;

    *lacking = held->left_out = 0;
    for (from = 0; rc == 0 && from < held->runs.count; from += BATCH) {
        struct listing listing = { .children = true, .deep = true };
        struct api_client client = { 0 };
        size_t count = held->runs.count - from < BATCH ? held->runs.count - from : BATCH;

        rc = api_client_listing(&client, session, held->runs.ids + from, count, &filter,
                                &listing, err);
        if (rc == 0 && held->filtered)
            rc = extras_add_all(&listing, &filter, err);
        if (rc == 0)
            *lacking += tell_lacking(held, &listing);
        lister_clear(&listing);
        api_client_close(&client);
    }
    if (rc == 0 && held->left_out)
        log_line(LOG_INFO,
                 "left out by the filters of the archives: %zu artifact%s of the service",
                 held->left_out, text_plural(held->left_out));
    return rc;
}
