/* SPDX-License-Identifier: MIT */
#ifndef SLABPOOL_CORE_MEMPOOL_H
#define SLABPOOL_CORE_MEMPOOL_H
#include <slabpool/mempool.h>
#endif
