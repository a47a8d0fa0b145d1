/* SPDX-License-Identifier: MIT */
#include "writer/plan.h"

#include "base/buf.h"
#include "base/hashmap.h"
#include "base/mem.h"
#include "base/path.h"
#include "format/sniff.h"
#include "format/suspect.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

#define BEYOND     ((uint64_t)1 << 20) /* bytes allowed beyond twice the listed size */
#define ITEMS_MAX  ((size_t)1 << 26)
#define KEY_MAX    ((size_t)64 << 10)
#define ITEM_PAGES ((size_t)2 << 10) /* bytes of the page file that an item takes */
#define TWINS_MAX  100 /* different artifacts with one ID, in addition to the first */

struct plan {
    struct pagefile *file;
    struct region *region;
    struct item **items;
    size_t count;
    size_t cap;
    bool dedupe;
    struct hashmap *joins;   /* what makes items identical -> leader; NULL: sealed */
    struct hashmap *members; /* bundles, and the names in them -> their bundle */
    struct bundle *bundles;
    size_t bundle_count;
    struct buf key;
};

struct plan *plan_new(bool dedupe, struct err *err)
{
    return plan_on(NULL, dedupe, err);
}

struct plan *plan_on(struct pagefile *file, bool dedupe, struct err *err)
{
    struct plan *plan = mem_new(sizeof(*plan), err);

    if (!plan)
        return NULL;
    plan->dedupe = dedupe;
    buf_init(&plan->key, KEY_MAX);
    plan->file = file;
    plan->region = region_on(file, err);
    plan->joins = hashmap_on(file, err);
    plan->members = hashmap_on(file, err);
    if (plan->region && plan->joins && plan->members)
        return plan;
    plan_free(plan);
    return NULL;
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    mem_free(plan->items);
    region_free(plan->region);
    hashmap_free(plan->joins);
    hashmap_free(plan->members);
    buf_clear(&plan->key);
    mem_free(plan);
}

void plan_seal(struct plan *plan)
{
    hashmap_free(plan->joins);
    plan->joins = NULL;
}

size_t plan_count(const struct plan *plan)
{
    return plan->count;
}

const struct item *plan_at(const struct plan *plan, size_t i)
{
    /* callers loop over all items, and read what belongs to each */
    pagefile_touch(plan->file, ITEM_PAGES);
    return plan->items[i];
}

void plan_set_path(struct plan *plan, size_t i, const char *path)
{
    plan->items[i]->path = path;
}

/*
 * The item registered under the key, or else this item, which is registered; also in the place
 * of one that nothing may follow any more.
 */
static int find_or_add(struct plan *plan, struct item *item, struct item **found,
                       struct err *err)
{
    struct item *there = hashmap_get(plan->joins, plan->key.data, plan->key.len);

    if (there && (there->leader ? there->leader : there)->closed) {
        hashmap_replace(plan->joins, plan->key.data, plan->key.len, item);
        return 0;
    }
    if (there) {
        *found = there;
        return 0;
    }
    return hashmap_add(plan->joins, plan->key.data, plan->key.len, item, err);
}

static bool texts_differ(const char *a, const char *b)
{
    return a && b && strcmp(a, b) != 0;
}

/* The path of a URL: what is behind the host, without query and fragment. */
static const char *path_of(const char *url, size_t *len)
{
    const char *slashes = strstr(url, "://");

    url = slashes ? slashes + 3 + strcspn(slashes + 3, "/?#") : url;
    *len = strcspn(url, "?#");
    return url;
}

static bool paths_differ(const char *a, const char *b)
{
    size_t a_len;
    size_t b_len;

    if (!a || !b)
        return false;
    a = path_of(a, &a_len);
    b = path_of(b, &b_len);
    return a_len != b_len || memcmp(a, b, a_len) != 0;
}

/* Whether two rows of one object may have different content, by their times and URLs. */
static bool may_differ(const struct plan_artifact *a, const struct plan_artifact *b)
{
    bool proven = a->bundle_key || (a->checksum && b->checksum && a->sized && b->sized);

    return !proven &&
           (texts_differ(a->modified_at, b->modified_at) || paths_differ(a->url, b->url));
}

/* Whether two rows must be different artifacts, or different versions of one. */
static bool differs(const struct plan_artifact *a, const struct plan_artifact *b)
{
    return may_differ(a, b) || texts_differ(a->uri, b->uri) ||
           texts_differ(a->bundle_key, b->bundle_key) ||
           (a->checksum && b->checksum && strcasecmp(a->checksum, b->checksum) != 0) ||
           (a->sized && b->sized && a->file_size != b->file_size);
}

/* Whether a row states a checksum or size that another row of its ID does not state. */
static bool states_more(const struct plan_artifact *what, const struct plan_artifact *than)
{
    return (what->checksum && !than->checksum) || (what->sized && !than->sized);
}

/* Forget a found item that has the same ID, but is a different artifact. */
static void forget_other(struct item **found, const struct plan_artifact *what)
{
    if (*found && strcmp((*found)->what.artifact_id, what->artifact_id) == 0 &&
        differs(&(*found)->what, what))
        *found = NULL;
}

/* Look for an identical item under each of its three possible keys. */
static int join(struct plan *plan, struct item *item, struct err *err)
{
    const struct plan_artifact *what = &item->what;
    struct item *found = NULL;

    buf_reset(&plan->key);
    if (buf_addf(&plan->key, err, "i%s", what->artifact_id) < 0 ||
        find_or_add(plan, item, &found, err) < 0)
        return -1;
    forget_other(&found, what);
    if (what->uri && !what->bundle_key && strlen(what->uri) < KEY_MAX - 8) {
        buf_reset(&plan->key);
        if (buf_addf(&plan->key, err, "u%s", what->uri) < 0 ||
            find_or_add(plan, item, &found, err) < 0)
            return -1;
        forget_other(&found, what);
    }
    if (what->checksum && what->sized && strlen(what->checksum) < 256) {
        buf_reset(&plan->key);
        if (buf_addf(&plan->key, err, "c%s/%llu", what->checksum,
                     (unsigned long long)what->file_size) < 0 ||
            find_or_add(plan, item, &found, err) < 0)
            return -1;
    }
    if (found && found->leader)
        found = plan->items[found->leader->index];
    if (!found)
        return 0;
    item->leader = found;
    item->next = found->followers;
    found->followers = item;
    return 0;
}

void plan_close(struct plan *plan, const struct item *item)
{
    plan->items[item->index]->closed = true;
}

static int bundle_key(struct plan *plan, size_t run, const char *uri, struct err *err)
{
    buf_reset(&plan->key);
    return buf_addf(&plan->key, err, "b%zu/%s", run, uri);
}

/* The bundle of a run's rows at this uri, or NULL. */
static struct bundle *bundle_of(struct plan *plan, size_t run, const char *uri)
{
    if (!uri || strlen(uri) > KEY_MAX - 64 || bundle_key(plan, run, uri, NULL) < 0)
        return NULL;
    return hashmap_get(plan->members, plan->key.data, plan->key.len);
}

/* Write an entry's name as a key; false: it is too long. */
static bool key_of_entry(struct buf *key, const struct bundle *bundle, const char *name)
{
    buf_reset(key);
    return buf_addf(key, NULL, "m%p/%s", (const void *)bundle, name) == 0;
}

bool plan_bundle_lists(const struct plan *plan, const struct bundle *bundle, const char *name)
{
    struct buf key;
    bool listed;

    if (!bundle->named)
        return true;
    buf_init(&key, KEY_MAX);
    listed = !key_of_entry(&key, bundle, name) || hashmap_get(plan->members, key.data, key.len);
    buf_clear(&key);
    return listed;
}

int plan_bundle_row(struct plan *plan, size_t run, const char *uri, const char *name,
                    struct err *err)
{
    struct bundle *bundle;

    if (strlen(uri) > KEY_MAX - 64)
        return 0;
    bundle = bundle_of(plan, run, uri);
    if (!bundle) {
        bundle = region_take(plan->region, sizeof(*bundle), err);
        if (!bundle || bundle_key(plan, run, uri, err) < 0 ||
            hashmap_add(plan->members, plan->key.data, plan->key.len, bundle, err) < 0)
            return -1;
        bundle->index = plan->bundle_count++;
        bundle->next = plan->bundles;
        plan->bundles = bundle;
    }
    bundle->rows++;
    bundle->named = name != NULL;
    if (!name || !key_of_entry(&plan->key, bundle, name) ||
        hashmap_get(plan->members, plan->key.data, plan->key.len))
        return 0;
    return hashmap_add(plan->members, plan->key.data, plan->key.len, bundle, err);
}

static void join_bundle(struct plan *plan, struct item *item)
{
    struct bundle *bundle =
        item->what.bundle_key ? bundle_of(plan, item->run, item->what.uri) : NULL;

    if (!bundle || item->leader)
        return;
    item->bundle = bundle;
    item->sibling = bundle->members;
    bundle->members = item;
    bundle->wanted++;
    if (item->what.sized) {
        bundle->sized++;
        bundle->bytes += item->what.file_size;
    }
}

int plan_parent(struct plan *plan, const struct plan_artifact *what, size_t run, size_t row,
                bool keep, bool alone, struct err *err)
{
    struct bundle *bundle = bundle_of(plan, run, what->uri);
    struct item *item;

    if (bundle ? !keep && (!bundle->wanted || bundle->parent) : !alone)
        return 0;
    if (plan_add(plan, what, run, row, &item, err) < 0)
        return -1;
    if (!item || !bundle)
        return 0;
    item->unlisted = !keep;
    /* under another name of the run the ZIP is fetched already, and so are its members */
    if (!item->leader && !bundle->parent) {
        bundle->parent = item;
        item->bundle = bundle;
    }
    return 0;
}

void plan_choose(struct plan *plan, enum bundle_mode mode)
{
    struct bundle *b;

    for (b = plan->bundles; b; b = b->next) {
        const struct plan_artifact *zip = b->parent ? &b->parent->what : NULL;

        /* a ZIP that is itself wanted has no extra cost */
        b->whole = zip && b->wanted && mode != BUNDLE_MEMBERS &&
                   (mode == BUNDLE_ZIP || !b->parent->unlisted ||
                    bundle_pays(b, zip->sized ? zip->file_size : 0));
    }
}

const struct bundle *plan_bundles(const struct plan *plan)
{
    return plan->bundles;
}

size_t plan_bundle_count(const struct plan *plan)
{
    return plan->bundle_count;
}

bool item_at_rest_coded(const struct item *item)
{
    const struct plan_artifact *what = &item->what;
    size_t len = what->uri ? strcspn(what->uri, "?#") : 0;

    return sniff_type_is_har(what->type) && !what->bundle_key && len >= 4 &&
           memcmp(what->uri + len - 4, ".zst", 4) == 0;
}

const char *item_listed(const struct item *item, char out[ITEM_LISTED_MAX])
{
    const struct plan_artifact *what = &item->what;
    const char *uri = what->uri ? what->uri : "";
    char size[24] = "?";

    if (what->sized)
        (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)what->file_size);
    (void)snprintf(out, ITEM_LISTED_MAX, "%s %.64s %.64s %lld %016llx", size,
                   what->modified_at ? what->modified_at : "", what->type ? what->type : "",
                   (long long)what->created_us,
                   (unsigned long long)XXH3_64bits(uri, strlen(uri)));
    return out;
}

bool item_fits(const struct item *item, uint64_t size)
{
    return !item->what.sized || item_at_rest_coded(item) || item->what.file_size == size;
}

bool item_known_by_id(const struct item *item)
{
    return !item->alike || item->what.checksum;
}

bool item_vouches(const struct item *item, uint64_t size)
{
    return item->what.sized && item->what.file_size == size;
}

bool item_is_recording(const struct item *item)
{
    const char *type = item->what.type ? item->what.type : "";

    return strcmp(type, "recording") == 0 || strcmp(type, "session_replay") == 0;
}

bool item_same_entry(const struct item *a, const struct item *b)
{
    return a->what.bundle_key && b->what.bundle_key && a->what.uri && b->what.uri &&
           strcmp(a->what.bundle_key, b->what.bundle_key) == 0 &&
           strcmp(a->what.uri, b->what.uri) == 0;
}

uint64_t item_most(const struct item *item, uint64_t max)
{
    const struct plan_artifact *what = &item->what;

    if (!what->sized || what->bundle_key || item_at_rest_coded(item) ||
        what->file_size > UINT64_MAX / 4)
        return max;
    return 2 * what->file_size + BEYOND < max ? 2 * what->file_size + BEYOND : max;
}

void item_note(struct item *item, const char *word)
{
    if (item->note_count < ITEM_NOTES)
        item->notes[item->note_count++] = word;
}

static int item_key(struct plan *plan, const char *run_id, const char *artifact_id,
                    struct err *err)
{
    buf_reset(&plan->key);
    return buf_addf(&plan->key, err, "r%s/%s", run_id, artifact_id);
}

/*
 * The slot after the items of a run and ID for an item that differs from all of them; NULL: it
 * is one of them.
 */
static struct item **twin_place(struct item *there, const struct plan_artifact *what,
                                size_t *count)
{
    struct item **place = NULL;

    for (*count = 0; there; there = there->twin, ++*count) {
        if (!differs(&there->what, what) && !states_more(what, &there->what))
            return NULL;
        place = &there->twin;
    }
    return place;
}

/* Whether a body of one item has, by the list, a size that a body of the other cannot have. */
static bool sizes_tell(const struct item *a, const struct item *b)
{
    return a->what.sized && b->what.sized && !item_at_rest_coded(a) && !item_at_rest_coded(b) &&
           a->what.file_size != b->what.file_size;
}

/*
 * Mark an item and those of its twins, from `there` on, that only more than an ID tells apart.
 */
static void mark_alike(struct item *there, struct item *item)
{
    for (; there; there = there->twin) {
        if (there != item && !sizes_tell(there, item))
            there->alike = item->alike = true;
    }
}

int plan_add(struct plan *plan, const struct plan_artifact *what, size_t run, size_t row,
             struct item **out, struct err *err)
{
    struct item **twin = NULL;
    struct item *there;
    struct item *item;
    size_t twins = 0;

    if (out)
        *out = NULL;
    if (item_key(plan, what->run_id, what->artifact_id, err) < 0)
        return -1;
    there = hashmap_get(plan->joins, plan->key.data, plan->key.len);
    if (there && !(twin = twin_place(there, what, &twins)))
        return 0;
    if (twins > TWINS_MAX)
        return err_set(err, ERR_LIMIT,
                       "run '%s' has more than %d different artifacts of one ID", what->run_id,
                       TWINS_MAX);
    if (mem_room(&plan->items, &plan->cap, plan->count, sizeof(struct item *), ITEMS_MAX, err) <
        0)
        return -1;
    item = region_take(plan->region, sizeof(*item), err);
    if (!item ||
        (!there && hashmap_add(plan->joins, plan->key.data, plan->key.len, item, err) < 0))
        return -1;
    item->what = *what;
    item->run = run;
    item->row = row;
    if (twin) {
        *twin = item;
        if (twins == 1) {
            there->twinned = true;
            item_note(there, ITEM_SAME_ID);
        }
        item->twinned = true;
        item_note(item, ITEM_SAME_ID);
        mark_alike(there, item);
    }
    if (plan->dedupe && join(plan, item, err) < 0)
        return -1;
    join_bundle(plan, item);
    item->index = plan->count;
    plan->items[plan->count++] = item;
    if (out)
        *out = item;
    return 0;
}

/* Make the index again that plan_seal freed. */
static int index_items(struct plan *plan, struct err *err)
{
    size_t i;

    plan->joins = hashmap_on(plan->file, err);
    for (i = 0; plan->joins && i < plan->count; i++) {
        const struct plan_artifact *what = &plan->items[i]->what;

        if (item_key(plan, what->run_id, what->artifact_id, err) < 0)
            break;
        if (!hashmap_get(plan->joins, plan->key.data, plan->key.len) &&
            hashmap_add(plan->joins, plan->key.data, plan->key.len, plan->items[i], err) < 0)
            break;
        pagefile_touch(plan->file, ITEM_PAGES);
    }
    if (plan->joins && i == plan->count)
        return 0;
    plan_seal(plan);
    return -1;
}

const struct item *plan_find(struct plan *plan, const char *run_id, const char *artifact_id,
                             struct err *err)
{
    if ((!plan->joins && index_items(plan, err) < 0) ||
        item_key(plan, run_id, artifact_id, err) < 0)
        return NULL;
    return hashmap_get(plan->joins, plan->key.data, plan->key.len);
}

const struct item *plan_next_same(const struct item *item)
{
    return item->leader ? item->next : item->followers;
}

const struct item *plan_member(const struct bundle *bundle, const char *name,
                               const struct item *after)
{
    const struct item *item = after ? after->sibling : bundle->members;

    while (item && (!item->what.bundle_key || strcmp(item->what.bundle_key, name) != 0))
        item = item->sibling;
    return item;
}

const char *plan_claimed_ext(const struct plan_artifact *what)
{
    const char *name = what->filename     ? what->filename
                       : what->bundle_key ? what->bundle_key
                                          : what->uri;
    const char *ext = name ? path_ext(path_base(name)) : "";

    return *ext ? ext + 1 : "";
}

bool item_suspect(const struct item *item, const void *head, size_t len)
{
    const struct plan_artifact *what = &item->what;

    if (what->bundle_key && !what->sized && suspect_zip(what->ext, head, len) &&
        suspect_zip(plan_claimed_ext(what), head, len))
        return true;
    return what->ext ? suspect_content(what->ext, SUSPECT_BY_TYPE, head, len)
                     : suspect_content(plan_claimed_ext(what), SUSPECT_BY_NAME, head, len);
}

/*
 * Cost is bytes plus BUNDLE_REQUEST a request. A member without a size is taken for its share
 * of the ZIP; when nothing has a size, only requests count, and a ZIP of which less than half
 * is wanted is taken for too many bytes.
 */
bool bundle_pays(const struct bundle *b, uint64_t zip_size)
{
    size_t unsized = b->wanted - b->sized;
    uint64_t singles = b->bytes + b->wanted * BUNDLE_REQUEST;

    if (b->wanted < 2)
        return false;
    if (!zip_size)
        return b->sized ? b->bytes < b->wanted * BUNDLE_REQUEST || b->wanted == b->rows
                        : b->wanted * 2 >= b->rows;
    if (b->rows)
        singles += zip_size / b->rows * unsized;
    return zip_size + BUNDLE_REQUEST < singles;
}
