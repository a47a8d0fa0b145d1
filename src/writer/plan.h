/* SPDX-License-Identifier: MIT */
/*
 * plan: the artifacts to be fetched, which of them are identical, and the name of each file.
 *
 * Pure: no I/O. An item is one artifact of one run; items that are known to be identical before
 * they are fetched follow a leader: one artifact_id under two runs, one object (uri without
 * bundle_key), one checksum with one file_size.
 *
 * A plan may grow while its first items are fetched. An item does not change any more from
 * plan_close on, which the transfer loop calls before the packer gets the item: identical items
 * that are added later are fetched by themselves. Until the plan is complete, other threads
 * read closed items only, and only those without a bundle; then all may read all of it. The
 * packer reports the results for items (struct packed), and the transfer loop keeps them by the
 * index of the item.
 *
 * Units    bytes; times in microseconds since 1970
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     its items; the description of an item's artifact and its path are borrowed
 * Threads  one while it is made and searched (plan_find); others as above
 * Source   docs/archive-format.md, "Names"
 */
#ifndef WRITER_PLAN_H
#define WRITER_PLAN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The description of an artifact that a plan needs; NULL where unknown. */
struct plan_artifact {
    const char *run_id;
    const char *artifact_id;
    const char *type;
    const char *ext; /* extension of its type, without the dot */
    const char *uri;
    const char *bundle_key;
    const char *url;      /* by which it can be fetched, with its signature */
    const char *filename; /* name of a downloaded file */
    const char *checksum;
    const char *modified_at; /* as in the list */
    uint64_t file_size;      /* if sized */
    bool sized;
    int64_t created_us; /* CLOCK_NONE: unknown */
    int64_t mtime;      /* of the entry, seconds */
};

#define ITEM_NOTES   4
#define ITEM_SAME_ID "same-id" /* another row of its run has its artifact_id */

#define BUNDLE_REQUEST ((uint64_t)256 << 10) /* what a request costs, in bytes of transfer */

struct item;

/*
 * Artifacts that are members of one ZIP at the service (docs/api.md, "Bundles"). The service
 * opens the whole ZIP for each member that is asked for, so N members cost N readings of it, or
 * one. Which is cheaper is decided by bytes and requests together: see bundle_pays.
 */
struct bundle {
    struct bundle *next; /* the plan's next one */
    /* the ZIP's own row; NULL: not listed, or fetched under another run */
    const struct item *parent;
    const struct item *members; /* wanted leaders, linked by item->sibling */
    size_t wanted;              /* number of members */
    size_t sized;               /* of them, with a size */
    size_t rows;                /* members listed, wanted or not */
    bool named;                 /* the rows name all entries that the ZIP should have */
    uint64_t bytes;             /* of the sized ones together */
    bool whole;                 /* planned: fetch the parent and take it apart here */
    size_t index;               /* counting from 0, in no order */
};

enum bundle_mode {
    BUNDLE_AUTO,    /* what is cheaper */
    BUNDLE_ZIP,     /* the ZIP, wherever it is listed */
    BUNDLE_MEMBERS, /* each member by itself */
};

struct item {
    struct plan_artifact what;
    size_t index; /* for plan_at */
    size_t run;   /* the caller's indexes */
    size_t row;
    struct item *twin;         /* the next, different item with its run and artifact_id */
    bool twinned;              /* it has such an item, or is one */
    bool alike;                /* no listed size tells it from each of these */
    const struct item *leader; /* NULL: it is fetched itself */
    const struct item *next;   /* the leader's next follower */
    const struct item *followers;
    const struct bundle *bundle; /* its bundle, as a member or the parent; NULL: none */
    const struct item *sibling;  /* the bundle's next member */
    bool unlisted;               /* a parent that is fetched only to be unpacked */
    bool closed;                 /* see plan_close; only for the thread that makes the plan */
    const char *path; /* below the top directory; NULL: named once its content is known */
    const char *notes[ITEM_NOTES]; /* anomalies of its row, as words */
    unsigned note_count;
};

struct plan;
struct pagefile;

/* Make an empty plan, for tests. dedupe: join identical items. */
struct plan *plan_new(bool dedupe, struct err *err) MUST_CHECK;

/* The same with its items on a page file, which must outlive it (NULL: in memory). */
struct plan *plan_on(struct pagefile *file, bool dedupe, struct err *err) MUST_CHECK;

/*
 * Free what only planning needs, once no more items are added. plan_find works as before, but
 * makes its index again.
 */
void plan_seal(struct plan *plan);

/* Free a plan with its items; may be NULL. */
void plan_free(struct plan *plan);

/*
 * Add an artifact; *item (may be NULL) gets NULL if its run has it already. An artifact with
 * the ID of another one of its run that differs by its object, size or checksum, or has a
 * checksum or size that the other one lacks, is added, and both are noted; so is one that
 * differs by its time or its URL's path, unless the two are one member of a ZIP, or have one
 * checksum and size.
 */
int plan_add(struct plan *plan, const struct plan_artifact *what, size_t run, size_t row,
             struct item **item, struct err *err) MUST_CHECK;

/*
 * Record that a run lists a member of the ZIP at uri; call this for each such row before
 * plan_add. name: of its entry; NULL: entries that no row names are not wanted.
 */
int plan_bundle_row(struct plan *plan, size_t run, const char *uri, const char *name,
                    struct err *err) MUST_CHECK;

/* Whether a row, wanted or not, names this entry of a bundle's ZIP. */
bool plan_bundle_lists(const struct plan *plan, const struct bundle *bundle, const char *name);

/*
 * Add the row of a ZIP itself.
 *
 * keep     it is also wanted as a file
 * alone    it is wanted if none of its members is listed
 */
int plan_parent(struct plan *plan, const struct plan_artifact *what, size_t run, size_t row,
                bool keep, bool alone, struct err *err) MUST_CHECK;

/* From now on no further item follows this one. */
void plan_close(struct plan *plan, const struct item *item);

/* Decide for each bundle how it is fetched, after all rows were added. */
void plan_choose(struct plan *plan, enum bundle_mode mode);

/* Number of bundles; their indexes are smaller. */
size_t plan_bundle_count(const struct plan *plan);

/* The first bundle; the others follow by next. */
const struct bundle *plan_bundles(const struct plan *plan);

/*
 * Whether the first bytes of content do not match an item's type: see format/suspect. The
 * service's checksum, which may still prove the content right, is not considered.
 */
bool item_suspect(const struct item *item, const void *head, size_t len);

/* Note an anomaly of an item's row, while the plan is made. */
void item_note(struct item *item, const char *word);

/*
 * Whether it is a HAR whose object is zstd-compressed at rest (the path of its uri ends in
 * ".zst"): then its size may be that of either form.
 */
bool item_at_rest_coded(const struct item *item);

/*
 * Whether a body that was fetched by the item's ID is certain to be the item's: no other row of
 * its run has the ID, or its checksum or size, as listed, tells it from those that have.
 */
bool item_known_by_id(const struct item *item);

#define ITEM_LISTED_MAX 256

/* An item's size, times, type and place by the list, as one text: if it changes, so has the
 * item. */
const char *item_listed(const struct item *item, char out[ITEM_LISTED_MAX]);

/* Whether a body of this size can be the item's, as far as the service gave a size. */
bool item_fits(const struct item *item, uint64_t size);

/* Whether the list says this size, in bytes, of content in its form at rest. */
bool item_vouches(const struct item *item, uint64_t size);

/* Whether an item is a recording by its type, of a run or of a browser session. */
bool item_is_recording(const struct item *item);

/* Whether two items are one entry of one ZIP. */
bool item_same_entry(const struct item *a, const struct item *b);

/*
 * Maximum number of bytes to receive of a body, at most max: a body far beyond the size in the
 * list is considered endless.
 */
uint64_t item_most(const struct item *item, uint64_t max);

/* The first item with these IDs; NULL: there is none. */
const struct item *plan_find(struct plan *plan, const char *run_id, const char *artifact_id,
                             struct err *err) MUST_CHECK;

/*
 * The next of identical items: a leader's first follower, then the next of that;
 * NULL: there is none. The one that is fetched stands for those after it.
 */
const struct item *plan_next_same(const struct item *item);

/* The items, in the order they were added. */
size_t plan_count(const struct plan *plan);

/* Name item i, which has no path, before its content is known; the plan borrows the path. */
void plan_set_path(struct plan *plan, size_t i, const char *path);

/* Item i, counting from 0 in the order they were added; valid until plan_free. */
const struct item *plan_at(const struct plan *plan, size_t i);

/* The next member of a bundle with this name in the ZIP, after `after` (NULL: the first). */
const struct item *plan_member(const struct bundle *bundle, const char *name,
                               const struct item *after);

/* The extension in an object's name, without the dot; "" for none. */
const char *plan_claimed_ext(const struct plan_artifact *what);

/*
 * Whether the ZIP is cheaper than its wanted members.
 *
 * zip_size  of the parent; 0: not known
 */
bool bundle_pays(const struct bundle *bundle, uint64_t zip_size);

#endif
