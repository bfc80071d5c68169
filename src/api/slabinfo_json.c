/* SPDX-License-Identifier: MIT */
/*
 * What the caches of an instance hold, for programs: an object of JSON.
 *
 *	{"slabpool":1,
 *	 "memory":{"reserved":...,"opened":...,"slabs":...,"metadata":...,"runs":...,"idle":...},
 *	 "caches":[{"name":"conn","size":20,"stride":24,...},
 *	  ...]}
 *
 * Caches are read one after the other, each under its lock: the counts of one agree with each
 * other, those of two may be of different moments.
 */
#include "api/json.h"
#include <slabpool/slabpool.h>

/* Enough for all numbers; a longer name is cut. */
#define LINE 4096
#define NAME_SHOWN 256

struct writer {
	void (*write)(void *context, const char *text, size_t length);
	void *context;
	bool first;
};

static void put_name(struct text *text, const char *name)
{
	char shown[NAME_SHOWN + 1];
	size_t i;

	for (i = 0; i < NAME_SHOWN && name[i]; i++)
		shown[i] = name[i];
	shown[i] = '\0';
	text_string(text, "{\"name\":");
	json_string(text, shown);
}

static void put_cache(struct text *text, const struct slabpool_cache_info *info)
{
	put_name(text, info->name);
#define PUT(field) json_number(text, #field, info->field)
	PUT(size);
	PUT(stride);
	PUT(align);
	PUT(flags);
	PUT(limit);
	PUT(batchcount);
	PUT(shared);
	PUT(num);
	PUT(gfporder);
	PUT(colour);
	PUT(metadata_bytes);
	PUT(aliases);
	PUT(active_objects);
	PUT(magazine_objects);
	PUT(depot_objects);
	PUT(slab_objects);
	PUT(total_objects);
	PUT(slabs);
	PUT(full_slabs);
	PUT(partial_slabs);
	PUT(empty_slabs);
	PUT(slab_bytes);
	PUT(refills);
	PUT(flushes);
	PUT(exchanges);
	PUT(grows);
	PUT(releases);
	PUT(failures);
#undef PUT
	text_char(text, '}');
}

static int write_cache(struct kmem_cache *cache, void *context)
{
	struct writer *writer = (struct writer *)context;
	struct slabpool_cache_info info;
	char line[LINE];
	struct text text;

	if (slabpool_cache_info(cache, &info) != 0)
		return 0;
	text_init(&text, line, sizeof(line));
	text_string(&text, writer->first ? "\n " : ",\n ");
	put_cache(&text, &info);
	writer->first = false;
	writer->write(writer->context, line, text.length);
	return 0;
}

void slabpool_slabinfo_json(struct slabpool *pool,
			    void (*write)(void *context, const char *text, size_t length),
			    void *context)
{
	struct writer writer = { write, context, true };
	struct slabpool_memory_info info;
	char line[LINE];
	struct text text;

	slabpool_memory_info(pool, &info);
	text_init(&text, line, sizeof(line));
	json_begin(&text);
	json_key(&text, "memory");
	text_string(&text, "{\"reserved\":");
	text_decimal(&text, info.reserved);
	json_number(&text, "opened", info.opened);
	json_number(&text, "slabs", info.slabs);
	json_number(&text, "metadata", info.metadata);
	json_number(&text, "runs", info.runs);
	json_number(&text, "idle", info.idle);
	json_number(&text, "reclaimable", info.reclaimable);
	text_string(&text, "},\"caches\":[");
	write(context, line, text.length);
	slabpool_for_each_cache(pool, write_cache, &writer);
	write(context, "]}\n", 3);
}
