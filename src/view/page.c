/* SPDX-License-Identifier: MIT */
#include "view/page.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/path.h"
#include "format/sniff.h"
#include "view/asset.h"
#include "view/har.h"

#include <openssl/evp.h>
#include <string.h>

#define PIECE     ((size_t)64 << 10)
#define BLOCK_MAX ((size_t)64 << 20) /* limit of one row or text, escaped */
#define HASH_TEXT 48                 /* room for a SHA-256 in base64 */

/* Text buffered in a file. */
struct store {
    int fd;
    uint64_t size;
};

enum store_name { STORE_RUNS, STORE_ARTIFACTS, STORE_MISSING, STORE_TEXTS, STORES };

/* captured pages get 1/HTML_SHARE of the room, because they are large and many */
#define HTML_SHARE 4

struct page {
    struct store stores[STORES];
    uint64_t html;    /* bytes of captured pages among the texts */
    uint64_t records; /* bytes of documents among the texts; they have a limit of their own */
    bool marked;      /* a page of chosen runs */
    page_clean_fn *clean;
    struct buf cleaned;
    struct buf block;
    struct buf raw;
};

int page_keep_text(struct buf *out, const char *text, size_t len, struct err *err)
{
    return buf_add(out, text, len, err);
}

void page_mark(struct page *page)
{
    page->marked = true;
}

struct page *page_new(const char *dir, struct err *err)
{
    struct page *page = mem_new(sizeof(*page), err);
    int i;

    if (!page)
        return NULL;
    page->clean = page_keep_text;
    buf_init(&page->block, BLOCK_MAX);
    buf_init(&page->raw, BLOCK_MAX);
    buf_init(&page->cleaned, BLOCK_MAX);
    for (i = 0; i < STORES; i++)
        page->stores[i].fd = -1;
    for (i = 0; i < STORES; i++) {
        page->stores[i].fd = file_temp(dir, err);
        if (page->stores[i].fd < 0) {
            page_free(page);
            return NULL;
        }
    }
    return page;
}

void page_free(struct page *page)
{
    int i;

    if (!page)
        return;
    for (i = 0; i < STORES; i++)
        file_close(&page->stores[i].fd);
    buf_clear(&page->block);
    buf_clear(&page->raw);
    buf_clear(&page->cleaned);
    mem_free(page);
}

void page_clean(struct page *page, page_clean_fn *clean)
{
    page->clean = clean;
}

/* Redact a document or row of the archive; the result is lent until the next call. */
static int take_clean(struct page *page, const char **text, size_t *len, struct err *err)
{
    buf_reset(&page->cleaned);
    if (page->clean(&page->cleaned, *text, *len, err) < 0)
        return -1;
    *text = buf_text(&page->cleaned);
    *len = page->cleaned.len;
    return 0;
}

static int append(struct store *store, const struct buf *text, struct err *err)
{
    if (file_pwrite(store->fd, buf_text(text), text->len, store->size, err) < 0)
        return err_wrap(err, "cannot buffer the offline view's texts");
    store->size += text->len;
    return 0;
}

/* Append JSON in which the HTML parser finds neither the end of a script nor a comment. */
static int add_inert(struct buf *out, const char *json, size_t len, struct err *err)
{
    static const struct {
        char c;
        const char *code;
    } marks[] = { { '<', "\\u003c" }, { '>', "\\u003e" }, { '&', "\\u0026" } };
    const char *next[] = { json, json, json }; /* next occurrence of each mark */
    const char *end = len ? json + len : json;

    while (json < end) {
        size_t first = 0;
        size_t i;

        for (i = 0; i < 3; i++) {
            if (next[i] < end && (next[i] < json || *next[i] != marks[i].c))
                next[i] = memchr(json, marks[i].c, (size_t)(end - json));
            next[i] = next[i] ? next[i] : end;
            first = next[i] < next[first] ? i : first;
        }
        if (buf_add(out, json, (size_t)(next[first] - json), err) < 0)
            return -1;
        if (next[first] == end)
            break;
        if (buf_add(out, marks[first].code, 6, err) < 0)
            return -1;
        json = next[first] + 1;
    }
    return 0;
}

/* Append a value for a double-quoted attribute. */
static int add_attribute(struct buf *out, const char *text, struct err *err)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = c >= 0x80 || (c > 0x1f && c != '"' && c != '&' && c != '<' && c != '>');
        int rc = plain ? buf_add(out, text, 1, err) : buf_addf(out, err, "&#%u;", (unsigned)c);

        if (rc < 0)
            return -1;
    }
    return 0;
}

static bool is_html(const char *type)
{
    return type && strncmp(type, "html", 4) == 0;
}

/* Whether an artifact is text, by its artifact type or its media type. */
static bool is_text(const char *type, const char *media_type)
{
    static const char *const types[] = { "html", "llm_", "skyvern_log", "browser_", "eval_" };
    size_t i;

    for (i = 0; type && i < sizeof(types) / sizeof(*types); i++) {
        if (strncmp(type, types[i], strlen(types[i])) == 0)
            return true;
    }
    return media_type && (strncmp(media_type, "text/", 5) == 0 || strstr(media_type, "json") ||
                          strstr(media_type, "xml"));
}

size_t page_wants(const struct page *page, const char *type, const char *media_type,
                  uint64_t size)
{
    if (page->stores[STORE_TEXTS].size - page->records >= PAGE_TEXTS_MAX ||
        (is_html(type) && page->html >= PAGE_TEXTS_MAX / HTML_SHARE))
        return 0;
    if (sniff_type_is_har(type))
        return size <= HAR_SIZE_MAX ? (size_t)size : 0;
    /* large, many, and useful to programs only */
    if (!is_text(type, media_type) || (type && (strncmp(type, "visible_elements_", 17) == 0 ||
                                                strcmp(type, "hashed_href_map") == 0)))
        return 0;
    return size < PAGE_TEXT_MAX ? (size_t)size : PAGE_TEXT_MAX;
}

/* Convert the bytes to JSON: the rows of a HAR, or a string. */
static int make_value(struct page *page, const char *type, const char *bytes, size_t len,
                      struct err *err)
{
    struct err ignored;

    buf_reset(&page->raw);
    if (!sniff_type_is_har(type))
        return jsonw_quote(&page->raw, bytes, len, err);
    if (har_rows(bytes, len, &page->raw, &ignored) == 0)
        return 0;
    buf_reset(&page->raw); /* not a HAR: the page says that it has no data */
    return buf_adds(&page->raw, "{}", err);
}

int page_text(struct page *page, const char *path, const char *type, const char *bytes,
              size_t len, uint64_t size, struct err *err)
{
    struct buf *block = &page->block;

    buf_reset(block);
    if (make_value(page, type, bytes, len, err) < 0 ||
        buf_adds(block, "<script type=\"application/json\" data-path=\"", err) < 0 ||
        add_attribute(block, path, err) < 0 ||
        buf_adds(block, len < size ? "\" data-cut>" : "\">", err) < 0 ||
        add_inert(block, page->raw.data, page->raw.len, err) < 0 ||
        buf_adds(block, "</script>\n", err) < 0)
        return -1;
    page->html += is_html(type) ? block->len : 0;
    return append(&page->stores[STORE_TEXTS], block, err);
}

/* Whether a document is of a run: data/RUN_ID/run.json, data/RUN_ID/records/NAME.json. */
static bool is_story(const char *path)
{
    const char *name = path_base(path);

    return strcmp(name, "run.json") == 0 ||
           (name - path > 9 && strncmp(name - 9, "/records/", 9) == 0);
}

/* How many bytes of a document the page uses: all or none, since it is parsed as JSON. */
static size_t story_wants(const struct page *page, const char *path, uint64_t size)
{
    return is_story(path) && size <= PAGE_RECORD_MAX && page->records + size <= PAGE_RECORDS_MAX
               ? (size_t)size
               : 0;
}

int page_take(struct page *page, const struct page_file *file, page_read_fn *read, void *ctx,
              struct err *err)
{
    size_t want = file->media_type ? page_wants(page, file->type, file->media_type, file->size)
                                   : story_wants(page, file->path, file->size);
    uint64_t before = page->stores[STORE_TEXTS].size;
    const char *text;
    char *room;
    size_t got = 0;
    ssize_t n = 1;
    bool cut;
    int rc;

    if (!want)
        return 0;
    room = mem_new(want, err);
    while (room && got < want && n > 0) {
        n = read(ctx, room + got, want - got, err);
        got += n > 0 ? (size_t)n : 0;
    }
    rc = !room || n < 0 ? -1 : 0;
    text = room;
    cut = got < file->size;
    if (rc == 0 && !file->media_type)
        rc = take_clean(page, &text, &got, err);
    if (rc == 0)
        rc = page_text(page, file->path, file->type, text, got, cut ? got + 1 : got, err);
    if (!file->media_type)
        page->records += page->stores[STORE_TEXTS].size - before;
    mem_free(room);
    return rc;
}

static int add_member(struct buf *out, const char *key, const char *text, struct err *err)
{
    if (buf_addf(out, err, "\"%s\": ", key) < 0 ||
        (text ? jsonw_quote(out, text, strlen(text), err) : buf_adds(out, "null", err)) < 0)
        return -1;
    return buf_adds(out, ", ", err);
}

/* Make a short form of an artifact's row, with short names: there may be many rows. */
static int short_row(struct page *page, const char *text, size_t len, struct err *err)
{
    struct region *region = region_new(err);
    struct buf *out = &page->raw;
    struct manifest_read_artifact row;
    int rc = -1;

    buf_reset(out);
    if (region && manifest_read_artifact(&row, text, len, region, err) == 0 &&
        buf_adds(out, "{", err) == 0 && add_member(out, "p", row.path, err) == 0 &&
        (!row.artifact_id || add_member(out, "i", row.artifact_id, err) == 0) &&
        add_member(out, "r", row.run_id, err) == 0 &&
        add_member(out, "t", row.artifact_type, err) == 0 &&
        add_member(out, "s", row.step_id, err) == 0 &&
        add_member(out, "c", row.created_at, err) == 0 &&
        add_member(out, "m", row.media_type, err) == 0 &&
        (!row.suspect || buf_adds(out, "\"x\": true, ", err) == 0))
        rc = buf_addf(out, err, "\"z\": %llu}", (unsigned long long)row.size);
    region_free(region);
    return rc;
}

int page_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
             struct err *err)
{
    struct page *page = ctx;
    struct store *store;

    switch (section) {
    case MANIFEST_READ_RUNS:
        store = &page->stores[STORE_RUNS];
        if (take_clean(page, &text, &len, err) < 0)
            return -1;
        break;
    case MANIFEST_READ_ARTIFACTS:
        store = &page->stores[STORE_ARTIFACTS];
        if (short_row(page, text, len, err) < 0)
            return -1;
        text = buf_text(&page->raw);
        len = page->raw.len;
        break;
    case MANIFEST_READ_MISSING:
        store = &page->stores[STORE_MISSING];
        break;
    default:
        return 0;
    }
    buf_reset(&page->block);
    if ((store->size && buf_adds(&page->block, ",\n", err) < 0) ||
        add_inert(&page->block, text, len, err) < 0)
        return -1;
    return append(store, &page->block, err);
}

static int copy(const struct store *store, put_fn *put, void *ctx, struct err *err)
{
    char *room = mem_new(PIECE, err);
    uint64_t at = 0;
    int rc = room ? 0 : -1;

    while (rc == 0 && at < store->size) {
        size_t n = store->size - at < PIECE ? (size_t)(store->size - at) : PIECE;

        rc = file_pread(store->fd, room, n, at, err);
        if (rc == 0)
            rc = put(ctx, room, n, err);
        at += n;
    }
    mem_free(room);
    return rc;
}

/* The digest of an asset, as CSP needs it. */
static int asset_hash(const struct asset *asset, char out[HASH_TEXT], struct err *err)
{
    struct sha256 *sha = sha256_new(err);
    uint8_t digest[SHA256_SIZE];

    if (!sha)
        return -1;
    sha256_add(sha, asset->text, asset->len);
    sha256_end(sha, digest);
    sha256_free(sha);
    (void)EVP_EncodeBlock((unsigned char *)out, digest, SHA256_SIZE);
    return 0;
}

/* Make the part of the page before the rows. */
static int make_head(struct buf *out, const char *title, bool marked, struct err *err)
{
    char style[HASH_TEXT];
    char script[HASH_TEXT];

    if (asset_hash(&asset_style, style, err) < 0 || asset_hash(&asset_script, script, err) < 0)
        return -1;
    if (buf_addf(out, err,
                 "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n%s"
                 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                 "script-src 'sha256-%s'; style-src 'sha256-%s'; img-src file:; media-src "
                 "file:; base-uri 'none'; form-action 'none'\">\n",
                 marked ? PAGE_MARK "\n" : "", script, style) < 0 ||
        buf_adds(out,
                 "<meta name=\"referrer\" content=\"no-referrer\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width\">\n<title>",
                 err) < 0 ||
        add_attribute(out, title, err) < 0 || buf_adds(out, "</title>\n<style>", err) < 0 ||
        buf_add(out, asset_style.text, asset_style.len, err) < 0 ||
        buf_adds(out,
                 "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the "
                 "run</a>\n<header><h1>",
                 err) < 0 ||
        add_attribute(out, title, err) < 0)
        return -1;
    return buf_adds(
        out,
        "</h1></header>\n<noscript><p>This page needs JavaScript to show the archive; "
        "the files are in data/.</p></noscript>\n<div class=\"layout\">\n"
        "<nav aria-label=\"Runs\">\n<label>Find runs<input id=\"find\" type=\"search\"></label>"
        "\n<label>Status<select id=\"status\"><option value=\"\">all</option></select></label>"
        "\n<output id=\"count\" class=\"dim\"></output>\n<ul id=\"runs\"></ul>\n</nav>\n"
        "<main id=\"main\"></main>\n</div>\n"
        "<dialog id=\"box\" aria-label=\"Screenshot\"><div class=\"tools\">"
        "<button type=\"button\" name=\"back\" aria-label=\"previous\">&#8592;</button>"
        "<output></output><span><button type=\"button\" name=\"on\" aria-label=\"next\">"
        "&#8594;</button> <button type=\"button\" name=\"close\" aria-label=\"close\">"
        "&#10005;</button></span></div><img alt=\"\"></dialog>\n"
        "<script type=\"application/json\" id=\"rows\">{\"runs\": [",
        err);
}

static int put_text(const char *text, put_fn *put, void *ctx, struct err *err)
{
    return put(ctx, text, strlen(text), err);
}

int page_write(struct page *page, const char *title, put_fn *put, void *ctx, struct err *err)
{
    struct buf *head = &page->block;
    const struct store *stores = page->stores;

    buf_reset(head);
    if (make_head(head, title, page->marked, err) < 0 ||
        put(ctx, head->data, head->len, err) < 0 ||
        copy(&stores[STORE_RUNS], put, ctx, err) < 0 ||
        put_text("],\n\"artifacts\": [", put, ctx, err) < 0 ||
        copy(&stores[STORE_ARTIFACTS], put, ctx, err) < 0 ||
        put_text("],\n\"missing\": [", put, ctx, err) < 0 ||
        copy(&stores[STORE_MISSING], put, ctx, err) < 0 ||
        put_text("]}</script>\n", put, ctx, err) < 0 ||
        copy(&stores[STORE_TEXTS], put, ctx, err) < 0 ||
        put_text("<script>", put, ctx, err) < 0 ||
        put(ctx, asset_script.text, asset_script.len, err) < 0)
        return -1;
    return put_text("</script>\n</body>\n</html>\n", put, ctx, err);
}
