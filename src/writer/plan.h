/* SPDX-License-Identifier: MIT */
/*
 * plan: what is to be fetched, what is the same thing, and what each file is
 * called.
 *
 * Pure: no I/O. An item is one artifact of one run; items that are the same
 * thing before a byte is fetched follow a leader: one artifact_id under two
 * runs, one object (uri without bundle_key), one checksum with one file_size.
 *
 * Units    bytes; times in microseconds since 1970
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     items and their paths; what an item says of its artifact is borrowed
 * Threads  plan_add: before the threads start; plan_name, plan_bundle_lists: the packer alone
 * Source   docs/archive-format.md, "Names"
 */
#ifndef WRITER_PLAN_H
#define WRITER_PLAN_H

#include "base/digest.h"
#include "base/err.h"
#include "writer/bundle.h"
#include "writer/framer.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the plan must know of an artifact; NULL where it is not known. */
struct plan_artifact {
    const char *run_id;
    const char *artifact_id;
    const char *type;
    const char *ext; /* of its type, without the dot */
    const char *uri;
    const char *bundle_key;
    const char *filename; /* what a downloaded file was called */
    const char *checksum;
    const char *modified_at; /* as the list gives it */
    uint64_t file_size;      /* when sized */
    bool sized;
    int64_t created_us; /* CLOCK_NONE: not known */
    int64_t mtime;      /* of the entry, seconds */
};

/* What the packer answers when it has looked at an item's body. */
enum item_answer {
    ITEM_PACKED,
    ITEM_MISMATCH, /* another checksum than the service gave; not packed: try once more */
    ITEM_SPLIT,    /* it was the ZIP of its bundle; what it held of the members is packed */
    ITEM_LACKS,    /* it was that ZIP, which does not hold the item */
    ITEM_BROKEN,   /* a parent that is no good ZIP */
    ITEM_LENGTH,   /* it was not as long as announced, or its coding was broken; not packed */
    ITEM_SUSPECT,  /* it cannot be what its type says; not packed: try another way */
};

#define ITEM_NOTES      4
#define ITEM_SAME_ID    "same-id"    /* another row of its run has its artifact_id */
#define ITEM_HOLDS_MORE "holds-more" /* a ZIP kept whole: not all of it is in its members */

struct item {
    struct plan_artifact what;
    size_t index; /* plan_at's */
    size_t run;   /* the caller's indexes */
    size_t row;
    struct item *twin;   /* the next one of its run and artifact_id, which is something else */
    bool twinned;        /* it has such a one, or is one */
    struct item *leader; /* NULL: it is fetched itself */
    struct item *next;   /* the leader's next follower */
    struct item *followers;
    struct bundle *bundle; /* a member or the parent of it; NULL: neither */
    struct item *sibling;  /* the bundle's next member */
    bool unlisted;         /* a parent that is fetched only to be taken apart (item_hidden) */

    atomic_bool packed; /* set by the packer once */
    /* the packer's; read by others when it has answered, or ended */
    enum item_answer answer;
    bool kept; /* an unlisted parent that holds more than its members: it is a file, too */
    bool link;
    bool mismatch; /* checksum is another */
    bool suspect;  /* its content cannot be what its type says */
    char *path;    /* below the top directory */
    uint64_t size;
    struct digest digest;
    const char *media_type;
    const struct item *duplicate_of;
    struct spot place;
    const char *notes[ITEM_NOTES]; /* what is odd about it, as words */
    unsigned note_count;
    bool encoded; /* it arrived zstd-compressed: then its size and digest as it came */
    uint64_t encoded_size;
    uint8_t encoded_sha256[SHA256_SIZE];
};

struct plan;

/* dedupe: join what is the same thing. */
struct plan *plan_new(bool dedupe, struct err *err) MUST_CHECK;

/* Free a plan with its items; NULL is fine. */
void plan_free(struct plan *plan);

/*
 * Add an artifact; *item (may be NULL) gets NULL when its run has it already. What has the ID
 * of another one of its run and is something else, by its object, size or checksum, is added,
 * and both are noted.
 */
int plan_add(struct plan *plan, const struct plan_artifact *what, size_t run, size_t row,
             struct item **item, struct err *err) MUST_CHECK;

/* Note that a run lists a member of the ZIP at uri; for every such row, before plan_add. name:
 * of its entry; NULL: what the rows do not name is not wanted. */
int plan_bundle_row(struct plan *plan, size_t run, const char *uri, const char *name,
                    struct err *err) MUST_CHECK;

/* Whether a row, wanted or not, names this entry of a bundle's ZIP. */
bool plan_bundle_lists(struct plan *plan, const struct bundle *bundle, const char *name);

/*
 * Add the row of a ZIP itself.
 *
 * keep     it is wanted as a file, too
 * alone    it is wanted when none of its members is listed
 */
int plan_parent(struct plan *plan, const struct plan_artifact *what, size_t run, size_t row,
                bool keep, bool alone, struct err *err) MUST_CHECK;

/* Decide for each bundle how it is fetched, all being added. */
void plan_choose(struct plan *plan, enum bundle_mode mode);

/* The first bundle; the others by next. */
struct bundle *plan_bundles(const struct plan *plan);

/*
 * Whether content that begins so cannot be an item's: see format/suspect. Whether the service's
 * checksum proves that it is the item's all the same is not looked at.
 */
bool item_suspect(const struct item *item, const void *head, size_t len);

/* Note something odd about an item, once. */
void item_note(struct item *item, const char *word);

/*
 * Whether no row tells of an item and no file is made of it: an unlisted one that is not kept.
 */
bool item_hidden(const struct item *item);

/* Whether its object is zstd-compressed at rest: then its size may be of either form. */
bool item_at_rest_coded(const struct item *item);

#define ITEM_LISTED_MAX 96

/* What the list says of the item's size and time, as one text: when it changes, so did the
 * item. */
const char *item_listed(const struct item *item, char out[ITEM_LISTED_MAX]);

/* Whether a body of this size can be the item's, as far as the service gave a size. */
bool item_fits(const struct item *item, uint64_t size);

/* How many bytes of a body are taken, at most max: what goes on far beyond the size in the list
 * has no end. */
uint64_t item_most(const struct item *item, uint64_t max);

/* An item by its IDs, the first of them; NULL: there is none. */
struct item *plan_find(struct plan *plan, const char *run_id, const char *artifact_id,
                       struct err *err) MUST_CHECK;

/* Let an item stand for itself that another one leads. */
void plan_detach(struct item *item);

/* The items, in the order they were added. */
size_t plan_count(const struct plan *plan);

/* Item i, counting from 0 in the order they were added; lent until plan_free. */
struct item *plan_at(const struct plan *plan, size_t i);

/*
 * The member of a bundle that has this name in the ZIP and is not packed; NULL: there is none.
 */
struct item *plan_member(const struct bundle *bundle, const char *name);

/* Make the leader's first follower the leader of the rest, and return it; NULL: none. */
struct item *plan_promote(struct item *leader);

/*
 * Give an item its path, once.
 *
 * head   its first bytes (for the extension), or NULL when they are not known
 */
int plan_name(struct plan *plan, struct item *item, const void *head, size_t len,
              struct err *err) MUST_CHECK;

/* Whether no item has a path, also when only the case differs; or it is this item's already. */
bool plan_path_free(struct plan *plan, const struct item *item, const char *path);

/* Give an item a path that is free. */
int plan_take_path(struct plan *plan, struct item *item, const char *path,
                   struct err *err) MUST_CHECK;

#endif
