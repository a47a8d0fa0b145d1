/* SPDX-License-Identifier: MIT */
#include "net/sockets.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS_MAX 4096

struct entry {
    int fd;
    int port; /* local port; 0: not looked up yet */
};

struct sockets {
    struct entry *at;
    size_t count;
    size_t cap;
};

struct sockets *sockets_new(struct err *err)
{
    return mem_new(sizeof(struct sockets), err);
}

void sockets_free(struct sockets *sockets)
{
    if (!sockets)
        return;
    mem_free(sockets->at);
    mem_free(sockets);
}

curl_socket_t sockets_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct sockets *sockets = ctx;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    (void)purpose;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    if (mem_room(&sockets->at, &sockets->cap, sockets->count, sizeof(*sockets->at), SOCKETS_MAX,
                 NULL) == 0)
        sockets->at[sockets->count++] = (struct entry){ .fd = fd };
    return fd;
}

int sockets_close(void *ctx, curl_socket_t fd)
{
    struct sockets *sockets = ctx;
    size_t i;

    for (i = 0; i < sockets->count; i++) {
        if (sockets->at[i].fd == fd) {
            sockets->at[i] = sockets->at[--sockets->count];
            break;
        }
    }
    return close(fd);
}

static int local_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&address)->sin_port);
    return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                                         : 0;
}

static struct entry *find(struct sockets *sockets, int port)
{
    size_t i;

    for (i = 0; port && i < sockets->count; i++) {
        struct entry *entry = &sockets->at[i];

        if (!entry->port)
            entry->port = local_port(entry->fd);
        if (entry->port == port)
            return entry;
    }
    return NULL;
}

bool sockets_dirty(struct sockets *sockets, int port)
{
    const struct entry *entry = find(sockets, port);
    struct pollfd look = { .fd = entry ? entry->fd : -1, .events = POLLIN };

    return entry && poll(&look, 1, 0) > 0;
}
