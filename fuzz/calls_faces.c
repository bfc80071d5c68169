/* SPDX-License-Identifier: MIT */
/* The Linux names: what the model says of a call by any of its names. */
#include "calls.h"
#include "faces.h"
#include "steps.h"

#include <string.h>

enum { WAY_KMALLOC, WAY_KVMALLOC, WAY_VMALLOC };
#define C_KMALLOC "KFREE"
#define C_KVMALLOC "KVFREE"
#define C_VMALLOC "VFREE"

struct take {
	unsigned int way;
	gfp_t adds, drops;
};

#define TAKE_ROW(name, family, adds, drops, call) { WAY_##family, adds, drops },
static const struct take takes[] = { FACE_TAKES(TAKE_ROW) };
#define TAKE_WORD(name, family, adds, drops, call) { #name, C_##family ", " #adds ", " #drops, 0 },
static const struct fuzz_word take_words[] = { FACE_TAKES(TAKE_WORD) { NULL, NULL, 0 } };

/* Accepted, without effect. */
static const struct fuzz_word more_gfp_words[] = {
	{ "HIGHMEM", "__GFP_HIGHMEM", __GFP_HIGHMEM },
	{ "MOVABLE", "__GFP_MOVABLE", __GFP_MOVABLE },
	{ "HIGH", "__GFP_HIGH", __GFP_HIGH },
	{ "NORETRY", "__GFP_NORETRY", __GFP_NORETRY },
	{ "RETRY_MAYFAIL", "__GFP_RETRY_MAYFAIL", __GFP_RETRY_MAYFAIL },
	{ "MEMALLOC", "__GFP_MEMALLOC", __GFP_MEMALLOC },
	{ "COMP", "__GFP_COMP", __GFP_COMP },
	{ "ACCOUNT", "__GFP_ACCOUNT", __GFP_ACCOUNT },
	{ NULL, NULL, 0 },
};
#define ARG_MORE_GFP ARG_BITS("more", more_gfp_words)

static uint32_t set_of(const struct fuzz_word *words, uint32_t bits)
{
	uint32_t set = 0;

	for (unsigned int i = 0; words[i].word; i++)
		if (bits & (1u << i))
			set |= words[i].value;
	return set;
}

static gfp_t gfp_with(const struct fuzz_call *call, unsigned int arg, unsigned int more)
{
	return gfp_of(call, arg) | set_of(more_gfp_words, call->arg[more]);
}

static void run_take(struct world *w, const struct fuzz_call *call)
{
	const struct take *take = &takes[call->arg[0]];
	const char *name = take_words[call->arg[0]].word;
	bool objects = strstr(name, "_objs"), object = !objects && strstr(name, "_obj");
	size_t n = (size_t)call->arg[1] << call->arg[2], size = call->arg[3], bytes;
	gfp_t gfp = gfp_with(call, 4, 5), really = (gfp & ~take->drops) | take->adds;
	void *p;

	if (!(w->a->caps & CAP_FACES))
		return;
	if (object || objects)
		size = sizeof(struct face_object);
	if (!objects && !strstr(name, "array") && !strstr(name, "calloc"))
		n = 1;
	world_act(w);
	if (really & __GFP_NOFAIL)
		w->may_end = KIND(NOFAIL);
	p = w->a->face_take(call->arg[0], n, size, gfp);
	if (__builtin_mul_overflow(n, size, &bytes)) {
		if (p)
			fuzz_fail("result", "%s of %zu times %zu bytes is %p", name, n, size, p);
		return;
	}
	if (take->way == WAY_VMALLOC)
		vmalloc_came(w, p, bytes, really, call->first);
	else
		kmalloc_came(w, p, bytes, really, call->first, take->way == WAY_KVMALLOC);
}

const struct fuzz_op op_take = {
	"take", FUZZ_MAKES_OBJECT, -1, run_take,
	"face_take($r, $0, (size_t)$1 << $2, $3, ($4) | ($5))",
	{ ARG_CHOICE("by", take_words), ARG_NUMBER("n", 0, 0x4000, 1),
	  ARG_NUMBER("n_shift", 0, 63, 0), ARG_NUMBER("size", 0, 0x500000, 64), ARG_GFP,
	  ARG_MORE_GFP },
};

/* --- giving back --- */

#define GIVE_WORD(name, how, call) { #name, #how, HOW_##how },
static const struct fuzz_word give_words[] = { FACE_GIVES(GIVE_WORD) { NULL, NULL, 0 } };

/* Wiping what is not the caller's would change it, whatever is said afterwards. */
static bool may_wipe(const struct wobject *o, enum how how)
{
	return o->live && (o->family == FAMILY_CACHE || o->family == FAMILY_KMALLOC ||
			   (o->family == FAMILY_VMALLOC && how == HOW_KVFREE));
}

static void run_give(struct world *w, const struct fuzz_call *call)
{
	const struct wobject *o = object_at(call->arg[1]);
	const char *name = give_words[call->arg[0]].word;
	enum how how = (enum how)give_words[call->arg[0]].value;
	bool kv = !strcmp(name, "kvfree_sensitive"), wipes = strstr(name, "sensitive") ||
							      !strcmp(name, "kzfree");

	if (!(w->a->caps & CAP_FACES) || (wipes && !ZERO_OR_NULL_PTR(o->p) && !may_wipe(o, how)))
		return;
	w->give_size = o->size;
	if (kv && call->arg[2]) {
		w->give_size = o->usable + 1;
		wipes = false;
	}
	w->face = call->arg[0] + 1;
	w->wipes = wipes;
	if (wipes && o->live && o->family == FAMILY_CACHE)
		w->cache[w->cache[o->owner].same_as].spoiled = true;
	give_back(w, how, 0, o->p, call->arg[1]);
	w->wipes = false;
	w->face = 0;
}

const struct fuzz_op op_give = {
	"give", FUZZ_MAKES_NOTHING, -1, run_give, "give($0, 0, $1)",
	{ ARG_CHOICE("by", give_words), ARG_OBJECT, ARG_NUMBER("too_long", 0, 1, 0) },
};

/* --- objects of caches --- */

#define ALLOC_WORD(name, adds, call) { #name, #adds, adds },
static const struct fuzz_word alloc_words[] = { FACE_ALLOCS(ALLOC_WORD) { NULL, NULL, 0 } };
#define FREE_WORD(name, call) { #name, "0", 0 },
static const struct fuzz_word free_words[] = { FACE_FREES(FREE_WORD) { NULL, NULL, 0 } };

static void run_object_take(struct world *w, const struct fuzz_call *call)
{
	uint32_t root = usable_cache(w, call->arg[1]);
	gfp_t gfp = gfp_with(call, 2, 3), really = gfp | alloc_words[call->arg[0]].value;
	void *p;

	if (root == FUZZ_NONE || !(w->a->caps & CAP_FACES))
		return;
	world_act(w);
	for (uint32_t i = 0; i < call->count; i++) {
		w->fired_before = fuzz_platform.fired;
		w->current_cache = root;
		if (gfp & __GFP_NOFAIL)
			w->may_end = KIND(NOFAIL);
		steps_before(w, w->cache[root].k);
		p = w->a->face_alloc(call->arg[0], w->cache[root].k, gfp);
		alloc_shown(w, root, p, really);
		object_came(w, root, p, really, call->first + i);
		if (p)
			steps_took(w);
	}
}

const struct fuzz_op op_object_take = {
	"take_object", FUZZ_MAKES_OBJECT, 4, run_object_take,
	"alloc_many($r, $1, ($2) | ($3) | ($0), $4)",
	{ ARG_CHOICE("by", alloc_words), ARG_CACHE, ARG_GFP, ARG_MORE_GFP,
	  ARG_NUMBER("n", 1, 300, 1) },
};

static void run_object_give(struct world *w, const struct fuzz_call *call)
{
	for (uint32_t i = 0; i < call->arg[2] && (w->a->caps & CAP_FACES); i++) {
		uint32_t handle = call->arg[1] == FUZZ_NONE ? FUZZ_NONE : call->arg[1] + i;
		const struct wobject *o = object_at(handle < w->object_count ? handle : FUZZ_NONE);

		if (o->family != FAMILY_CACHE || handle >= w->object_count ||
		    usable_cache(w, o->owner) == FUZZ_NONE)
			continue;
		w->face = call->arg[0] + 1;
		give_back(w, HOW_CACHE, o->owner, o->p, handle);
		w->face = 0;
		if (w->reports)
			return;
	}
}

const struct fuzz_op op_object_give = {
	"give_object", FUZZ_MAKES_NOTHING, -1, run_object_give,
	"face_give($0, $1, $2)",
	{ ARG_CHOICE("by", free_words), ARG_OBJECT, ARG_NUMBER("n", 1, 300, 1) },
};

/* --- pages --- */

#define PAGES_WORD(name, most, adds, call) { #name, #most ", " #adds, adds },
static const struct fuzz_word pages_words[] = { FACE_PAGES(PAGES_WORD) { NULL, NULL, 0 } };
#define PAGES_MOST(name, most, adds, call) most,
static const uint8_t pages_most[] = { FACE_PAGES(PAGES_MOST) };
#define UNPAGES_WORD(name, most, call) { #name, #most, most },
static const struct fuzz_word unpages_words[] = { FACE_UNPAGES(UNPAGES_WORD) { NULL, NULL, 0 } };

static void run_pages_take(struct world *w, const struct fuzz_call *call)
{
	uint32_t most = pages_most[call->arg[0]];
	uint32_t order = call->arg[1] < most ? call->arg[1] : most;
	gfp_t gfp = gfp_with(call, 2, 3);
	char *p;

	if (!(w->a->caps & CAP_FACES))
		return;
	world_act(w);
	if (gfp & __GFP_NOFAIL)
		w->may_end = KIND(NOFAIL);
	p = w->a->face_pages(call->arg[0], order, gfp);
	pages_came(w, p, order, gfp | pages_words[call->arg[0]].value, call->first);
	if (p && (virt_to_page(p + PAGE_SIZE - 1) != (struct page *)(void *)p ||
		  get_order(PAGE_SIZE << order) != (int)order))
		fuzz_fail("result", "the page of %p is %p", (void *)p, (void *)virt_to_page(p));
}

const struct fuzz_op op_pages_take = {
	"take_pages", FUZZ_MAKES_OBJECT, -1, run_pages_take,
	"face_pages($r, $0, $1, ($2) | ($3))",
	{ ARG_CHOICE("by", pages_words), ARG_NUMBER("order", 0, 11, 0), ARG_GFP, ARG_MORE_GFP },
};

static void run_pages_give(struct world *w, const struct fuzz_call *call)
{
	const struct wobject *o = object_at(call->arg[1]);
	uint32_t most = unpages_words[call->arg[0]].value;

	if (!(w->a->caps & CAP_FACES) || call->arg[1] == FUZZ_NONE)
		return;
	w->face = call->arg[0] + 1;
	give_back(w, HOW_PAGES, call->arg[2] < most ? call->arg[2] : most, o->p, call->arg[1]);
	w->face = 0;
}

const struct fuzz_op op_pages_give = {
	"give_pages", FUZZ_MAKES_NOTHING, -1, run_pages_give,
	"give(PAGES, $2 < $0 ? $2 : $0, $1)",
	{ ARG_CHOICE("by", unpages_words), ARG_OBJECT, ARG_NUMBER("order", 0, 11, 0) },
};

/* --- resizing --- */

enum { RESIZE_KREALLOC, RESIZE_ARRAY, RESIZE_KVREALLOC, RESIZE_KEEPING };
static const struct fuzz_word resize_words[] = {
	{ "krealloc", "0", RESIZE_KREALLOC },
	{ "krealloc_array", "0", RESIZE_ARRAY },
	{ "kvrealloc", "1", RESIZE_KVREALLOC },
	{ "__krealloc", "2", RESIZE_KEEPING },
	{ NULL, NULL, 0 },
};

/* The old object stays whatever comes. */
static void kept_came(struct world *w, void *p, uint32_t old, size_t size, gfp_t gfp,
		      uint32_t handle)
{
	const struct wobject *o = object_at(old);

	model_check(w, old);
	if (p == o->p || size == 0) {
		if (size == 0 ? p != ZERO_SIZE_PTR : size > o->usable)
			fuzz_fail("result", "__krealloc to %zu bytes is %p", size, p);
		return;
	}
	if (!p) {
		kmalloc_came(w, p, size, gfp, handle, false);
		return;
	}
	model_check_contents(p, old, o->size, o->size, "__krealloc does not carry it over");
	kmalloc_came(w, p, size, MODEL_KEEP, handle, false);
}

static void run_resize(struct world *w, const struct fuzz_call *call)
{
	uint32_t how = resize_words[call->arg[0]].value, old = call->arg[1];
	size_t n = how == RESIZE_ARRAY ? (size_t)call->arg[2] << call->arg[3] : 1;
	size_t size = call->arg[4], bytes;
	const struct wobject *o = object_at(old);
	gfp_t gfp = gfp_of(call, 5);
	bool virt = how == RESIZE_KVREALLOC, none = ZERO_OR_NULL_PTR(o->p);
	void *p;

	if (!(w->a->caps & CAP_FACES) || (!none && !o->live) ||
	    (!none && o->family != FAMILY_KMALLOC && !(virt && o->family == FAMILY_VMALLOC)))
		return;
	world_act(w);
	if (gfp & __GFP_NOFAIL)
		w->may_end = KIND(NOFAIL);
	if (!none)
		model_check(w, old);
	p = w->a->face_resize(call->arg[0], o->p, n, size, gfp);
	if (__builtin_mul_overflow(n, size, &bytes)) {
		if (p)
			fuzz_fail("result", "krealloc_array of %zu times %zu is %p", n, size, p);
		return;
	}
	/* To no bytes __krealloc is no call of the allocator: nobody is shown one. */
	if (none)
		kmalloc_came(w, p, bytes, how == RESIZE_KEEPING && !bytes ? MODEL_KEEP : gfp,
			     call->first, virt);
	else if (how == RESIZE_KEEPING)
		kept_came(w, p, old, bytes, gfp, call->first);
	else
		realloc_came(w, p, old, bytes, gfp, call->first, virt);
}

const struct fuzz_op op_resize_by = {
	"resize", FUZZ_MAKES_OBJECT, -1, run_resize,
	"face_resize($r, $0, $1, ((size_t)$2 << $3) * (size_t)$4, $5)",
	{ ARG_CHOICE("by", resize_words), ARG_OBJECT, ARG_NUMBER("n", 0, 0x4000, 1),
	  ARG_NUMBER("n_shift", 0, 63, 0), ARG_NUMBER("size", 0, 0x500000, 64), ARG_GFP },
};
