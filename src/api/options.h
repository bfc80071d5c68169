/* SPDX-License-Identifier: MIT */
/* What the platforms and the core share of the options. */
#ifndef SLABPOOL_API_OPTIONS_H
#define SLABPOOL_API_OPTIONS_H

#include <slabpool/slabpool.h>

/* True if every value is in its range and all fit together. */
bool slabpool_options_valid(const struct slabpool_options *options);

#endif
