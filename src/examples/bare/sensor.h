/* SPDX-License-Identifier: MIT */
#ifndef SENSOR_H
#define SENSOR_H

#include <slabpool/slabpool.h>

/** Runs the whole example on @p memory; each line of text goes to @p line. True if all is well. */
bool sensor_run(struct slabpool *memory, void (*line)(const char *text));

#endif
