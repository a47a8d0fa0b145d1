/* SPDX-License-Identifier: MIT */
#include "base/reserve.h"

void reserve_init(struct reserve *reserve, size_t bytes)
{
    atomic_init(&reserve->left, (long long)bytes);
    atomic_init(&reserve->lacking, false);
    atomic_init(&reserve->quiet, 0);
}

size_t reserve_left(const struct reserve *reserve)
{
    long long left = atomic_load(&reserve->left);

    return left > 0 ? (size_t)left : 0;
}

void reserve_use(struct reserve_user *user, size_t used)
{
    size_t beyond = used > user->own ? used - user->own : 0;

    user->used = used;
    if (!user->reserve)
        return;
    (void)atomic_fetch_add(&user->reserve->left, (long long)user->taken - (long long)beyond);
    user->taken = beyond;
}

bool reserve_affords(struct reserve_user *user, size_t bytes, uint64_t now)
{
    size_t left = user->reserve ? reserve_left(user->reserve) : 0;

    if (user->used + bytes <= user->own + user->taken + left)
        return true;
    if (user->reserve)
        reserve_lack(user->reserve, now);
    return false;
}

void reserve_lack(struct reserve *reserve, uint64_t now)
{
    atomic_store(&reserve->quiet, now + RESERVE_QUIET);
    atomic_store(&reserve->lacking, true);
}

bool reserve_borrow(struct reserve *reserve, size_t bytes, uint64_t now)
{
    long long left = atomic_load(&reserve->left);

    if (now < atomic_load(&reserve->quiet))
        return false;
    do {
        if (left < (long long)bytes)
            return false;
    } while (!atomic_compare_exchange_weak(&reserve->left, &left, left - (long long)bytes));
    return true;
}

bool reserve_lacked(struct reserve *reserve)
{
    return atomic_exchange(&reserve->lacking, false);
}

void reserve_return(struct reserve *reserve, size_t bytes)
{
    (void)atomic_fetch_add(&reserve->left, (long long)bytes);
}
