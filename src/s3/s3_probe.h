/* SPDX-License-Identifier: MIT */
/*
 * s3_probe: asks a store why it closed the connection instead of answering.
 *
 * A store refuses a request by its headers alone: its clock, its keys, its region. Some close
 * the connection then, while the body is still being sent, and the answer is lost with it. The
 * same request without a body gets the answer, from which the client learns what to correct.
 *
 * Errors   none; the answer is used by the client, and no more
 * Owns     its call, which must be ended before the probe goes
 * Threads  the client's
 */
#ifndef S3_S3_PROBE_H
#define S3_S3_PROBE_H

#include "s3/location.h"
#include "s3/s3_client.h"

#include <stdbool.h>

struct s3_probe {
    struct s3_client *client;

    /* private */
    bool running;
    struct s3_call call;
    char key[LOCATION_KEY_MAX + 1];
};

/* Ask for the first byte of an object, unless the probe (a struct s3_probe) is running: a
 * `lost` function of s3_client_persist. */
void s3_probe_start(void *probe, const char *key);

/* End the probe, of a client that has no other calls any more. */
void s3_probe_end(struct s3_probe *probe);

#endif
