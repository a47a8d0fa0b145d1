/* SPDX-License-Identifier: MIT */
/*
 * volume_upload: brings a volume from the work directory into the bucket, and makes it count.
 *
 * First the volume, then its signature and time stamps, then the decision that it is committed
 * (volumes/commit_sequence), last the commit record. If the decisions say that other machines
 * have committed one of its runs, it is superseded: that is a result, not an error, and nothing
 * is uploaded if it is known before; if it is in the bucket already, it is declared void,
 * unless it was committed nevertheless. A rewritten volume has no runs that are not in the
 * volume that it replaces, and needs no decision. Each step finds what an earlier attempt has
 * done: a volume that is there with the same SHA-256 is not sent again, a commit record of the
 * same volume is that of this one. What is there under its name and is another volume is never
 * replaced. The ID of an upload in parts is kept in a file beside the volume, so that the next
 * start aborts one that was broken off.
 *
 * In the background one volume is uploaded at a time, by a thread with a client of its own,
 * while the next one is being made; so the disk has two at most. The thread always ends its
 * volume: requests have time limits and a limited number of attempts, and a request to stop
 * ends them; only then does volume_upload_wait return. It waits for nothing of its caller.
 *
 * Units    bytes
 * Errors   those of s3/upload and s3/object_put; ERR_EXISTS: another volume is there
 * Owns     struct volume_upload: the thread and its client, until volume_upload_close
 * Threads  one starts and waits; the thread that uploads shares nothing but the job
 */
#ifndef VOLUMES_VOLUME_UPLOAD_H
#define VOLUMES_VOLUME_UPLOAD_H

#include "base/err.h"
#include "catalog/volume_name.h"
#include "s3/object.h"
#include "volumes/bucket_place.h"
#include "volumes/commit_record.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* One volume to be uploaded, and what came of it. */
struct volume_job {
    const struct bucket_place *bucket; /* of which only what never changes is read */
    const char *dir;                   /* the work directory */
    const char *session;               /* see volumes/commit_sequence */
    char name[VOLUME_NAME];
    /* the result */
    uint64_t size;
    char etag[128];         /* without quotes */
    char tail[SHA256_TEXT]; /* SHA-256 of its last bytes */
    unsigned proofs;        /* that were uploaded with it, see struct bucket_volume */
    bool superseded;        /* it does not count, and never will: others have its runs, */
    char by[VOLUME_NAME];   /* in this volume; "": it was declared void */
};

/*
 * Note in the work directory, beside a volume that is about to be made, what its runs are
 * chosen by: all decisions (volumes/commit_sequence) up to this number. What was noted before
 * stays.
 */
int volume_upload_note(const char *dir, const char *name, uint64_t base,
                       struct err *err) MUST_CHECK;

/* Remove that note, if there is one. */
int volume_upload_forget(const char *dir, const char *name, struct err *err) MUST_CHECK;

/*
 * Make a volume count that is in the bucket, and of which no file is here: its upload was
 * complete, and its commit record was not written.
 *
 * base  up to which all decisions are known; NULL: its commit is decided, or it is a rewritten
 *       volume, which needs no decision
 */
int volume_upload_adopt(struct volume_job *job, const struct bucket_volume *volume,
                        struct s3_client *client, const uint64_t *base,
                        struct err *err) MUST_CHECK;

struct volume_upload {
    pthread_t thread;
    bool running;
    struct volume_job job;
    struct s3_client *client;
    struct err err; /* the thread's, until it has ended */
    int rc;
};

/* Begin to upload the volume of a job, which is copied; the one before must have been waited
 * for. */
int volume_upload_start(struct volume_upload *upload, const struct volume_job *job,
                        struct err *err) MUST_CHECK;

/*
 * Wait for the upload.
 *
 * returns  1: it succeeded, and upload->job has the result; 0: none was started; -1: it failed
 */
int volume_upload_wait(struct volume_upload *upload, struct err *err) MUST_CHECK;

/* Wait for the upload, forget its result, and free; may be called twice, and on {0}. */
void volume_upload_close(struct volume_upload *upload);

/*
 * Read the commit record of a volume.
 *
 * returns  1; 0: there is none that can be read as one; -1: also if a newer skyarc wrote it
 */
int volume_upload_record(const struct bucket_place *bucket, struct s3_client *client,
                         const char *name, struct commit_record *record,
                         struct err *err) MUST_CHECK;

#endif
