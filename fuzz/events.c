/* SPDX-License-Identifier: MIT */
/* See events.h. */
#include "events.h"
#include "calls.h"
#include "turns.h"

#include <string.h>

#define EVENTS_KEPT 4u

static struct slabpool_event shown[EVENTS_KEPT];
static uint32_t shown_count;
static bool watching;

void events_open(bool observed)
{
	watching = observed;
	shown_count = 0;
}

bool events_on(void)
{
	return watching;
}

void events_shown(const struct slabpool_event *event)
{
	/* Of several threads at once nobody knows whose event is next. */
	if (turns_on())
		return;
	if (shown_count < EVENTS_KEPT)
		shown[shown_count] = *event;
	shown_count++;
}

void events_forget(void)
{
	shown_count = 0;
}

static void compare(const struct slabpool_event *got, const struct slabpool_event *expected)
{
	if (got->kind != expected->kind)
		fuzz_fail("event", "an event of kind %d instead of %d", (int)got->kind,
			  (int)expected->kind);
	if (got->owner != expected->owner || got->object != expected->object ||
	    got->result != expected->result)
		fuzz_fail("event", "kind %d: owner, object, result are %p %p %p, not %p %p %p",
			  (int)got->kind, got->owner, got->object, got->result, expected->owner,
			  expected->object, expected->result);
	if (got->size != expected->size || got->align != expected->align ||
	    got->flags != expected->flags)
		fuzz_fail("event", "kind %d: size, align, flags are %zu %zu 0x%x, not %zu %zu 0x%x",
			  (int)got->kind, got->size, got->align, got->flags, expected->size,
			  expected->align, expected->flags);
}

static void expect(const struct slabpool_event *expected, uint32_t count)
{
	if (!watching || turns_on())
		return;
	if (shown_count != count)
		fuzz_fail("event", "%u events, not %u, for one call", shown_count, count);
	for (uint32_t i = 0; i < count; i++)
		compare(&shown[i], &expected[i]);
	shown_count = 0;
}

void events_expect(struct slabpool_event expected)
{
	expect(&expected, 1);
}

void events_expect_free(const struct world *w, unsigned int how, uint32_t by,
			const struct wobject *o)
{
	struct slabpool_event expected[2] = {
		{ .kind = SLABPOOL_EVENT_KFREE, .object = o->p },
	};
	uint32_t count = 0;

	if (how == HOW_PAGES)
		expected[0].kind = SLABPOOL_EVENT_PAGES_FREE;
	if (how == HOW_PAGES)
		expected[0].size = by;
	if (how != HOW_CACHE)
		count++;
	/* kfree() of a cache's object is both. */
	if (o->family == FAMILY_CACHE)
		expected[count++] = (struct slabpool_event){
			.kind = SLABPOOL_EVENT_CACHE_FREE, .object = o->p,
			.owner = w->cache[o->owner].k,
		};
	expect(expected, count);
}
