/* SPDX-License-Identifier: MIT */
/*
 * verdict: whether a run is archived whole, and if not, why.
 *
 * Pure: only what the caller knows is judged.
 *
 * Errors   ERR_MEMORY
 * Owns     nothing; texts are constants, of the run, or in the caller's region
 * Threads  any
 */
#ifndef EVIDENCE_VERDICT_H
#define EVIDENCE_VERDICT_H

#include "base/err.h"
#include "base/mem.h"
#include "catalog/period.h"

#include <stdbool.h>

enum verdict {
    VERDICT_COMPLETE,   /* archived, and nothing more is expected */
    VERDICT_ARCHIVED,   /* all that was listed is archived, but the service may have more */
    VERDICT_INCOMPLETE, /* something is missing, or an archive is not as it was */
    VERDICT_WAITING,    /* not archived, since it has not ended */
    VERDICT_ABSENT,     /* in no archive, although it ended */
    VERDICT_PRUNED,     /* removed on purpose */
    VERDICTS            /* number of values above */
};

/* The verdict as a word. */
const char *verdict_word(enum verdict verdict);

/* What it means, in a few words. */
const char *verdict_meaning(enum verdict verdict);

/* Whether something is wrong with the run. */
bool verdict_is_gap(enum verdict verdict);

/* What is judged. */
struct verdict_asked {
    const struct period_run *run;
    const char *prune; /* when and why it was removed, or NULL */
    const char *flaw;  /* what the service did not list or deliver of it, or NULL */
    bool directory;    /* the run is of a sync directory; else of one archive, see
                        * evidence/manifest_runs */
    bool filtered;     /* no archive that has it was to have all artifacts */
    bool faulty;       /* something is wrong with an archive that has the run */
};

/* Judge a run. *why gets the reason, or NULL. */
int verdict_judge(const struct verdict_asked *asked, enum verdict *verdict, const char **why,
                  struct region *region, struct err *err) MUST_CHECK;

#endif
