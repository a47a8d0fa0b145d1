/* SPDX-License-Identifier: MIT */
#include "volumes/legal_hold.h"

#include "attest/proof.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/hashmap.h"
#include "base/mem.h"
#include "base/pulse.h"
#include "s3/bucket.h"
#include "s3/object_lock.h"
#include "volumes/bucket_store.h"
#include "volumes/commit_record.h"
#include "volumes/work_dir.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME      "legal-holds"
#define FILE_MAX  ((size_t)64 << 20)
#define STATE_MAX 240 /* buffer size */

void legal_hold_close(struct legal_holds *h)
{
    hashmap_free(h->known);
    region_free(h->region);
    h->known = NULL;
    h->region = NULL;
}

static const struct bucket_place *place_of(const struct legal_holds *h)
{
    return bucket_store_place(h->store->bucket);
}

bool legal_hold_on_all(const struct legal_holds *h)
{
    const struct object_options *objects = h->store->bucket ? place_of(h)->objects : NULL;

    return objects && objects->legal_hold;
}

/* Enter what was set; the last one of a name counts. */
static int enter(struct legal_holds *h, const char *name, const char *state, struct err *err)
{
    char *known = hashmap_get(h->known, name, strlen(name));
    char *key;

    if (strlen(state) >= STATE_MAX)
        return 0;
    if (!known) {
        known = region_take(h->region, STATE_MAX, err);
        key = known ? region_text(h->region, name, err) : NULL;
        if (!key || hashmap_add(h->known, key, strlen(key), known, err) < 0)
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

/* Read the file; what cannot be read of it is set again. */
static int load(struct legal_holds *h, struct err *err)
{
    char *path = mem_format(err, "%s/" NAME, h->store->dir);
    struct buf text;
    struct err ignored;
    int rc = 0;

    buf_init(&text, FILE_MAX);
    h->region = region_new(err);
    h->known = h->region ? hashmap_new(err) : NULL;
    if (!path || !h->known)
        rc = -1;
    else if (file_load(path, stop_never(), &text, &ignored) == 0)
        rc = buf_each_line(&text, on_line, h, err);
    buf_clear(&text);
    mem_free(path);
    return rc;
}

/* Remember what was set. */
static int keep(struct legal_holds *h, const char *name, const char *state, struct err *err)
{
    char *line = mem_format(err, "%s\t%s\n", name, state);

    if (!line)
        return -1;
    work_dir_add_line(h->store->dir, NAME, line);
    mem_free(line);
    return enter(h, name, state, err);
}

/* Whether the bucket has Object Lock; if that may not be asked, the attempt will tell. */
static int has_lock(struct legal_holds *h, struct err *err)
{
    struct bucket_lock lock = { 0 };
    struct err why = { 0 };

    if (h->locks >= 0)
        return h->locks;
    if (bucket_lock(place_of(h)->client, &lock, &why) == 0)
        h->locks = lock.enabled;
    else if (why.kind == ERR_DENIED)
        h->locks = 1;
    else if (err)
        *err = why;
    return h->locks;
}

/* Set the legal hold of a volume, its signature and its time stamps. */
static int put(const struct bucket_place *place, const struct bucket_volume *v, bool on,
               struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    struct commit_record record; /* its version is "" if it does not stand or tell */
    bool malformed;
    unsigned i;
    int rc = commit_record_load(&record, place, place->client, v->name, &malformed, err);

    if (rc >= 0)
        rc = bucket_place_key(place, key, "", v->name, "", err);
    if (rc == 0)
        rc = object_lock_put_hold(place->client, key, record.version, on, err);
    for (i = 0; rc == 0 && i < PROOF_MOST; i++) {
        rc = bucket_place_proof(place, v, i, key, err);
        if (rc > 0)
            rc = object_lock_put_hold(place->client, key, "", on, err);
    }
    return rc;
}

int legal_hold_want(struct legal_holds *h, const char *name, bool on, int64_t changes,
                    struct err *err)
{
    const struct bucket_volume *v;
    const char *known;
    char state[STATE_MAX];
    int rc;

    if (!h->store->bucket)
        return 0;
    if (bucket_place_list(bucket_store_place(h->store->bucket), false, err) < 0 ||
        (!h->known && load(h, err) < 0))
        return -1;
    v = bucket_place_get(place_of(h), name);
    if (!v || !bucket_place_counts(v))
        return 0;
    (void)snprintf(state, sizeof(state), "%s %" PRId64 " %u %s", on ? "on" : "off", changes,
                   v->proofs, v->etag);
    known = hashmap_get(h->known, name, strlen(name));
    if (known && strcmp(known, state) == 0)
        return 0;
    rc = has_lock(h, err);
    if (rc <= 0)
        return rc;
    return put(place_of(h), v, on, err) < 0 || keep(h, name, state, err) < 0 ? -1 : 1;
}
