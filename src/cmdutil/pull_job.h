/* SPDX-License-Identifier: MIT */
/*
 * pull_job: one pull as a command makes it, from options to summary.
 *
 * Shared by pull, submit -o, sync and listen: the options that select artifacts, those of the
 * archive and of the transfers; the output's name; the status line.
 *
 * Errors   ERR_USAGE for options that cannot be combined; those of pull/pull.h
 * Owns     a job owns its filter, its output's name, its keys and its staged file, until
 *          pull_job_clear
 * Threads  one
 */
#ifndef CMDUTIL_PULL_JOB_H
#define CMDUTIL_PULL_JOB_H

#include "api/api.h"
#include "api/endpoint.h"
#include "base/err.h"
#include "base/path.h"
#include "cli/command.h"
#include "cli/pace.h"
#include "cmdutil/pull_job_args.h"
#include "pull/pull_opts.h"
#include "storage/staging.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pull_job {
    const struct pull_job_args *args;
    const struct command_args *common;
    const char *ca_file;
    uint64_t wait_interval; /* wait until the runs end; 0: do not wait */
    struct artifact_filter filter;
    struct endpoint_filter records;
    char *output;     /* the path that is written */
    const char *name; /* what is named in messages: the output, or the object's address */
    bool remote;      /* the output is an object */
    bool place;       /* set by the caller: the options of objects are for volumes */
    struct staging *staging; /* NULL: the output is no object */
    char top[PATH_NAME_MAX + 1];
    enum container format;
    struct secret *state_key; /* see pull_opts; NULL: no key available */
    struct sshsig_key *sign_key;
    struct authorities authorities; /* of time stamps */
    struct tsp_trust *trust;        /* of --tsa-ca; NULL: not given */
    char *stamped;                  /* see pull_opts; NULL: the output */
    char previous_sha256[SHA256_TEXT];
    bool dry_run; /* tell planned what would be fetched, and write nothing */
    void (*planned)(void *ctx, const struct pull_planned *planned); /* called in a dry run */
    void *planned_ctx;
    const char *submitted; /* the run, if this process has submitted it; NULL: it has not */
    /* what was asked to submit it, which begins the log of requests; NULL: nothing */
    const struct request_log *asked;
    bool to_stdout;
    bool print_name;  /* print the archive's name alone on standard output */
    struct pace pace; /* of the bytes received */
};

/*
 * Set up a job, and start the watchdog; args and common are borrowed. job must be {0}; clear it
 * also on failure.
 */
int pull_job_init(struct pull_job *job, const struct pull_job_args *args,
                  const struct command_args *common, struct err *err) MUST_CHECK;

/* Free what a job owns, and stop the watchdog, the process's only one; may be called twice. */
void pull_job_clear(struct pull_job *job);

/* Fill in the pull options that come from the command line; runs, hooks and dry run are up
 * to the caller. */
void pull_job_fill(const struct pull_job *job, const struct api *api, struct pull_opts *opts);

/* Draw the status line, and answer SIGUSR1: a status hook, ctx is the job. */
void pull_job_tell(void *ctx, const struct pull_status *status);

/* Pull, with the status line. */
int pull_job_run(struct pull_job *job, const struct api *api, char *const *ids, size_t count,
                 struct pull_result *result, struct err *err) MUST_CHECK;

/* Print the summary; rc is pull_job_run's result. Returns rc, or -1 if printing failed. */
int pull_job_report(const struct pull_job *job, const struct pull_result *result, int rc,
                    struct err *err) MUST_CHECK;

/* The exit status of a finished pull, or -1; logs the signal that stopped the pull. */
int pull_job_status(const struct pull_result *result, int rc, const struct err *err);

#endif
