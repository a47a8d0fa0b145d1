/* SPDX-License-Identifier: MIT */
/*
 * digest: SHA-256, which decides, and XXH3-128, which finds candidates.
 *
 * XXH3 runs at memory speed but is not collision-resistant, and run contents
 * can come from hostile pages; so equality is only what SHA-256 says.
 *
 * Errors   ERR_MEMORY from *_new; hashing itself cannot fail
 * Owns     its state, until *_free
 * Threads  one at a time
 * Source   FIPS 180-4 by libcrypto; XXH3 by libxxhash (canonical, big-endian form)
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32
#define SHA256_TEXT (2 * SHA256_SIZE + 1) /* lower-case hex and a NUL */
#define SHA512_SIZE 64
#define XXH3_SIZE   16
#define XXH3_TEXT   (2 * XXH3_SIZE + 1)

struct digest {
    uint8_t sha256[SHA256_SIZE];
    uint8_t xxh3[XXH3_SIZE];
};

struct sha256;

/* A new SHA-256 computation; NULL with ERR_MEMORY or ERR_FORMAT when libcrypto refuses. */
struct sha256 *sha256_new(struct err *err) MUST_CHECK;

/* Free a computation; NULL is fine. */
void sha256_free(struct sha256 *sha);

/* Add len bytes to the computation. */
void sha256_add(struct sha256 *sha, const void *bytes, size_t len);

/* Make to continue from where from stands. */
void sha256_set(struct sha256 *to, const struct sha256 *from);

/* Give the digest and start anew. */
void sha256_end(struct sha256 *sha, uint8_t out[SHA256_SIZE]);

/* SHA-512, for signatures. */
struct sha512;

/* A new SHA-512 computation; NULL with ERR_MEMORY or ERR_FORMAT when libcrypto refuses. */
struct sha512 *sha512_new(struct err *err) MUST_CHECK;

/* Free a computation; NULL is fine. */
void sha512_free(struct sha512 *sha);

/* Add len bytes to the computation. */
void sha512_add(struct sha512 *sha, const void *bytes, size_t len);

/* Write the digest; the computation must be freed afterwards, and not be added to. */
void sha512_end(struct sha512 *sha, uint8_t out[SHA512_SIZE]);

/* Both digests in one pass. */
struct hasher;

/* A new computation of both hashes of a content; NULL with ERR_MEMORY. */
struct hasher *hasher_new(struct err *err) MUST_CHECK;

/* Free a computation; NULL is fine. */
void hasher_free(struct hasher *hasher);

/* Add len bytes to both hashes. */
void hasher_add(struct hasher *hasher, const void *bytes, size_t len);

/* Give the digests and start anew. */
void hasher_end(struct hasher *hasher, struct digest *out);

#endif
