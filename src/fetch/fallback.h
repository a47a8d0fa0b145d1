/* SPDX-License-Identifier: MIT */
/*
 * fallback: how transfers go on without temporary files, when one could not be made or written
 * (spool_barred).
 *
 * A body that finds no chunk then waits for one, and waits are ended here:
 *
 * - Bodies of known size pass through to the packer one after the other, whatever their size:
 *   the one with the fewest missing bytes is the head. It needs no chunk of the bodies' pool.
 * - While there is a head, others wait for at most TRANSFER_PAUSE, since servers close
 *   connections that nobody reads. Then they are given up: their tasks go back to the queue,
 *   which costs no attempt.
 * - Without a head, the youngest body is given up when all wait and have all the chunks, or
 *   when one has waited for TRANSFER_PAUSE.
 * - The last body that waits, if it has all the chunks, does not fit: it is lost.
 * - A stream of HTTP/2 cannot wait: its bytes are refused (transfer.yields), and its body is
 *   asked for by HTTP/1.1. libcurl 7.88.1 would leak what a removed, paused stream has.
 *
 * Nothing starts while a body waits, and after each that was given up fewer run at a time
 * (transfers.width), so this ends: the number of running transfers falls until the oldest has
 * the memory that it needs, or all of it. The oldest waits for chunks of younger bodies, which
 * never wait for it beyond being given up here, and for chunks that the packer has, which waits
 * for no transfer but the head; the head waits for the network and for frames that have ended.
 *
 * Units    milliseconds; chunks
 * Errors   in the transfers' err: the packer's, fatal
 * Owns     nothing
 * Threads  the transfer loop
 */
#ifndef FETCH_FALLBACK_H
#define FETCH_FALLBACK_H

#include "fetch/task.h"
#include "fetch/transfer.h"

#include <stdbool.h>
#include <stdint.h>

/* What is to be done with a transfer that finds no memory. */
enum fallback {
    FALLBACK_NONE,
    FALLBACK_GIVE_BACK, /* see fallback_give_back */
    FALLBACK_SUSPECT,   /* it does not fit, nor match its type: as PACK_SUSPECT */
    FALLBACK_LOSE,      /* it does not fit */
};

/*
 * Whether a body of this expected size (0: unknown) has to be asked for by HTTP/1.1, because it
 * may have to wait: without files, unless it fits its first chunk.
 */
bool fallback_by_http1(const struct transfers *all, uint64_t expected);

/*
 * Find a transfer whose wait has to be ended; the caller drops its request and aborts it. Call
 * this in each turn until it returns FALLBACK_NONE.
 */
enum fallback fallback_find(struct transfers *all, uint64_t now, struct transfer **transfer);

/* An attempt was ended because there was no memory: have fewer run from now on. */
void fallback_narrow(struct transfers *all);

/*
 * A task's attempt was ended because there was no memory for its body: start it again, which
 * does not count as an attempt, unless that has happened too often.
 */
struct task_step fallback_give_back(struct tasks *tasks, struct task *task);

#endif
