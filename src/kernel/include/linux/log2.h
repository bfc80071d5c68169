/* SPDX-License-Identifier: MIT */
/* Kernel face. */
#ifndef SLABPOOL_KERNEL_LOG2_H
#define SLABPOOL_KERNEL_LOG2_H

#include <linux/types.h>

static inline bool is_power_of_2(unsigned long n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/** The largest k with 2^k <= n; n is not 0. */
#define ilog2(n) (63 - __builtin_clzll((unsigned long long)(n)))
#define order_base_2(n) ((n) > 1 ? ilog2((n) - 1) + 1 : 0)
#define roundup_pow_of_two(n) ((n) == 1 ? 1UL : 1UL << (ilog2((n) - 1) + 1))
#define rounddown_pow_of_two(n) (1UL << ilog2(n))

#endif
