/* SPDX-License-Identifier: MIT */
/*
 * The slabs of a cache, a character an object, as an object of JSON:
 *
 *	{"slabpool":1,"cache":"conn","size":20,"num":2730,"slabs":2,
 *	 "maps":["####k##...","#..."]}
 *
 *	#  live       k  kept free by a magazine or the depot       .  free in its slab
 *
 * Full slabs come first, empty ones last. The lists stand still meanwhile, under the cache's lock;
 * objects come and go in magazines all the same.
 */
#include "api/json.h"
#include "core/locks.h"
#include "core/lookup.h"
#include "platform/error.h"
#include <slabpool/slabpool.h>

#define PIECE 512u
#define NAME_SHOWN 256u

struct map {
	void (*write)(void *context, const char *text, size_t length);
	void *context;
	unsigned int left;        /* slabs that are still shown */
	bool first;
};

static char character(const struct arena *arena, uint32_t which, uint32_t index)
{
	size_t start = lookup_start(arena, which, index);

	if (slabpool_load_u8(&arena->state[start >> arena->granule_shift]) != STATE_NONE)
		return '#';
	return slab_is_free(&arena->slab[which], index) ? '.' : 'k';
}

static void write_slab(const struct kmem_cache *cache, uint32_t which, struct map *map)
{
	uint32_t capacity = cache->arena->slab[which].capacity, index;
	char piece[PIECE];
	size_t used = 0;

	map->write(map->context, map->first ? "\n \"" : ",\n \"", map->first ? 3 : 4);
	map->first = false;
	for (index = 0; index < capacity; index++) {
		piece[used++] = character(cache->arena, which, index);
		if (used == PIECE || index + 1 == capacity) {
			map->write(map->context, piece, used);
			used = 0;
		}
	}
	map->write(map->context, "\"", 1);
}

SLABPOOL_UNDER(cache_locks)
static void write_slabs(const struct kmem_cache *cache, struct map *map)
{
	static const uint8_t order[] = { LIST_FULL, LIST_PARTIAL_3, LIST_PARTIAL_2,
					 LIST_PARTIAL_1, LIST_PARTIAL_0, LIST_EMPTY };
	uint32_t which, k;

	for (k = 0; k < sizeof(order); k++)
		for (which = cache->list[order[k]]; which != SLAB_NO_SLAB && map->left > 0;
		     which = cache->arena->slab[which].next) {
			write_slab(cache, which, map);
			map->left--;
		}
}

static void write_head(const struct slabpool_cache_info *info, const struct map *map)
{
	char line[PIECE + NAME_SHOWN * 6], name[NAME_SHOWN + 1];
	struct text text;
	size_t i;

	for (i = 0; i < NAME_SHOWN && info->name[i]; i++)
		name[i] = info->name[i];
	name[i] = '\0';
	text_init(&text, line, sizeof(line));
	json_begin(&text);
	json_key(&text, "cache");
	json_string(&text, name);
	json_number(&text, "size", info->size);
	json_number(&text, "num", info->num);
	json_number(&text, "slabs", info->slabs);
	text_string(&text, ",\"maps\":[");
	map->write(map->context, line, text.length);
}

SLABPOOL_OUTSIDE(cache_locks)
int slabpool_cache_map(struct kmem_cache *cache, unsigned int most,
		       void (*write)(void *context, const char *text, size_t length),
		       void *context)
{
	struct map map = { write, context, most, true };
	struct slabpool_cache_info info;

	if (slabpool_cache_info(cache, &info) != 0)
		return -EINVAL;
	write_head(&info, &map);
	cache_lock(cache);
	write_slabs(cache, &map);
	cache_unlock(cache);
	write(context, "]}\n", 3);
	return 0;
}
