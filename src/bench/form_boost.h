/* SPDX-License-Identifier: MIT */
/* boost::pool<>, by way of C functions. */
#include "boost_pool.h"

#define FORM_CACHES 1
#define FORM_ONE_THREAD 1

typedef void *form_t;

static bool form_option(const char *word)
{
	(void)word;
	return false;
}

static form_t form_open(size_t size, size_t live)
{
	(void)live;
	return boost_pool_open(size);
}

static void form_close(form_t form)
{
	boost_pool_close(form);
}

static inline void *form_take(form_t form, size_t size)
{
	(void)size;
	return boost_pool_take(form);
}

static inline void *form_take_zeroed(form_t form, size_t size)
{
	void *object = boost_pool_take(form);

	return object ? memset(object, 0, size) : NULL;
}

static inline void form_give(form_t form, size_t size, void *object)
{
	(void)size;
	boost_pool_give(form, object);
}

static void form_trim(form_t form)
{
	boost_pool_trim(form);
}
