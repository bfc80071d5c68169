/* SPDX-License-Identifier: MIT */
/* GLib's slices. */
#include <glib.h>


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
	return g_slice_alloc(size);
}

static inline void *form_take_zeroed(form_t form, size_t size)
{
	(void)form;
	return g_slice_alloc0(size);
}

static inline void form_give(form_t form, size_t size, void *object)
{
	(void)form;
	g_slice_free1(size, object);
}

static void form_trim(form_t form)
{
	(void)form;
}
