/* SPDX-License-Identifier: MIT */
#include "writer/unbundle.h"

#include "writer/bundle.h"
#include "writer/split.h"

#include <string.h>

bool unbundle_only_bad(const struct err *err)
{
    return err->kind == ERR_FORMAT || err->kind == ERR_LIMIT;
}

/*
 * Pack one member; bad says that its entry is no good, which leaves it to be asked for alone.
 *
 * settle   an item for which another checksum must do
 */
static int pack_member(const struct unbundle *u, struct unzip *unzip, struct item *member,
                       const struct item *settle, bool *bad, struct err *err)
{
    struct digest digest;
    struct body *body = split_entry(unzip, u->parts, err);
    int rc = -1;

    if (!body) {
        *bad = unbundle_only_bad(err);
        return *bad ? 0 : -1;
    }
    if (entry_writer_hash(u->stow, body, &digest, err) == 0)
        rc = (entry_writer_mismatch(member, &digest) || !item_fits(member, body->size) ||
              entry_writer_suspect(member, body, &digest)) &&
                     member != settle
                 ? 0
                 : entry_writer_item(u->stow, member, body, &digest, err);
    body_free(body);
    return rc;
}

/* Keep the ZIP of a bundle as a file, too: not all of it is in its members. */
static int keep_whole(const struct unbundle *u, struct item *item, const struct body *body,
                      const struct digest *digest, struct err *err)
{
    struct item *parent = item->bundle->parent;

    item_note(parent ? parent : item, ITEM_HOLDS_MORE);
    if (!parent || !parent->unlisted) /* no row stands for it, or it is kept anyway */
        return 0;
    parent->kept = true;
    return entry_writer_item(u->stow, parent, body, digest, err);
}

int unbundle_item(const struct unbundle *u, struct item *item, const struct body *body,
                  unsigned again, const struct digest *digest, struct err *err)
{
    struct bundle *bundle = item->bundle;
    struct split_reader reader;
    struct unzip *unzip;
    const char *name;
    bool twins;
    bool bad = false;
    int rc = 0;

    unzip = split_open(&reader, body, u->max_size, err);
    if (!unzip)
        return unbundle_only_bad(err) ? 0 : -1;
    if (bundle->parent != item && !unzip_has(unzip, item->what.bundle_key)) {
        unzip_free(unzip);
        return 0;
    }
    twins = unzip_twins(unzip); /* which of two is meant, the members' own answers tell */
    if (!bundle->seen && split_holds_more(unzip, u->plan, bundle))
        rc = keep_whole(u, item, body, digest, err);
    while (rc == 0 && !twins && !bad && (name = unzip_next(unzip, err))) {
        struct item *member = plan_member(bundle, name);

        if (member)
            rc = pack_member(u, unzip, member, again ? NULL : item, &bad, err);
    }
    unzip_free(unzip);
    if (rc == 0 && err->kind && !unbundle_only_bad(err))
        rc = -1;
    bundle->seen = true;
    memcpy(bundle->sha256, digest->sha256, sizeof(bundle->sha256));
    return rc < 0 ? -1 : !twins;
}
