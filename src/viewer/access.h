/* SPDX-License-Identifier: MIT */
/*
 * access: who may read what the viewer serves.
 *
 * Any program and any web page of this machine's browsers can send requests to a loopback
 * port. Therefore the first URL, which only the user is given, has a random token; the response
 * to it sets a cookie, without which every other request is refused. The cookie is HttpOnly and
 * SameSite=Strict, and its name contains the port, since browsers send cookies to all ports of
 * a host. All paths are below a random folder, to which the cookie is limited: a server of
 * another user on another port, which does not know the folder, is not sent the cookie. The
 * Host header must be this server's own address: a page whose name was resolved to 127.0.0.1
 * (DNS rebinding) sends its own name. Nothing can be changed by a request, and only GET and
 * HEAD are accepted.
 *
 * Pure, but for access_init.
 *
 * Errors   ERR_SYSTEM if there is no randomness
 * Owns     nothing
 * Threads  any, after access_init
 * Source   RFC 6265; RFC 9110, 7.2
 */
#ifndef VIEWER_ACCESS_H
#define VIEWER_ACCESS_H

#include "base/err.h"

#define ACCESS_TOKEN_SIZE 32                          /* random bytes */
#define ACCESS_TOKEN      (2 * ACCESS_TOKEN_SIZE + 1) /* their hex and a NUL */
#define ACCESS_PARAMETER  "t"                         /* of the first URL */
#define ACCESS_FOLDER     18                          /* "/0123456789abcdef/" */

struct access {
    char token[ACCESS_TOKEN];
    char folder[ACCESS_FOLDER + 1]; /* with slashes around it */
    char cookie[32];                /* name of the cookie */
    char hosts[2][32];              /* accepted values of Host */
};

enum access_verdict {
    ACCESS_GRANTED,
    ACCESS_FIRST,     /* the first URL: set the cookie, and go on to the page */
    ACCESS_METHOD,    /* 405 */
    ACCESS_FOREIGN,   /* wrong Host: 421 */
    ACCESS_FORBIDDEN, /* no valid token or cookie, or not in the folder: 403 */
    ACCESS_ICON,      /* browsers ask for it with each page, and there is none: 204 */
};

/* The parts of a request that decide; NULL: not sent. */
struct access_request {
    const char *method;
    const char *host;
    const char *path;
    const char *token;  /* value of the URL's parameter ACCESS_PARAMETER */
    const char *cookie; /* the Cookie header */
};

/* Draw a token for a server on this port. */
int access_init(struct access *access, unsigned port, struct err *err) MUST_CHECK;

/*
 * What a path is below the folder, with a slash; only of a path for which access was granted.
 */
const char *access_below(const char *path);

/* Decide about a request. The token is compared in constant time. */
enum access_verdict access_check(const struct access *access,
                                 const struct access_request *request);

#endif
