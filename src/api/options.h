/* SPDX-License-Identifier: MIT */
/* What the platforms and the core share of the options. */
#ifndef SLABPOOL_API_OPTIONS_H
#define SLABPOOL_API_OPTIONS_H

#include <slabpool/slabpool.h>

/* Fills in the defaults. */
/*@ requires memory: \valid(options);
    terminates always: \true;
    exits never: \false;
    assigns *options;
*/
void slabpool_options_init(struct slabpool_options *options);
/* True if every value is in its range and all fit together. */
/*@ requires memory: \valid_read(options);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures answer: \result == 0 || \result == 1;
*/
bool slabpool_options_valid(const struct slabpool_options *options);

#endif
