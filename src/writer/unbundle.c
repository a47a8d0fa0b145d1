/* SPDX-License-Identifier: MIT */
#include "writer/unbundle.h"

#include "base/mem.h"
#include "writer/split.h"

#include <string.h>

#define OTHERS_MAX 256 /* members looked for in a ZIP that lacks the one asked for */

bool unbundle_only_bad(const struct err *err)
{
    return err->kind == ERR_FORMAT || err->kind == ERR_LIMIT;
}

int unbundle_reach(struct unbundle *u, size_t count, struct err *err)
{
    struct unbundle_zip *grown;

    if (count <= u->zip_count)
        return 0;
    grown = mem_resize(u->zips, count, sizeof(*grown), err);
    if (!grown)
        return -1;
    memset(grown + u->zip_count, 0, (count - u->zip_count) * sizeof(*grown));
    u->zips = grown;
    u->zip_count = count;
    return 0;
}

void unbundle_clear(struct unbundle *u)
{
    mem_free(u->zips);
    u->zips = NULL;
    u->zip_count = 0;
}

static struct unbundle_zip *zip_of(const struct unbundle *u, const struct item *item)
{
    return &u->zips[item->bundle->index];
}

/* Whether a ZIP was seen, and has this digest. */
static bool was_seen(const struct unbundle_zip *zip, const struct digest *digest)
{
    return zip->seen && memcmp(zip->sha256, digest->sha256, SHA256_SIZE) == 0;
}

bool unbundle_is_zip(const struct unbundle *u, const struct item *item,
                     const struct digest *digest)
{
    return item->bundle && was_seen(zip_of(u, item), digest);
}

void unbundle_note(const struct unbundle *u, const struct item *item, struct packed *packed)
{
    if (item->bundle && zip_of(u, item)->more == item)
        packed_note(packed, PACKED_HOLDS_MORE);
}

/*
 * Whether a member is packed as it is. settle: also if its checksum or type is wrong, which is
 * noted; but a wrong size only if there is a checksum, which tells what the content is.
 */
static bool is_usable(const struct item *member, const struct body *body,
                      const struct packed *packed, bool settle)
{
    bool mismatch = entry_writer_mismatch(member, packed);

    if (settle)
        return item_fits(member, body->size) || mismatch || entry_writer_proven(member, packed);
    return item_fits(member, body->size) && !mismatch &&
           !entry_writer_suspect(member, body, packed);
}

/*
 * Pack one member from its entry's body, unless that is unusable for it. packed: as judged,
 * which is the same for all members of a bundle.
 */
static int pack_member(const struct unbundle *u, const struct item *member,
                       const struct body *body, struct packed packed, bool settle,
                       struct err *err)
{
    unbundle_note(u, member, &packed);
    if (!item_fits(member, body->size))
        packed_note(&packed, PACKED_OTHER_SIZE);
    return is_usable(member, body, &packed, settle)
               ? entry_writer_item(u->entries, member, body, &packed, err)
               : 0;
}

/*
 * Keep the ZIP of a bundle as a file, too, because its members do not contain all of it. If the
 * ZIP has no row, the item is noted.
 */
static int keep_whole(struct unbundle *u, const struct unbundle_request *request,
                      struct err *err)
{
    const struct item *parent = request->item->bundle->parent;
    const struct item *who = parent ? parent : request->item;
    struct packed packed = { .digest = *request->digest };

    zip_of(u, request->item)->more = who;
    if (entry_writer_has(u->entries, who))
        return u->noted(u->ctx, who, PACKED_HOLDS_MORE, err);
    if (!parent || !parent->unlisted) /* it has no row, or is kept as a file anyway */
        return 0;
    unbundle_note(u, parent, &packed);
    return entry_writer_item(u->entries, parent, request->body, &packed, err);
}

/* The next member with this name that is not in the archive; NULL: there is none. */
static const struct item *missing_member(const struct unbundle *u, const struct bundle *bundle,
                                         const char *name, const struct item *member)
{
    do
        member = plan_member(bundle, name, member);
    while (member && entry_writer_has(u->entries, member));
    return member;
}

/*
 * Whether a row names an entry of a ZIP with this digest. If no bundle's ZIP with it was seen,
 * it may be any bundle's.
 */
static bool is_listed(const struct unbundle *u, const struct digest *digest, const char *name)
{
    const struct bundle *b;
    bool seen = false;

    for (b = plan_bundles(u->plan); b; b = b->next) {
        if (!was_seen(&u->zips[b->index], digest))
            continue;
        if (plan_bundle_lists(u->plan, b, name))
            return true;
        seen = true;
    }
    for (b = seen ? NULL : plan_bundles(u->plan); b; b = b->next) {
        if (plan_bundle_lists(u->plan, b, name))
            return true;
    }
    return false;
}

/* Whether an entry is a picture, by its name. */
static bool is_picture(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot &&
           (strcmp(dot, ".png") == 0 || strcmp(dot, ".jpg") == 0 || strcmp(dot, ".jpeg") == 0);
}

bool unbundle_is_loose(const struct item *item)
{
    return !item->bundle && !item->what.uri && item->what.ext &&
           strcmp(item->what.ext, "png") == 0;
}

/*
 * The one picture of a ZIP that no row names. NULL: it has none, or several, or is unusable, or
 * an error that is fatal (err->kind is set).
 */
static struct body *find_picture(const struct unbundle *u, const struct item *item,
                                 const struct body *body, const struct digest *digest,
                                 struct err *err)
{
    struct split_reader reader;
    struct unzip *unzip =
        unbundle_is_loose(item) ? split_open(&reader, body, u->max_size, err) : NULL;
    struct body *picture = NULL;
    const char *found = NULL;
    const char *name;
    size_t count = 0;
    size_t i;

    for (i = 0; unzip && (name = unzip_name(unzip, i)); i++) {
        if (!is_picture(name) || is_listed(u, digest, name))
            continue;
        found = name;
        count++;
    }
    while (count == 1 && !picture && (name = unzip_next(unzip, err))) {
        if (strcmp(name, found) == 0) {
            picture = split_entry(unzip, u->parts, err);
            break;
        }
    }
    unzip_free(unzip);
    if (!picture && err->kind && unbundle_only_bad(err))
        err_clear(err);
    return picture;
}

int unbundle_picture(const struct unbundle *u, const struct item *item, struct body **body,
                     struct packed *packed, struct err *err)
{
    struct body *picture = find_picture(u, item, *body, &packed->digest, err);

    if (!picture)
        return err->kind ? -1 : 0;
    body_free(*body);
    *body = picture;
    packed_note(packed, PACKED_FROM_ZIP);
    return entry_writer_hash(u->entries, picture, &packed->digest, err);
}

/*
 * Whether a ZIP that was the response to a member is the ZIP of its bundle, although it lacks
 * the member: it contains another one, and neither size nor checksum nor another ZIP that was
 * seen say that this one is the member's own content.
 */
static bool is_without(const struct unbundle *u, const struct unzip *unzip,
                       const struct unbundle_request *request)
{
    const struct item *item = request->item;
    const struct packed packed = { .digest = *request->digest };
    const struct item *other = item->bundle->members;
    unsigned i;

    if (entry_writer_proven(item, &packed) || item_vouches(item, request->body->size) ||
        (zip_of(u, item)->seen && !unbundle_is_zip(u, item, request->digest)))
        return false;
    for (i = 0; other && i < OTHERS_MAX; i++, other = other->sibling) {
        if (unzip_has(unzip, other->what.bundle_key))
            return true;
    }
    return false;
}

/*
 * Pack the members that an entry is of, several if rows name it several times. Those for which
 * it is unusable are fetched by their own requests.
 *
 * stop   set if the rest of the ZIP is not to be unpacked
 */
static int pack_entry(const struct unbundle *u, struct unzip *unzip, const char *name,
                      const struct unbundle_request *request, bool *stop, struct err *err)
{
    const struct bundle *bundle = request->item->bundle;
    const struct item *member = missing_member(u, bundle, name, NULL);
    struct body *body = member ? split_entry(unzip, u->parts, err) : NULL;
    struct packed packed = { 0 };
    int rc = 0;

    if (member && !body) {
        if (!unbundle_only_bad(err))
            return -1;
        *stop = err->kind == ERR_LIMIT;
        err_clear(err);
        return 0;
    }
    if (member)
        rc = entry_writer_judge(u->entries, member, body, &packed, err);
    for (; rc == 0 && member; member = missing_member(u, bundle, name, member))
        rc = pack_member(u, member, body, packed, member == request->item && !request->again,
                         err);
    body_free(body);
    return rc;
}

/*
 * If the member that is to have the note that the ZIP holds more is not packed, note another.
 */
static int move_note(const struct unbundle *u, const struct bundle *bundle, struct err *err)
{
    struct unbundle_zip *zip = &u->zips[bundle->index];
    const struct item *member = bundle->members;

    if (!zip->more || zip->more == bundle->parent || entry_writer_has(u->entries, zip->more))
        return 0;
    while (member && !entry_writer_has(u->entries, member))
        member = member->sibling;
    if (!member)
        return 0;
    zip->more = member;
    return u->noted(u->ctx, member, PACKED_HOLDS_MORE, err);
}

/* Pack the members of a bundle that its ZIP contains; returns 0, or -1: fatal. */
static int pack_members(const struct unbundle *u, struct unzip *unzip,
                        const struct unbundle_request *request, struct err *err)
{
    const char *name;
    bool stop = false;

    while (!stop && (name = unzip_next(unzip, err))) {
        if (pack_entry(u, unzip, name, request, &stop, err) < 0)
            return -1;
    }
    if (err->kind && !unbundle_only_bad(err))
        return -1;
    return move_note(u, request->item->bundle, err);
}

int unbundle_item(struct unbundle *u, const struct unbundle_request *request,
                  enum unbundle_found *found, struct err *err)
{
    const struct item *item = request->item;
    struct unbundle_zip *zip = zip_of(u, item);
    struct split_reader reader;
    struct unzip *unzip;
    bool twins;
    int rc = 0;

    *found = UNBUNDLE_NOT;
    unzip = split_open(&reader, request->body, u->max_size, err);
    if (!unzip)
        return unbundle_only_bad(err) ? 0 : -1;
    if (item->bundle->parent != item && !unzip_has(unzip, item->what.bundle_key)) {
        /* its other members are not taken out of it: each proves to be in it by its answer */
        *found = is_without(u, unzip, request) ? UNBUNDLE_LACKS : UNBUNDLE_NOT;
        unzip_free(unzip);
        return 0;
    }
    twins = unzip_has_duplicates(unzip); /* ambiguous: the members' own answers decide */
    if (!zip->seen && split_holds_more(unzip, u->plan, item->bundle))
        rc = keep_whole(u, request, err);
    if (rc == 0 && !twins)
        rc = pack_members(u, unzip, request, err);
    unzip_free(unzip);
    zip->seen = true;
    memcpy(zip->sha256, request->digest->sha256, sizeof(zip->sha256));
    *found = twins ? UNBUNDLE_NOT : UNBUNDLE_PACKED;
    return rc;
}
