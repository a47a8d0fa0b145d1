/* SPDX-License-Identifier: MIT */
/*
 * s3_probe: asks a store why it closed the connection instead of answering.
 *
 * A store refuses a request by its headers alone: its clock, its keys, its region. Some close
 * the connection then, while the body is still being sent, and the answer is lost with it. The
 * same request without a body gets the answer, from which the client learns what to correct.
 *
 * Errors   none; the answer is used by the client, and no more
 * Owns     its call; it belongs to the client
 * Threads  the client's
 */
#ifndef S3_S3_PROBE_H
#define S3_S3_PROBE_H

#include "s3/location.h"
#include "s3/s3_client.h"

#include <stdbool.h>

struct s3_probe {
    bool running;
    struct s3_call call;
    char key[LOCATION_KEY_MAX + 1];
};

/* Ask for the first byte of an object, unless a probe is running. */
void s3_probe_start(struct s3_probe *probe, struct s3_client *client, const char *key);

/* Whether a call that failed may have been refused by its headers. */
bool s3_probe_is_due(const struct s3_probe *probe, const struct s3_call *call);

/* Free what the probe holds; it must not be in the client any more. */
void s3_probe_clear(struct s3_probe *probe);

#endif
