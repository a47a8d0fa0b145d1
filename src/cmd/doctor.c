/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "cli/confine.h"
#include "cli/signals.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/session.h"
#include "doctor/dest_check.h"
#include "doctor/disk_check.h"
#include "doctor/finding.h"
#include "doctor/key_check.h"
#include "doctor/link_check.h"
#include "doctor/server_check.h"
#include "doctor/store_check.h"
#include "storage/range_file.h"

#define LANDLOCK_LEAST 2 /* version 1 denies all links and renames between folders */

struct doctor_args {
    struct command_args common;
    struct session_args session;
    const char *dest;
};

static const struct doctor_args doctor_defaults = { .session = SESSION_DEFAULTS };

/* clang-format off */
static const struct opt doctor_opts[] = {
    { 0, "dest", "DIR|s3://...", OPT_TEXT, OPT_AT(doctor_args, dest), "also check this directory of sync or listen: its disk, lock, catalog, volumes and last sync; or an object store, s3://BUCKET/PREFIX: credentials, endpoint, listing, writing, deleting, clock, conditional writes, versions, Object Lock, unfinished uploads", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group doctor_groups[] = {
    { "Directory", doctor_opts,  0 },
    { "API",       session_opts, OPT_AT(doctor_args, session) },
    { NULL, NULL, 0 },
};
/* clang-format on */

/* Report the parts of the sandbox that this kernel has. */
static void check_sandbox(struct findings *findings)
{
    int version = confine_landlock();

    if (version >= LANDLOCK_LEAST && confine_seccomp())
        finding_add(findings, "sandbox", FINDING_OK, NULL, "Landlock version %d, and seccomp",
                    version);
    else
        finding_add(findings, "sandbox", FINDING_WARNING,
                    "use a newer kernel, or enable them; a container may deny them",
                    "untrusted archives are read without %s%s%s",
                    version >= LANDLOCK_LEAST ? "" : "Landlock",
                    version >= LANDLOCK_LEAST || confine_seccomp() ? "" : " and ",
                    confine_seccomp() ? "" : "seccomp");
}

/* Check key and service. Returns 0, or -1 with err set if it was stopped or has no memory. */
static int check_service(struct api_client *client, const struct doctor_args *args,
                         struct findings *findings, struct err *err)
{
    int64_t offset_ms = 0;

    if (!key_check(client, &args->session, findings))
        return 0;
    if (api_client_start(client, &args->session, 0, err) < 0)
        return -1;
    if (server_check(client, findings, &offset_ms))
        link_check(client, findings, offset_ms);
    return 0;
}

static int doctor_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct doctor_args *args = args_in;
    struct api_client client = { 0 };
    struct findings findings = { 0 };
    int rc;

    if (count)
        return err_set(err, ERR_USAGE, "doctor takes no operands: '%.100s'", operands[0]);
    rc = signals_setup(err);
    if (rc == 0)
        rc = check_service(&client, args, &findings, err);
    if (rc == 0 && signals_stop())
        rc = err_set(err, ERR_CANCELLED, "stopped");
    if (rc == 0) {
        disk_check_temp(&findings);
        if (args->dest && range_file_remote(args->dest))
            store_check(args->dest, &findings);
        else if (args->dest)
            dest_check(args->dest, clock_wall(), &findings);
        check_sandbox(&findings);
    }
    if (rc == 0 && signals_stop())
        rc = err_set(err, ERR_CANCELLED, "stopped");
    if (rc == 0)
        rc = args->common.json ? findings_json(&findings, err)
                               : findings_print(&findings, args->common.quiet, err);
    findings.key = NULL;
    api_client_close(&client);
    if (rc < 0)
        return api_client_status(err);
    return findings_count(&findings, FINDING_ERROR) ? EXIT_FAILED : EXIT_DONE;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .args = "",
    .section = COMMAND_SETUP,
    .brief = "check the set-up: key, server, network, clock, disk, last sync",
    .about =
        "Checks what skyarc needs, and prints a line for each check: ok, warning or error, and "
        "what to do. Key: whether it is there, private and accepted. Server: proxy, DNS, TLS, "
        "version, clock, how its URLs are signed and how long they live, whether an artifact "
        "can be downloaded, and the oldest run whose artifacts can still be downloaded. This "
        "machine: temporary files, "
        "the sandbox, and with --dest the directory: its disk, lock, catalog, volumes and last "
        "sync, or the object store. It archives nothing, and writes nothing but a few small "
        "files or objects, which it removes. "
        "With -q, leaves out what is in order.",
    .examples = "skyarc doctor\n"
                "skyarc doctor --dest /srv/skyarc\n"
                "skyarc doctor --dest s3://audits/skyarc\n",
    .exits = "0    no error; there may be warnings\n"
             "1    a check found an error\n",
    .groups = doctor_groups,
    .size = sizeof(struct doctor_args),
    .defaults = &doctor_defaults,
    .run = doctor_main,
};
