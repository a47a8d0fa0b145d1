/* SPDX-License-Identifier: MIT */
/*
 * ledger: the account of all wants: which are open, and what ends them.
 *
 * A want ends when the packer has its bytes in the archive, or when it is lost.
 * The members of a bundle are carried until the bundle's ZIP has been taken
 * apart. Where the ZIP is not fetched, one member goes ahead as a scout: some
 * servers answer a member with the whole ZIP, and then its siblings need not be
 * asked for. What the ZIP did not give is released to be fetched by itself.
 *
 * Errors   with strict, the first loss is in err
 * Owns     nothing; a struct ledger is part of its fetch
 * Threads  the transfer loop
 */
#ifndef PULL_LEDGER_H
#define PULL_LEDGER_H

#include "base/err.h"
#include "client/listing.h"
#include "pull/want.h"
#include "writer/journal.h"
#include "writer/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger {
    const struct api *api;
    const struct listing *listing;
    struct want *all; /* by the plan's index */
    struct wants *queue;
    unsigned retries;
    uint64_t deadline;
    struct journal *journal; /* told of what is in the archive; NULL: none */
    uint64_t flushed;        /* when it was last written */
    bool strict;
    size_t open; /* wants that have not ended */
    bool over;   /* the time is up: nothing is started any more */
    struct want_progress progress;
    struct err err; /* fatal */
};

/* The row of an item, lent. */
const struct artifact *ledger_artifact(const struct ledger *l, const struct item *item);

/* Whether a URL may be fetched at all; and let a want have one, or go to the content endpoint.
 */
bool ledger_usable(const struct ledger *l, const char *url);

/*
 * Give a want a URL to be fetched by, and note which way that is; a URL that cannot be used
 * sends it to the content endpoint.
 */
void ledger_take_url(struct ledger *l, struct want *want, const char *url,
                     enum fetch_route way);

/* Take an item's want up, carried; the caller makes it ready when it leads. */
struct want *ledger_open(struct ledger *l, struct item *item);

/*
 * Take up all that leads; what is a member waits for its bundle.
 *
 * kept    outcomes of the items that are packed already, by index; NULL: none is
 */
void ledger_begin(struct ledger *l, struct plan *plan, const struct outcome *kept);

/* Without the ZIP of a bundle: one member goes ahead. */
void ledger_scout(struct ledger *l, struct bundle *bundle);

/* An item will not come, and why; whoever waited for it goes on. */
void ledger_lose(struct ledger *l, struct want *want, enum reason reason);

/*
 * Write what the journal has been told: all of it, or, when it was written a moment ago, later.
 * A kill loses that moment; frames that are still open are lost with it anyway.
 */
void ledger_flush(struct ledger *l, bool all);

/* The packer has looked at an item's body: see item->answer; but of ITEM_SUSPECT, which is for
 * the fetch to decide, nothing comes. */
void ledger_answer(struct ledger *l, struct item *item);

#endif
