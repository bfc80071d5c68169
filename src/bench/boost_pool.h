/* SPDX-License-Identifier: MIT */
/* boost::pool for C. Not for several threads. */
#ifndef BENCH_BOOST_POOL_H
#define BENCH_BOOST_POOL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void *boost_pool_open(size_t size);
void boost_pool_close(void *pool);
void *boost_pool_take(void *pool);
void boost_pool_give(void *pool, void *object);
void boost_pool_trim(void *pool);

#ifdef __cplusplus
}
#endif

#endif
