/* SPDX-License-Identifier: MIT */
/*
 * finding: what a check of the set-up found, and what to do about it.
 *
 * Texts may contain words of a server or a file: they are redacted, and characters that could
 * control a terminal are escaped, when a finding is added.
 *
 * Errors   ERR_SYSTEM: standard output cannot be written; ERR_MEMORY
 * Owns     copies of all texts
 * Threads  one
 */
#ifndef DOCTOR_FINDING_H
#define DOCTOR_FINDING_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define FINDINGS_MAX 48 /* more are dropped; the checks make fewer */

enum finding_level { FINDING_OK, FINDING_WARNING, FINDING_ERROR };

struct finding {
    const char *check; /* a constant: "key", "server" */
    enum finding_level level;
    const char *advice; /* a constant: what to do, or NULL */
    char text[400];
};

struct findings {
    const char *key; /* the API key, redacted in every text; NULL: none. Borrowed */
    struct finding at[FINDINGS_MAX];
    size_t count;
};

/*
 * Add a finding.
 *
 * check    the name of the check, a constant
 * advice   what to do, a constant; NULL: nothing
 */
void finding_add(struct findings *findings, const char *check, enum finding_level level,
                 const char *advice, const char *fmt, ...) PRINTF_LIKE(5, 6);

/* The number of findings of a level. */
size_t findings_count(const struct findings *findings, enum finding_level level);

/* Print the findings for people; quiet: only warnings and errors. */
int findings_print(const struct findings *findings, bool quiet, struct err *err) MUST_CHECK;

/* Print the findings as one JSON document. */
int findings_json(const struct findings *findings, struct err *err) MUST_CHECK;

#endif
