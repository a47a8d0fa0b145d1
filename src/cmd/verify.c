/* SPDX-License-Identifier: MIT */
#include "reader/verify.h"

#include "base/file.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/confine.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/audit.h"
#include "cmdutil/source.h"
#include "copy/original_check.h"
#include "evidence/consistency.h"
#include "pull/mount_index.h"
#include "reader/chain.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHOWN_MAX 4096 /* limit of an escaped path: the paths of a directory may be hostile */

struct verify_args {
    struct command_args common;
    struct source_args bucket;
    struct session_args session;
    struct confine_args confine;
    const char *share;
    struct audit_proofs proofs;
    const char *anchor;
    const char *original;
    bool quick;
    bool against_api;
    bool mount_index;
};

static const struct verify_args verify_defaults = { .session = SESSION_DEFAULTS };

/* clang-format off */
static const struct opt verify_opts[] = {
    { 'Q', "quick", NULL,  OPT_FLAG, OPT_AT(verify_args, quick), "check only the structure: index, manifests and tag files, not the payload", 0, 0, NULL, false, NULL },
    { 0,   "share", "K/N", OPT_TEXT, OPT_AT(verify_args, share), "hash only part K of N of the payload, for example one part per night", 0, 0, NULL, false, NULL },
    { 0,   "anchor",      "HEX",  OPT_TEXT, OPT_AT(verify_args, anchor),      "for a directory: the chain must contain this head, which was kept elsewhere", 0, 0, NULL, false, NULL },
    { 0,   "original",    "ARCHIVE", OPT_TEXT, OPT_AT(verify_args, original),  "the archive is a redacted copy of this one: check that it is the same but for what its manifest says", 0, 0, NULL, false, NULL },
    { 0,   "against-api", NULL,   OPT_FLAG, OPT_AT(verify_args, against_api), "also ask the service whether the runs have artifacts, or started runs, that the archive (or all archives of a directory together) lacks (exit status 3)", 0, 0, NULL, false, NULL },
    { 0,   "ratarmount-index", NULL, OPT_FLAG, OPT_AT(verify_args, mount_index), "if the archive, a tar.zst, is good, write ARCHIVE.index.sqlite, with which ratarmount mounts it at once; an earlier one is replaced", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group verify_groups[] = {
    { "How much", verify_opts,  0 },
    { "Proofs",   audit_proof_opts, OPT_AT(verify_args, proofs) },
    { "API",      session_opts, OPT_AT(verify_args, session) },
    { "Bucket",   source_opts, OPT_AT(verify_args, bucket) },
    { "Safety",   confine_opts, OPT_AT(verify_args, confine) },
    { "Progress", progress_opts, 0 },
    { NULL, NULL, 0 },
};
/* clang-format on */

/* State of verifying one archive. */
struct verifying {
    const struct verify_args *args;
    const char *path;
    struct jsonw *w;
    struct chain *chain; /* the chain of a directory's archives */
    struct consistency *consistency;
    struct consistency **consistencies; /* for each operand that is a directory */
    size_t lacking; /* artifacts and runs only the service has, and runs not compared */
    size_t unread;  /* catalogs that could not be used */
    size_t unseen;  /* archives and folders of this directory that could not be read */
    int failed;     /* exit status for archives that could not be read */
    struct audit_held *held;    /* --against-api: artifacts read so far; otherwise NULL */
    struct tsp_trust *trust;    /* of --tsa-ca */
    struct audit_proved proved; /* of this archive */
    struct pace pace;           /* of the bytes of this archive */
    uint64_t shares;
};

static void on_damage(void *ctx, const struct verify_damage *d)
{
    const struct verifying *run = ctx;
    char at[40] = "";
    char what[900] = "";

    if (d->offset != VERIFY_NOWHERE)
        (void)snprintf(at, sizeof(at), " at %llu", (unsigned long long)d->offset);
    if (d->path)
        (void)snprintf(what, sizeof(what), "'%.600s'%s%.200s%s: ", d->path,
                       d->artifact_id ? " (" : "", d->artifact_id ? d->artifact_id : "",
                       d->artifact_id ? ")" : "");
    log_line(LOG_ERROR, "'%s'%s: %s%s", run->path, at, what, d->what);
    if (!run->w)
        return;
    jsonw_object(run->w, NULL, JSONW_INLINE);
    jsonw_text(run->w, "path", d->path);
    jsonw_text(run->w, "artifact_id", d->artifact_id);
    if (d->offset == VERIFY_NOWHERE)
        jsonw_null(run->w, "offset");
    else
        jsonw_u64(run->w, "offset", d->offset);
    jsonw_text(run->w, "what", d->what);
    jsonw_close(run->w);
}

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct verifying *run = ctx;
    uint64_t part = run->shares ? total / run->shares : total;

    progress_show_read(&run->pace, &(struct progress_read){ "verifying", run->path, done,
                                                            part > done ? part : done });
}

static int read_share(const char *text, struct verify_opts *opts, struct err *err)
{
    if (text && text_part(text, UINT64_MAX, &opts->share, &opts->shares, err) < 0)
        return err_wrap(err, "--share");
    return 0;
}

/* The part of the archive that was checked, for the line about it; "" for all of it. */
static const char *mode_words(const struct verify_args *args, char out[64])
{
    out[0] = '\0';
    if (args->quick)
        (void)snprintf(out, 64, " (structure only)");
    else if (args->share)
        (void)snprintf(out, 64, " (part %.30s of the payload)", args->share);
    return out;
}

static void put_state(const struct verifying *run, const char *state)
{
    jsonw_close(run->w); /* the damages */
    jsonw_text(run->w, "state", state);
    jsonw_text(run->w, "mode",
               run->args->quick   ? "structure"
               : run->args->share ? "share"
                                  : "full");
    jsonw_text(run->w, "share", run->args->share);
}

/* Report that a file could not be verified: it is unreadable, or not an archive. */
static void report_error(const struct verifying *run, const char *state, const struct err *why)
{
    log_line(LOG_ERROR, "%s", why->text);
    if (!run->w)
        return;
    put_state(run, state);
    jsonw_text(run->w, "error", why->text);
    jsonw_close(run->w);
}

static void report(const struct verifying *run, const struct verify_result *r)
{
    char size[TEXT_SIZE_MAX];
    char sha256[SHA256_TEXT];
    char shown[SHOWN_MAX];
    char mode[64];

    text_hex(sha256, r->manifest.sha256, SHA256_SIZE);
    if (run->w) {
        put_state(run, r->damages ? "damaged" : "good");
        jsonw_u64(run->w, "damages", r->damages);
        jsonw_u64(run->w, "artifacts", r->artifacts);
        jsonw_u64(run->w, "missing", r->missing);
        jsonw_u64(run->w, "files", r->files);
        jsonw_u64(run->w, "hashed_bytes", r->bytes);
        jsonw_bool(run->w, "indexed", r->indexed);
        jsonw_text(run->w, "manifest_sha256", r->manifest.size ? sha256 : NULL);
        audit_proved_put(&run->proved, run->w);
        jsonw_close(run->w);
        return;
    }
    if (run->args->common.quiet)
        return;
    (void)printf("%s: %s%s, %llu artifact%s, %s hashed%s",
                 text_shown(shown, sizeof(shown), run->path), r->damages ? "DAMAGED" : "good",
                 mode_words(run->args, mode), (unsigned long long)r->artifacts,
                 text_plural(r->artifacts), text_size(size, r->bytes),
                 r->indexed || r->directory ? "" : ", no index");
    if (r->damages)
        (void)printf(", %llu defect%s", (unsigned long long)r->damages,
                     text_plural(r->damages));
    if (r->missing)
        (void)printf(", %llu artifact%s missing", (unsigned long long)r->missing,
                     text_plural(r->missing));
    if (r->manifest.size)
        (void)printf(", manifest %s\n", sha256);
    else
        (void)printf(", the manifest is not readable\n");
}

/* A proof is missing or not valid. */
static void on_fault(void *ctx, const char *what)
{
    const struct verify_damage damage = { NULL, NULL, VERIFY_NOWHERE, what };

    on_damage(ctx, &damage);
}

/* Check the proofs and the chain; returns the number of proofs that failed. */
static int beyond(struct verifying *run, const struct verify_result *result, struct err *err)
{
    char sha256[SHA256_TEXT];
    int rc = audit_prove(&run->args->proofs, run->trust, run->path, &result->manifest,
                         &run->proved, on_fault, run);

    if (!run->w && !run->args->common.quiet)
        audit_proved_print(&run->proved, run->path);
    text_hex(sha256, result->manifest.sha256, SHA256_SIZE);
    if (run->chain && chain_add(run->chain, run->path, sha256, result->previous,
                                result->previous_sha256, err) < 0)
        return -1;
    if (run->consistency &&
        consistency_see(run->consistency, run->path, result->top, sha256, err) < 0)
        return -1;
    if (rc >= 0 && run->args->original) {
        int differs = original_check(run->path, run->args->original, on_fault, run, err);

        rc = differs < 0 ? -1 : rc + differs;
    }
    return run->held && audit_held_add(run->held, run->path, err) < 0 ? -1 : rc;
}

/* Whether an error ends the whole command, not only the check of one archive. */
static bool ends_all(const struct err *err)
{
    return err->kind == ERR_CANCELLED || err->kind == ERR_MEMORY;
}

/* The worse of two exit statuses other than damage: failure is worse than a wrong operand. */
static int worse(int a, int b)
{
    return a == EXIT_FAILED || b == EXIT_DONE ? a : b;
}

static int verify_one(struct verifying *run, const struct verify_opts *opts, struct err *err)
{
    struct verify_result result = { 0 };
    int wrong = 0;
    int rc;

    if (run->w) {
        jsonw_object(run->w, NULL, JSONW_LINES);
        jsonw_text(run->w, "archive", run->path);
        jsonw_array(run->w, "damage", JSONW_LINES);
    }
    rc = verify_run(run->path, opts, &result, err);
    progress_hide();
    if (rc < 0 && err->kind == ERR_FORMAT) { /* the file is not an archive */
        report_error(run, "not-an-archive", err);
        rc = run->consistency ? consistency_see(run->consistency, run->path, "", "", err) : 0;
        return rc < 0 ? -1 : 1;
    }
    if (rc < 0 && ends_all(err))
        return -1;
    if (rc < 0) {
        run->unseen++;
        report_error(run, "unreadable", err);
        run->failed = worse(run->failed, (int)exit_of(err));
        return 0;
    }
    wrong = beyond(run, &result, err);
    if (wrong < 0)
        return -1;
    result.damages += wrong > 0;
    report(run, &result);
    return result.damages > 0;
}

static void on_break(void *ctx, const char *path, const char *what)
{
    const struct verifying *run = ctx;

    log_line(LOG_ERROR, "%s%s%s", path ? path : "", path ? ": " : "", what);
    if (!run->w)
        return;
    jsonw_object(run->w, NULL, JSONW_INLINE);
    jsonw_text(run->w, "archive", path);
    jsonw_text(run->w, "what", what);
    jsonw_close(run->w);
}

/* Check the chain and the catalog of a directory; returns the number of defects. */
static size_t judge(struct verifying *run, const char *dir, size_t count)
{
    char shown[2][SHOWN_MAX];
    const char *unusable = consistency_unusable(run->consistency);
    const char *head;
    size_t breaks;
    size_t torn;

    if (unusable)
        log_line(
            LOG_WARNING,
            "cannot compare the volumes of '%s' with its catalog: %s (a volume replaced by "
            "another valid archive is not found without the catalog)",
            dir, unusable);
    run->unread += unusable != NULL;
    if (run->w) {
        jsonw_object(run->w, NULL, JSONW_LINES);
        jsonw_text(run->w, "directory", dir);
        jsonw_array(run->w, "breaks", JSONW_LINES);
    }
    breaks = consistency_judge(run->consistency, on_break, run) +
             consistency_hidden(run->consistency, on_break, run);
    run->unseen += consistency_unread(run->consistency);
    torn = chain_judge(run->chain, run->args->anchor, on_break, run, &head);
    if (run->unseen) /* one of these may be what the chain lacks */
        run->failed = EXIT_FAILED;
    else
        breaks += torn;
    if (run->w) {
        jsonw_close(run->w);
        jsonw_text(run->w, "head", head);
        if (unusable)
            jsonw_text(run->w, "catalog_error", unusable);
        jsonw_close(run->w);
    } else if (!run->args->common.quiet) {
        (void)printf("%s: %zu archive%s, %s%s%s\n", text_shown(shown[0], SHOWN_MAX, dir), count,
                     text_plural(count), head ? "head " : "not a single chain",
                     text_shown(shown[1], SHOWN_MAX, head ? head : ""),
                     unusable ? ", not compared with the catalog" : "");
    }
    return breaks;
}

/* Report that a directory could not be verified. */
static void report_dir_error(struct verifying *run, const char *dir, const struct err *why)
{
    log_line(LOG_ERROR, "%s", why->text);
    run->failed = worse(run->failed, (int)exit_of(why));
    if (!run->w)
        return;
    jsonw_object(run->w, NULL, JSONW_LINES);
    jsonw_text(run->w, "directory", dir);
    jsonw_text(run->w, "error", why->text);
    jsonw_close(run->w);
}

/* Verify all archives of a directory, and their chain; 1: a check failed. */
static int verify_dir(struct verifying *run, const char *dir, const struct verify_opts *opts,
                      struct err *err)
{
    struct audit_files files = { 0 };
    int wrong = 0;
    int rc = range_file_remote(dir)
                 ? audit_find_volumes(&files, consistency_store(run->consistency), err)
                 : audit_find(&files, dir, err);
    size_t i;

    if (rc < 0 && err->kind == ERR_NOT_FOUND && consistency_expects(run->consistency))
        rc = 0; /* each volume of the catalog is missing */
    if (rc < 0 && !ends_all(err)) {
        report_dir_error(run, dir, err);
        audit_files_clear(&files);
        return 0;
    }
    run->unseen = files.fault_count;
    run->chain = rc == 0 ? chain_new(err) : NULL;
    rc = run->chain ? 0 : -1;
    for (i = 0; i < files.fault_count; i++) {
        struct err why;

        (void)err_set(&why, ERR_SYSTEM, "%s", files.faults[i]);
        report_dir_error(run, dir, &why);
    }
    for (i = 0; rc >= 0 && i < files.count; i++) {
        run->path = files.paths[i];
        rc = verify_one(run, opts, err);
        wrong |= rc > 0;
    }
    if (rc >= 0)
        wrong |= judge(run, dir, files.count) > 0;
    chain_free(run->chain);
    run->chain = NULL;
    audit_files_clear(&files);
    return rc < 0 ? -1 : wrong;
}

static int verify_operand(struct verifying *run, const char *operand,
                          const struct verify_opts *opts, struct err *err)
{
    size_t lacking = 0;
    int rc;

    run->held = run->args->against_api ? audit_held_new(err) : NULL;
    if (run->args->against_api && !run->held)
        return -1;
    run->path = operand;
    rc = run->consistency ? verify_dir(run, operand, opts, err) : verify_one(run, opts, err);
    if (rc >= 0 && run->held &&
        audit_against_api(run->held, &run->args->session, &lacking, err) < 0)
        rc = -1;
    run->lacking += lacking;
    audit_held_free(run->held);
    run->held = NULL;
    return rc;
}

/* Reject options that do not apply to the operands: a check that cannot be made must not end
 * as "good". */
static int check_args(const struct verify_args *args, int count, char *const *operands,
                      struct verify_opts *opts, struct err *err)
{
    bool dirs = true;
    int i;

    for (i = 0; i < count; i++) {
        path_trim(operands[i]);
        dirs = dirs && source_is_dir(operands[i]);
    }
    if (count < 1)
        return err_set(err, ERR_USAGE, "no archive given");
    if (args->anchor && !dirs)
        return err_set(err, ERR_USAGE, "--anchor can be used with directories only");
    if (args->anchor && strspn(args->anchor, "0123456789abcdefABCDEF") != SHA256_TEXT - 1)
        return err_set(err, ERR_USAGE, "--anchor: expected the 64 hex digits of a SHA-256");
    if (args->original && (count > 1 || dirs))
        return err_set(err, ERR_USAGE, "--original can be used with one copy only");
    if (args->mount_index && (count > 1 || dirs || range_file_remote(operands[0])))
        return err_set(err, ERR_USAGE,
                       "--ratarmount-index can be used with one archive only, in a file");
    if (audit_proofs_check(&args->proofs, count == 1 && !dirs, err) < 0)
        return -1;
    if (args->share && args->quick)
        return err_set(err, ERR_USAGE,
                       "--share cannot be used with --quick, which reads no payload");
    return read_share(args->share, opts, err);
}

/* Open the catalogs of directories before the sandbox is entered: SQLite writes files beside
 * a database even to read it. */
static int open_consistencies(struct verifying *run, int count, char *const *operands,
                              struct err *err)
{
    int i;

    run->consistencies = mem_array((size_t)count, sizeof(struct consistency *), err);
    for (i = 0; run->consistencies && i < count; i++) {
        if (!source_is_dir(operands[i]))
            continue;
        run->consistencies[i] = consistency_open(operands[i], signals_stopping(), err);
        if (!run->consistencies[i])
            return -1;
    }
    return run->consistencies ? 0 : -1;
}

static void close_consistencies(struct verifying *run, int count)
{
    for (; run->consistencies && count > 0; count--)
        consistency_close(run->consistencies[count - 1]);
    mem_free(run->consistencies);
}

/* Allow only the operands to be read. With --against-api there is no sandbox: libcurl needs
 * too many files and system calls. */
static int confine_to(const struct verify_args *args, int count, char *const *operands,
                      struct err *err)
{
    struct confine confine;
    int i;

    if (args->against_api) {
        log_line(LOG_INFO, "not confined: --against-api needs the network");
        return 0;
    }
    source_confine_begin(&confine, &args->confine,
                         source_flags(range_file_any_remote(count, operands) ||
                                      (args->original && range_file_remote(args->original))));
    for (i = 0; i < count; i++) {
        confine_read(&confine, operands[i]);
        if (audit_proofs_confine(&args->proofs, &confine, operands[i], err) < 0)
            return -1;
    }
    if (args->original)
        confine_read(&confine, args->original);
    if (args->mount_index) {
        char *dir = path_dir(operands[0]);

        if (!dir)
            return err_set(err, ERR_MEMORY, "out of memory");
        confine_write(&confine, dir);
        mem_free(dir);
    }
    confine_enter(&confine);
    return 0;
}

static int verify_main(void *args_in, int count, char *const *operands, struct err *err)
{
    struct verifying run = { .args = args_in };
    struct verify_opts opts = {
        .quick = run.args->quick,
        .damage = on_damage,
        .ctx = &run,
        .stop = signals_stopping(),
        .watcher = { on_progress, &run },
    };
    struct ratarmount *index = NULL;
    bool damaged = false;
    int rc;
    int i;

    source_use(&run.args->bucket);
    rc = check_args(run.args, count, operands, &opts, err);
    if (rc == 0)
        rc = signals_setup(err);
    if (rc == 0 && run.args->proofs.tsa_ca)
        rc = tsp_trust_load(run.args->proofs.tsa_ca, signals_stopping(), &run.trust, err);
    if (rc == 0)
        rc = open_consistencies(&run, count, operands, err);
    if (rc == 0 && run.args->mount_index) { /* before the sandbox: a temporary file */
        index = ratarmount_new(file_temp_dir(), err);
        rc = index ? 0 : -1;
    }
    if (rc == 0)
        rc = confine_to(run.args, count, operands, err);
    if (rc == 0 && run.args->common.json) {
        run.w = jsonw_new(api_client_put, NULL, err);
        rc = run.w ? 0 : -1;
    }
    if (run.w)
        jsonw_array(run.w, NULL, JSONW_LINES);
    run.shares = opts.shares;
    if (!run.w || !isatty(STDOUT_FILENO)) /* rows of JSON would get into a moving line */
        progress_begin(&run.args->common);
    for (i = 0; rc >= 0 && i < count; i++) {
        run.consistency = run.consistencies[i];
        rc = verify_operand(&run, operands[i], &opts, err);
        damaged = damaged || rc > 0;
    }
    if (rc == 0 && index && !damaged && !run.failed)
        rc = mount_index_write_like(index, operands[0], signals_stopping(), err);
    ratarmount_free(index);
    progress_end();
    if (rc >= 0 && run.w) {
        jsonw_close(run.w);
        rc = jsonw_end(run.w, err);
    }
    mem_free(run.w);
    close_consistencies(&run, count);
    tsp_trust_free(run.trust);
    if (rc < 0)
        return api_client_status(err);
    return damaged                     ? EXIT_DAMAGED
           : run.failed                ? run.failed
           : run.lacking || run.unread ? EXIT_INCOMPLETE
                                       : EXIT_DONE;
}

const struct command cmd_verify = {
    .name = "verify",
    .args = "ARCHIVE|DIR...",
    .section = COMMAND_OPEN,
    .brief = "check every hash in archives",
    .about =
        "Checks archives: every hash, the manifest against the contents in both directions, "
        "the BagIt files, and the index, the manifest and the tar headers against each other. "
        "Each damage is reported with path, artifact and offset; exit status 4. An archive "
        "that "
        "cannot be read is reported, exit status 1 (2 if it is not a file), and the others are "
        "checked all the same. A directory that is a bag, as pull -o DIR/ writes it, is an "
        "archive. For another directory, checks all archives in it and their chain, and "
        "for a directory of skyarc sync also that each volume in the catalog exists and is the "
        "one that was written. With --against-api, artifacts that the filter of an archive "
        "left "
        "out are not reported as lacking: the manifest records the filter. With --original, an "
        "archive that redact wrote is compared with the archive that it is a copy of: exit "
        "status 4 if it differs in more than what its manifest says.",
    .examples = "skyarc verify run.tar.zst\n"
                "skyarc verify --share 1/3 /srv/skyarc\n"
                "skyarc verify --against-api run.tar.zst\n"
                "skyarc verify copy.tar.zst --original run.tar.zst\n",
    .exits = "0    good, as far as was asked for\n"
             "1    an archive or a folder cannot be read\n"
             "3    the service has something else, or more; or a directory's catalog\n"
             "     cannot be used, so that its volumes were not compared with it\n"
             "4    a file is damaged, is not an archive, or is hidden in a bucket\n",
    .groups = verify_groups,
    .size = sizeof(struct verify_args),
    .defaults = &verify_defaults,
    .run = verify_main,
};
