/* SPDX-License-Identifier: MIT */
#include "view/skeleton.h"

#include "base/digest.h"
#include "view/asset.h"

#include <openssl/evp.h>
#include <string.h>

#define HASH_TEXT 48 /* room for a SHA-256 in base64 */

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

int skeleton_policy(struct buf *out, bool live, struct err *err)
{
    const char *from = live ? "'self'" : "file:";
    char style[HASH_TEXT];
    char script[HASH_TEXT];

    if (asset_hash(&asset_style, style, err) < 0 || asset_hash(&asset_script, script, err) < 0)
        return -1;
    return buf_addf(
        out, err,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "script-src 'sha256-%s'%s; style-src 'sha256-%s'; img-src %s; media-src %s; "
        "frame-src %s; %sbase-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types skyarc\">",
        script, live ? "" : " 'strict-dynamic'", style, from, from, from,
        live ? "connect-src 'self'; " : "");
}

int skeleton_write(put_fn *put, void *put_ctx, skeleton_fn *named, void *ctx, struct err *err)
{
    const char *at = asset_page.text;
    const char *end = at + asset_page.len;
    bool name = false; /* texts and names take turns, separated by at signs */

    while (at < end) {
        const char *sign = memchr(at, '@', (size_t)(end - at));
        size_t len = (size_t)((sign ? sign : end) - at);

        if ((name ? named(ctx, at, len, err) : put(put_ctx, at, len, err)) < 0)
            return -1;
        at += sign ? len + 1 : len;
        name = !name;
    }
    return 0;
}
