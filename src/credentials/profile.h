/* SPDX-License-Identifier: MIT */
/*
 * profile: the settings of one profile in AWS's configuration files.
 *
 * The files are ~/.aws/credentials and ~/.aws/config, or those that
 * AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name. A section of the credentials file is
 * titled "[name]", one of the config file "[profile name]", or "[default]". A setting in the
 * credentials file precedes one of the same name in the config file, but access key, secret key
 * and session token are always from one file. Of two settings of one name in a file, the last
 * is used. Those nested under another one are called "s3.addressing_style"; those of the
 * section "[services name]" that the profile names, "services.s3.endpoint_url". Names are in
 * lower case.
 *
 * Errors   ERR_FORMAT with the line's number, never with its text; ERR_SYSTEM; ERR_NOT_FOUND if
 *          a profile that was asked for by name is in neither file
 * Owns     the texts, which are wiped when freed
 * Threads  any; a profile does not change
 * Source   AWS SDKs and tools reference guide, "Shared config and credentials files"
 */
#ifndef CREDENTIALS_PROFILE_H
#define CREDENTIALS_PROFILE_H

#include "base/err.h"
#include "base/pulse.h"

#include <stdbool.h>

#define PROFILE_FILE_MAX ((size_t)1 << 20)

struct profile;

/* The kinds of files, which differ in the titles of their sections. */
enum profile_file {
    PROFILE_CREDENTIALS, /* "[name]" */
    PROFILE_CONFIG,      /* "[profile name]"; "[default]" */
    PROFILE_SERVICES,    /* of the config file only "[services name]" */
};

/*
 * Read a profile; NULL: that of AWS_PROFILE, or AWS_DEFAULT_PROFILE, or "default", which need
 * not exist.
 */
struct profile *profile_load(const char *name, struct stop stop, struct err *err) MUST_CHECK;

/*
 * Parse the text of a file and add the settings of the profile to it; for tests and fuzzers.
 *
 * file     its name, for messages
 */
int profile_parse(struct profile *profile, enum profile_file kind, const char *text,
                  const char *file, struct err *err) MUST_CHECK;

/* Create an empty profile of a name. */
struct profile *profile_new(const char *name, struct err *err) MUST_CHECK;

/* Wipe and free; NULL is fine. */
void profile_free(struct profile *profile);

/* The name of the profile. */
const char *profile_name(const struct profile *profile);

/* Whether one of its files can be read once only: a FIFO, such as the shell's <(command). */
bool profile_is_once(const struct profile *profile);

/* A setting, valid until profile_free; NULL: it is not set, or empty. */
const char *profile_get(const struct profile *profile, const char *key);

#endif
