/* SPDX-License-Identifier: MIT */
/*
 * digest: SHA-256, which decides whether contents are equal, and XXH3-128, which finds
 * candidates for the comparison; HMAC-SHA-256 for many short messages.
 *
 * XXH3 runs at memory speed but is not collision-resistant, and artifacts can come from hostile
 * pages. Two contents are therefore equal only if their SHA-256 digests are.
 *
 * Errors   ERR_MEMORY from *_new; hashing itself cannot fail
 * Owns     the hash state, until *_free
 * Threads  one at a time
 * Source   FIPS 180-4, by libcrypto; RFC 2104 (HMAC); XXH3, by libxxhash (canonical, big-endian
 *          form)
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

/* Start a SHA-256 computation; NULL with ERR_MEMORY. */
struct sha256 *sha256_new(struct err *err) MUST_CHECK;

/* Free a computation; NULL is fine. */
void sha256_free(struct sha256 *sha);

/* Add len bytes to the computation. */
void sha256_add(struct sha256 *sha, const void *bytes, size_t len);

/* Copy the state of from to to. */
void sha256_set(struct sha256 *to, const struct sha256 *from);

/* Write the digest, and reset the state for a new computation. */
void sha256_end(struct sha256 *sha, uint8_t out[SHA256_SIZE]);

/* The SHA-256 of len bytes. */
int sha256_of(const void *bytes, size_t len, uint8_t out[SHA256_SIZE],
              struct err *err) MUST_CHECK;

/* The SHA-256 of texts, a NUL between them. */
int sha256_of_texts(const char *const *texts, size_t count, uint8_t out[SHA256_SIZE],
                    struct err *err) MUST_CHECK;

/*
 * HMAC-SHA-256 of many short messages by one key: the key's blocks, and a prefix that all
 * messages share, are hashed once.
 */
struct hmac;

/*
 * Set up for a key.
 *
 * prefix   precedes every message
 * returns  NULL with ERR_MEMORY
 */
struct hmac *hmac_new(const void *key, size_t key_len, const void *prefix, size_t prefix_len,
                      struct err *err) MUST_CHECK;

/* Erase the key's states, and free; NULL is fine. */
void hmac_free(struct hmac *hmac);

/* The MAC of the prefix and a message. */
void hmac_of(struct hmac *hmac, const void *message, size_t len, uint8_t out[SHA256_SIZE]);

/* SHA-512, for signatures. */
struct sha512;

/* Start a SHA-512 computation; NULL with ERR_MEMORY. */
struct sha512 *sha512_new(struct err *err) MUST_CHECK;

/* Free a computation; NULL is fine. */
void sha512_free(struct sha512 *sha);

/* Add len bytes to the computation. */
void sha512_add(struct sha512 *sha, const void *bytes, size_t len);

/* Write the digest. Afterwards the only valid call is sha512_free. */
void sha512_end(struct sha512 *sha, uint8_t out[SHA512_SIZE]);

/* SHA-256 and XXH3-128 in one pass. */
struct hasher;

/* Start a computation of both hashes; NULL with ERR_MEMORY. */
struct hasher *hasher_new(struct err *err) MUST_CHECK;

/* Free a computation; NULL is fine. */
void hasher_free(struct hasher *hasher);

/* Add len bytes to both hashes. */
void hasher_add(struct hasher *hasher, const void *bytes, size_t len);

/* Write both digests, and reset the state for a new computation. */
void hasher_end(struct hasher *hasher, struct digest *out);

#endif
