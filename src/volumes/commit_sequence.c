/* SPDX-License-Identifier: MIT */
#include "volumes/commit_sequence.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "s3/object_list.h"
#include "s3/object_put.h"
#include "volumes/work_dir.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION   1
#define DIGITS    16
#define DECISIONS "decisions"
#define KNOWN_MAX ((size_t)256 << 20)

static int key_of(const struct bucket_place *b, uint64_t number, char key[LOCATION_KEY_MAX + 1],
                  struct err *err)
{
    char name[DIGITS + 8];

    (void)snprintf(name, sizeof(name), "%016" PRIu64, number);
    return bucket_place_key(b, key, COMMIT_SEQUENCE_FOLDER, name, ".json", err);
}

/* A decision that was read. */
struct commit_decision {
    struct buf text; /* doc refers to it */
    struct json *doc;
    struct region *region;
    const char *volume;
    const char *session; /* NULL: not told */
    bool commit;
};

static void forget(struct commit_decision *d)
{
    json_free(d->doc);
    region_free(d->region);
    buf_clear(&d->text);
    *d = (struct commit_decision){ 0 };
}

/* Understand a decision's text. */
static int understand(struct commit_decision *d, struct err *err)
{
    const char *word;
    uint64_t version = 0;

    d->doc = json_parse(buf_text(&d->text), d->text.len, err);
    d->region = d->doc ? region_new(err) : NULL;
    if (!d->region)
        return -1;
    if (json_u64(json_get(json_root(d->doc), "version"), &version) && version > VERSION)
        return err_set(err, ERR_LIMIT, "it was written by a newer skyarc");
    word = json_text(json_root(d->doc), "decision", d->region);
    d->volume = json_text(json_root(d->doc), "volume", d->region);
    d->session = json_text(json_root(d->doc), "session", d->region);
    d->commit = word && strcmp(word, "commit") == 0;
    if (!version || !d->volume || !word || (!d->commit && strcmp(word, "void") != 0))
        return err_set(err, ERR_FORMAT, "it is no decision");
    return 0;
}

/* Read a decision: 1; 0: it does not exist; -1. */
static int load(const struct bucket_place *b, struct s3_client *client, uint64_t number,
                struct commit_decision *out, struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    struct object_info info;
    int rc = key_of(b, number, key, err);

    *out = (struct commit_decision){ 0 };
    if (rc == 0)
        rc = object_load(client, key, COMMIT_SEQUENCE_MAX, &out->text, &info, err);
    if (rc > 0 && understand(out, err) < 0)
        rc = err_wrap(err, "decision 's3://%s/%s'", b->location.bucket, key);
    if (rc <= 0)
        forget(out);
    return rc;
}

/* Whether a decision commits one of the claim's runs: 1, 0 or -1. */
static int overlaps(const struct commit_decision *d, const struct hashmap *mine,
                    struct err *err)
{
    struct json_value runs = json_get(json_root(d->doc), "runs");
    struct json_value run = { 0 };

    if (!d->commit || json_type(runs) != JSON_ARRAY)
        return 0;
    while (json_type(run = json_next(runs, run)) != JSON_ABSENT) {
        char *id = NULL;

        if (json_type(run) != JSON_STRING)
            continue;
        if (json_string(run, d->region, &id, err) < 0)
            return -1;
        if (id && hashmap_get(mine, id, strlen(id)))
            return 1;
    }
    return 0;
}

/* Judge the claim by a decision that comes after its base. */
static int judge(struct commit_claim *claim, const struct commit_decision *d,
                 const struct hashmap *mine, struct err *err)
{
    int rc;

    if (strcmp(d->volume, claim->volume) == 0) {
        claim->verdict = d->commit ? COMMIT_DONE : COMMIT_SUPERSEDED;
        claim->by[0] = '\0';
        return 0;
    }
    if (!claim->runs || (d->session && strcmp(d->session, claim->session) == 0))
        return 0;
    rc = overlaps(d, mine, err);
    if (rc > 0) {
        claim->verdict = COMMIT_SUPERSEDED;
        (void)snprintf(claim->by, sizeof(claim->by), "%s", d->volume);
    }
    return rc < 0 ? -1 : 0;
}

/* The claim's runs, to look up. */
static struct hashmap *runs_of(const struct commit_claim *claim, struct err *err)
{
    struct hashmap *map = hashmap_new(err);
    size_t i;

    for (i = 0; map && claim->runs && i < claim->runs->count; i++) {
        char *id = claim->runs->at[i];

        if (!hashmap_get(map, id, strlen(id)) &&
            hashmap_add(map, id, strlen(id), id, err) < 0) {
            hashmap_free(map);
            return NULL;
        }
    }
    return map;
}

int commit_sequence_check(struct commit_claim *claim, struct err *err)
{
    struct hashmap *mine = runs_of(claim, err);
    int rc = mine ? 1 : -1;

    while (rc > 0 && claim->verdict == COMMIT_OPEN) {
        struct commit_decision d;

        rc = load(claim->bucket, claim->client, claim->base + 1, &d, err);
        if (rc <= 0)
            break;
        claim->base++;
        rc = judge(claim, &d, mine, err) < 0 ? -1 : 1;
        forget(&d);
    }
    hashmap_free(mine);
    return rc < 0 ? -1 : 0;
}

static int write_text(const struct commit_claim *claim, struct buf *out, struct err *err)
{
    struct jsonw *w = jsonw_new(buf_put, out, err);
    char when[CLOCK_TEXT_MAX];
    char nonce[TEXT_NONCE];
    size_t i;

    if (!w)
        return -1;
    jsonw_object(w, NULL, JSONW_LINES);
    jsonw_u64(w, "version", VERSION);
    jsonw_u64(w, "number", claim->base + 1);
    jsonw_text(w, "decision", claim->runs ? "commit" : "void");
    jsonw_text(w, "volume", claim->volume);
    jsonw_text(w, "sha256", *claim->sha256 ? claim->sha256 : NULL);
    jsonw_text(w, "session", claim->session);
    jsonw_text(w, "at", clock_format(when, clock_wall(), CLOCK_RFC3339));
    jsonw_text(w, "made_by", claim->bucket->tool);
    jsonw_text(w, "nonce", text_nonce(nonce)); /* a lost answer is found out by it */
    jsonw_array(w, "runs", JSONW_LINES);
    for (i = 0; claim->runs && i < claim->runs->count; i++)
        jsonw_text(w, NULL, claim->runs->at[i]);
    jsonw_close(w);
    jsonw_close(w);
    return jsonw_finish(w, err);
}

/* Try to make the next decision: 1; 0: another one was first; -1. */
static int put(struct commit_claim *claim, struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    struct object_put_opts opts = { .key = key, .condition = OBJECT_ABSENT };
    struct object_info info;
    struct err why = { 0 };
    struct buf text;
    int rc = key_of(claim->bucket, claim->base + 1, key, err);

    buf_init(&text, COMMIT_SEQUENCE_MAX);
    if (rc == 0)
        rc = write_text(claim, &text, err);
    if (rc == 0) {
        opts.bytes = text.data;
        opts.len = text.len;
        rc = object_put(claim->client, &opts, &info, &why) == 0 ? 1
             : why.kind == ERR_EXISTS                           ? 0
                                                                : -1;
        if (rc < 0)
            *err = why;
    }
    buf_clear(&text);
    return rc;
}

int commit_sequence_claim(struct commit_claim *claim, struct err *err)
{
    for (;;) {
        int rc;

        if (commit_sequence_check(claim, err) < 0)
            return -1;
        if (claim->verdict != COMMIT_OPEN)
            return 0;
        rc = put(claim, err);
        if (rc < 0)
            return -1;
        if (rc > 0) {
            claim->base++;
            claim->verdict = claim->runs ? COMMIT_DONE : COMMIT_SUPERSEDED;
            claim->by[0] = '\0';
        }
    }
}

/* Remember what was decided about a volume; the first decision counts. */
static int know(struct commit_sequence *s, const char *volume, bool commit, struct err *err)
{
    static char words[] = "vc";

    return hashmap_get(s->names, volume, strlen(volume))
               ? 0
               : hashmap_add(s->names, volume, strlen(volume), words + commit, err);
}

/* Take a line of the file, "NUMBER c|v NAME"; those after a gap do not count. */
static int on_line(void *ctx, char *line, struct err *err)
{
    struct commit_sequence *s = ctx;
    char *end = NULL;
    uint64_t number = strtoull(line, &end, 10);
    struct volume_name parts;

    if (number != s->read + 1 || end[0] != ' ' || (end[1] != 'c' && end[1] != 'v') ||
        end[2] != ' ' || !volume_name_parse(&parts, end + 3))
        return 0;
    s->read++;
    return know(s, end + 3, end[1] == 'c', err);
}

/* Load what the work directory knows; without the file, nothing is known. */
static int begin(struct commit_sequence *s, struct err *err)
{
    char *path;
    struct err why = { 0 };
    struct buf text;
    int rc = 0;

    if (s->names)
        return 0;
    s->names = hashmap_new(err);
    path = s->names ? mem_format(err, "%s/" DECISIONS, s->dir) : NULL;
    if (!path)
        return -1;
    buf_init(&text, KNOWN_MAX);
    if (file_load(path, stop_never(), &text, &why) == 0)
        rc = buf_each_line(&text, on_line, s, err);
    buf_clear(&text);
    mem_free(path);
    return rc;
}

/* The numbers being listed. */
struct numbers {
    size_t prefix;
    uint64_t last;
};

static int on_object(void *ctx, const struct object_listed *object, struct err *err)
{
    struct numbers *n = ctx;
    const char *name = object->key + n->prefix;

    (void)err;
    if (strspn(name, "0123456789") == DIGITS && strcmp(name + DIGITS, ".json") == 0)
        n->last = strtoull(name, NULL, 10);
    return 0;
}

int commit_sequence_find_end(struct commit_sequence *s, struct s3_client *client,
                             struct err *err)
{
    char prefix[LOCATION_KEY_MAX + 1];
    char after[LOCATION_KEY_MAX + 1];
    struct numbers n = { 0 };
    int rc = begin(s, err);

    if (rc == 0)
        rc = bucket_place_key(s->bucket, prefix, COMMIT_SEQUENCE_FOLDER, "", "", err);
    if (rc == 0)
        rc = key_of(s->bucket, s->read, after, err);
    n.prefix = rc == 0 ? strlen(prefix) : 0;
    n.last = s->read;
    if (rc == 0)
        rc = object_list(client, prefix, after, on_object, &n, err);
    if (rc == 0)
        s->end = n.last;
    return rc;
}

int commit_sequence_has_more(const struct commit_sequence *s, struct s3_client *client,
                             struct err *err)
{
    struct commit_decision d;
    int rc = load(s->bucket, client, s->end + 1, &d, err);

    forget(&d);
    return rc;
}

/* Read the next decision into the names and the file. */
static int read_next(struct commit_sequence *s, struct s3_client *client, struct err *err)
{
    struct commit_decision d;
    char line[VOLUME_NAME + 32];
    int rc = load(s->bucket, client, s->read + 1, &d, err);

    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "decision %" PRIu64 " of 's3://%s/%s" COMMIT_SEQUENCE_FOLDER
                       "' is gone: without it nothing can be said of what comes after it",
                       s->read + 1, s->bucket->location.bucket, s->bucket->location.key);
    if (rc < 0)
        return -1;
    s->read++;
    rc = know(s, d.volume, d.commit, err);
    (void)snprintf(line, sizeof(line), "%" PRIu64 " %c %s\n", s->read, d.commit ? 'c' : 'v',
                   d.volume);
    work_dir_add_line(s->dir, DECISIONS, line);
    forget(&d);
    return rc;
}

int commit_sequence_of(struct commit_sequence *s, struct s3_client *client, const char *volume,
                       enum commit_verdict *verdict, struct err *err)
{
    const char *word;
    int rc = begin(s, err);

    while (rc == 0 && s->read < s->end)
        rc = read_next(s, client, err);
    word = rc == 0 ? hashmap_get(s->names, volume, strlen(volume)) : NULL;
    *verdict = !word ? COMMIT_OPEN : *word == 'c' ? COMMIT_DONE : COMMIT_SUPERSEDED;
    return rc;
}

void commit_sequence_clear(struct commit_sequence *s)
{
    hashmap_free(s->names);
    s->names = NULL;
    s->read = s->end = 0;
}
