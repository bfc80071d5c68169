/* SPDX-License-Identifier: MIT */
/*
 * The floor: a thread's array of free objects, inlined, of a population that is made at the start.
 * It checks nothing and never grows. Nothing that keeps free objects in order can be faster.
 */
#define FORM_FIXED 1
#define FORM_BULK 1
#define FORM_ONE_THREAD 1

struct floor_pool {
	unsigned char *memory;
	void **array;
	size_t bytes, count;
};
typedef struct floor_pool *form_t;

static struct floor_pool form_pool;
static _Thread_local struct {
	void **array;
	size_t count;
} form_free;

static bool form_option(const char *word)
{
	(void)word;
	return false;
}

static form_t form_open(size_t size, size_t live)
{
	size_t stride = (size + 15) / 16 * 16;

	form_pool.count = live + BENCH_BULK;
	form_pool.bytes = form_pool.count * stride;
	form_pool.memory = bench_memory(form_pool.bytes);
	form_pool.array = bench_memory(form_pool.count * sizeof(void *));
	for (size_t i = 0; i < form_pool.count; i++)
		form_pool.array[i] = form_pool.memory + (form_pool.count - 1 - i) * stride;
	form_free.array = form_pool.array;
	form_free.count = form_pool.count;
	return &form_pool;
}

static void form_close(form_t form)
{
	bench_memory_free(form->memory, form->bytes);
	bench_memory_free(form->array, form->count * sizeof(void *));
}

static inline void *form_take(form_t form, size_t size)
{
	(void)form;
	(void)size;
	return form_free.count ? form_free.array[--form_free.count] : NULL;
}

static inline void *form_take_zeroed(form_t form, size_t size)
{
	void *object = form_take(form, size);

	return object ? memset(object, 0, size) : NULL;
}

static inline void form_give(form_t form, size_t size, void *object)
{
	(void)form;
	(void)size;
	form_free.array[form_free.count++] = object;
}

static inline bool form_take_bulk(form_t form, size_t size, void **objects)
{
	(void)form;
	(void)size;
	if (form_free.count < BENCH_BULK)
		return false;
	form_free.count -= BENCH_BULK;
	memcpy(objects, &form_free.array[form_free.count], BENCH_BULK * sizeof(void *));
	return true;
}

static inline void form_give_bulk(form_t form, size_t size, void **objects)
{
	(void)form;
	(void)size;
	memcpy(&form_free.array[form_free.count], objects, BENCH_BULK * sizeof(void *));
	form_free.count += BENCH_BULK;
}

static void form_trim(form_t form)
{
	(void)form;
}
