/* SPDX-License-Identifier: MIT */
/*
 * sim: one pull's transfers in one thread, with a clock and a network that depend on a seed.
 *
 * The real fetch, task, completion, transfer, body, packer, frames and file run; net/engine.c
 * is replaced by sim_engine.c, whose servers are slow, close connections, announce wrong
 * lengths and throttle, and base/clock.c's time by sim_clock.c. Each next event is chosen at
 * random: bytes of some connection, a step of the packer, a frame written. A schedule without
 * progress is a hang.
 *
 * Units    bytes; milliseconds of the simulated clock
 * Errors   sim_fail: prints the seed and ends the program
 * Threads  one
 */
#ifndef SIM_H
#define SIM_H

#include "base/buf.h"
#include "client/listing.h"
#include "writer/packer.h"
#include "writer/volume.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_THINGS 96

/* One artifact: what the server sends for it, and what the archive must hold. */
struct thing {
    char id[32];
    char url[2][96]; /* signed; the second after the list was renewed */
    char uri[64];
    char key[32]; /* in its bundle; "": no member */
    char checksum[65];
    const char *type;
    struct buf sent;
    struct buf plain;
    unsigned attempts;
    bool missized; /* the list says another size */
    bool sized;    /* the list says its size */
    bool endless;  /* its server never ends it */
};

struct world {
    uint64_t seed;
    uint64_t dice;
    bool verbose;
    const char *dir; /* for the archive and its temporary files */

    /* parameters of this schedule */
    size_t chunk;
    unsigned jobs;
    unsigned body_chunks;
    unsigned pass_chunks;   /* 0: nothing passes through */
    unsigned fault;         /* percentage of attempts that fail */
    unsigned liar;          /* percentage of announced lengths that are wrong */
    unsigned unsaid;        /* percentage of responses without a length */
    unsigned endless;       /* percentage of artifacts that never end */
    unsigned slow;          /* percentage of very slow connections */
    unsigned admits;        /* requests of artifacts that a host answers at a time */
    bool families;          /* .tar.zst: an open frame for each family of texts, else .tar */
    size_t cut_text;        /* bytes of their frames */
    size_t copies;          /* bytes of all copies; 1: as few as possible */
    struct reserve reserve; /* lends memory for more of them */
    unsigned packer_weight;
    unsigned frame_weight;
    unsigned byte_weight;
    uint64_t stop_at; /* the user interrupts; UINT64_MAX: never */
    uint64_t bar_at;  /* temporary files fail from this time on; UINT64_MAX: never */
    bool streams;     /* host0 answers by HTTP/2 what is not asked for by HTTP/1.1 */

    struct thing things[SIM_THINGS];
    unsigned count;
    struct packer *packer; /* NULL: not started, or ended */
    struct spool *spool;   /* of the bodies; NULL: as packer */
    struct volume *volume;
    uint64_t progress_at; /* time of the last event */
};

extern struct world world;

/* The clock of the simulation, and moving it. */
uint64_t sim_now(void);
void sim_set(uint64_t now_us);
void sim_pass(uint64_t us);

/* A random number below n; whether an event of this probability happens. */
uint32_t sim_below(uint32_t n);
bool sim_percent(unsigned percent);

/* Record an event. */
void sim_moved(void);

/* Print the error and the state of this schedule, and exit. */
void sim_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Print the state of each connection. */
void sim_print_engine(void);

/* Make the artifacts of this schedule, and the server's list of them. */
void things_make(void);
void things_clear(void);
int things_list(struct buf *json, unsigned generation);

/* Compare an archive's entries, a .tar or .tar.zst, with the artifacts. here_at: the
 * path of an item that is in it, or NULL. */
void archive_check(const char *path, const char *top, struct plan *plan,
                   const char *(*here_at)(const struct item *item));

#endif
