/* SPDX-License-Identifier: MIT */
/*
 * volume_name: the names of the volumes of a sync directory.
 *
 * A name has the form "YYYY/MM/skyarc-TIME[-N][-rN].tar[.zst|.gz]". Names come from the
 * catalog, the log and the disk; any other name is rejected, such as a path that leads out of
 * the directory.
 *
 * Errors   none
 * Owns     nothing
 * Threads  any
 */
#ifndef CATALOG_VOLUME_NAME_H
#define CATALOG_VOLUME_NAME_H

#include <stdbool.h>

#define VOLUME_NAME 256 /* size of a buffer for a name */

/* The parts of a name. */
struct volume_name {
    char stem[VOLUME_NAME]; /* the name without "-rN" and suffix */
    char top[VOLUME_NAME];  /* the archive's top directory */
    char stamp[32];         /* time at which the sync began, in the form that clock_us reads */
    unsigned long number;   /* number of the volume in that sync, from 1 */
    unsigned long revision; /* how often the volume was rewritten; 0: never */
    char suffix[16];        /* ".tar.zst" */
};

/* Whether a folder of this name may contain volumes; depth 0: a year, 1: a month. */
bool volume_name_folder(const char *name, int depth);

/* Parse a name; false: not a volume name. */
bool volume_name_parse(struct volume_name *out, const char *name);

/* Copy the name of a volume in front of a suffix; false: the text has no such form. */
bool volume_name_before(char out[VOLUME_NAME], const char *text, const char *suffix);

/* Write the name of another revision of the same volume. */
void volume_name_revision(char out[VOLUME_NAME], const struct volume_name *name,
                          unsigned long revision);

/* Compare two names by time, number, revision; the older one is less. */
int volume_name_compare(const char *a, const char *b);

#endif
