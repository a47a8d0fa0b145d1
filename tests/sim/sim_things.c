/* SPDX-License-Identifier: MIT */
/* The artifacts of one schedule: small and large, alike, in ZIPs, compressed, wrongly
 * announced. */
#include "base/digest.h"
#include "base/mem.h"
#include "base/text.h"
#include "format/zip.h"
#include "sim.h"

#include <stdio.h>
#include <string.h>
#include <zstd.h>

static const char *const types[] = { "recording",           "screenshot",   "html_scrape",
                                     "llm_prompt",          "har",          "trace",
                                     "browser_console_log", "llm_response", "download" };

static void check(int rc)
{
    if (rc < 0)
        sim_fail("out of memory");
}

/* A body of this many bytes: incompressible media, or text. */
static void fill(struct buf *out, size_t size, bool media)
{
    static const unsigned char png[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    size_t i;

    buf_init(out, size + 1);
    for (i = 0; i < size; i++) {
        char byte = (char)(media ? sim_below(256) : 'a' + sim_below(8));

        if (media && i < sizeof(png))
            byte = (char)png[i];
        check(buf_add(out, &byte, 1, NULL));
    }
}

static size_t any_size(void)
{
    size_t chunk = world.chunk;

    switch (sim_below(8)) {
    case 0:
        return sim_below(2) ? 0 : chunk * (1 + sim_below(3));
    case 1:
    case 2:
    case 3:
        return sim_below((uint32_t)chunk);
    case 4:
    case 5:
        return sim_below((uint32_t)chunk * 8);
    case 6:
        return sim_below((uint32_t)chunk * 64);
    default:
        return chunk * 24 + sim_below((uint32_t)chunk * 40);
    }
}

static struct thing *add(const char *type)
{
    unsigned n = world.count++;
    struct thing *thing = &world.things[n];
    unsigned host = sim_below(3);

    (void)snprintf(thing->id, sizeof(thing->id), "a_%u", n);
    (void)snprintf(thing->url[0], sizeof(thing->url[0]), "http://host%u/a_%u/f?sig=x&old=1",
                   host, n);
    (void)snprintf(thing->url[1], sizeof(thing->url[1]), "http://host%u/a_%u/f?sig=y", host, n);
    (void)snprintf(thing->uri, sizeof(thing->uri), "s3://b/o/a_%u.bin", n);
    thing->type = type;
    return thing;
}

static void copy(struct buf *to, const struct buf *from)
{
    buf_init(to, from->len + 1);
    check(buf_add(to, from->data, from->len, NULL));
}

/* A HAR, compressed as in object stores. */
static void compress(struct thing *thing, unsigned n)
{
    size_t most = ZSTD_compressBound(thing->plain.len);
    char *room = mem_new(most, NULL);
    size_t len = room ? ZSTD_compress(room, most, thing->plain.data, thing->plain.len, 1) : 0;

    check(room && !ZSTD_isError(len) ? 0 : -1);
    buf_clear(&thing->sent);
    buf_init(&thing->sent, len + 1);
    check(buf_add(&thing->sent, room, len, NULL));
    mem_free(room);
    (void)snprintf(thing->uri, sizeof(thing->uri), "s3://b/o/a_%u.har.zst", n);
}

static void make_one(void)
{
    const char *type = types[sim_below(sizeof(types) / sizeof(*types))];
    struct thing *thing = add(type);
    const struct thing *twin =
        world.count > 1 && sim_percent(15) ? &world.things[sim_below(world.count - 1)] : NULL;

    if (twin && !*twin->key && strcmp(twin->type, "step_archive") != 0)
        copy(&thing->plain, &twin->plain);
    else
        fill(&thing->plain, any_size(), strcmp(type, "recording") == 0 || sim_percent(30));
    copy(&thing->sent, &thing->plain);
    if (strcmp(type, "har") == 0 && sim_percent(50))
        compress(thing, world.count - 1);
    thing->endless = thing->sent.len > world.chunk && sim_percent(world.endless);
    if (sim_percent(40)) {
        struct sha256 *sha = sha256_new(NULL);
        uint8_t digest[SHA256_SIZE];

        check(sha ? 0 : -1);
        sha256_add(sha, thing->sent.data, thing->sent.len);
        sha256_end(sha, digest);
        sha256_free(sha);
        text_hex(thing->checksum, digest, SHA256_SIZE);
        if (sim_percent(10))
            thing->checksum[3] = thing->checksum[3] == '0' ? '1' : '0';
    }
}

/* A ZIP, and artifacts that are its members. */
static void make_bundle(void)
{
    unsigned members = 2 + sim_below(5);
    unsigned first = world.count;
    struct thing *parent;
    struct zip *zip;
    unsigned i;

    for (i = 0; i < members; i++) {
        struct thing *thing = add(types[1 + sim_below(3)]);

        (void)snprintf(thing->key, sizeof(thing->key), "m_%u.txt", i);
        fill(&thing->plain, any_size(), sim_percent(50));
        copy(&thing->sent, &thing->plain);
    }
    parent = add("step_archive");
    buf_init(&parent->sent, 64 << 20);
    zip = zip_new(0, buf_put, &parent->sent, NULL);
    check(zip ? 0 : -1);
    for (i = first; i < first + members; i++) {
        struct thing *thing = &world.things[i];

        memcpy(thing->uri, parent->uri, sizeof(thing->uri));
        if (sim_percent(10))
            continue; /* listed, but not in the ZIP */
        check(zip_entry(zip, thing->key, thing->plain.len, 1, sim_percent(50), NULL));
        check(zip_add(zip, thing->plain.data, thing->plain.len, NULL));
    }
    check(zip_end(zip, NULL));
    zip_free(zip);
    if (sim_percent(20) && parent->sent.len > 40) /* a damaged ZIP */
        parent->sent.len -= 30;
    copy(&parent->plain, &parent->sent);
}

void things_make(void)
{
    unsigned most = 1 + sim_below(sim_percent(50) ? 12 : SIM_THINGS - 10);

    while (world.count < most) {
        if (sim_percent(8))
            make_bundle();
        else
            make_one();
    }
}

void things_clear(void)
{
    unsigned i;

    for (i = 0; i < world.count; i++) {
        buf_clear(&world.things[i].sent);
        buf_clear(&world.things[i].plain);
        world.things[i] = (struct thing){ 0 };
    }
    world.count = 0;
}

int things_list(struct buf *json, unsigned generation)
{
    unsigned i;

    check(buf_adds(json, "[", NULL));
    for (i = 0; i < world.count; i++) {
        const struct thing *thing = &world.things[i];
        uint64_t dice = world.dice; /* the list data of an artifact never change */
        bool sized;
        bool wrong;

        world.dice = world.seed * 1000 + i;
        sized = sim_percent(60);
        wrong = sim_percent(3);
        world.things[i].missized = sized && wrong;
        world.things[i].sized = sized;
        world.dice = dice;
        check(buf_addf(json, NULL,
                       "%s{\"artifact_id\":\"%s\",\"artifact_type\":\"%s\",\"uri\":\"%s\","
                       "\"signed_url\":\"%s\",\"run_id\":\"wr_1\"",
                       i ? "," : "", thing->id, thing->type, thing->uri,
                       thing->url[generation]));
        if (*thing->key)
            check(buf_addf(json, NULL, ",\"bundle_key\":\"%s\"", thing->key));
        if (*thing->checksum)
            check(buf_addf(json, NULL, ",\"checksum\":\"%s\"", thing->checksum));
        if (sized)
            check(buf_addf(json, NULL, ",\"file_size\":%zu", thing->sent.len + wrong));
        check(buf_adds(json, "}", NULL));
    }
    return buf_adds(json, "]", NULL);
}
