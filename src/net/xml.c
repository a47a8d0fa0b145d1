/* SPDX-License-Identifier: MIT */
#include "net/xml.h"

#include "base/mem.h"

#include <ctype.h>
#include <expat.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Memory of the parser, which copies what it reads, also keys. It is wiped before it is freed,
 * for which its size is stored in front of it.
 */
union block {
    size_t size; /* of what follows */
    max_align_t align;
};

static void *take_block(size_t size)
{
    union block *block =
        size < SIZE_MAX - sizeof(*block) ? mem_new(sizeof(*block) + size, NULL) : NULL;

    if (!block)
        return NULL;
    block->size = size;
    return block + 1;
}

static void free_block(void *p)
{
    union block *block = p;

    if (!block)
        return;
    block--;
    explicit_bzero(block, sizeof(*block) + block->size);
    mem_free(block);
}

static void *resize_block(void *p, size_t size)
{
    void *resized = take_block(size);
    size_t old = p ? ((union block *)p)[-1].size : 0;

    if (!resized)
        return NULL;
    if (p)
        memcpy(resized, p, old < size ? old : size);
    free_block(p);
    return resized;
}

struct parse {
    XML_Parser parser;
    xml_visit_fn *visit;
    void *ctx;
    char path[ELEMENT_PATH_MAX];
    size_t path_len;
    char text[ELEMENT_TEXT_MAX + 1];
    size_t text_len;
    bool exact;  /* surrounding blanks are kept */
    bool failed; /* Expat still calls a handler for the end of an empty element */
    struct err *err;
};

static void fail(struct parse *p)
{
    p->failed = true;
    (void)XML_StopParser(p->parser, XML_FALSE);
}

static void XMLCALL on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    struct parse *p = ctx;
    size_t len = strlen(name);

    (void)attributes;
    if (p->failed)
        return;
    if (p->path_len + 1 + len >= sizeof(p->path)) {
        (void)err_set(p->err, ERR_LIMIT, "the XML response has elements nested too deeply");
        fail(p);
        return;
    }
    if (p->path_len)
        p->path[p->path_len++] = '/';
    memcpy(p->path + p->path_len, name, len + 1);
    p->path_len += len;
    p->text_len = 0;
}

static void XMLCALL on_text(void *ctx, const XML_Char *text, int len)
{
    struct parse *p = ctx;

    if (p->failed)
        return;
    if (p->text_len + (size_t)len > ELEMENT_TEXT_MAX) {
        (void)err_set(p->err, ERR_LIMIT, "the XML response has a text of more than %d bytes",
                      ELEMENT_TEXT_MAX);
        fail(p);
        return;
    }
    memcpy(p->text + p->text_len, text, (size_t)len);
    p->text_len += (size_t)len;
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
    struct parse *p = ctx;
    const char *slash;
    const char *text = p->text;

    (void)name;
    if (p->failed)
        return;
    while (!p->exact && p->text_len && isspace((unsigned char)p->text[p->text_len - 1]))
        p->text_len--;
    p->text[p->text_len] = '\0';
    while (!p->exact && isspace((unsigned char)*text))
        text++;
    if (p->visit(p->ctx, p->path, text, p->err) < 0)
        fail(p);
    slash = strrchr(p->path, '/');
    p->path_len = slash ? (size_t)(slash - p->path) : 0;
    p->path[p->path_len] = '\0';
    p->text_len = 0;
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *sysid,
                               const XML_Char *pubid, int has_subset)
{
    struct parse *p = ctx;

    (void)name;
    (void)sysid;
    (void)pubid;
    (void)has_subset;
    (void)err_set(p->err, ERR_FORMAT, "the XML response has a DOCTYPE");
    fail(p);
}

static int parse(struct parse *p, const char *text, size_t len)
{
    static const XML_Memory_Handling_Suite memory = { take_block, resize_block, free_block };
    enum XML_Status status;

    while (len && isspace((unsigned char)*text)) { /* sent to keep the connection alive */
        text++;
        len--;
    }
    if (len > INT_MAX)
        return err_set(p->err, ERR_LIMIT, "the XML response is too long");
    p->parser = XML_ParserCreate_MM(NULL, &memory, NULL);
    if (!p->parser)
        return err_set(p->err, ERR_MEMORY, "out of memory");
    XML_SetUserData(p->parser, p);
    XML_SetElementHandler(p->parser, on_start, on_end);
    XML_SetCharacterDataHandler(p->parser, on_text);
    XML_SetStartDoctypeDeclHandler(p->parser, on_doctype);
    status = XML_Parse(p->parser, text, (int)len, XML_TRUE);
    if (status != XML_STATUS_OK && !p->failed)
        (void)err_set(p->err, ERR_FORMAT, "invalid XML (%s)",
                      XML_ErrorString(XML_GetErrorCode(p->parser)));
    XML_ParserFree(p->parser);
    explicit_bzero(p->text, sizeof(p->text));
    return status == XML_STATUS_OK ? 0 : -1;
}

int xml_parse(const char *text, size_t len, xml_visit_fn *visit, void *ctx, struct err *err)
{
    struct parse p = { .visit = visit, .ctx = ctx, .err = err };

    return parse(&p, text, len);
}

int xml_parse_exact(const char *text, size_t len, xml_visit_fn *visit, void *ctx,
                    struct err *err)
{
    struct parse p = { .visit = visit, .ctx = ctx, .exact = true, .err = err };

    return parse(&p, text, len);
}

int xml_escape(struct buf *out, const char *text, struct err *err)
{
    int rc = 0;

    for (; rc == 0 && *text; text++) {
        switch (*text) {
        case '&':
            rc = buf_adds(out, "&amp;", err);
            break;
        case '<':
            rc = buf_adds(out, "&lt;", err);
            break;
        case '>':
            rc = buf_adds(out, "&gt;", err);
            break;
        case '"':
            rc = buf_adds(out, "&quot;", err);
            break;
        default:
            rc = buf_add(out, text, 1, err);
        }
    }
    return rc;
}
