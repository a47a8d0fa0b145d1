/* SPDX-License-Identifier: MIT */
/*
 * sshsig: creates and verifies detached Ed25519 signatures in OpenSSH's format.
 *
 * Keys are created by ssh-keygen -t ed25519, without a passphrase. Signatures can be verified
 * by "ssh-keygen -Y verify -n skyarc".
 *
 * Errors   ERR_FORMAT for a malformed key or signature, ERR_MISMATCH for a wrong signature,
 *          ERR_DENIED for a signer that is not allowed; ERR_SYSTEM if libcrypto fails;
 *          ERR_MEMORY
 * Owns     a key owns its secret, which is wiped when freed
 * Threads  any
 * Source   OpenSSH's PROTOCOL.sshsig and PROTOCOL.key; RFC 8032, RFC 8709; ssh-keygen(1),
 *          ALLOWED SIGNERS
 */
#ifndef ATTEST_SSHSIG_H
#define ATTEST_SSHSIG_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SSHSIG_NAMESPACE "skyarc"
#define SSHSIG_FILE_MAX  ((size_t)1 << 20)
#define SSHSIG_WHO_MAX   256
#define SSHSIG_SUFFIX    ".sig" /* of a signature's file */

struct sshsig_key;

/* Parse a private key file. text: len bytes and a NUL; a NUL before is ERR_FORMAT. */
struct sshsig_key *sshsig_key_read(const char *text, size_t len, struct err *err) MUST_CHECK;

/* Wipe and free a key; NULL is fine. */
void sshsig_key_free(struct sshsig_key *key);

/* The path of the signature beside an archive: ARCHIVE.sig. Free by mem_free. */
char *sshsig_path(const char *archive, struct err *err) MUST_CHECK;

/* Append the armoured signature of a message, given the message's SHA-512. */
int sshsig_sign(const struct sshsig_key *key, const uint8_t sha512[SHA512_SIZE],
                struct buf *out, struct err *err) MUST_CHECK;

/*
 * Verify an armoured signature of a message, given its SHA-512, against a list of allowed
 * signers.
 *
 * who      gets the signer's principals (SSHSIG_WHO_MAX bytes)
 */
int sshsig_check(const char *signature, const char *signers, const uint8_t sha512[SHA512_SIZE],
                 char *who, struct err *err) MUST_CHECK;

#endif
