/* SPDX-License-Identifier: MIT */
#include "writer/entry_names.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "base/mem.h"
#include "base/path.h"
#include "format/sniff.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define KEY_MAX   ((size_t)64 << 10)
#define TRIES_MAX 1000000
#define EXT_ROOM  32 /* size of an extension with its dot */

struct entry_names {
    pthread_mutex_t lock; /* the plan may grow, and name items, while the packer does */
    struct region *region;
    struct hashmap *taken; /* lower-case path -> the names themselves */
    struct buf path;
    struct buf key;
};

struct entry_names *entry_names_new(struct err *err)
{
    return entry_names_on(NULL, err);
}

struct entry_names *entry_names_on(struct pagefile *file, struct err *err)
{
    struct entry_names *names = mem_new(sizeof(*names), err);

    if (!names)
        return NULL;
    (void)pthread_mutex_init(&names->lock, NULL);
    buf_init(&names->path, KEY_MAX);
    buf_init(&names->key, KEY_MAX);
    names->region = region_on(file, err);
    names->taken = hashmap_on(file, err);
    if (names->region && names->taken)
        return names;
    entry_names_free(names);
    return NULL;
}

void entry_names_free(struct entry_names *names)
{
    if (!names)
        return;
    region_free(names->region);
    hashmap_free(names->taken);
    buf_clear(&names->path);
    buf_clear(&names->key);
    (void)pthread_mutex_destroy(&names->lock);
    mem_free(names);
}

/* Whether an extension is another spelling of the detected one. */
static bool same_kind(const char *a, const char *b)
{
    return strcmp(sniff_media_type(a), sniff_media_type(b)) == 0 && *a;
}

static void choose_ext(const struct item *item, const void *head, size_t len, char *out,
                       size_t size)
{
    const struct plan_artifact *what = &item->what;
    const char *claimed = plan_claimed_ext(what);
    const struct sniff *is = head ? sniff_find(head, len) : NULL;
    /* at rest; received bodies are not always compressed */
    bool compressed = strcasecmp(claimed, "zst") == 0;

    if (sniff_is(is, "zst") && what->ext && strcmp(what->ext, "zst") != 0)
        (void)snprintf(out, size, "%s.zst", what->ext);
    else if (is)
        (void)snprintf(out, size, "%s", same_kind(claimed, is->ext) ? claimed : is->ext);
    else if (*claimed && !compressed)
        (void)snprintf(out, size, "%s", claimed);
    else if (what->ext)
        (void)snprintf(out, size, "%s", what->ext);
    else
        (void)snprintf(out, size, "%s", head ? sniff_guess(head, len) : "bin");
    for (; *out; out++)
        *out = (char)tolower((unsigned char)*out);
}

/* Write a path as a key: in lower case. */
static int key_of(struct entry_names *names, const char *path, struct err *err)
{
    struct buf *key = &names->key;
    size_t i;

    buf_reset(key);
    if (buf_adds(key, path, err) < 0)
        return -1;
    for (i = 0; i < key->len; i++)
        key->data[i] = (char)tolower((unsigned char)key->data[i]);
    return 0;
}

static bool key_is_free(const struct entry_names *names)
{
    return !hashmap_get(names->taken, names->key.data, names->key.len);
}

/* Keep the path whose key was just written. */
static const char *keep(struct entry_names *names, const char *path, struct err *err)
{
    if (hashmap_add(names->taken, names->key.data, names->key.len, names, err) < 0)
        return NULL;
    return region_text(names->region, path, err);
}

bool entry_names_is_free(struct entry_names *names, const char *path)
{
    bool is_free;

    (void)pthread_mutex_lock(&names->lock);
    is_free = key_of(names, path, NULL) == 0 && key_is_free(names);
    (void)pthread_mutex_unlock(&names->lock);
    return is_free;
}

const char *entry_names_take(struct entry_names *names, const char *path, struct err *err)
{
    const char *kept;

    (void)pthread_mutex_lock(&names->lock);
    kept = key_of(names, path, err) < 0 ? NULL : keep(names, path, err);
    (void)pthread_mutex_unlock(&names->lock);
    return kept;
}

/* The name without directory: the name of the downloaded file, or TIME_ARTIFACT_ID.EXT. */
static void base_name(const struct item *item, const char *ext, char *stem, size_t size,
                      char suffix[EXT_ROOM])
{
    const struct plan_artifact *what = &item->what;
    const char *own = what->filename     ? what->filename
                      : what->bundle_key ? what->bundle_key
                                         : what->uri;
    char safe[PATH_NAME_MAX + 1];
    char when[CLOCK_TEXT_MAX] = "notime";

    if (what->type && strcmp(what->type, "download") == 0 && own && *path_base(own)) {
        size_t len;

        (void)path_safe(safe, path_base(own));
        len = (size_t)(path_ext(safe) - safe);
        (void)snprintf(stem, size, "%.*s", (int)len, safe);
        (void)snprintf(suffix, EXT_ROOM, "%s", safe + len);
        return;
    }
    if (what->created_us != CLOCK_NONE)
        (void)clock_format(when, what->created_us, CLOCK_MICROS);
    (void)snprintf(stem, size, "%s_%s", when, path_safe(safe, what->artifact_id));
    (void)snprintf(suffix, EXT_ROOM, "%s", ext);
}

static const char *give(struct entry_names *names, const struct item *item, const void *head,
                        size_t len, struct err *err)
{
    char dir[PATH_NAME_MAX + 1];
    char ext[EXT_ROOM] = ".";
    char stem[2 * PATH_NAME_MAX];
    char suffix[EXT_ROOM];
    const char *type = item->what.type;
    unsigned n;

    choose_ext(item, head, len, ext + 1, sizeof(ext) - 1);
    base_name(item, ext, stem, sizeof(stem), suffix);
    (void)path_safe(dir, type && strcmp(type, "download") == 0 ? "files"
                         : type                                ? type
                                                               : "unknown");
    for (n = 1; n < TRIES_MAX; n++) {
        char again[16] = "";

        if (n > 1)
            (void)snprintf(again, sizeof(again), "~%u", n);
        buf_reset(&names->path);
        if (buf_addf(&names->path, err, "data/%s/%s/%s%s%s", item->what.run_id, dir, stem,
                     again, suffix) < 0 ||
            key_of(names, buf_text(&names->path), err) < 0)
            return NULL;
        if (key_is_free(names))
            return keep(names, buf_text(&names->path), err);
    }
    (void)err_set(err, ERR_LIMIT, "run '%.128s': too many files of the name '%.200s%s'",
                  item->what.run_id, stem, suffix);
    return NULL;
}

const char *entry_names_give(struct entry_names *names, const struct item *item,
                             const void *head, size_t len, struct err *err)
{
    const char *path;

    (void)pthread_mutex_lock(&names->lock);
    path = give(names, item, head, len, err);
    (void)pthread_mutex_unlock(&names->lock);
    return path;
}
