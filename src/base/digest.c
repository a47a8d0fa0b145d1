/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

#include "base/mem.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>
#include <xxhash.h>

/* libcrypto's calls fail only on misuse once the context is set up. */
static void must(int ok)
{
    assert(ok == 1);
    (void)ok;
}

struct sha256 {
    EVP_MD_CTX *ctx;
    const EVP_MD *md;
};

struct sha256 *sha256_new(struct err *err)
{
    struct sha256 *sha = mem_new(sizeof(*sha), err);

    if (!sha)
        return NULL;
    sha->md = EVP_sha256();
    sha->ctx = EVP_MD_CTX_new();
    if (!sha->ctx || EVP_DigestInit_ex(sha->ctx, sha->md, NULL) != 1) {
        sha256_free(sha);
        (void)err_set(err, ERR_MEMORY, "cannot set up SHA-256");
        return NULL;
    }
    return sha;
}

void sha256_free(struct sha256 *sha)
{
    if (!sha)
        return;
    EVP_MD_CTX_free(sha->ctx);
    mem_free(sha);
}

void sha256_add(struct sha256 *sha, const void *bytes, size_t len)
{
    if (len)
        must(EVP_DigestUpdate(sha->ctx, bytes, len));
}

void sha256_set(struct sha256 *to, const struct sha256 *from)
{
    must(EVP_MD_CTX_copy_ex(to->ctx, from->ctx));
}

void sha256_end(struct sha256 *sha, uint8_t out[SHA256_SIZE])
{
    must(EVP_DigestFinal_ex(sha->ctx, out, NULL));
    must(EVP_DigestInit_ex(sha->ctx, NULL, NULL));
}

int sha256_of(const void *bytes, size_t len, uint8_t out[SHA256_SIZE], struct err *err)
{
    struct sha256 *sha = sha256_new(err);

    if (!sha)
        return -1;
    sha256_add(sha, bytes, len);
    sha256_end(sha, out);
    sha256_free(sha);
    return 0;
}

int sha256_of_texts(const char *const *texts, size_t count, uint8_t out[SHA256_SIZE],
                    struct err *err)
{
    struct sha256 *sha = sha256_new(err);
    size_t i;

    if (!sha)
        return -1;
    for (i = 0; i < count; i++)
        sha256_add(sha, texts[i], strlen(texts[i]) + (i + 1 < count));
    sha256_end(sha, out);
    sha256_free(sha);
    return 0;
}

struct hmac {
    struct sha256 *inner; /* the key's inner block and the prefix */
    struct sha256 *outer; /* the key's outer block */
    struct sha256 *work;
};

#define HMAC_BLOCK 64

struct hmac *hmac_new(const void *key, size_t key_len, const void *prefix, size_t prefix_len,
                      struct err *err)
{
    struct hmac *hmac = mem_new(sizeof(*hmac), err);
    unsigned char block[HMAC_BLOCK] = { 0 };
    size_t i;

    if (!hmac)
        return NULL;
    hmac->inner = sha256_new(err);
    hmac->outer = sha256_new(err);
    hmac->work = sha256_new(err);
    if (!hmac->inner || !hmac->outer || !hmac->work) {
        hmac_free(hmac);
        return NULL;
    }
    if (key_len > HMAC_BLOCK) {
        sha256_add(hmac->work, key, key_len);
        sha256_end(hmac->work, block);
    } else if (key_len) {
        memcpy(block, key, key_len);
    }
    for (i = 0; i < HMAC_BLOCK; i++)
        block[i] ^= 0x36;
    sha256_add(hmac->inner, block, sizeof(block));
    sha256_add(hmac->inner, prefix, prefix_len);
    for (i = 0; i < HMAC_BLOCK; i++)
        block[i] ^= 0x36 ^ 0x5c;
    sha256_add(hmac->outer, block, sizeof(block));
    explicit_bzero(block, sizeof(block));
    return hmac;
}

/* libcrypto erases a state when it frees it. */
void hmac_free(struct hmac *hmac)
{
    if (!hmac)
        return;
    sha256_free(hmac->inner);
    sha256_free(hmac->outer);
    sha256_free(hmac->work);
    mem_free(hmac);
}

void hmac_of(struct hmac *hmac, const void *message, size_t len, uint8_t out[SHA256_SIZE])
{
    sha256_set(hmac->work, hmac->inner);
    sha256_add(hmac->work, message, len);
    sha256_end(hmac->work, out);
    sha256_set(hmac->work, hmac->outer);
    sha256_add(hmac->work, out, SHA256_SIZE);
    sha256_end(hmac->work, out);
}

struct sha512 {
    EVP_MD_CTX *ctx;
};

struct sha512 *sha512_new(struct err *err)
{
    struct sha512 *sha = mem_new(sizeof(*sha), err);

    if (!sha)
        return NULL;
    sha->ctx = EVP_MD_CTX_new();
    if (sha->ctx && EVP_DigestInit_ex(sha->ctx, EVP_sha512(), NULL) == 1)
        return sha;
    sha512_free(sha);
    (void)err_set(err, ERR_MEMORY, "cannot set up SHA-512");
    return NULL;
}

void sha512_free(struct sha512 *sha)
{
    if (!sha)
        return;
    EVP_MD_CTX_free(sha->ctx);
    mem_free(sha);
}

void sha512_add(struct sha512 *sha, const void *bytes, size_t len)
{
    if (len)
        must(EVP_DigestUpdate(sha->ctx, bytes, len));
}

void sha512_end(struct sha512 *sha, uint8_t out[SHA512_SIZE])
{
    must(EVP_DigestFinal_ex(sha->ctx, out, NULL));
    must(EVP_DigestInit_ex(sha->ctx, NULL, NULL));
}

struct hasher {
    struct sha256 *sha;
    XXH3_state_t *xxh;
};

struct hasher *hasher_new(struct err *err)
{
    struct hasher *hasher = mem_new(sizeof(*hasher), err);

    if (!hasher)
        return NULL;
    hasher->sha = sha256_new(err);
    hasher->xxh = XXH3_createState();
    if (!hasher->sha || !hasher->xxh || XXH3_128bits_reset(hasher->xxh) != XXH_OK) {
        hasher_free(hasher);
        (void)err_set(err, ERR_MEMORY, "cannot set up hashing");
        return NULL;
    }
    return hasher;
}

void hasher_free(struct hasher *hasher)
{
    if (!hasher)
        return;
    sha256_free(hasher->sha);
    (void)XXH3_freeState(hasher->xxh);
    mem_free(hasher);
}

void hasher_add(struct hasher *hasher, const void *bytes, size_t len)
{
    if (!len)
        return;
    must(XXH3_128bits_update(hasher->xxh, bytes, len) == XXH_OK);
    sha256_add(hasher->sha, bytes, len);
}

void hasher_end(struct hasher *hasher, struct digest *out)
{
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(hasher->xxh));
    memcpy(out->xxh3, canonical.digest, sizeof(out->xxh3));
    must(XXH3_128bits_reset(hasher->xxh) == XXH_OK);
    sha256_end(hasher->sha, out->sha256);
}
