/* SPDX-License-Identifier: MIT */
/* The kmalloc family, pages and vmalloc. */
#include "calls.h"
#include "events.h"
#include "inside.h"

#include <string.h>

#define SIZE_ARG ARG_NUMBER("size", 0, 0x500000, 64)

struct class_search {
	const struct fuzz_adapter *a;
	size_t size;
	struct slabpool_cache_info info;
};

static int is_class(struct kmem_cache *cache, void *context)
{
	struct class_search *search = context;

	search->a->cache_info(cache, &search->info);
	return (search->info.flags & SLAB_KMALLOC) && search->info.size == search->size &&
	       !strncmp(search->info.name, "kmalloc-", 8);
}

/* A kmalloc of this size gave NULL: may it? */
static void kmalloc_null(struct world *w, size_t size, gfp_t gfp, bool virt)
{
	struct class_search search = { .a = w->a };
	size_t bytes = size;

	if (gfp & __GFP_NOFAIL)
		fuzz_fail("null", "NULL although __GFP_NOFAIL was given");
	if (size <= KMALLOC_MAX_CACHE_SIZE && (w->a->caps & CAP_NULL)) {
		search.size = w->a->size_roundup(size);
		if (!w->a->for_each_cache(w->pool, is_class, &search))
			fuzz_fail("result", "there is no cache for kmalloc(%zu)", size);
		if (search.info.slab_objects + search.info.depot_objects)
			fuzz_fail("null", "NULL although %s has free objects",
				  search.info.name);
		bytes = PAGE_SIZE << search.info.gfporder;
	}
	/* More than there ever is, for a kmalloc. */
	if (!virt && size > KMALLOC_MAX_SIZE)
		bytes = SIZE_MAX / 2;
	null_check(w, FUZZ_NONE, bytes, gfp, 1);
}

/* The alignment that an address of this size must have. */
static size_t natural(const struct world *w, size_t size)
{
	size_t most = (size_t)w->options.arena_mib << 20;

	if (!most)
		return 8;
	while (most & (most - 1))
		most &= most - 1;
	if (!(w->a->caps & CAP_CLASSES) || size < 8 || (size & (size - 1)))
		return 8;
	if (size > KMALLOC_MAX_SIZE)
		return PAGE_SIZE;
	return size < most ? size : most;
}

/* Beyond what kmalloc gives, memory is vmalloc's: kfree() does not take it. */
static enum family family_of(size_t size)
{
	return size <= KMALLOC_MAX_SIZE ? FAMILY_KMALLOC : FAMILY_VMALLOC;
}

/* Linux's classes: powers of two from 8 on, 96 and 192. Larger memory is whole pages. */
static void check_class(const struct world *w, size_t size, size_t usable)
{
	size_t class = 8;

	if (!(w->a->caps & CAP_CLASSES) || !size || size > KMALLOC_MAX_CACHE_SIZE)
		return;
	while (class < size)
		class *= 2;
	if ((class == 128 || class == 256) && size <= class / 4 * 3)
		class = class / 4 * 3;
	if (usable != class)
		fuzz_fail("size", "%zu bytes are of the class of %zu, not %zu", size, usable,
			  class);
}

static void taken_shown(enum slabpool_event_kind kind, const void *p, size_t size, size_t align,
			gfp_t gfp)
{
	events_expect((struct slabpool_event){
		.kind = kind, .result = ZERO_OR_NULL_PTR(p) ? NULL : p, .size = size,
		.align = align, .flags = gfp,
	});
}

void kmalloc_came(struct world *w, void *p, size_t size, gfp_t gfp, uint32_t handle, bool virt)
{
	if (gfp != MODEL_KEEP)
		taken_shown(SLABPOOL_EVENT_KMALLOC, p, size, 0, gfp);
	if (size == 0) {
		if (p != ZERO_SIZE_PTR)
			fuzz_fail("result", "kmalloc(0) is %p", p);
		fuzz_objects[handle].p = p;
		return;
	}
	if (!p) {
		kmalloc_null(w, size, gfp, virt);
		return;
	}
	model_new(w, handle, family_of(size), 0, p, size, natural(w, size), gfp);
	if ((w->a->caps & CAP_CLASSES) && size <= KMALLOC_MAX_SIZE &&
	    w->a->size_roundup(size) != fuzz_objects[handle].usable)
		fuzz_fail("size", "kmalloc_size_roundup(%zu) is %zu, ksize is %zu", size,
			  w->a->size_roundup(size), fuzz_objects[handle].usable);
	check_class(w, size, fuzz_objects[handle].usable);
}

static void kmalloc_one(struct world *w, size_t size, gfp_t gfp, uint32_t handle, bool virt)
{
	void *p;

	w->fired_before = fuzz_platform.fired;
	if (gfp & __GFP_NOFAIL)
		w->may_end = KIND(NOFAIL);
	p = virt ? w->a->kvmalloc(w->pool, size, gfp) : w->a->kmalloc(w->pool, size, gfp);
	kmalloc_came(w, p, size, gfp, handle, virt);
}

static void run_kmalloc(struct world *w, const struct fuzz_call *call)
{
	world_act(w);
	kmalloc_one(w, call->arg[0], gfp_of(call, 1), call->first, false);
}

const struct fuzz_op op_kmalloc = {
	"kmalloc", FUZZ_MAKES_OBJECT, -1, run_kmalloc,
	"took($r, KFREE, 0, $0, slabpool_kmalloc(P, $0, $1))",
	{ SIZE_ARG, ARG_GFP },
};

static void run_kvmalloc(struct world *w, const struct fuzz_call *call)
{
	world_act(w);
	kmalloc_one(w, call->arg[0], gfp_of(call, 1), call->first, true);
}

const struct fuzz_op op_kvmalloc = {
	"kvmalloc", FUZZ_MAKES_OBJECT, -1, run_kvmalloc,
	"took($r, KVFREE, 0, $0, slabpool_kvmalloc(P, $0, $1))",
	{ SIZE_ARG, ARG_GFP },
};

static void run_kmalloc_many(struct world *w, const struct fuzz_call *call)
{
	world_act(w);
	for (uint32_t i = 0; i < call->count; i++)
		kmalloc_one(w, call->arg[0], gfp_of(call, 1), call->first + i, false);
}

const struct fuzz_op op_kmalloc_many = {
	"kmalloc_many", FUZZ_MAKES_OBJECT, 2, run_kmalloc_many, "kmalloc_many($r, $0, $1, $2)",
	{ ARG_NUMBER("size", 0, 8200, 64), ARG_GFP, ARG_NUMBER("n", 1, 300, 20) },
};

static void run_give_back(struct world *w, const struct fuzz_call *call, enum how how)
{
	const struct wobject *o = object_at(call->arg[0]);

	if (call->arg[0] != FUZZ_NONE)
		give_back(w, how, how == HOW_PAGES ? call->arg[1] : 0, o->p, call->arg[0]);
}

static void run_kfree(struct world *w, const struct fuzz_call *call)
{
	run_give_back(w, call, HOW_KFREE);
}

const struct fuzz_op op_kfree = {
	"kfree", FUZZ_MAKES_NOTHING, -1, run_kfree, "give(KFREE, 0, $0)", { ARG_OBJECT },
};

static void run_kvfree(struct world *w, const struct fuzz_call *call)
{
	run_give_back(w, call, HOW_KVFREE);
}

const struct fuzz_op op_kvfree = {
	"kvfree", FUZZ_MAKES_NOTHING, -1, run_kvfree, "give(KVFREE, 0, $0)", { ARG_OBJECT },
};

static void run_vfree(struct world *w, const struct fuzz_call *call)
{
	run_give_back(w, call, HOW_VFREE);
}

const struct fuzz_op op_vfree = {
	"vfree", FUZZ_MAKES_NOTHING, -1, run_vfree, "give(VFREE, 0, $0)", { ARG_OBJECT },
};

static void run_free_pages(struct world *w, const struct fuzz_call *call)
{
	run_give_back(w, call, HOW_PAGES);
}

const struct fuzz_op op_free_pages = {
	"free_pages", FUZZ_MAKES_NOTHING, -1, run_free_pages,
	"give(PAGES, $1, $0)", { ARG_OBJECT, ARG_NUMBER("order", 0, 11, 0) },
};

static void *call_realloc(struct world *w, void *p, size_t size, gfp_t gfp, bool virt)
{
	if (gfp & __GFP_NOFAIL)
		w->may_end = KIND(NOFAIL);
	return virt ? w->a->kvrealloc(w->pool, p, size, gfp)
		    : w->a->krealloc(w->pool, p, size, gfp);
}

/* krealloc of what is no live object of its kind: refused, and nothing changes. */
static void realloc_crime(struct world *w, const struct fuzz_call *call, uint32_t kinds, bool virt)
{
	struct wobject *o = object_at(call->arg[0]);

	if (!(w->a->caps & CAP_MISUSE))
		return;
	/* The allocator's own by now: a name, or a pool's table. */
	if (!o->live && (w->a->caps & CAP_INSIDE) && fuzz_inside_held(w->pool, o->p))
		return;
	world_act(w);
	world_crime(w, kinds, o->p);
	crime_foretell_call(w, virt ? "kvrealloc" : "krealloc", FUZZ_NONE, o->p);
	if (call_realloc(w, o->p, call->arg[1], gfp_of(call, 2) & ~__GFP_NOFAIL, virt) &&
	    call->arg[1])
		fuzz_fail("unchanged", "a refused krealloc gives memory");
	world_crime_done(w);
}

/* What krealloc says about an address that is no live object's; 0: it may have it. */
static uint32_t realloc_kinds(const struct wobject *o, bool virt)
{
	if (!o->live)
		return KIND(DOUBLE_FREE) | KIND(FOREIGN) | KIND(INTERIOR) | KIND(WRONG_API) |
		       KIND(WRONG_CACHE);
	if (o->family == FAMILY_KMALLOC || (virt && o->family == FAMILY_VMALLOC))
		return 0;
	return KIND(WRONG_API);
}

void realloc_came(struct world *w, void *memory, uint32_t old, size_t size, gfp_t gfp,
		  uint32_t fresh, bool virt)
{
	struct wobject was = fuzz_objects[old];
	unsigned char *p = memory;
	size_t kept;

	events_expect((struct slabpool_event){
		.kind = size ? SLABPOOL_EVENT_KREALLOC : SLABPOOL_EVENT_KFREE, .object = was.p,
		.result = size ? p : NULL, .size = size, .flags = size ? gfp : 0,
	});
	if (size == 0) {
		if (p != ZERO_SIZE_PTR)
			fuzz_fail("result", "krealloc(p, 0) is %p", (void *)p);
		model_moved(w, old);
		fuzz_objects[fresh].p = p;
		return;
	}
	if (!p) {
		kmalloc_null(w, size, gfp, virt);
		model_check(w, old);
		return;
	}
	kept = was.size < size ? was.size : size;
	model_check_contents(p, old, kept, was.size, "krealloc does not carry it over");
	if ((gfp & __GFP_ZERO) && size > was.usable &&
	    !model_is_zero(p + was.usable, size - was.usable))
		fuzz_fail("zero", "what krealloc added to object %u is not zero", old);
	model_moved(w, old);
	model_new(w, fresh, p == was.p ? (enum family)was.family : family_of(size), 0, p, size, 8,
		  MODEL_KEEP);
}

static void realloc_live(struct world *w, const struct fuzz_call *call, bool virt)
{
	uint32_t old = call->arg[0], fresh = call->first;
	size_t size = call->arg[1];
	gfp_t gfp = gfp_of(call, 2);
	unsigned char *p;

	world_act(w);
	model_check(w, old);
	p = call_realloc(w, fuzz_objects[old].p, size, gfp, virt);
	realloc_came(w, p, old, size, gfp, fresh, virt);
}

static void run_realloc(struct world *w, const struct fuzz_call *call, bool virt)
{
	uint32_t old = call->arg[0], kinds;
	struct wobject *o = object_at(old);

	if (old == FUZZ_NONE || ZERO_OR_NULL_PTR(o->p)) {
		world_act(w);
		kmalloc_one(w, call->arg[1], gfp_of(call, 2), call->first, virt);
		return;
	}
	/* A stale address that is somebody else's now is not this handle's to resize. */
	if ((!o->live && (model_find(o->p) != FUZZ_NONE || sheaves_there())) ||
	    o->family == FAMILY_CACHE || o->family == FAMILY_ELEMENT)
		return;
	kinds = realloc_kinds(o, virt);
	if (kinds)
		realloc_crime(w, call, kinds, virt);
	else
		realloc_live(w, call, virt);
}

static void run_krealloc(struct world *w, const struct fuzz_call *call)
{
	run_realloc(w, call, false);
}

const struct fuzz_op op_krealloc = {
	"krealloc", FUZZ_MAKES_OBJECT, -1, run_krealloc,
	"resized($r, $0, $1, KFREE, slabpool_krealloc(P, object($0), $1, $2))",
	{ ARG_OBJECT, SIZE_ARG, ARG_GFP },
};

static void run_kvrealloc(struct world *w, const struct fuzz_call *call)
{
	run_realloc(w, call, true);
}

const struct fuzz_op op_kvrealloc = {
	"kvrealloc", FUZZ_MAKES_OBJECT, -1, run_kvrealloc,
	"resized($r, $0, $1, KVFREE, slabpool_kvrealloc(P, object($0), $1, $2))",
	{ ARG_OBJECT, SIZE_ARG, ARG_GFP },
};

/* slabpool_kmemalign() aligns to no more than this. */
#define MOST_ALIGNED ((size_t)4 << 20)

static void run_kmemalign(struct world *w, const struct fuzz_call *call)
{
	size_t align = (size_t)1 << call->arg[0], size = call->arg[1];
	gfp_t gfp = gfp_of(call, 2);
	void *p;

	world_act(w);
	if (gfp & __GFP_NOFAIL)
		w->may_end = KIND(NOFAIL);
	p = w->a->kmemalign(w->pool, align, size, gfp);
	taken_shown(SLABPOOL_EVENT_KMEMALIGN, p, size, align, gfp);
	if (!p) {
		null_check(w, FUZZ_NONE, align > MOST_ALIGNED ? SIZE_MAX :
			   (size > align ? size : align) + PAGE_SIZE * 32, gfp, 1);
		return;
	}
	model_new(w, call->first, family_of(size), 0, p, size ? size : 1, align, gfp);
}

const struct fuzz_op op_kmemalign = {
	"kmemalign", FUZZ_MAKES_OBJECT, -1, run_kmemalign,
	"took($r, KFREE, 0, $1, slabpool_kmemalign(P, (size_t)1 << $0, $1, $2))",
	{ ARG_NUMBER("align_shift", 0, 23, 6), SIZE_ARG, ARG_GFP },
};

/* What a failed call says that it wanted; more is only said where no run is that long. */
static void no_run_said(const struct world *w, size_t size)
{
	if (w->reports > 0 && w->report[0].size < size)
		fuzz_fail("report", "no memory for a run of %zu bytes, and it says %zu", size,
			  w->report[0].size);
}

void vmalloc_came(struct world *w, void *p, size_t size, gfp_t gfp, uint32_t handle)
{
	taken_shown(SLABPOOL_EVENT_KMALLOC, p, size, 0, gfp);
	if (size == 0 && p)
		fuzz_fail("result", "vmalloc(0) is %p", p);
	if (!p && size) {
		no_run_said(w, size);
		null_check(w, FUZZ_NONE, size, gfp, 1);
	}
	if (p)
		model_new(w, handle, FAMILY_VMALLOC, 0, p, size, PAGE_SIZE, gfp);
}

static void run_vmalloc(struct world *w, const struct fuzz_call *call)
{
	size_t size = call->arg[0];
	gfp_t gfp = gfp_of(call, 1);
	void *p;

	if (!(w->a->caps & CAP_PAGES))
		return;
	world_act(w);
	if (gfp & __GFP_NOFAIL)
		w->may_end = KIND(NOFAIL);
	p = w->a->vmalloc(w->pool, size, gfp);
	vmalloc_came(w, p, size, gfp, call->first);
}

const struct fuzz_op op_vmalloc = {
	"vmalloc", FUZZ_MAKES_OBJECT, -1, run_vmalloc,
	"took($r, VFREE, 0, $0, slabpool_vmalloc(P, $0, $1))",
	{ SIZE_ARG, ARG_GFP },
};

void pages_came(struct world *w, void *p, unsigned int order, gfp_t gfp, uint32_t handle)
{
	size_t size = PAGE_SIZE << order;

	taken_shown(SLABPOOL_EVENT_PAGES_ALLOC, p, order, 0, gfp);
	if (p) {
		model_new(w, handle, FAMILY_PAGES, order, p, size, natural(w, size), gfp);
		return;
	}
	no_run_said(w, size);
	null_check(w, FUZZ_NONE, size, gfp, 1);
}

static void run_alloc_pages(struct world *w, const struct fuzz_call *call)
{
	gfp_t gfp = gfp_of(call, 1);
	void *p;

	if (!(w->a->caps & CAP_PAGES))
		return;
	world_act(w);
	if (gfp & __GFP_NOFAIL)
		w->may_end = KIND(NOFAIL);
	p = w->a->alloc_pages(w->pool, gfp, call->arg[0]);
	pages_came(w, p, call->arg[0], gfp, call->first);
}

const struct fuzz_op op_alloc_pages = {
	"alloc_pages", FUZZ_MAKES_OBJECT, -1, run_alloc_pages,
	"took($r, PAGES, $0, PAGE_SIZE << $0, slabpool_alloc_pages(P, $1, $0))",
	{ ARG_NUMBER("order", 0, 11, 0), ARG_GFP },
};

static void run_size_roundup(struct world *w, const struct fuzz_call *call)
{
	size_t size = call->arg[0], got;

	if (!(w->a->caps & CAP_CLASSES))
		return;
	world_act(w);
	got = w->a->size_roundup(size);
	if (got < size || (size && w->a->size_roundup(got) != got))
		fuzz_fail("size", "kmalloc_size_roundup(%zu) is %zu", size, got);
	check_class(w, size, got);
}

const struct fuzz_op op_size_roundup = {
	"kmalloc_size_roundup", FUZZ_MAKES_NOTHING, -1, run_size_roundup,
	"kmalloc_size_roundup($0)", { SIZE_ARG },
};
