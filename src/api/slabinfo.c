/* SPDX-License-Identifier: MIT */
/*
 * What people read: the columns of /proc/slabinfo, the line that tunes a cache as writing to that
 * file did, and what is known about a pointer.
 *
 *	slabinfo - version: 2.1
 *	# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> ...
 *	conn                   3     64     64   64    1 : tunables   64   32   64 : slabdata ...
 *
 * active_objs counts what the user holds; objects in magazines and in the depot are free.
 * objsize is the stride, sharedavail the objects in the depot.
 */
#include "api/text.h"
#include "core/check.h"
#include "core/instance.h"
#include "platform/default.h"
#include "platform/error.h"
#include <slabpool/slabpool.h>

/* A long name makes the line longer, never shorter in columns. */
#define SLABINFO_LINE 512
#define SLABINFO_NAME_SHOWN 256

struct slabinfo_writer {
	void (*write)(void *context, const char *text, size_t length);
	void *context;
};

static void put_column(struct text *text, uint64_t value, size_t width)
{
	text_char(text, ' ');
	text_number(text, value, 10, width);
}

static void put_counts(struct text *text, const struct slabpool_cache_info *info)
{
	size_t start = text->length;

	text_foreign(text, info->name, SLABINFO_NAME_SHOWN);
	while (text->length - start < 17)
		text_char(text, ' ');
	put_column(text, info->active_objects, 6);
	put_column(text, info->total_objects, 6);
	put_column(text, info->stride, 6);
	put_column(text, info->num, 4);
	put_column(text, (uint64_t)1 << info->gfporder, 4);
}

static void put_cache_line(struct text *text, const struct slabpool_cache_info *info)
{
	put_counts(text, info);
	text_string(text, " : tunables");
	put_column(text, info->limit, 4);
	put_column(text, info->batchcount, 4);
	put_column(text, info->shared, 4);
	text_string(text, " : slabdata");
	put_column(text, info->full_slabs + info->partial_slabs, 6);
	put_column(text, info->slabs, 6);
	put_column(text, info->depot_objects, 6);
	text_char(text, '\n');
}

static int write_cache(struct kmem_cache *cache, void *context)
{
	const struct slabinfo_writer *writer = (const struct slabinfo_writer *)context;
	struct slabpool_cache_info info;
	char line[SLABINFO_LINE];
	struct text text;

	if (slabpool_cache_info(cache, &info) != 0)
		return 0;
	text_init(&text, line, sizeof(line));
	put_cache_line(&text, &info);
	writer->write(writer->context, line, text.length);
	return 0;
}

void slabpool_slabinfo(struct slabpool *pool,
		       void (*write)(void *context, const char *text, size_t length), void *context)
{
	static const char head[] =
		"slabinfo - version: 2.1\n"
		"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
		" : tunables <limit> <batchcount> <sharedfactor>"
		" : slabdata <active_slabs> <num_slabs> <sharedavail>\n";
	struct slabinfo_writer writer = {write, context};

	write(context, head, sizeof(head) - 1);
	slabpool_for_each_cache(pool, write_cache, &writer);
}

/* What a tuning line asks for. */
struct tuning {
	const char *name;
	size_t length;
	unsigned int value[3];  /* limit, batchcount, shared */
	struct kmem_cache *found;
};

static const char *skip_blanks(const char *line)
{
	while (*line == ' ' || *line == '\t')
		line++;
	return line;
}

/* Reads a decimal number that ends at a blank or the line's end; NULL if there is none. */
static const char *read_number(const char *line, unsigned int *value)
{
	uint32_t sum = 0;

	line = skip_blanks(line);
	if (*line < '0' || *line > '9')
		return NULL;
	for (; *line >= '0' && *line <= '9'; line++) {
		if (sum > (UINT32_MAX >> 1) / 10 - 1)
			return NULL;
		sum = sum * 10 + (uint32_t)(*line - '0');
	}
	*value = sum;
	return *line == ' ' || *line == '\t' || *line == '\n' || *line == '\0' ? line : NULL;
}

static bool read_tuning(const char *line, struct tuning *tuning)
{
	unsigned int i;

	tuning->name = skip_blanks(line);
	tuning->length = 0;
	for (line = tuning->name; *line && *line != ' ' && *line != '\t' && *line != '\n'; line++)
		tuning->length++;
	for (i = 0; i < 3; i++) {
		line = read_number(line, &tuning->value[i]);
		if (!line)
			return false;
	}
	line = skip_blanks(line);
	if (*line == '\n')
		line++;
	return tuning->length > 0 && *line == '\0';
}

static int find_named(struct kmem_cache *cache, void *context)
{
	struct tuning *tuning = (struct tuning *)context;
	const char *name = kmem_cache_name(cache);
	size_t i;

	for (i = 0; i < tuning->length; i++)
		if (name[i] == '\0' || name[i] != tuning->name[i])
			return 0;
	if (name[tuning->length] != '\0')
		return 0;
	tuning->found = cache;
	return 1;
}

int slabpool_tune_line(struct slabpool *pool, const char *line)
{
	struct tuning tuning;

	tuning.found = NULL;
	if (!line || !read_tuning(line, &tuning))
		return -EINVAL;
	slabpool_for_each_cache(pool, find_named, &tuning);
	if (!tuning.found)
		return -EINVAL;
	return slabpool_cache_tune(tuning.found, tuning.value[0], tuning.value[1], tuning.value[2]);
}

static void put_run(struct text *text, const struct check_description *known)
{
	text_string(text, "page run ");
	text_pointer(text, (const void *)known->start);
	if (known->state == STATE_RUN_KMALLOC)
		text_string(text, " of kmalloc()");
	else if (known->state == STATE_RUN_PAGES)
		text_string(text, " of alloc_pages()");
	else if (known->state == STATE_RUN_VMALLOC)
		text_string(text, " of vmalloc()");
}

static void put_slab_object(struct text *text, const struct check_description *known)
{
	text_string(text, known->state == STATE_NONE ? "free object " : "live object ");
	text_pointer(text, (const void *)known->start);
	text_string(text, " of cache ");
	text_quoted(text, kmem_cache_name(known->cache), SLABINFO_NAME_SHOWN);
}

static void put_description(struct text *text, const struct check_description *known,
			    const void *pointer)
{
	size_t inside = known->start ? (uintptr_t)pointer - known->start : 0;

	if (!known->arena) {
		text_string(text, "no memory of slabpool");
	} else if (known->start) {
		if (inside > 0) {
			text_decimal(text, inside);
			text_string(text, inside == 1 ? " byte into " : " bytes into ");
		}
		if (known->cache)
			put_slab_object(text, known);
		else
			put_run(text, known);
		text_string(text, ", ");
		text_decimal(text, known->bytes);
		text_string(text, " bytes");
	} else if (known->cache) {
		text_string(text, "between the objects of cache ");
		text_quoted(text, kmem_cache_name(known->cache), SLABINFO_NAME_SHOWN);
	} else {
		text_string(text, "free memory of slabpool");
	}
}

void kmem_dump_obj(void *object)
{
	struct slabpool *pool = default_instance();
	struct check_description known;
	struct slabpool_report report = {.kind = SLABPOOL_REPORT_OBJECT, .call = "kmem_dump_obj"};
	char line[SLABINFO_LINE];
	struct text text;

	if (!pool)
		return;
	text_init(&text, line, sizeof(line));
	if (!object) {
		text_string(&text, "NULL");
	} else if (object == ZERO_SIZE_PTR) {
		text_string(&text, "zero-size pointer");
	} else {
		known = check_describe(pool, object);
		put_description(&text, &known, object);
	}
	report.pointer = object;
	report.text = line;
	check_report(pool, &report);
}
