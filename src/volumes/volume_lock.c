/* SPDX-License-Identifier: MIT */
#include "volumes/volume_lock.h"

#include "attest/proof.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hashmap.h"
#include "base/mem.h"
#include "base/pulse.h"
#include "s3/bucket.h"
#include "s3/version_list.h"
#include "volumes/bucket_store.h"
#include "volumes/commit_record.h"
#include "volumes/work_dir.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX   ((size_t)64 << 20)
#define STATE_MAX  240 /* buffer size */
#define FORMER_MAX ((size_t)10000)
#define SLACK      ((int64_t)3600 * 1000) /* ms: an upload takes its time, and clocks differ */
#define NEARLY     ((int64_t)60 * 1000)   /* ms: a lock that ends so soon is not set any more */

void volume_lock_init(struct volume_locks *l, const struct volume_store *store)
{
    *l = (struct volume_locks){ .store = store,
                                .holds = { .file = "legal-holds" },
                                .retention = { .file = "retention" },
                                .enabled = -1 };
}

static void clear_notes(struct lock_notes *notes)
{
    hashmap_free(notes->known);
    region_free(notes->region);
    notes->known = NULL;
    notes->region = NULL;
}

void volume_lock_close(struct volume_locks *l)
{
    clear_notes(&l->holds);
    clear_notes(&l->retention);
}

static struct bucket_place *place_of(const struct volume_locks *l)
{
    return bucket_store_place(l->store->bucket);
}

static const struct object_options *options_of(const struct volume_locks *l)
{
    return l->store->bucket ? place_of(l)->objects : NULL;
}

bool volume_lock_holds_all(const struct volume_locks *l)
{
    const struct object_options *options = options_of(l);

    return options && options->legal_hold;
}

bool volume_lock_retains(const struct volume_locks *l)
{
    const struct object_options *options = options_of(l);

    return options && options->lock != OBJECT_LOCK_NONE;
}

/* Enter what was set; the last one of a name counts. */
static int enter(struct lock_notes *notes, const char *name, const char *state, struct err *err)
{
    char *known = hashmap_get(notes->known, name, strlen(name));
    char *key;

    if (strlen(state) >= STATE_MAX)
        return 0;
    if (!known) {
        known = region_take(notes->region, STATE_MAX, err);
        key = known ? region_text(notes->region, name, err) : NULL;
        if (!key || hashmap_add(notes->known, key, strlen(key), known, err) < 0)
            return -1;
    }
    (void)snprintf(known, STATE_MAX, "%s", state);
    return 0;
}

/* Take a line of the file; any other is ignored. */
static int on_line(void *ctx, char *line, struct err *err)
{
    char *tab = strchr(line, '\t');

    if (!tab)
        return 0;
    *tab = '\0';
    return enter(ctx, line, tab + 1, err);
}

/* Read the file, unless that was done; what cannot be read of it is set again. */
static int load(const struct volume_locks *l, struct lock_notes *notes, struct err *err)
{
    char *path;
    struct buf text;
    struct err ignored;
    int rc = 0;

    if (notes->known)
        return 0;
    path = mem_format(err, "%s/%s", l->store->dir, notes->file);
    buf_init(&text, FILE_MAX);
    notes->region = region_new(err);
    notes->known = notes->region ? hashmap_new(err) : NULL;
    if (!path || !notes->known)
        rc = -1;
    else if (file_load(path, stop_never(), &text, &ignored) == 0)
        rc = buf_each_line(&text, on_line, notes, err);
    buf_clear(&text);
    mem_free(path);
    return rc;
}

/* Remember what was set. */
static int keep(const struct volume_locks *l, struct lock_notes *notes, const char *name,
                const char *state, struct err *err)
{
    char *line = mem_format(err, "%s\t%s\n", name, state);

    if (!line)
        return -1;
    work_dir_add_line(l->store->dir, notes->file, line);
    mem_free(line);
    return enter(notes, name, state, err);
}

/* Whether the bucket has Object Lock; if that may not be asked, the attempt will tell. */
static int is_enabled(struct volume_locks *l, struct err *err)
{
    struct bucket_lock lock = { 0 };
    struct err why = { 0 };

    if (l->enabled >= 0)
        return l->enabled;
    if (bucket_lock(place_of(l)->client, &lock, &why) == 0)
        l->enabled = lock.enabled;
    else if (why.kind == ERR_DENIED)
        l->enabled = 1;
    else if (err)
        *err = why;
    return l->enabled;
}

/* Find a volume that counts, and what was set: 1; 0: it does not count; -1. */
static int find(struct volume_locks *l, struct lock_notes *notes, const char *name,
                const struct bucket_volume **volume, struct err *err)
{
    if (!l->store->bucket)
        return 0;
    if (bucket_place_list(place_of(l), false, err) < 0 || load(l, notes, err) < 0)
        return -1;
    *volume = bucket_place_get(place_of(l), name);
    return *volume && bucket_place_counts(*volume);
}

/* The version that the commit record names: "" if it does not stand, or does not tell. */
static int read_version(const struct bucket_place *place, const char *name, char out[128],
                        struct err *err)
{
    struct commit_record record;
    bool malformed;
    int rc = commit_record_load(&record, place, place->client, name, &malformed, err);

    memcpy(out, record.version, sizeof(record.version));
    return rc < 0 ? -1 : 0;
}

/* Visit a volume's version, its signature and its time stamps. fn: returns less than 0 to fail,
 * otherwise whether something was changed. returns 1: something was changed; 0; -1 */
static int each_object(const struct bucket_place *place, const struct bucket_volume *v,
                       int (*fn)(void *ctx, const struct bucket_place *place, const char *key,
                                 const char *version, struct err *err),
                       void *ctx, struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    char version[128];
    int changed = 0;
    unsigned i;
    int rc = read_version(place, v->name, version, err);

    if (rc == 0)
        rc = bucket_place_key(place, key, "", v->name, "", err);
    if (rc == 0)
        rc = changed = fn(ctx, place, key, version, err);
    for (i = 0; rc >= 0 && i < PROOF_MOST; i++) {
        rc = bucket_place_proof(place, v, i, key, err);
        if (rc > 0)
            rc = fn(ctx, place, key, "", err);
        changed |= rc > 0;
    }
    return rc < 0 ? -1 : changed;
}

static int put_hold(void *ctx, const struct bucket_place *place, const char *key,
                    const char *version, struct err *err)
{
    const bool *on = ctx;

    return object_lock_put_hold(place->client, key, version, *on, err) < 0 ? -1 : 1;
}

/* The versions of the former revisions of a volume, while they are listed. */
struct former {
    const struct bucket_place *place;
    struct volume_name now;
    struct text_list keys; /* and versions, in turn */
};

/* The volume that a key is, or is a proof of: of a former revision that does not count. */
static int is_former(const struct former *f, const char *below, struct err *err)
{
    char name[VOLUME_NAME];
    struct volume_name parts;
    const struct bucket_volume *v;
    unsigned i;
    bool found = volume_name_before(name, below, "");

    for (i = 0; !found && i < PROOF_MOST; i++) {
        char *end = proof_path("", i, err);

        if (!end)
            return -1;
        found = volume_name_before(name, below, end);
        mem_free(end);
    }
    if (!found || !volume_name_parse(&parts, name) || strcmp(parts.stem, f->now.stem) != 0 ||
        parts.revision >= f->now.revision)
        return 0;
    v = bucket_place_get(f->place, name);
    return !v || !v->committed;
}

static int on_version(void *ctx, const struct version_listed *listed, struct err *err)
{
    struct former *f = ctx;
    int rc =
        listed->marker ? 0 : is_former(f, listed->key + strlen(f->place->location.key), err);

    if (rc <= 0)
        return rc;
    return text_list_add(&f->keys, listed->key, FORMER_MAX, err) < 0 ||
                   text_list_add(&f->keys, listed->id, FORMER_MAX, err) < 0
               ? -1
               : 0;
}

/* Take the legal hold off the hidden versions of which prune has made a volume. */
static int free_former(const struct bucket_place *place, const char *name, struct err *err)
{
    struct former f = { .place = place };
    char key[LOCATION_KEY_MAX + 1];
    size_t i;
    int rc;

    if (!volume_name_parse(&f.now, name) || !f.now.revision)
        return 0;
    rc = bucket_place_key(place, key, "", f.now.stem, "", err);
    if (rc == 0)
        rc = version_list(place->client, key, on_version, &f, err);
    for (i = 0; rc == 0 && i + 1 < f.keys.count; i += 2)
        rc = object_lock_put_hold(place->client, f.keys.at[i], f.keys.at[i + 1], false, err);
    text_list_clear(&f.keys);
    return rc < 0 ? err_wrap(err, "what prune has made it of, and hidden") : 0;
}

int volume_lock_hold(struct volume_locks *l, const char *name, bool on, int64_t changes,
                     struct err *err)
{
    const struct bucket_volume *v;
    const char *known;
    char state[STATE_MAX];
    int rc = find(l, &l->holds, name, &v, err);

    if (rc <= 0)
        return rc;
    (void)snprintf(state, sizeof(state), "%s %" PRId64 " %u %s", on ? "on" : "off", changes,
                   v->proofs, v->etag);
    known = hashmap_get(l->holds.known, name, strlen(name));
    if (known && strcmp(known, state) == 0)
        return 0;
    rc = is_enabled(l, err);
    if (rc > 0)
        rc = each_object(place_of(l), v, put_hold, &on, err);
    if (rc > 0 && !on && free_former(place_of(l), name, err) < 0)
        rc = -1;
    if (rc > 0 && keep(l, &l->holds, name, state, err) < 0)
        rc = -1;
    return rc;
}

/* How a volume is to be locked. */
struct lock_wanted {
    struct object_retention retention;
    int64_t now_ms;
};

/* Lock an object at least as wanted. */
static int extend(void *ctx, const struct bucket_place *place, const char *key,
                  const char *version, struct err *err)
{
    const struct lock_wanted *w = ctx;
    struct object_retention to = w->retention;
    struct object_retention had;
    char until[CLOCK_TEXT_MAX];
    int rc = object_lock_get_retention(place->client, key, version, &had, err);

    if (rc < 0)
        return err_wrap(err, "cannot ask for the retention of '%s'", key);
    if (had.until_ms <= w->now_ms) /* what is over may be replaced by anything */
        had = (struct object_retention){ 0 };
    if (had.until_ms + SLACK >= to.until_ms && had.mode >= to.mode)
        return 0;
    if (had.mode > to.mode)
        return err_set(err, ERR_DENIED,
                       "'%s' is locked in mode %s until %s, and nobody can change the mode "
                       "before; '--s3-lock compliance' extends it",
                       key, object_lock_mode(had.mode),
                       clock_format(until, had.until_ms, CLOCK_RFC3339));
    if (had.until_ms > to.until_ms)
        to.until_ms = had.until_ms;
    if (object_lock_put_retention(place->client, key, version, &to, err) < 0)
        return err_wrap(err, "cannot lock '%s' in mode %s until %s", key,
                        object_lock_mode(to.mode),
                        clock_format(until, to.until_ms, CLOCK_RFC3339));
    return 1;
}

/* Whether a volume was found to be locked in this mode for this period at least. */
static bool is_retained(const struct volume_locks *l, const struct bucket_volume *v,
                        unsigned mode, uint64_t period_s)
{
    const char *known = hashmap_get(l->retention.known, v->name, strlen(v->name));
    char rest[STATE_MAX];

    (void)snprintf(rest, sizeof(rest), " %u %s", v->proofs, v->etag);
    for (; known && mode <= OBJECT_LOCK_COMPLIANCE; mode++) {
        size_t len = strlen(object_lock_mode(mode));
        char *end;

        if (strncmp(known, object_lock_mode(mode), len) == 0 && known[len] == ' ' &&
            strtoull(known + len, &end, 10) >= period_s && strcmp(end, rest) == 0)
            return true;
    }
    return false;
}

int volume_lock_retain(struct volume_locks *l, const char *name, int64_t since_ms,
                       struct err *err)
{
    const struct object_options *options = options_of(l);
    struct lock_wanted w = { .now_ms = clock_wall() };
    const struct bucket_volume *v;
    char state[STATE_MAX];
    uint64_t period_s;
    int rc = volume_lock_retains(l) ? find(l, &l->retention, name, &v, err) : 0;

    if (rc <= 0)
        return rc;
    period_s = (options->retain + 999) / 1000;
    w.retention.mode = options->lock;
    w.retention.until_ms = v->modified_ms == CLOCK_NONE ? since_ms : v->modified_ms;
    w.retention.until_ms += (int64_t)period_s * 1000;
    if (w.retention.until_ms <= w.now_ms + NEARLY ||
        is_retained(l, v, w.retention.mode, period_s))
        return 0;
    rc = is_enabled(l, err);
    if (rc == 0)
        rc = err_set(err, ERR_DENIED, "the bucket has no Object Lock");
    if (rc > 0)
        rc = each_object(place_of(l), v, extend, &w, err);
    (void)snprintf(state, sizeof(state), "%s %" PRIu64 " %u %s",
                   object_lock_mode(w.retention.mode), period_s, v->proofs, v->etag);
    return rc < 0 || keep(l, &l->retention, name, state, err) < 0 ? -1 : rc;
}

int volume_lock_ask(struct volume_locks *l, const char *name, struct volume_locked *out,
                    struct err *err)
{
    enum bucket_versions versions = BUCKET_UNVERSIONED;
    struct bucket_place *place;
    char key[LOCATION_KEY_MAX + 1];
    int held;
    int rc = l->store->bucket ? bucket_place_list(place_of(l), false, err) : 0;

    *out = (struct volume_locked){ 0 };
    if (rc < 0 || !l->store->bucket || !bucket_place_get(place_of(l), name))
        return rc;
    rc = is_enabled(l, err);
    if (rc <= 0)
        return rc;
    place = place_of(l);
    if (read_version(place, name, out->version, err) < 0 ||
        bucket_place_key(place, key, "", name, "", err) < 0)
        return -1;
    held = object_lock_get_hold(place->client, key, out->version, err);
    if (held < 0 ||
        object_lock_get_retention(place->client, key, out->version, &out->retention, err) < 0)
        return -1;
    out->legal_hold = held > 0;
    if (out->retention.until_ms <= clock_wall())
        out->retention = (struct object_retention){ 0 };
    if (!held && !out->retention.mode)
        return 0;
    if (bucket_versions(place->client, &versions, err) < 0)
        return -1;
    out->hides = versions == BUCKET_VERSIONED;
    return 1;
}
