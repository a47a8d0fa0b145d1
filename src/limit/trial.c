/* SPDX-License-Identifier: MIT */
#include "limit/trial.h"

#define GAIN       0.3  /* part of a raise that the throughput must grow by */
#define LOSS       0.95 /* the throughput that a lower limit must keep */
#define PAUSES_MAX 32
#define REST_MAX   16 /* windows after a lower limit failed until the next is tried */

void trial_reset(struct trial *trial)
{
    trial->phase = TRIAL_NONE;
    trial->best = 0;
    trial->wins = 0;
    trial->pause = trial->pauses = 1;
}

void trial_cancel(struct trial *trial)
{
    trial->phase = TRIAL_NONE;
}

/* Start a trial of a higher limit, if there is one. */
static void raise(struct trial *trial, struct level *level)
{
    unsigned step = level->base / (trial->wins ? 2 : 4);
    unsigned to = level_clamp(level, level->base + (step ? step : 1));

    if (to > level->base) {
        trial->phase = TRIAL_RAISED;
        level->now = to;
    }
}

/* The trial was successful: its limit is the new base. */
static void accept(struct trial *trial, struct level *level)
{
    level->base = level->now;
    trial->phase = TRIAL_NONE;
    trial->pause = 0;
    trial->pauses = 1;
}

/* The trial failed. */
static void reject(struct trial *trial, struct level *level)
{
    level->now = level->base;
    trial->phase = TRIAL_NONE;
}

/* Decide after a window at the base limit. */
static void end_steady(struct trial *trial, struct level *level, const struct sample *sample)
{
    double work = sample->work;
    double half = level->base / 2.0;

    if (trial->best > 0 && (work > trial->best * 1.3 || work < trial->best * 0.7)) {
        trial->pause = 0; /* the link has changed */
        trial->pauses = 1;
        trial->best = work;
    }
    trial->best = trial->best > 0 ? (trial->best + work) / 2 : work;
    if (trial->rest)
        trial->rest--;
    if (sample->queued && level->base > 1 && !trial->rest && sample->useful < level->base) {
        trial->phase = TRIAL_LOWERED;
        level->now = level_clamp(level, sample->useful < half ? half : sample->useful);
        return;
    }
    if (trial->pause)
        trial->pause--;
    else
        raise(trial, level);
}

/* Decide after a trial of a higher limit. */
static void end_raised(struct trial *trial, struct level *level, double work)
{
    double step = (double)level->now / level->base - 1;

    if (work > trial->best * (1 + GAIN * step)) {
        accept(trial, level);
        trial->best = work;
        trial->wins++;
        raise(trial, level);
        return;
    }
    reject(trial, level);
    trial->wins = 0;
    trial->pause = trial->pauses;
    trial->pauses = trial->pauses * 2 < PAUSES_MAX ? trial->pauses * 2 : PAUSES_MAX;
}

/* Decide after a trial of a lower limit: below the first limit nothing may be lost. */
static void end_lowered(struct trial *trial, struct level *level, double work)
{
    if (work >= trial->best * (level->now < LEVEL_START ? 1 : LOSS)) {
        accept(trial, level);
        trial->pause = 1;
        trial->best = work > trial->best ? work : trial->best;
        return;
    }
    reject(trial, level);
    trial->rest = REST_MAX;
}

void trial_window(struct trial *trial, struct level *level, const struct sample *sample)
{
    switch (trial->phase) {
    case TRIAL_NONE:
        end_steady(trial, level, sample);
        break;
    case TRIAL_RAISED:
        end_raised(trial, level, sample->work);
        break;
    case TRIAL_LOWERED:
        end_lowered(trial, level, sample->work);
        break;
    }
}
