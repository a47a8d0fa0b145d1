/* SPDX-License-Identifier: MIT */
/*
 * selector: which of an archive's artifacts are wanted: by type, run and path.
 *
 * Errors   ERR_USAGE
 * Owns     its type filter, until selector_clear
 * Threads  read by many once set
 */
#ifndef CMDUTIL_SELECTOR_H
#define CMDUTIL_SELECTOR_H

#include "api/kind.h"
#include "base/err.h"
#include "cli/opt.h"
#include "format/manifest_read.h"

#include <stdbool.h>

struct selector_args {
    struct opt_list type;
    struct opt_list exclude_type;
    struct opt_list run;
};

extern const struct opt pick_opts[];

struct selector {
    struct kind_filter filter;
    const struct opt_list *runs;
    char *const *patterns; /* shell patterns on the path; none: all */
    int count;
};

/* args and patterns are lent. pick must be {0}. */
int selector_init(struct selector *pick, const struct selector_args *args,
                  char *const *patterns, int count, struct err *err) MUST_CHECK;

/* Free what a pick holds; may be called twice. */
void selector_clear(struct selector *pick);

/* Whether anything is asked for at all: else everything is wanted. */
bool selector_narrows(const struct selector *pick);

/* Whether an artifact is wanted; path is below the top directory. */
bool selector_artifact(const struct selector *pick,
                       const struct manifest_read_artifact *artifact);

/* Whether a file that is no artifact is: a pattern names it, or nothing narrows. */
bool selector_file(const struct selector *pick, const char *path);

#endif
