/* SPDX-License-Identifier: MIT */
/*
 * archives: the archives that are inspected, what is wrong with each, and what is wrong with
 * them together: the volumes of a directory, or one archive.
 *
 * What is wrong with contents (a fault) says something of the runs in an archive; what is wrong
 * with its signature, its time stamps or its place in the chain (a doubt) does not.
 *
 * Units    bytes; milliseconds since 1970
 * Errors   those of reading; what is wrong with an archive is none
 * Owns     everything, until archives_free; opts, catalog and decisions are borrowed until then
 * Threads  one
 */
#ifndef EVIDENCE_ARCHIVES_H
#define EVIDENCE_ARCHIVES_H

#include "attest/tsp.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/pulse.h"
#include "catalog/db.h"
#include "evidence/decisions.h"
#include "volumes/volume_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An archive. */
struct archive_state {
    const char *name;      /* of a volume: relative to the directory */
    const char *state;     /* "matches the catalog", "is missing" ... */
    const char *signature; /* "signed by ...", "not signed" ... */
    const char *stamped;   /* "2026-01-02T03:04:05Z by ...", "no time stamp" ... */
    const char *previous;  /* the archive before it in the chain; NULL: none is named */
    const char *fault;     /* what is wrong with its contents; NULL: nothing is known */
    const char *doubt; /* what is wrong with its signature, time stamps or place in the chain;
                        * NULL: nothing */
    const char *note;  /* what is to know of it, and not wrong; NULL: nothing */
    char sha256[SHA256_TEXT]; /* of its manifest; "": not known */
    uint64_t size;
    uint64_t runs;       /* of the period, counted by the caller */
    int64_t created_ms;  /* DB_UNKNOWN: not known */
    int64_t verified_ms; /* last time every byte was verified by skyarc; DB_UNKNOWN: never */
    bool filtered;       /* not all artifacts of its runs were asked for */
};

/* Texts for people, each a sentence without its end. */
struct remarks {
    char **at;
    size_t count;
    size_t cap;
};

/* Add a copy of a text. */
int remarks_add(struct remarks *to, const char *text, struct err *err) MUST_CHECK;

/* Free the texts; may be called twice. */
void remarks_clear(struct remarks *remarks);

struct archives_opts {
    const char *path;                 /* a directory of skyarc sync, or an archive */
    const struct volume_store *store; /* of the directory; NULL: the path is an archive */
    const char *signers;              /* check signatures against this file; NULL: do not */
    const struct tsp_trust *trust;    /* of the authorities of time stamps; NULL: not checked */
    struct stop stop;
};

struct archives;

/* What is said of all archives together; the caller's, who clears it. */
struct archives_said {
    struct remarks faults; /* what is wrong with the directory: its log, its chain */
    struct remarks gaps;   /* what is not known: volumes that the catalog lacks ... */
};

/*
 * Look at the archives.
 *
 * catalog, decisions   of the directory; NULL: the path is an archive
 * said                 what is found of all together is added to it; borrowed
 */
struct archives *archives_new(const struct archives_opts *opts, struct db *catalog,
                              const struct decisions *decisions, struct archives_said *said,
                              struct err *err) MUST_CHECK;

/* Free them; NULL is fine. */
void archives_free(struct archives *archives);

/* An archive by its name of len bytes, or NULL. */
struct archive_state *archives_find(const struct archives *archives, const char *name,
                                    size_t len);

/* All archives, sorted by name. */
size_t archives_all(const struct archives *archives, struct archive_state *const **all);

/* Leave out the archives with no runs of the period and nothing wrong. */
void archives_narrow(struct archives *archives);

/* What the service did not list or deliver of a run, or NULL. */
const char *archives_flaw(const struct archives *archives, const char *run_id);

/* How many things are wrong with single archives. */
uint64_t archives_fault_count(const struct archives *archives);

#endif
