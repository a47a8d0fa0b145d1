/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "base/mem.h"
#include "cmd/commands.h"
#include "job/talk.h"
#include "open/fetchone.h"
#include "vault/entry.h"
#include "vault/shelf.h"

#include <string.h>
#include <sys/stat.h>

struct cat_args {
    struct command_args common;
};

static const struct cat_args cat_defaults = { .common = { 0 } };

static const struct opt_group cat_groups[] = { { NULL, NULL, 0 } };

/* The archive that an artifact is in: the operand, or a volume of the directory that it is. */
static char *archive_of(const char *operand, const char *what, struct err *err)
{
    struct shelf shelf = { operand };
    struct catalog *catalog;
    struct stat st;
    char name[256];
    char *path = NULL;

    if (stat(operand, &st) < 0 || !S_ISDIR(st.st_mode))
        return mem_copy(operand, err);
    catalog = catalog_open(operand, CATALOG_READ, err);
    if (!catalog)
        return NULL;
    if (entry_volume_with(catalog, what, name, sizeof(name)))
        path = shelf_read(&shelf, name, err);
    else
        (void)err_set(err, ERR_NOT_FOUND, "no volume in '%s' has artifact '%.200s'", operand,
                      what);
    catalog_free(catalog);
    return path;
}

static int cat_main(void *args_in, int count, char *const *operands, struct err *err)
{
    int i;

    (void)args_in;
    if (count < 2)
        return err_set(err, ERR_USAGE,
                       "an archive, and a path or artifact ID in it are wanted");
    for (i = 1; i < count; i++) {
        char *archive = archive_of(operands[0], operands[i], err);
        int rc = archive ? fetchone(archive, operands[i], talk_put_raw, NULL, err) : -1;

        mem_free(archive);
        if (rc < 0)
            return err->kind == ERR_MISMATCH
                       ? (log_line(LOG_ERROR, "%s", err->text), EXIT_DAMAGED)
                       : -1;
    }
    return EXIT_DONE;
}

const struct command cmd_cat = {
    .name = "cat",
    .args = "ARCHIVE|DIR PATH|ARTIFACT_ID...",
    .brief = "one file of an archive, to standard output",
    .about =
        "Writes files of an archive to standard output, each named by its path or by its "
        "artifact's ID. A duplicate that is a hard link gives the content that it leads to. "
        "With the archive's index only the frames that hold it are read. In a directory of "
        "skyarc sync the catalog says which volume has the artifact. Exit status 4 when "
        "the content is not what the manifest says.",
    .groups = cat_groups,
    .size = sizeof(struct cat_args),
    .defaults = &cat_defaults,
    .run = cat_main,
};
