/* SPDX-License-Identifier: MIT */
/*
 * selector: selects artifacts of an archive by a filter, run and path.
 *
 * Errors   ERR_USAGE
 * Owns     its filter, and what matched, until selector_clear
 * Threads  may be used by many threads after selector_init
 */
#ifndef CMDUTIL_SELECTOR_H
#define CMDUTIL_SELECTOR_H

#include "api/artifact_filter.h"
#include "base/err.h"
#include "cli/opt.h"
#include "cmdutil/filter.h"
#include "format/manifest_read.h"

#include <stdatomic.h>
#include <stdbool.h>

struct selector_args {
    struct filter_args filter;
    struct opt_list run;
};

#define SELECTOR_DEFAULTS                                                                      \
    {                                                                                          \
        .filter = FILTER_DEFAULTS                                                              \
    }

/* The option of runs; those of the filter are in cmdutil/filter. */
extern const struct opt selector_opts[];

struct selector {
    struct artifact_filter filter;
    const struct opt_list *runs;
    char *const *patterns; /* shell patterns for the path, or artifact IDs; none: all paths */
    int count;
    bool strict;       /* a type that this program does not know must be in the archives */
    atomic_bool *hits; /* whether each pattern has selected anything; then whether there is
                          anything of each run */
};

/*
 * Set up a selector; args and patterns are borrowed, and slashes at the ends of patterns are
 * cut. A pattern may begin with the archive's top directory. selector must be {0}.
 */
int selector_init(struct selector *selector, const struct selector_args *args,
                  char *const *patterns, int count, struct err *err) MUST_CHECK;

/*
 * Check the types that this program does not know, unless --allow-unknown-type accepts them:
 * ERR_USAGE if none of the archives has an artifact of the type. Reads their manifests if there
 * is such a type.
 */
int selector_check(const struct selector *selector, const char *const *archives, size_t count,
                   struct err *err) MUST_CHECK;

/* Free the filter; may be called twice. */
void selector_clear(struct selector *selector);

/* Whether any condition is given; without one, everything is selected. */
bool selector_narrows(const struct selector *selector);

/*
 * Whether the artifacts that are selected can be found by name: no runs are given, and all
 * patterns are literal paths or IDs. (A literal one may still be a folder.)
 */
bool selector_literal(const struct selector *selector);

/* Pattern i as a path below the top directory, or an ID; valid as long as the pattern. */
const char *selector_name(const struct selector *selector, int i);

/* Whether an artifact is selected; its path is relative to the top directory. A pattern may be
 * the artifact's ID. */
bool selector_artifact(const struct selector *selector,
                       const struct manifest_read_artifact *artifact);

/* Whether a file that is not an artifact is selected: a pattern matches it, or no condition
 * is given. */
bool selector_file(const struct selector *selector, const char *path);

/*
 * Log each pattern that has selected nothing, and each run of which there is nothing; to be
 * called when all rows of the archive were offered. Returns how many there are.
 */
size_t selector_unmatched(const struct selector *selector);

/*
 * Fill err with ERR_NOT_FOUND: nothing in the archive is selected, and what there is instead.
 * Reads the archive's manifest. Returns -1.
 */
int selector_nothing(const struct selector *selector, const char *archive, struct err *err);

#endif
