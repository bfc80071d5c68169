/* SPDX-License-Identifier: MIT */
/*
 * No allocator: what a pattern itself costs. Inlined nothing, or, with FORM_EMPTY_CALLS, a call of
 * an empty function of a shared library for the allocation and one for the free: what no library
 * can be faster than.
 */
#define FORM_FIXED 1
#define FORM_ONE_THREAD 1

#ifdef FORM_EMPTY_CALLS
void *empty_take(void *form, unsigned int flags);
void empty_give(void *form, void *object);
#endif

typedef void *form_t;

static unsigned long form_object[1024];

static bool form_option(const char *word)
{
	(void)word;
	return false;
}

static form_t form_open(size_t size, size_t live)
{
	(void)live;
	return size <= sizeof(form_object) ? form_object : NULL;
}

static void form_close(form_t form)
{
	(void)form;
}

static inline void *form_take(form_t form, size_t size)
{
	(void)size;
#ifdef FORM_EMPTY_CALLS
	return empty_take(form, 1);
#else
	return bench_hide(form);
#endif
}

static inline void *form_take_zeroed(form_t form, size_t size)
{
	return memset(form_take(form, size), 0, size);
}

static inline void form_give(form_t form, size_t size, void *object)
{
	(void)size;
#ifdef FORM_EMPTY_CALLS
	empty_give(form, object);
#else
	(void)form;
	bench_hide(object);
#endif
}

static void form_trim(form_t form)
{
	(void)form;
}
