/* SPDX-License-Identifier: MIT */
/* The malloc family, glibc's or that of a library preloaded in its place. */
#include <dlfcn.h>
#include <malloc.h>

#define FORM_ANY_SIZE 1

typedef int form_t;

/* glibc as it is when it may keep what was freed. */
static bool form_option(const char *word)
{
	if (strcmp(word, "--untrimmed") != 0)
		return false;
#ifdef __GLIBC__
	return mallopt(M_TRIM_THRESHOLD, 1 << 30) && mallopt(M_MMAP_THRESHOLD, 1 << 30) &&
	       mallopt(M_TOP_PAD, 1 << 20);
#else
	return false;
#endif
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
	return bench_hide(malloc(size));
}

static inline void *form_take_zeroed(form_t form, size_t size)
{
	(void)form;
	return bench_hide(calloc(1, size));
}

static inline void form_give(form_t form, size_t size, void *object)
{
	(void)form;
	(void)size;
	free(object);
}

static inline void *form_resize(form_t form, void *object, size_t size)
{
	(void)form;
	return realloc(object, size);
}

/* What each malloc has for giving free memory back. */
static void form_trim(form_t form)
{
	void *own = dlsym(RTLD_DEFAULT, "mi_collect");
	int (*control)(const char *, void *, size_t *, void *, size_t);

	(void)form;
	if (own) {
		((void (*)(bool))own)(true);
		return;
	}
	own = dlsym(RTLD_DEFAULT, "mallctl");
	if (own) {
		control = (int (*)(const char *, void *, size_t *, void *, size_t))own;
		control("thread.tcache.flush", NULL, NULL, NULL, 0);
		control("arena.4096.purge", NULL, NULL, NULL, 0);
		return;
	}
	own = dlsym(RTLD_DEFAULT, "MallocExtension_ReleaseFreeMemory");
	if (own) {
		((void (*)(void))own)();
		return;
	}
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
