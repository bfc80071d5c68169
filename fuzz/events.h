/* SPDX-License-Identifier: MIT */
/*
 * What the observer of an instance is shown, against what was called: kind, owner, object, result,
 * size, alignment and flags, each exactly.
 */
#ifndef FUZZ_EVENTS_H
#define FUZZ_EVENTS_H

#include "world.h"

/* An instance begins, with the harness as its observer or without. */
void events_open(bool observed);
bool events_on(void);
/* The observer is shown a call. */
void events_shown(const struct slabpool_event *event);
/* What was shown so far needs no look. */
void events_forget(void);
/* Since the last look exactly this was shown, if anything is. */
void events_expect(struct slabpool_event expected);
/* The same of an object that was given back: how, and the cache or order. */
void events_expect_free(const struct world *w, unsigned int how, uint32_t by,
			const struct wobject *o);

#endif
