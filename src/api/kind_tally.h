/* SPDX-License-Identifier: MIT */
/*
 * kind_tally: which artifact types there are, and how many of each, as a text for people.
 *
 * Errors   none: types beyond the limit are counted together
 * Owns     copies of the types' names, cut where they are too long
 * Threads  one at a time
 */
#ifndef API_KIND_TALLY_H
#define API_KIND_TALLY_H

#include <stddef.h>
#include <stdint.h>

#define KIND_TALLY_TYPES 48
#define KIND_TALLY_NAME  48
#define KIND_TALLY_TEXT  300 /* room for kind_tally_text */

struct kind_count {
    char type[KIND_TALLY_NAME]; /* safe to print */
    uint64_t count;
};

/* {0} is an empty tally. */
struct kind_tally {
    struct kind_count rows[KIND_TALLY_TYPES];
    size_t count;
    uint64_t others; /* artifacts of further types */
};

/* Count an artifact of this type (NULL: without a type). */
void kind_tally_add(struct kind_tally *tally, const char *type);

/* Count several artifacts of this type. */
void kind_tally_add_many(struct kind_tally *tally, const char *type, uint64_t count);

/*
 * List the types, most frequent first: "screenshot_action (3), har (1)"; "no artifacts" if
 * there are none. Types for which there is no room are summed up as "and N others".
 */
const char *kind_tally_text(struct kind_tally *tally, char out[KIND_TALLY_TEXT]);

#endif
