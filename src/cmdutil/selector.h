/* SPDX-License-Identifier: MIT */
/*
 * pick: which of an archive's artifacts are wanted: by type, run and path.
 *
 * Errors   ERR_USAGE
 * Owns     its type filter, until pick_clear
 * Threads  read by many once set
 */
#ifndef CMDUTIL_SELECTOR_H
#define CMDUTIL_SELECTOR_H

#include "api/kind.h"
#include "base/err.h"
#include "cli/opt.h"
#include "format/manifest_read.h"

#include <stdbool.h>

struct pick_args {
    struct opt_list type;
    struct opt_list exclude_type;
    struct opt_list run;
};

extern const struct opt pick_opts[];

struct pick {
    struct kind_filter filter;
    const struct opt_list *runs;
    char *const *patterns; /* shell patterns on the path; none: all */
    int count;
};

/* args and patterns are lent. pick must be {0}. */
int pick_init(struct pick *pick, const struct pick_args *args, char *const *patterns, int count,
              struct err *err) MUST_CHECK;

/* Free what a pick holds; may be called twice. */
void pick_clear(struct pick *pick);

/* Whether anything is asked for at all: else everything is wanted. */
bool pick_narrows(const struct pick *pick);

/* Whether an artifact is wanted; path is below the top directory. */
bool pick_artifact(const struct pick *pick, const struct rows_artifact *artifact);

/* Whether a file that is no artifact is: a pattern names it, or nothing narrows. */
bool pick_file(const struct pick *pick, const char *path);

#endif
