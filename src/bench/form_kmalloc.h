/* SPDX-License-Identifier: MIT */
/* kmalloc() and kfree(). */
#include <slabpool/slabpool.h>

#define FORM_ANY_SIZE 1

typedef int form_t;

static bool form_option(const char *word)
{
	(void)word;
	return false;
}

static form_t form_open(size_t size, size_t live)
{
	(void)size;
	(void)live;
	return 0;
}

static void form_close(form_t form)
{
	(void)form;
}

static inline void *form_take(form_t form, size_t size)
{
	(void)form;
	return kmalloc(size, GFP_KERNEL);
}

static inline void *form_take_zeroed(form_t form, size_t size)
{
	(void)form;
	return kzalloc(size, GFP_KERNEL);
}

static inline void form_give(form_t form, size_t size, void *object)
{
	(void)form;
	(void)size;
	kfree(object);
}

static inline void *form_resize(form_t form, void *object, size_t size)
{
	(void)form;
	return krealloc(object, size, GFP_KERNEL);
}

static void form_trim(form_t form)
{
	(void)form;
	slabpool_reap(slabpool_default());
}
