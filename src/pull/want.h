/* SPDX-License-Identifier: MIT */
/*
 * want: the artifacts still to be fetched, ordered by what is urgent.
 *
 * Ready ones lie in a heap: by their rank, then by the death of their URL and by their place in
 * the plan; those that wait for a retry lie in another, by their
 * time; those whose host has enough to do wait in its hold, as they came.
 *
 * Units    milliseconds
 * Errors   ERR_MEMORY for a host's first; else none: room for all is taken at birth
 * Owns     its heaps; wants are the caller's
 * Threads  one at a time
 */
#ifndef PULL_WANT_H
#define PULL_WANT_H

#include "api/fetch_route.h"
#include "api/reason.h"
#include "base/err.h"
#include "net/backoff.h"
#include "net/origin.h"
#include "writer/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum want_state {
    WANT_READY,
    WANT_DELAYED, /* until due */
    WANT_HELD,    /* until its host may have more */
    WANT_PARKED,  /* until its run is listed again */
    WANT_RUNNING,
    WANT_PACKING, /* its bytes are with the packer, who will answer */
    WANT_CARRIED, /* until its bundle's ZIP, or scout, has come */
    WANT_ENDED,   /* here, missing, or a follower */
};

/* Who goes first: those that hold what others may wait for. */
enum want_rank {
    RANK_NONE, /* nothing of it is here */
    RANK_PART, /* a part in a file */
    RANK_HEAD, /* a part in the archive: the packer waits for its rest */
};

/* What became of an item; the same index as in the plan. */
struct outcome {
    const char *via;    /* NULL: it did not come */
    enum reason reason; /* then: why */
    long http_status;
    unsigned attempts;
    int64_t fetched_at;
};

/* Counters for people; may be read in the loop's hook. */
struct want_progress {
    size_t done; /* items: here or missing */
    size_t missing;
    unsigned running;
    uint64_t bytes; /* received, also for nothing */
};

struct part;

struct want {
    struct item *item;
    struct want *next; /* in its hold */
    struct outcome outcome;
    struct backoff backoff;
    const char *url; /* signed; NULL: none */
    int64_t dies;    /* by the server's clock */
    uint64_t due;    /* while delayed */
    enum want_state state;
    enum fetch_route way;
    bool rechecked;    /* fetched twice already for its checksum */
    unsigned doubts;   /* times that its content could not be what its type says */
    bool settled;      /* and that no other way is left: it is kept as it comes */
    bool picky;        /* while it runs: there is another way if it is suspect */
    bool fresh;        /* url is newer than the one it is being fetched by */
    unsigned renewed;  /* lists fetched again for its sake */
    struct part *part; /* what is here of a body that broke off; transfer.h */
    enum want_rank rank;
    bool no_pass;     /* its announced length was wrong: it does not pass through again */
    unsigned lengths; /* times it was */
    uint64_t spent;   /* milliseconds that its former attempts have taken */
    unsigned excused; /* attempts that ended since we had not read for long */
};

struct wants;

/* Why content that comes now may be fetched again: packer_again's. */
unsigned want_again(const struct want *want);

/* Make room for at most most wants; NULL with ERR_MEMORY. */
struct wants *wants_new(size_t most, struct err *err) MUST_CHECK;

/* Free the wants that are still there, and the room; NULL is fine. */
void wants_free(struct wants *wants);

/* Put a want among the ready, or, with a due time, among the delayed. */
void wants_ready(struct wants *wants, struct want *want);

/*
 * Put a want among the delayed; it is ready when the monotonic clock has reached due
 * (milliseconds).
 */
void wants_delay(struct wants *wants, struct want *want, uint64_t due);

/* Put a want into the hold of the origin that its URL is at. */
int wants_hold(struct wants *wants, struct want *want, const struct origin *origin,
               struct err *err) MUST_CHECK;

/*
 * Make ready what the origins have room for, at most as many as most.
 *
 * returns  when to come again (UINT64_MAX: when something has ended)
 */
uint64_t wants_unhold(struct wants *wants, uint64_t now, unsigned most);

/* Look at the most urgent ready want, and take it; NULL: none. */
struct want *wants_peek(struct wants *wants);

/* Take the most urgent ready want out; NULL: none is ready. */
struct want *wants_take(struct wants *wants);

/* Make ready what is due; gives when to come again (UINT64_MAX: nothing is delayed). */
uint64_t wants_due(struct wants *wants, uint64_t now);

#endif
