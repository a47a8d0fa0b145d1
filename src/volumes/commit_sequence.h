/* SPDX-License-Identifier: MIT */
/*
 * commit_sequence: decides which volumes of a bucket are committed, whoever writes at the same
 * time.
 *
 *     PREFIX/sequence/0000000000000042.json
 *     { "version": 1, "number": 42, "decision": "commit", "volume": "2026/11/...tar.zst",
 *       "sha256": "...", "session": "...", "at": "...", "made_by": "...", "nonce": "...",
 *       "runs": [ "wr_1", "tsk_v2_1" ] }
 *
 * Decisions have numbers from 1 on, without a gap: whoever has read all up to n makes n + 1, by
 * If-None-Match, and reads it if somebody else has made it. They are never changed or deleted.
 * So all writers see the same decisions in the same order. "commit" is of a volume with these
 * runs; "void" says that a volume will never be committed, so that it can be deleted, also
 * while its writer is paused.
 *
 * A writer remembers its base: the number up to which it knew all volumes when it chose the
 * runs of a volume. If a later decision commits one of these runs, the volume is superseded: it
 * is not committed by its writer, who declares it void before deleting it. This is the
 * validation of optimistic concurrency control: a run is committed again only by a writer that
 * knew of the first volume, which is what a supplement is. What this process itself has
 * committed since is no conflict, since it knew that as well.
 *
 * A volume without a decision never counts; of those about one volume the first one counts.
 * Whoever is killed after the decision leaves a volume that any other machine commits.
 *
 * Units    numbers of decisions
 * Errors   those of s3_client; ERR_FORMAT for a decision that no skyarc wrote, ERR_LIMIT for
 *          one of a newer skyarc: nothing can be committed after it
 * Owns     struct commit_sequence: the names that were read, until commit_sequence_clear
 * Threads  a claim: that of its client; struct commit_sequence: one
 * Source   docs/object-stores.md, "Several machines in one prefix"; H. T. Kung and
 *          J. T. Robinson, "On Optimistic Methods for Concurrency Control", 1981
 */
#ifndef VOLUMES_COMMIT_SEQUENCE_H
#define VOLUMES_COMMIT_SEQUENCE_H

#include "base/digest.h"
#include "base/err.h"
#include "base/text.h"
#include "catalog/volume_name.h"
#include "s3/s3_client.h"
#include "volumes/bucket_place.h"

#include <stdbool.h>
#include <stdint.h>

#define COMMIT_SEQUENCE_FOLDER "sequence/"
#define COMMIT_SEQUENCE_MAX    ((size_t)32 << 20) /* bytes of a decision */

/* What became of a claim. */
enum commit_verdict {
    COMMIT_OPEN,       /* nothing is decided yet */
    COMMIT_DONE,       /* the volume is committed */
    COMMIT_SUPERSEDED, /* it never will be */
};

/* A volume that is to be committed, or never to be. */
struct commit_claim {
    const struct bucket_place *bucket;
    struct s3_client *client;
    const char *volume;
    const char *sha256;           /* of the whole volume; "": not known */
    const char *session;          /* of the process: its own commits are no conflict */
    const struct text_list *runs; /* all their IDs; NULL: the volume shall never be committed */
    uint64_t base;                /* all decisions up to this were read; moves on */
    /* the result */
    enum commit_verdict verdict;
    char by[VOLUME_NAME]; /* the volume that has one of the runs; "": it was declared void */
};

/* Read the decisions after the claim's base; claim->verdict tells what they say of it. */
int commit_sequence_check(struct commit_claim *claim, struct err *err) MUST_CHECK;

/* Have the claim decided: claim->verdict is COMMIT_DONE or COMMIT_SUPERSEDED then. Of a void
 * claim, COMMIT_SUPERSEDED: it is void; COMMIT_DONE: it was committed before. */
int commit_sequence_claim(struct commit_claim *claim, struct err *err) MUST_CHECK;

/* The decisions that this machine knows. */
struct commit_sequence {
    const struct bucket_place *bucket;
    const char *dir; /* the work directory, where the file DECISIONS keeps what was read */
    uint64_t end;    /* the last decision, when commit_sequence_find_end was called */
    uint64_t read;   /* up to which the names are known */
    struct hashmap *names;
};

/* Find the last decision. To be called before the bucket is listed: then all volumes that are
 * committed up to it are in the list. */
int commit_sequence_find_end(struct commit_sequence *sequence, struct s3_client *client,
                             struct err *err) MUST_CHECK;

/* Whether there are decisions after that end: 1, 0 or -1. */
int commit_sequence_has_more(const struct commit_sequence *sequence, struct s3_client *client,
                             struct err *err) MUST_CHECK;

/*
 * Tell what was decided up to the end about a volume. Reads decisions that were not read yet.
 */
int commit_sequence_of(struct commit_sequence *sequence, struct s3_client *client,
                       const char *volume, enum commit_verdict *verdict,
                       struct err *err) MUST_CHECK;

/* Free the names; may be called twice, and on {0}. */
void commit_sequence_clear(struct commit_sequence *sequence);

#endif
