/* SPDX-License-Identifier: MIT */
/*
 * volume_name: what the volumes of a sync directory are called.
 *
 * A name is "YYYY/MM/skyarc-TIME[-N][-rN].tar[.zst|.gz]" and nothing else: names come from the
 * catalog, the log and the disk, and a path that leads out is refused.
 *
 * Errors   none
 * Owns     nothing
 * Threads  any
 */
#ifndef CATALOG_VOLUME_NAME_H
#define CATALOG_VOLUME_NAME_H

#include <stdbool.h>

#define VOLUME_NAME 256 /* room for a name */

/* What a name says. */
struct volume_name {
    char stem[VOLUME_NAME]; /* without what follows */
    char top[VOLUME_NAME];  /* the archive's top directory */
    char stamp[32];         /* when its sync began, as clock_us reads it */
    unsigned long number;   /* of that sync's volumes, from 1 on */
    unsigned long revision; /* how often it was written anew; 0: it was not */
    char suffix[16];        /* ".tar.zst" */
};

/* Whether a folder of this name may hold volumes; depth 0: a year's, 1: a month's below it. */
bool volume_name_folder(const char *name, int depth);

/* Read a name; false: it is no volume's. */
bool volume_name_parse(struct volume_name *out, const char *name);

/* The name of another revision of the same volume. */
void volume_name_revision(char out[VOLUME_NAME], const struct volume_name *name,
                          unsigned long revision);

/* The older one first: by time, number, revision. */
int volume_name_compare(const char *a, const char *b);

#endif
