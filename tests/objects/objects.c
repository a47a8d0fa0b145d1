/* SPDX-License-Identifier: MIT */
/*
 * Operations of a bucket that no command has by itself, for tests/e2e/test_objects.py.
 *
 * objects BUCKET list PREFIX AFTER       each object: key in hex, size, entity tag, time
 * objects BUCKET put KEY CONDITION       standard input as an object; CONDITION: "always",
 *                                        "absent", or an entity tag. Entity tag and version
 * objects BUCKET load KEY MAX            an object's bytes
 * objects BUCKET delete KEY VERSION      "": none
 *
 * The exit status is 0; 3: no such object; 17: a condition is not met; 16: busy; 1: any other
 * error. Its text is on standard error.
 */
#include "base/mem.h"
#include "base/text.h"
#include "s3/object_list.h"
#include "s3/object_put.h"
#include "storage/remote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX ((size_t)1 << 20)

static int visit(void *ctx, const struct object_listed *object, struct err *err)
{
    char hex[2 * LOCATION_KEY_MAX + 1];

    (void)ctx;
    text_hex(hex, (const uint8_t *)object->key, strlen(object->key));
    if (printf("%s %" PRIu64 " %s %" PRId64 "\n", hex, object->size, object->etag,
               object->modified_ms) < 0)
        return err_sys(err, "cannot write");
    return 0;
}

static int put(struct s3_client *client, const char *key, const char *condition,
               struct err *err)
{
    char *bytes = mem_new(INPUT_MAX, err);
    struct object_put_opts opts = { .key = key, .bytes = bytes, .etag = condition };
    struct object_info info;
    int rc;

    if (!bytes)
        return -1;
    opts.len = fread(bytes, 1, INPUT_MAX, stdin);
    if (strcmp(condition, "absent") == 0)
        opts.condition = OBJECT_ABSENT;
    else if (strcmp(condition, "always") != 0)
        opts.condition = OBJECT_MATCHES;
    rc = object_put(client, &opts, &info, err);
    if (rc == 0)
        (void)printf("%s %s\n", info.etag, info.version);
    mem_free(bytes);
    return rc;
}

static int load(struct s3_client *client, const char *key, const char *max, struct err *err)
{
    struct buf out = { 0 };
    struct object_info info;
    int there = object_load(client, key, (size_t)strtoul(max, NULL, 10), &out, &info, err);

    if (there > 0)
        (void)fwrite(buf_text(&out), 1, out.len, stdout);
    else if (there == 0)
        (void)err_set(err, ERR_NOT_FOUND, "no such object");
    buf_clear(&out);
    return there > 0 ? 0 : -1;
}

static int operate(struct s3_client *client, char **argv, struct err *err)
{
    if (strcmp(argv[2], "list") == 0)
        return object_list(client, argv[3], argv[4], visit, NULL, err);
    if (strcmp(argv[2], "put") == 0)
        return put(client, argv[3], argv[4], err);
    if (strcmp(argv[2], "load") == 0)
        return load(client, argv[3], argv[4], err);
    return *argv[4] ? object_delete_version(client, argv[3], argv[4], err)
                    : object_delete(client, argv[3], err);
}

int main(int argc, char **argv)
{
    struct remote_opts opts = { .agent = "objects", .retries = 3, .stop = stop_never() };
    struct s3_client *client;
    struct err err = { 0 };
    int rc;

    if (argc != 5)
        return 2;
    remote_begin(&opts);
    client = remote_client(argv[1], 0, &err);
    rc = client ? operate(client, argv, &err) : -1;
    s3_client_free(client);
    remote_end();
    if (rc == 0)
        return fflush(stdout) == 0 ? 0 : 1;
    (void)fprintf(stderr, "%s\n", err.text);
    return err.kind == ERR_NOT_FOUND ? 3
           : err.kind == ERR_EXISTS  ? 17
           : err.kind == ERR_BUSY    ? 16
                                     : 1;
}
