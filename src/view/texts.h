/* SPDX-License-Identifier: MIT */
/*
 * texts: the texts of artifacts that may be copied into the offline view, and the choice of
 * those that are.
 *
 * Texts are added in the order in which artifacts are stored, which may be any. They are
 * buffered as they are in a file; when it has grown to TEXTS_ROOM, or less if less can be
 * chosen (texts_expect), only the texts that would be chosen of it are kept. The choice is made
 * in turns, of the runs that failed and then of the others: in each turn of each run the last
 * text of each kind that is left. A text that no longer fits is left out, and smaller ones are
 * still taken.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM if the file fails, ERR_MEMORY
 * Owns     its files
 * Threads  one at a time
 */
#ifndef VIEW_TEXTS_H
#define VIEW_TEXTS_H

#include "base/err.h"
#include "view/sidecar.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXTS_MAX   ((uint64_t)32 << 20) /* limit of all texts that are copied */
#define TEXTS_ROOM  ((uint64_t)96 << 20) /* limit of what is buffered to choose from */
#define TEXTS_LEAST ((uint64_t)4 << 20)  /* the same limit if little can be chosen */

enum text_kind {
    TEXT_HAR,
    TEXT_LOG,
    TEXT_HTML,
    TEXT_MODEL,
    TEXT_PROMPT,
    TEXT_TREE,
    TEXT_OTHER
};

struct text {
    const struct sidecar_run *run;
    enum text_kind kind;
    const char *path;
    const char *bytes;
    size_t len;
    bool cut; /* the file is longer */
};

struct texts;

/* Create an empty set; dir: for its files, which are opened now. */
struct texts *texts_new(const char *dir, struct err *err) MUST_CHECK;

/* Free a set; NULL is fine. */
void texts_free(struct texts *set);

/* Add a text; one that can never be chosen is ignored. */
int texts_add(struct texts *set, const struct text *text, struct err *err) MUST_CHECK;

/* Called with each text that was chosen, which is valid for the call. */
typedef int texts_fn(void *ctx, const struct text *text, struct err *err);

/* How much is chosen. */
struct texts_budget {
    uint64_t all; /* of all runs; at most TEXTS_MAX counts */
    /* the texts of this run (NULL: of none) have this limit besides */
    const struct sidecar_run *lead;
    uint64_t lead_max;
};

/*
 * Say what texts_choose will be called with at the most, before the first text is added: then
 * less is buffered, in a file whose pages are written again and again.
 */
void texts_expect(struct texts *set, const struct texts_budget *most);

/* Choose texts, and pass them to fn. The runs' `failed` must be set. */
int texts_choose(struct texts *set, const struct texts_budget *budget, texts_fn *fn, void *ctx,
                 struct err *err) MUST_CHECK;

#endif
