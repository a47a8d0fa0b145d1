/* SPDX-License-Identifier: MIT */
#include "cmdutil/audit.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/confine.h"
#include "cli/signals.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/source.h"
#include "evidence/inspection.h"
#include "evidence/inspection_csv.h"
#include "evidence/inspection_html.h"
#include "evidence/inspection_json.h"
#include "storage/range_file.h"
#include "sync/catch_up.h"
#include "volumes/volume_store.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SHOWN_MAX 2048

struct audit_args {
    struct command_args common;
    struct source_args bucket;
    struct confine_args confine;
    const char *output;
    struct audit_proofs proofs;
    int64_t since;
    int64_t until;
    unsigned mode;
    bool force;
};

static const struct audit_args audit_defaults = { .since = CLOCK_NONE,
                                                  .until = CLOCK_NONE,
                                                  .mode = 0600 };

/* clang-format off */
static const struct opt audit_opts[] = {
    { 0,   "since",   "WHEN", OPT_WHEN, OPT_AT(audit_args, since),   "runs created at or after this UTC date or time, or within this time (90d)", 0, 0, NULL, false, NULL },
    { 0,   "until",   "WHEN", OPT_WHEN, OPT_AT(audit_args, until),   "runs created before this date or time", 0, 0, NULL, false, NULL },
    { 0,   "signers", "FILE", OPT_TEXT, OPT_AT(audit_args, proofs.signers), "also check the signature of each archive: it must be by one of these signers (file in the ALLOWED SIGNERS format of ssh-keygen)", 0, 0, NULL, false, NULL },
    { 0,   "tsa-ca",  "FILE", OPT_TEXT, OPT_AT(audit_args, proofs.tsa_ca), "also check by whom the time stamps of each archive are: one must be by an authority whose certificate, or that of who issued it, is in this file (PEM)", 0, 0, NULL, false, NULL },
    { 'o', "output",  "FILE", OPT_TEXT, OPT_AT(audit_args, output),  "write the report to this file: a page (.html), a table of the runs (.csv) or everything (.json), by the end of its name", 0, 0, NULL, false, NULL },
    { 0,   "mode",    "MODE", OPT_MODE, OPT_AT(audit_args, mode),    "permissions of the file, octal (default 0600)", 0, 0, NULL, false, NULL },
    { 'f', "force",   NULL,   OPT_FLAG, OPT_AT(audit_args, force),   "replace an existing file", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group audit_groups[] = {
    { "Report", audit_opts, 0 },
    { "Bucket", source_opts, OPT_AT(audit_args, bucket) },
    { "Safety", confine_opts, OPT_AT(audit_args, confine) },
    { NULL, NULL, 0 },
};
/* clang-format on */

/* The formats of the report, by the end of the file's name. */
static const struct form {
    const char *ending;
    file_maker *write;
} forms[] = {
    { ".html", inspection_html_write },
    { ".htm", inspection_html_write },
    { ".csv", inspection_csv_write },
    { ".json", inspection_json_write },
};

/* Find the format of the report; NULL: the name has another end. */
static file_maker *find_form(const char *output)
{
    size_t i;

    for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        if (path_ends(output, forms[i].ending))
            return forms[i].write;
    }
    return NULL;
}

static int check_args(const struct audit_args *args, int count, char *const *operands,
                      struct err *err)
{
    if (count != 1)
        return err_set(err, ERR_USAGE, "expected one directory or archive");
    path_trim(operands[0]);
    if (args->since != CLOCK_NONE && args->until != CLOCK_NONE && args->since >= args->until)
        return err_set(err, ERR_USAGE, "--since is not before --until: no run can be between");
    if (args->output && !find_form(args->output))
        return err_set(err, ERR_USAGE,
                       "--output '%.600s': the name must end in .html, .csv or .json",
                       args->output);
    if (args->output && !args->force && access(args->output, F_OK) == 0)
        return err_set(err, ERR_EXISTS, "'%.600s' exists; --force replaces it", args->output);
    return audit_proofs_check(&args->proofs, true, err);
}

/* Allow only the archives to be read, and the folder of the report to be written. */
static int confine_to(const struct audit_args *args, const char *operand,
                      const struct volume_store *store, struct err *err)
{
    struct confine confine;
    char *folder = args->output ? path_dir(args->output) : NULL;
    int rc;

    if (args->output && !folder)
        return err_set(err, ERR_MEMORY, "out of memory");
    source_confine_begin(&confine, &args->confine, source_flags(range_file_remote(operand)));
    confine_read(&confine, operand);
    if (store->dir)
        confine_read(&confine, store->dir); /* of a bucket, the copy of the log */
    rc = audit_proofs_confine(&args->proofs, &confine, operand, err);
    if (folder)
        confine_write(&confine, folder);
    if (rc == 0)
        confine_enter(&confine);
    mem_free(folder);
    return rc;
}

/* Print a run with a gap as a line. */
static int print_gap(void *ctx, const struct inspection_run *run, struct err *err)
{
    char id[SHOWN_MAX];
    char why[SHOWN_MAX];

    (void)ctx;
    if (!verdict_is_gap(run->verdict))
        return 0;
    return printf("%s\t%s\t%s\n", text_shown(id, sizeof(id), run->facts->run_id),
                  verdict_word(run->verdict),
                  text_shown(why, sizeof(why), run->why ? run->why : "")) < 0
               ? err_sys(err, "cannot write to standard output")
               : 0;
}

/* Print what is wrong with an archive, if it is. */
static void print_fault(const struct archive_state *archive, const char *what)
{
    char shown[2][SHOWN_MAX];

    if (what)
        (void)printf("%s\t%s\n", text_shown(shown[0], SHOWN_MAX, archive->name),
                     text_shown(shown[1], SHOWN_MAX, what));
}

static void print_remarks(const char *word, const struct remarks *remarks)
{
    char shown[SHOWN_MAX];
    size_t i;

    for (i = 0; i < remarks->count; i++)
        (void)printf("%s\t%s\n", word, text_shown(shown, SHOWN_MAX, remarks->at[i]));
}

/* Print the totals, and a line for each run with a gap and each archive with a fault. */
static int print_summary(struct inspection *inspection, struct err *err)
{
    const struct inspection_sum *sum = inspection_sum(inspection);
    const struct shard *shard = inspection_shard(inspection);
    char text[SHARD_TEXT_MAX];
    struct archive_state *const *archives;
    size_t count = inspection_archives(inspection, &archives);
    size_t i;
    enum verdict v;

    if (shard->n)
        (void)printf("shard %s of the account; runs of other shards are in other directories\n",
                     shard_text(text, shard));
    print_remarks("gap", inspection_gaps(inspection)); /* what the totals rest on */
    (void)printf("%llu run%s:", (unsigned long long)sum->runs, text_plural(sum->runs));
    for (v = 0; v < VERDICTS; v++)
        (void)printf("%s %llu %s", v ? "," : "", (unsigned long long)sum->verdicts[v],
                     verdict_word(v));
    (void)printf("\n%llu held; %zu archive%s, %llu fault%s\n", (unsigned long long)sum->held,
                 count, text_plural(count), (unsigned long long)sum->faults,
                 text_plural(sum->faults));
    if (inspection_runs(inspection, print_gap, NULL, err) < 0)
        return -1;
    for (i = 0; i < count; i++) {
        print_fault(archives[i], archives[i]->fault);
        print_fault(archives[i], archives[i]->doubt);
    }
    print_remarks("fault", inspection_faults(inspection));
    return fflush(stdout) == EOF ? err_sys(err, "cannot write to standard output") : 0;
}

static int write_report(const struct audit_args *args, struct inspection *inspection,
                        struct err *err)
{
    struct inspection_document document = { inspection, TOOL_NAME, clock_wall() };
    int rc = 0;

    if (args->output)
        rc = file_make(args->output, args->mode, find_form(args->output), &document, err);
    if (rc == 0 && args->common.json)
        rc = inspection_json_write(&document, api_client_put, NULL, err);
    if (rc == 0 && !args->common.json && !args->common.quiet)
        rc = print_summary(inspection, err);
    return rc;
}

/* The exit status for what was found. */
static int status_of(const struct inspection_sum *sum)
{
    enum verdict v;

    if (sum->faults)
        return EXIT_DAMAGED;
    if (sum->gaps)
        return EXIT_INCOMPLETE;
    for (v = 0; v < VERDICTS; v++) {
        if (verdict_is_gap(v) && sum->verdicts[v])
            return EXIT_INCOMPLETE;
    }
    return EXIT_DONE;
}

static int audit_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct audit_args *args = args_in;
    struct tsp_trust *trust = NULL;
    struct inspection_opts opts = {
        .archives = { .signers = args->proofs.signers, .stop = signals_stopping() },
        .period = { args->since == CLOCK_NONE ? DB_UNKNOWN : args->since,
                    args->until == CLOCK_NONE ? DB_UNKNOWN : args->until },
        .now_ms = clock_wall(),
    };
    struct volume_store store = { 0 };
    struct inspection *inspection = NULL;
    int rc;

    source_use(&args->bucket);
    rc = check_args(args, count, operands, err);
    if (rc == 0)
        rc = signals_setup(err);
    if (rc == 0 && args->proofs.tsa_ca)
        rc = tsp_trust_load(args->proofs.tsa_ca, opts.archives.stop, &trust, err);
    if (rc == 0) {
        opts.archives.trust = trust;
        opts.archives.path = operands[0];
        if (source_is_dir(operands[0])) {
            rc = volume_store_open_place(&store, operands[0], err);
            opts.archives.store = &store;
            if (rc == 0)
                rc = catch_up(&store, signals_stopping(), err);
        }
    }
    if (rc == 0) {
        inspection = inspection_open(&opts, err); /* before the sandbox, as SQLite needs it */
        rc = inspection ? confine_to(args, operands[0], &store, err) : -1;
    }
    if (rc == 0)
        rc = inspection_collect(inspection, err);
    if (rc == 0)
        rc = write_report(args, inspection, err);
    if (rc == 0)
        rc = status_of(inspection_sum(inspection));
    inspection_free(inspection);
    volume_store_close(&store);
    tsp_trust_free(trust);
    return rc < 0 ? api_client_status(err) : rc;
}

const struct command cmd_audit = {
    .name = "audit",
    .args = "DIR|ARCHIVE",
    .section = COMMAND_OPEN,
    .brief = "report what is archived of a period's runs, and what is not",
    .about =
        "Reports, for each run that was created in the period, whether it is archived, in "
        "which "
        "archives, complete or not and why, held, or removed; and of each of these archives "
        "its size, digest, place in the chain, signature and time stamps, or that it is gone. "
        "For a directory of skyarc sync also holds, removals "
        "and losses, the syncs, "
        "and the times for which the service's lists were read. Prints the totals, and a line "
        "for each run with a gap and each archive with a fault; the report itself is written "
        "with --output: as a page to print, as a table that a spreadsheet opens without "
        "running "
        "formulas, or as JSON (also printed by --json). Contents are not read: 'skyarc verify' "
        "does that.",
    .examples = "skyarc audit --since 2026-01-01 --until 2026-04-01 -o q1.html /srv/skyarc\n"
                "skyarc audit --signers signers --json run.tar.zst\n",
    .exits =
        "0    every run of the period is archived, as far as it has ended, or was removed\n"
        "1    failed\n"
        "3    a run is incomplete, or in no archive; or the service's list was not read for "
        "all\n"
        "     of the period\n"
        "4    an archive is missing, differs, is not signed or time-stamped as it should be, "
        "or breaks the "
        "chain\n",
    .groups = audit_groups,
    .size = sizeof(struct audit_args),
    .defaults = &audit_defaults,
    .run = audit_main,
};
