/* SPDX-License-Identifier: MIT */
#include "open/extract.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/table.h"
#include "open/box.h"
#include "open/place.h"
#include "open/roll.h"
#include "open/walk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define LINKS_MAX ((size_t)1 << 26)

/* A hard link, made when all files are there. */
struct link {
    const char *path;
    const char *target;
};

struct extract {
    const struct extract_opts *opts;
    struct box box;
    struct place place;
    struct roll *roll; /* NULL when the manifest could not be read */
    atomic_bool damaged;
    /* under lock */
    pthread_mutex_t lock;
    struct extract_result *result;
    struct region *region;
    struct link *links;
    size_t count;
    size_t cap;
    struct table *seen; /* paths that came out, or are told to be lost */
};

/* Tell of a loss, once a path; with the lock held. */
static void lose(struct extract *x, const char *path, const char *why)
{
    if (path && table_get(x->seen, path, strlen(path)))
        return;
    if (path && table_add(x->seen, path, strlen(path), x, NULL) < 0)
        why = "out of memory";
    x->result->lost++;
    x->opts->lost(x->opts->ctx, path, why);
    atomic_store(&x->damaged, true);
}

static void note(struct extract *x, const char *path)
{
    if (table_add(x->seen, path, strlen(path), x, NULL) < 0)
        x->result
            ->lost++; /* without memory, it may be told as lost: never the other way round */
}

/* The manifest's row of an entry: its path is below the top directory. */
static const struct rows_artifact *row_of(const struct extract *x, const char *path)
{
    size_t top = strlen(x->box.top);

    if (!x->roll || strncmp(path, x->box.top, top) != 0 || path[top] != '/')
        return NULL;
    return roll_find(x->roll, path + top + 1);
}

static int put_file(struct extract *x, struct tape *tape, const struct tape_entry *entry,
                    const struct rows_artifact *row, uint64_t *size, struct err *err)
{
    struct place_file file;
    uint8_t sha256[SHA256_SIZE];
    int rc = place_begin(&x->place, &file, entry->path, err);

    if (rc == 0)
        rc = tape_copy(tape, file_put_fd, &file.fd, sha256, size, err);
    if (rc == 0 && row && memcmp(sha256, row->sha256, SHA256_SIZE) != 0)
        rc = err_set(err, ERR_MISMATCH, "it does not have the SHA-256 that the manifest gives");
    if (rc == 0)
        rc = place_commit(&file, entry->mtime, x->opts->mode, x->opts->force, err);
    place_abort(&file);
    return rc;
}

/* Keep a link for later. */
static int keep_link(struct extract *x, const struct tape_entry *entry, struct err *err)
{
    struct link *link;
    int rc = 0;

    (void)pthread_mutex_lock(&x->lock);
    if (mem_room(&x->links, &x->cap, x->count, sizeof(*x->links), LINKS_MAX, err) < 0) {
        rc = -1;
    } else {
        link = &x->links[x->count];
        link->path = region_copy(x->region, entry->path, strlen(entry->path), err);
        link->target = region_copy(x->region, entry->target, strlen(entry->target), err);
        rc = link->path && link->target ? 0 : -1;
        x->count += rc == 0;
    }
    (void)pthread_mutex_unlock(&x->lock);
    return rc;
}

/* What became of one file; 0 unless it is fatal. */
static int account(struct extract *x, const char *path, uint64_t size, int rc, struct err *err)
{
    (void)pthread_mutex_lock(&x->lock);
    if (rc == 0) {
        x->result->files++;
        x->result->bytes += size;
        note(x, path);
    } else if (err->kind == ERR_EXISTS) {
        x->result->kept++;
        x->opts->kept(x->opts->ctx, path);
        note(x, path);
        rc = 0;
    } else if (err->kind == ERR_MISMATCH || err->kind == ERR_FORMAT) {
        lose(x, path, err->text);
    }
    (void)pthread_mutex_unlock(&x->lock);
    return rc;
}

static int on_entry(void *ctx, struct tape *tape, const struct tape_entry *entry,
                    struct err *err)
{
    struct extract *x = ctx;
    const struct rows_artifact *row = row_of(x, entry->path);
    uint64_t size = 0;
    int rc;

    if (atomic_load(&x->damaged) && !x->opts->keep_going)
        return err_set(err, ERR_CANCELLED, "the archive is damaged");
    if (entry->kind == TAPE_DIR || !x->opts->wanted(x->opts->ctx, entry->path, row))
        return 0;
    if (!place_good(entry->path) || entry->kind == TAPE_OTHER) {
        (void)err_set(err, ERR_FORMAT,
                      entry->kind == TAPE_OTHER ? "neither a file nor a hard link"
                                                : "its name leads elsewhere");
        (void)account(x, entry->path, 0, -1, err);
        return 0; /* it alone */
    }
    if (entry->kind == TAPE_LINK)
        return keep_link(x, entry, err);
    if (!x->opts->force && place_has(&x->place, entry->path)) {
        (void)err_set(err, ERR_EXISTS, "it is there already");
        return account(x, entry->path, 0, -1, err);
    }
    rc = put_file(x, tape, entry, row, &size, err);
    rc = account(x, entry->path, size, rc, err);
    if (rc < 0 && err->kind == ERR_SYSTEM)
        (void)err_wrap(err, "'%.200s'", entry->path);
    return rc;
}

static void on_damage(void *ctx, uint64_t offset, const struct err *err)
{
    struct extract *x = ctx;

    (void)offset;
    atomic_store(&x->damaged, true);
    if (x->roll) /* each file of it is told by its path, at the end */
        return;
    (void)pthread_mutex_lock(&x->lock);
    lose(x, NULL, err->text);
    (void)pthread_mutex_unlock(&x->lock);
}

static int make_links(struct extract *x, struct err *err)
{
    size_t i;

    for (i = 0; i < x->count; i++) {
        const struct link *link = &x->links[i];
        int rc = 0;

        if (!place_good(link->target))
            rc = err_set(err, ERR_FORMAT, "it is a link that leads elsewhere");
        else if (!place_has(&x->place, link->target))
            rc = err_set(err, ERR_MISMATCH, "what it is a link to was not extracted");
        else
            rc = place_link(&x->place, link->path, link->target, x->opts->force, err);
        x->result->links += rc == 0;
        x->result->files -= rc == 0; /* account counts it as a file */
        if (account(x, link->path, 0, rc, err) < 0 && err->kind == ERR_SYSTEM)
            return err_wrap(err, "'%.200s'", link->path);
    }
    return 0;
}

static int on_row(void *ctx, enum rows_section section, const char *text, size_t len,
                  struct err *err)
{
    struct extract *x = ctx;

    return section == ROWS_ARTIFACTS ? roll_add(x->roll, text, len, err) : 0;
}

/* Tell of all that the manifest names, that is wanted, and that did not come. */
static void count_losses(struct extract *x)
{
    struct roll_row row;
    char path[4096];
    size_t i;

    (void)pthread_mutex_lock(&x->lock);
    for (i = 0; roll_row(x->roll, i, &row); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", x->box.top, row.artifact.path);
        if (x->opts->wanted(x->opts->ctx, path, &row.artifact))
            lose(x, path, "its part of the archive is damaged");
    }
    (void)pthread_mutex_unlock(&x->lock);
}

static bool on_stopped(void *ctx)
{
    const struct extract *x = ctx;

    return (x->opts->stopped && x->opts->stopped(x->opts->ctx)) ||
           (atomic_load(&x->damaged) && !x->opts->keep_going);
}

static int run(struct extract *x, const char *path, struct err *err)
{
    struct walk_opts opts = {
        .stopped = on_stopped, .entry = on_entry, .damage = on_damage, .ctx = x
    };
    struct err tail;
    const uint64_t *offsets = NULL;
    size_t count = 0;
    int rc;

    if (box_open_anyway(&x->box, path, &tail, err) < 0 ||
        place_open(&x->place, x->opts->dir, err) < 0)
        return -1;
    box_watch(&x->box, x->opts->stopped, x->opts->ctx);
    if (tail.kind && !x->opts->keep_going) {
        *err = tail;
        return err_hint(err, "--keep-going extracts what can be had");
    }
    if (box_manifest(&x->box, on_row, x, NULL, err) < 0) {
        if ((err->kind != ERR_MISMATCH && err->kind != ERR_FORMAT && err->kind != ERR_LIMIT) ||
            !x->opts->keep_going)
            return -1;
        lose(x, "manifest.json", err->text);
        roll_free(x->roll);
        x->roll = NULL;
        err_clear(err);
    }
    if (x->roll)
        offsets = roll_offsets(x->roll, &count);
    opts.guess = !x->roll;
    x->result->indexed = x->box.indexed;
    rc = walk_run(&x->box, &opts, offsets, count, err);
    if (rc < 0 && !(err->kind == ERR_CANCELLED && atomic_load(&x->damaged)))
        return -1;
    if (make_links(x, err) < 0)
        return -1;
    if (x->roll && atomic_load(&x->damaged) && roll_join(x->roll, err) == 0)
        count_losses(x);
    return 0;
}

int extract_run(const char *path, const struct extract_opts *opts,
                struct extract_result *result, struct err *err)
{
    struct extract x = { .opts = opts, .result = result, .place = { -1 } };
    int rc = -1;

    *result = (struct extract_result){ 0 };
    (void)pthread_mutex_init(&x.lock, NULL);
    x.region = region_new(err);
    x.seen = table_new(err);
    x.roll = roll_new(err);
    if (x.region && x.seen && x.roll)
        rc = run(&x, path, err);
    roll_free(x.roll);
    table_free(x.seen);
    region_free(x.region);
    mem_free(x.links);
    place_close(&x.place);
    box_close(&x.box);
    (void)pthread_mutex_destroy(&x.lock);
    return rc;
}
