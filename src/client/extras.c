/* SPDX-License-Identifier: MIT */
#include "client/extras.h"

#include "base/hashmap.h"
#include "base/mem.h"
#include "net/url.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define KEY_MAX 8192

/* An index of a list's rows by the keys that records may use. */
struct index {
    struct listed_run *run;
    struct hashmap *table; /* see note_key */
    size_t listed;         /* number of rows from the service */
};

/*
 * Index a row by a key. what: 'i' artifact_id, 'k' object key, 'p' path of the URL of a row
 * from a record. row: the row's index + 1. The first row with a key is kept.
 */
static int note_key(struct index *x, char what, const char *key, uintptr_t row, struct err *err)
{
    char full[KEY_MAX + 2];
    int len = snprintf(full, sizeof(full), "%c%s", what, key);

    if (!*key || len < 0 || len >= (int)sizeof(full) ||
        hashmap_get(x->table, full, (size_t)len))
        return 0;
    return hashmap_add(x->table, full, (size_t)len, (void *)row, err);
}

static struct artifact *find_key(const struct index *x, char what, const char *key)
{
    char full[KEY_MAX + 2];
    int len = snprintf(full, sizeof(full), "%c%s", what, key);

    uintptr_t row = 0;

    if (*key && len > 0 && len < (int)sizeof(full))
        row = (uintptr_t)hashmap_get(x->table, full, (size_t)len);
    return row ? &x->run->list.rows[row - 1] : NULL;
}

/* Index s3://bucket/key by "bucket/key" (path-style URLs) and by "key" (host-style URLs). */
static int index_rows(struct index *x, struct err *err)
{
    size_t i;

    for (i = 0; i < x->listed; i++) {
        const struct artifact *row = &x->run->list.rows[i];
        const char *key = row->uri && !row->bundle_key ? strstr(row->uri, "://") : NULL;
        const char *slash;

        if (note_key(x, 'i', row->artifact_id, i + 1, err) < 0)
            return -1;
        if (!key)
            continue;
        key += 3;
        slash = strchr(key, '/');
        if (note_key(x, 'k', key, i + 1, err) < 0 ||
            (slash && note_key(x, 'k', slash + 1, i + 1, err) < 0))
            return -1;
    }
    return 0;
}

/*
 * Find the row that a URL refers to, or NULL; id gets the artifact ID of a content URL, or "".
 */
static struct artifact *find_url(const struct index *x, const char *url, char *id, size_t size)
{
    char path[KEY_MAX];
    struct artifact *row;
    const char *slash;

    *id = '\0';
    if (!url || !url_path(url, path, sizeof(path)))
        return NULL;
    if (api_content_id(url, id, size))
        return find_key(x, 'i', id);
    if (strncmp(url, "file://", 7) == 0) { /* as in the list, or as in another record */
        row = find_key(x, 'k', url + 7);
        return row ? row : find_key(x, 'p', path);
    }
    row = find_key(x, 'k', path + 1);
    slash = strchr(path + 1, '/');
    if (!row && slash)
        row = find_key(x, 'k', slash + 1);
    return row ? row : find_key(x, 'p', path);
}

/* Add a row. If id is "", an ID with slashes is generated, which is never requested. */
static int add_row(struct index *x, struct artifact *row, const char *id, size_t n,
                   struct err *err)
{
    struct artifact_list *list = &x->run->list;
    char path[KEY_MAX];
    char made[256];

    row->unnamed = !*id;
    row->nth = n;
    if (row->unnamed)
        (void)snprintf(made, sizeof(made), "%s/%s/%zu", x->run->id, row->origin, n);
    row->artifact_id = region_copy(list->region, row->unnamed ? made : id,
                                   strlen(row->unnamed ? made : id), err);
    if (!row->artifact_id || artifact_url(&row->signed_url, list->region, err) < 0 ||
        artifact_find_file(row, list->region, err) < 0 || artifact_list_add(list, row, err) < 0)
        return -1;
    x->run->extras++;
    if (!row->unnamed)
        return note_key(x, 'i', id, list->count, err);
    return url_path(row->signed_url, path, sizeof(path))
               ? note_key(x, 'p', path, list->count, err)
               : 0;
}

static const char *url_in(const struct run *run, const struct artifact *row)
{
    if (strcmp(row->origin, "recording_url") == 0)
        return run->recording_url;
    if (strcmp(row->origin, "screenshot_urls") == 0)
        return row->nth < run->screenshot_count ? run->screenshot_urls[row->nth] : NULL;
    if (strcmp(row->origin, "downloaded_files") != 0)
        return NULL;
    return row->nth < run->file_count ? run->files[row->nth].url : NULL;
}

int extras_urls(const struct listed_run *run, const struct run *fresh, struct hashmap *by_id,
                struct err *err)
{
    size_t i;

    for (i = run->list.count - run->extras; i < run->list.count; i++) {
        const struct artifact *row = &run->list.rows[i];
        const char *url = url_in(fresh, row);
        size_t len = strlen(row->artifact_id);

        if (url && !hashmap_get(by_id, row->artifact_id, len) &&
            hashmap_add(by_id, row->artifact_id, len, (void *)(uintptr_t)url, err) < 0)
            return -1;
    }
    return 0;
}

/* Whether a row and a file have the same name, as far as both have names. */
static bool same_name(const struct artifact *row, const struct run_file *file)
{
    return !row->filename || !file->filename || strcmp(row->filename, file->filename) == 0;
}

/* Find a row of the type with a file's checksum, size and name. */
static struct artifact *same_sum(const struct index *x, const struct run_file *file,
                                 const char *type)
{
    size_t i;

    for (i = 0; file->checksum && file->sized && i < x->run->list.count; i++) {
        struct artifact *row = &x->run->list.rows[i];

        if (row->artifact_type && strcmp(row->artifact_type, type) == 0 && row->checksum &&
            strcasecmp(row->checksum, file->checksum) == 0 && row->sized &&
            row->file_size == file->file_size && same_name(row, file))
            return row;
    }
    return NULL;
}

/* Find the row that a file's ID or URL refers to; id gets the ID in the URL, or "". */
static struct artifact *find_file(const struct index *x, const struct run_file *file, char *id,
                                  size_t size)
{
    struct artifact *row = file->artifact_id ? find_key(x, 'i', file->artifact_id) : NULL;

    *id = '\0';
    return row ? row : find_url(x, file->url, id, size);
}

/* Copy a file's name and checksum to its row, if the row lacks them. */
static void enrich(struct artifact *row, const struct run_file *file)
{
    row->filename = row->filename ? row->filename : file->filename;
    row->checksum = row->checksum ? row->checksum : file->checksum;
}

/*
 * Whether another run of the listing has an artifact: a run's record also names the downloads
 * of the runs that it started.
 */
static bool is_of_another(const struct index *x, const char *id)
{
    const struct listing *listing = x->run->listing;
    size_t i;
    size_t k;

    for (i = 0; *id && listing && i < listing->count; i++) {
        const struct artifact_list *list = &listing->runs[i].list;

        for (k = 0; &listing->runs[i] != x->run && k < list->count; k++) {
            if (strcmp(list->rows[k].artifact_id, id) == 0)
                return true;
        }
    }
    return false;
}

/* Add a row for a file, unless there is one. */
static int add_file(struct index *x, const struct run_file *file, const char *type,
                    const char *origin, size_t n, struct err *err)
{
    struct artifact made = { .artifact_type = type,
                             .signed_url = file->url,
                             .checksum = file->checksum,
                             .filename = file->filename,
                             .modified_at = file->modified_at,
                             .file_size = file->file_size,
                             .sized = file->sized,
                             .origin = origin };
    char id[256];
    struct artifact *row = find_file(x, file, id, sizeof(id));
    const char *own = file->artifact_id ? file->artifact_id : id;

    if (row && same_name(row, file)) {
        enrich(row, file);
        return 0;
    }
    if (row) /* the same artifact under another name */
        own = "";
    row = *own ? NULL : same_sum(x, file, type); /* an ID decides alone */
    if (row)
        enrich(row, file);
    if (row || (!file->url && !*own) || is_of_another(x, own))
        return 0;
    return add_row(x, &made, own, n, err);
}

/*
 * Add rows for a record's files. Rows identified by ID or URL get their names first, so that
 * files compared by checksum do not match them by mistake.
 */
static int add_files(struct index *x, const struct run_file *files, size_t count,
                     const char *type, const char *origin, struct err *err)
{
    char id[256];
    size_t i;

    for (i = 0; i < count; i++) {
        struct artifact *row = find_file(x, &files[i], id, sizeof(id));

        if (row)
            enrich(row, &files[i]);
    }
    for (i = 0; i < count; i++) {
        if (add_file(x, &files[i], type, origin, i, err) < 0)
            return -1;
    }
    return 0;
}

/* Add a row for a URL of the record, unless there is one. */
static int add_url(struct index *x, const char *url, const char *type, const char *origin,
                   size_t n, bool *added, struct err *err)
{
    char id[256];
    struct artifact made = { .artifact_type = type, .signed_url = url, .origin = origin };

    *added = false;
    if (!url || find_url(x, url, id, sizeof(id)))
        return 0;
    *added = true;
    return add_row(x, &made, id, n, err);
}

/* Count the rows of a type or a group of types. */
static size_t count(const struct listed_run *run, const char *name)
{
    size_t n = 0;
    size_t i;

    for (i = 0; i < run->list.count; i++) {
        const char *type = run->list.rows[i].artifact_type;
        const struct kind *kind = kind_find(type);

        n += (type && strcmp(type, name) == 0) || (kind && strcmp(kind->group, name) == 0);
    }
    return n;
}

static bool is(const char *text, const char *what)
{
    return text && strcmp(text, what) == 0;
}

/* Note anomalies: artifacts that a completed run should have and does not. */
static void note_missing(const struct index *x, const struct kind_filter *filter)
{
    struct listed_run *run = x->run;
    bool browser = !is(run->run.run_type, "workflow_run") || count(run, "screenshots") ||
                   count(run, "html") || count(run, "recordings");

    if (is(run->run.status, "failed") && run->run.failure_reason &&
        strcasestr(run->run.failure_reason, "webhook"))
        listing_note(run, "webhook-failed", NULL);
    if (run->run.recording_archived)
        listing_note(run, "recording-archived", NULL);
    if (run->run.status && !run_is_terminal(run->run.status))
        listing_note(run, RUN_NOTE_RUNNING, NULL);
    if (run->run.retry_pending)
        listing_note(run, RUN_NOTE_RETRY,
                     "will be retried; the artifacts of the next attempt are not archived yet");
    if (count(run, "recording") > 1)
        listing_note(run, "several-recordings", NULL);
    if (!run_is_completed(run->run.status))
        return;
    if (!x->listed) {
        if (!run->timeline.child_count) /* its children may have the artifacts */
            listing_note(run, RUN_NOTE_EMPTY,
                         *run->other
                             ? "is completed but has no artifacts under either of its names"
                             : "is completed but has no artifacts");
        return;
    }
    if (!browser)
        return;
    if (kind_filter_match(filter, "recording") && !count(run, "recordings"))
        listing_note(run, "no-recording", "is completed but has no recording");
    if (kind_filter_match(filter, "screenshot_final") && !count(run, "screenshot_final"))
        listing_note(run, "no-final-screenshot", "is completed but has no final screenshot");
}

/*
 * Whether the list was requested with all screenshot types, so that an unlisted screenshot
 * really is not in it.
 */
static bool all_screenshots(const struct listed_run *run, const struct kind_filter *filter)
{
    const struct kind *kind;

    for (kind = kinds; !run->wide && kind->type; kind++) {
        if (strcmp(kind->group, "screenshots") == 0 && !kind_filter_match(filter, kind->type))
            return false;
    }
    return true;
}

/* Add rows for the recordings in the records. */
static int add_recordings(struct index *x, struct err *err)
{
    struct listed_run *run = x->run;
    bool added = false;
    size_t i;

    if (add_url(x, run->run.recording_url, "recording", "recording_url", 0, &added, err) < 0)
        return -1;
    if (added)
        listing_note(run, "recording-url-unlisted",
                     "has a recording_url that is not in its artifact list");
    for (i = 0; i < run->workflow.recording_count; i++) {
        if (add_url(x, run->workflow.recording_urls[i], "recording", "recording_urls", i,
                    &added, err) < 0)
            return -1;
    }
    return add_files(x, run->session.recordings, run->session.session_recordings, "recording",
                     "session_recordings", err);
}

int extras_add(struct listed_run *run, const struct kind_filter *filter, struct err *err)
{
    struct index x = { run, hashmap_new(err), run->list.count };
    bool added = false;
    size_t i;
    int rc = -1;

    if (!x.table || index_rows(&x, err) < 0)
        goto out;
    if (kind_filter_match(filter, "download") &&
        (add_files(&x, run->run.files, run->run.file_count, "download", "downloaded_files",
                   err) < 0 ||
         add_files(&x, run->session.files, run->session.file_count, "download",
                   "session_downloads", err) < 0))
        goto out;
    if (kind_filter_match(filter, "recording") && add_recordings(&x, err) < 0)
        goto out;
    for (i = 0; kind_filter_match(filter, "screenshot") && all_screenshots(run, filter) &&
                i < run->run.screenshot_count;
         i++) {
        if (add_url(&x, run->run.screenshot_urls[i], "screenshot", "screenshot_urls", i, &added,
                    err) < 0)
            goto out;
    }
    note_missing(&x, filter);
    rc = 0;
out:
    hashmap_free(x.table);
    return rc;
}

int extras_add_all(struct listing *listing, const struct kind_filter *filter, struct err *err)
{
    size_t i;

    listing->calm = true;
    for (i = 0; i < listing->count; i++) {
        if (!listing->runs[i].failed && extras_add(&listing->runs[i], filter, err) < 0)
            return -1;
    }
    return 0;
}
