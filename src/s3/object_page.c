/* SPDX-License-Identifier: MIT */
#include "s3/object_page.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define LIST  "ListBucketResult"
#define ENTRY LIST "/Contents"

/*
 * A page is parsed twice: what says how keys are encoded may stand behind the keys. The first
 * pass reads what is said of the page, the second one the entries.
 */
struct page_read {
    struct object_page *page;
    object_list_fn *visit;
    void *ctx;

    /* of the page */
    struct object_page_head head;
    char token[ELEMENT_TEXT_MAX + 1];

    /* of the entry so far */
    char key[ELEMENT_TEXT_MAX + 1];
    char etag[128];
    uint64_t size;
    bool sized;
    int64_t modified_ms;
    size_t count; /* of entries */
};

void object_page_take(struct object_page_head *head, const char *root, const char *path,
                      const char *text)
{
    size_t len = strlen(root);

    if (strncmp(path, root, len) != 0)
        return;
    if (!path[len])
        head->list = true;
    else if (strcmp(path + len, "/EncodingType") == 0)
        head->encoded = strcmp(text, "url") == 0;
    else if (strcmp(path + len, "/IsTruncated") == 0)
        head->truncated = strcmp(text, "true") == 0;
}

static int on_page(void *ctx, const char *path, const char *text, struct err *err)
{
    struct page_read *read = ctx;

    (void)err;
    object_page_take(&read->head, LIST, path, text);
    if (strcmp(path, LIST "/NextContinuationToken") == 0)
        (void)snprintf(read->token, sizeof(read->token), "%s", text);
    return 0;
}

int object_page_decode(char *key, struct err *err)
{
    const char *from = key;
    char *to = key;

    while (*from) {
        int high;
        int low;

        if (*from != '%') {
            *to++ = *from == '+' ? ' ' : *from;
            from++;
            continue;
        }
        high = text_hex_digit(from[1]);
        low = high < 0 ? -1 : text_hex_digit(from[2]);
        if (low < 0 || (!high && !low))
            return err_set(err, ERR_FORMAT, "the list has a key that is encoded wrongly");
        *to++ = (char)(high << 4 | low);
        from += 3;
    }
    *to = '\0';
    return 0;
}

int object_page_key(char *key, bool encoded, const char *prefix, struct err *err)
{
    char shown[120];

    if (encoded && object_page_decode(key, err) < 0)
        return -1;
    if (strlen(key) > LOCATION_KEY_MAX)
        return err_set(err, ERR_LIMIT, "the list has a key of more than %d bytes",
                       LOCATION_KEY_MAX);
    if (strncmp(key, prefix, strlen(prefix)) != 0)
        return err_set(err, ERR_FORMAT, "the list has the key '%s', which was not asked for",
                       text_shown(shown, sizeof(shown), key));
    return 0;
}

/* Take the key of an entry: each is greater than the one before, and has the prefix. */
static int take_key(struct page_read *read, struct err *err)
{
    const struct object_page *page = read->page;
    char shown[120];

    if (!*read->key)
        return err_set(err, ERR_FORMAT, "the list has an object without a key");
    if (object_page_key(read->key, read->head.encoded, page->prefix, err) < 0)
        return -1;
    if (strcmp(read->key, page->last) <= 0)
        return err_set(err, ERR_FORMAT, "the list is not in the order of keys at '%s'",
                       text_shown(shown, sizeof(shown), read->key));
    return 0;
}

static int end_entry(struct page_read *read, struct err *err)
{
    struct object_listed listed = { read->key, read->size, read->etag, read->modified_ms };

    if (take_key(read, err) < 0)
        return -1;
    if (!read->sized)
        return err_set(err, ERR_FORMAT, "the list has an object without a size");
    read->count++;
    memcpy(read->page->last, read->key, strlen(read->key) + 1);
    if (read->visit(read->ctx, &listed, err) < 0)
        return -1;
    read->key[0] = read->etag[0] = '\0';
    read->sized = false;
    read->modified_ms = CLOCK_NONE;
    return 0;
}

static int on_entry(void *ctx, const char *path, const char *text, struct err *err)
{
    struct page_read *read = ctx;
    int64_t us;

    if (strcmp(path, ENTRY) == 0)
        return end_entry(read, err);
    if (strcmp(path, ENTRY "/Key") == 0) {
        (void)snprintf(read->key, sizeof(read->key), "%s", text);
    } else if (strcmp(path, ENTRY "/ETag") == 0 && strlen(text) < sizeof(read->etag)) {
        (void)snprintf(read->etag, sizeof(read->etag), "%s", text);
    } else if (strcmp(path, ENTRY "/LastModified") == 0) {
        us = clock_us(text);
        read->modified_ms = us == CLOCK_NONE ? CLOCK_NONE : us / 1000;
    } else if (strcmp(path, ENTRY "/Size") == 0) {
        if (text_u64(text, UINT64_MAX, &read->size, err) < 0)
            return err_wrap(err, "the list has an object with an invalid size");
        read->sized = true;
    }
    return 0;
}

/* Check that the list goes on with another page than before. */
static int check_next(const struct page_read *read, struct err *err)
{
    const struct object_page *page = read->page;

    if (!read->head.truncated)
        return 0;
    if (!*read->token)
        return err_set(err, ERR_FORMAT, "the list is cut, without a continuation token");
    if (strcmp(read->token, page->token) == 0)
        return err_set(err, ERR_FORMAT, "the list repeats its continuation token");
    if (page->empty >= OBJECT_PAGE_EMPTY)
        return err_set(err, ERR_FORMAT, "the list has %d pages in a row without an object",
                       OBJECT_PAGE_EMPTY);
    return 0;
}

int object_page_read(struct object_page *page, const char *text, size_t len,
                     object_list_fn *visit, void *ctx, struct err *err)
{
    struct page_read read = { .page = page, .visit = visit, .ctx = ctx };

    read.modified_ms = CLOCK_NONE;
    if (xml_parse(text, len, on_page, &read, err) < 0)
        return -1;
    if (!read.head.list)
        return err_set(err, ERR_FORMAT, "the answer is no list of objects");
    if (xml_parse_exact(text, len, on_entry, &read, err) < 0)
        return -1;
    page->empty = read.count ? 0 : page->empty + 1;
    if (check_next(&read, err) < 0)
        return -1;
    page->more = read.head.truncated;
    memcpy(page->token, read.token, sizeof(page->token));
    return 0;
}
