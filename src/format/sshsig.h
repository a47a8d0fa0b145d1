/* SPDX-License-Identifier: MIT */
/*
 * sshsig: detached Ed25519 signatures in the form that OpenSSH makes and checks.
 *
 * Keys are those of ssh-keygen -t ed25519, without a passphrase;
 * "ssh-keygen -Y verify -n skyarc" checks what is made here.
 *
 * Errors   ERR_FORMAT for what is no key or signature, ERR_MISMATCH for a signature
 *          that is wrong, ERR_DENIED for a signer that is not allowed
 * Owns     a key owns its secret, which is wiped
 * Threads  any
 * Source   OpenSSH's PROTOCOL.sshsig and PROTOCOL.key; RFC 8032, RFC 8709;
 *          ssh-keygen(1), ALLOWED SIGNERS
 */
#ifndef FORMAT_SSHSIG_H
#define FORMAT_SSHSIG_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SSHSIG_NAMESPACE "skyarc"
#define SSHSIG_FILE_MAX  ((size_t)1 << 20)
#define SSHSIG_WHO_MAX   256

struct sshsig_key;

/* Read a private key's text. */
struct sshsig_key *sshsig_key_read(const char *text, size_t len, struct err *err) MUST_CHECK;

/* Free a key and clear its memory; NULL is fine. */
void sshsig_key_free(struct sshsig_key *key);

/* Append the armoured signature of a message whose SHA-512 is given. */
int sshsig_sign(const struct sshsig_key *key, const uint8_t sha512[SHA512_SIZE],
                struct buf *out, struct err *err) MUST_CHECK;

/*
 * Check an armoured signature of that message against a list of allowed signers.
 *
 * who      gets the signer's principals (SSHSIG_WHO_MAX bytes)
 */
int sshsig_check(const char *signature, const char *signers, const uint8_t sha512[SHA512_SIZE],
                 char *who, struct err *err) MUST_CHECK;

#endif
