/* SPDX-License-Identifier: MIT */
/*
 * source: the archives that an operand names: an archive, which may be a directory that is a
 * bag, or volumes of a sync directory.
 *
 * For commands that read archives: all archives are known before the first is read, so that the
 * sandbox can allow only these.
 *
 * Errors   ERR_USAGE: a directory without a run; ERR_NOT_FOUND: no volume has it; the catalog's
 * Owns     the paths and IDs, until source_clear
 * Threads  one
 */
#ifndef CMDUTIL_SOURCE_H
#define CMDUTIL_SOURCE_H

#include "base/err.h"
#include "base/mem.h"
#include "cli/confine.h"
#include "cli/opt.h"

#include <stdbool.h>
#include <stddef.h>

/* How a sync in a bucket is read. */
struct source_args {
    const char *work_dir; /* NULL: below the user's state directory */
};

extern const struct opt source_opts[];

/* Use these from now on, in this process; to be called before an operand is looked at. */
void source_use(const struct source_args *args);

struct source {
    const char **paths;
    size_t count;
    size_t cap;
    struct opt_list runs; /* the wanted runs, by the IDs that the volumes have */
    bool cataloged;       /* the operand is a sync directory: its catalog gave the IDs */
    size_t unknown;       /* wanted runs that no volume has, which was logged */
    struct region *region;
};

/*
 * Find the archives. operand (slashes at its end are cut) is an archive, or a directory of
 * skyarc sync: then its volumes that contain the runs, of which there must be at least one,
 * each named by either of its IDs. Runs are named by IDs or by the URLs of their pages. A run
 * that no volume has is logged; ERR_NOT_FOUND if no volume has any of them. source must be {0};
 * clear it also on failure.
 */
int source_find(struct source *source, char *operand, const struct opt_list *runs,
                struct err *err) MUST_CHECK;

/*
 * Of an archive: replace wanted IDs that are the other ID of one of its runs, by the IDs that
 * the archive has. Reads the archive: to be called in the sandbox, and before the runs are
 * used. An archive that cannot be read is no error here.
 */
int source_names(struct source *source, struct err *err) MUST_CHECK;

/* Begin the sandbox of a command that reads archives. With CONFINE_NET, which is needed if one
 * is an object, allow reading what its keys come from, too. */
void source_confine_begin(struct confine *confine, const struct confine_args *args,
                          unsigned flags);

/* CONFINE_NET if an archive is an object (remote), else 0. */
unsigned source_flags(bool remote);

/* Begin the sandbox, and allow reading the archives. */
void source_confine(struct confine *confine, const struct confine_args *args,
                    const struct source *source);

/* Free the paths; may be called twice. */
void source_clear(struct source *source);

/* Whether a path is of a directory, but not of a bag, which is an archive. */
bool source_is_dir(const char *path);

/* The archive that contains an artifact: the operand, or the newest volume of an operand
 * directory that has it. Free by mem_free. */
char *source_of_artifact(char *operand, const char *artifact_id, struct err *err) MUST_CHECK;

/*
 * The folder into which an archive is extracted: its file name without the format. NULL: the
 * name does not end in a format, or is no portable name; then the archive's own top directory.
 *
 * out  its memory, of size bytes
 */
const char *source_folder(const char *path, char *out, size_t size);

#endif
