/* SPDX-License-Identifier: MIT */
/* The kmalloc family, page calls and vmalloc: Linux's rules, on the default instance. */
#include "support/tap.h"

#include <slabpool/slabpool.h>

static bool filled(const unsigned char *p, size_t n, unsigned char with)
{
	while (n > 0 && *p == with)
		p++, n--;
	return n == 0;
}

static int is_class(struct kmem_cache *cache, void *names)
{
	char *text = names;

	if (strncmp(kmem_cache_name(cache), "kmalloc-", 8) == 0) {
		strcat(text, kmem_cache_name(cache) + 8);
		strcat(text, " ");
	}
	return 0;
}

static void test_classes(void)
{
	char names[400] = "";

	slabpool_for_each_cache(slabpool_default(), is_class, names);
	is_str(names, "8 16 32 64 96 128 192 256 512 1024 2048 4096 8192 ", "the size classes");
	is_uint(kmalloc_size_roundup(0), 0, "roundup of 0");
	is_uint(kmalloc_size_roundup(1), 8, "roundup of 1");
	is_uint(kmalloc_size_roundup(65), 96, "roundup of 65");
	is_uint(kmalloc_size_roundup(8192), 8192, "roundup of 8192");
	is_uint(kmalloc_size_roundup(8193), 12288, "roundup of 8193");
}

static void test_sizes(void)
{
	size_t size, bad = 0, unlike = 0;

	for (size = 1; size <= KMALLOC_MAX_SIZE; size += size < 9000 ? 1 : size / 7) {
		unsigned char *p = kmalloc(size, GFP_KERNEL);

		bad += !p || ksize(p) < size || (uintptr_t)p % 8 != 0;
		unlike += ksize(p) != kmalloc_size_roundup(size);
		if (p)
			memset(p, 0xa5, size);
		kfree(p);
	}
	is_uint(bad, 0, "every size is served, with ksize() >= size");
	is_uint(unlike, 0, "ksize() is what kmalloc_size_roundup() says");
	for (bad = 0, size = 8; size <= KMALLOC_MAX_SIZE; size *= 2) {
		void *one = kmalloc(size, GFP_KERNEL), *two = kmalloc(size, GFP_KERNEL);

		bad += !one || !two || ((uintptr_t)one | (uintptr_t)two) % size != 0;
		kfree(one);
		kfree(two);
	}
	is_uint(bad, 0, "powers of two are naturally aligned up to %lu",
		(unsigned long)KMALLOC_MAX_SIZE);
}

static void test_edges(void)
{
	void *zero = kmalloc(0, GFP_KERNEL);
	struct page *page = NULL;

	ok(zero == ZERO_SIZE_PTR, "kmalloc(0) is ZERO_SIZE_PTR");
	is_uint(ksize(zero), 0, "of no bytes");
	is_uint(ksize(NULL), 0, "as NULL");
	kfree(zero);
	kfree(NULL);
	kfree_sensitive(NULL);
	kvfree(NULL);
	vfree(NULL);
	free_pages(0, 3);
	__free_pages(page, 0);
	ok(true, "freeing nothing is a no-op");
	ok(kmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN) == NULL,
	   "beyond KMALLOC_MAX_SIZE: NULL");
	ok(kmalloc(SIZE_MAX, GFP_KERNEL | __GFP_NOWARN) == NULL, "SIZE_MAX: NULL");
	ok(kvmalloc(SIZE_MAX, GFP_KERNEL | __GFP_NOWARN) == NULL, "kvmalloc of SIZE_MAX: NULL");
	ok(kmalloc_array(SIZE_MAX / 2, 3, GFP_KERNEL) == NULL, "kmalloc_array: overflow: NULL");
	ok(kcalloc(SIZE_MAX, SIZE_MAX, GFP_KERNEL) == NULL, "kcalloc: overflow: NULL");
	ok(kvmalloc_array(SIZE_MAX, 2, GFP_KERNEL) == NULL, "kvmalloc_array: overflow: NULL");
	ok(kvcalloc(SIZE_MAX, 2, GFP_KERNEL) == NULL, "kvcalloc: overflow: NULL");
	ok(vmalloc_array(SIZE_MAX, 2) == NULL, "vmalloc_array: overflow: NULL");
	ok(vmalloc(0) == NULL, "vmalloc(0): NULL");
	ok(kmalloc_array(0, 8, GFP_KERNEL) == ZERO_SIZE_PTR, "an array of 0: ZERO_SIZE_PTR");
}

static void test_zeroing(void)
{
	static const size_t size[] = { 8, 100, 8192, 8193, 300000 };
	unsigned int k, zero = 0, array = 0, node = 0, page = 0;
	unsigned long address;

	for (k = 0; k < sizeof(size) / sizeof(size[0]); k++) {
		unsigned char *p = kmalloc(size[k], GFP_KERNEL);

		memset(p, 0xff, size[k]);
		kfree(p);
		p = kzalloc(size[k], GFP_KERNEL);
		zero += filled(p, size[k], 0);
		memset(p, 0xff, size[k]);
		kfree(p);
		p = kcalloc(1, size[k], GFP_KERNEL);
		array += filled(p, size[k], 0);
		memset(p, 0xff, size[k]);
		kfree(p);
		p = kvzalloc_node(size[k], GFP_KERNEL, 0);
		node += filled(p, size[k], 0);
		kvfree(p);
	}
	is_uint(zero, k, "kzalloc zeroes recycled memory");
	is_uint(array, k, "so does kcalloc");
	is_uint(node, k, "and kvzalloc_node");
	for (k = 0; k < 3; k++) {
		address = get_zeroed_page(GFP_KERNEL);
		page += filled((void *)(uintptr_t)address, PAGE_SIZE, 0);
		memset((void *)(uintptr_t)address, 0xff, PAGE_SIZE);
		free_page(address);
	}
	is_uint(page, 3, "and get_zeroed_page");
}

/* With __GFP_ZERO in every call all that a program grows into reads zero, in place or not. */
static void test_krealloc_zero(void)
{
	unsigned char *p = kzalloc(30, GFP_KERNEL), *q;

	memset(p, 0x77, 30);
	q = krealloc(p, 10, GFP_KERNEL | __GFP_ZERO);
	q = krealloc(q, 30, GFP_KERNEL | __GFP_ZERO);
	ok(q == p && q[9] == 0x77 && q[10] == 0 && q[29] == 0, "shrunk and grown in place: zero");
	q = krealloc(q, 1100, GFP_KERNEL | __GFP_ZERO);
	q = krealloc(q, 2000, GFP_KERNEL | __GFP_ZERO);
	ok(q[9] == 0x77 && q[32] == 0 && q[1100] == 0 && q[1999] == 0, "moved, then grown: zero");
	kfree(q);
}

static void test_krealloc(void)
{
	unsigned char *p = krealloc(NULL, 20, GFP_KERNEL), *q;

	ok(p != NULL, "krealloc(NULL, n) is kmalloc(n)");
	memset(p, 0x11, 20);
	ok(krealloc(p, 30, GFP_KERNEL) == p, "what fits stays");
	q = krealloc(p, 5000, GFP_KERNEL | __GFP_ZERO);
	ok(filled(q, 20, 0x11), "growing keeps the contents");
	ok(filled(q + 32, 5000 - 32, 0), "__GFP_ZERO zeroes what grew");
	memset(q, 0x22, 5000);
	q = krealloc(q, 200000, GFP_KERNEL);
	ok(filled(q, 5000, 0x22), "into pages");
	q = krealloc(q, 100, GFP_KERNEL);
	ok(filled(q, 100, 0x22) && ksize(q) < 5000, "and back into a size class");
	ok(krealloc(q, KMALLOC_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN) == NULL,
	   "beyond the maximum: NULL");
	ok(filled(q, 100, 0x22), "and the old object is as it was");
	ok(krealloc_array(q, SIZE_MAX, 2, GFP_KERNEL) == NULL, "krealloc_array: overflow: NULL");
	p = krealloc_array(q, 300, 2, GFP_KERNEL);
	ok(filled(p, 100, 0x22), "krealloc_array keeps the contents");
	ok(krealloc(p, 0, GFP_KERNEL) == ZERO_SIZE_PTR, "krealloc(p, 0) frees");
	ok(krealloc(ZERO_SIZE_PTR, 0, GFP_KERNEL) == ZERO_SIZE_PTR, "also nothing");
	p = krealloc(ZERO_SIZE_PTR, 8, GFP_KERNEL);
	ok(!ZERO_OR_NULL_PTR(p), "krealloc(ZERO_SIZE_PTR, n) is kmalloc(n)");
	q = __krealloc(p, 4000, GFP_KERNEL);
	ok(q != p && ksize(p) == 8, "__krealloc leaves the old object");
	kfree(p);
	kfree(q);
	p = kvrealloc(NULL, 3u << 20, GFP_KERNEL);
	p[(3u << 20) - 1] = 0x33;
	p = kvrealloc(p, 9u << 20, GFP_KERNEL);
	ok(p && p[(3u << 20) - 1] == 0x33, "kvrealloc goes beyond KMALLOC_MAX_SIZE");
	kvfree(p);
}

static void test_sensitive(void)
{
	unsigned char *p = kmalloc(500, GFP_KERNEL);

	memset(p, 0x77, 512);
	kfree_sensitive(p);
	ok(filled(p, 512, 0), "kfree_sensitive wipes the whole object");
	p = kmalloc(64, GFP_KERNEL);
	memset(p, 0x77, 64);
	kvfree_sensitive(p, 40);
	ok(filled(p, 40, 0), "kvfree_sensitive wipes what it is told");
	p = kmalloc(16, GFP_KERNEL);
	memset(p, 0x77, 16);
	kzfree(p);
	ok(filled(p, 16, 0), "kzfree is the older name");
}

static void test_large(void)
{
	static const size_t size[] = { (4u << 20) + 1, 5u << 20, 17u << 20, 40u << 20 };
	unsigned char *p[4];
	unsigned int k, good = 0;

	for (k = 0; k < 4; k++) {
		p[k] = kvmalloc(size[k], GFP_KERNEL);
		if (!p[k])
			continue;
		p[k][0] = p[k][size[k] - 1] = (unsigned char)k;
		good += ksize(p[k]) >= size[k] && (uintptr_t)p[k] % PAGE_SIZE == 0;
	}
	is_uint(good, 4, "kvmalloc serves more than KMALLOC_MAX_SIZE");
	for (good = 0, k = 0; k < 4; k++) {
		good += p[k][0] == k && p[k][size[k] - 1] == k;
		kvfree(p[k]);
	}
	is_uint(good, 4, "apart from each other");
	p[0] = vzalloc(100000);
	ok(p[0] && filled(p[0], 100000, 0), "vzalloc zeroes");
	vfree(p[0]);
	ok(slabpool_is_valid(slabpool_default()), "valid");
}

static void test_pages(void)
{
	unsigned int order, bad = 0;
	struct page *page;
	unsigned long address;

	for (order = 0; order <= 10; order++) {
		page = alloc_pages(GFP_KERNEL, order);
		bad += !page || (uintptr_t)page_address(page) % (PAGE_SIZE << order) != 0;
		if (page)
			memset(page_address(page), 1, PAGE_SIZE << order);
		__free_pages(page, order);
	}
	is_uint(bad, 0, "alloc_pages aligns every order to its size");
	ok(alloc_pages(GFP_KERNEL | __GFP_NOWARN, 11) == NULL, "order 11: NULL");
	ok(alloc_pages(GFP_KERNEL | __GFP_NOWARN, ~0u) == NULL, "order ~0: NULL");
	address = __get_free_pages(GFP_KERNEL, 2);
	page = virt_to_page((void *)(uintptr_t)(address + 100));
	ok(page_address(page) == (void *)(uintptr_t)address, "virt_to_page finds the page");
	free_pages(address, 2);
	is_int(get_order(0), 0, "get_order(0)");
	is_int(get_order(PAGE_SIZE), 0, "get_order of a page");
	is_int(get_order(PAGE_SIZE + 1), 1, "get_order of a page and a byte");
	is_int(get_order(4 * PAGE_SIZE), 2, "get_order of four pages");
}

static void test_memalign(void)
{
	size_t align, size, bad = 0;

	for (align = 8; align <= 1u << 20; align *= 2) {
		for (size = 1; size <= 1u << 21; size = size * 5 + 3) {
			void *p = slabpool_kmemalign(slabpool_default(), align, size, GFP_KERNEL);

			bad += !p || (uintptr_t)p % align != 0 || ksize(p) < size;
			if (p)
				memset(p, 3, size);
			kvfree(p);
		}
	}
	is_uint(bad, 0, "kmemalign aligns up to 1 MiB, for all sizes");
	ok(!slabpool_kmemalign(slabpool_default(), 24, 8, GFP_KERNEL), "24 is no alignment");
	ok(!slabpool_kmemalign(slabpool_default(), 0, 8, GFP_KERNEL), "nor is 0");
}

struct node {
	struct node *next;
	long value;
};

static void test_macros(void)
{
	struct node *one = kzalloc_obj(*one), *many = kzalloc_objs(*many, 10, GFP_NOWAIT);
	struct node *virt = kvmalloc_obj(struct node);

	ok(one && one->next == NULL && one->value == 0, "kzalloc_obj, gfp left out");
	ok(many && many[9].value == 0 && ksize(many) >= 10 * sizeof(*many), "kzalloc_objs");
	ok(virt && ksize(virt) >= sizeof(*virt), "kvmalloc_obj of a type");
	kfree(one);
	kfree(many);
	kvfree(virt);
}

static void test_newer_names(void)
{
	kmem_buckets *buckets = kmem_buckets_create("buckets", 0, 0, 0, NULL);
	void *p = kmalloc_nolock(100, __GFP_ZERO, -1);
	void *q = kmem_buckets_alloc(buckets, 50, GFP_KERNEL);
	void *v = kmem_buckets_valloc(buckets, 5u << 20, GFP_KERNEL);

	ok(p && filled(p, 100, 0), "kmalloc_nolock");
	ok(q && ksize(q) >= 50, "kmem_buckets_alloc");
	ok(v && ksize(v) >= 5u << 20, "kmem_buckets_valloc");
	ok(kmem_cache_charge(q, GFP_KERNEL), "kmem_cache_charge");
	kfree_nolock(p);
	kfree(q);
	kvfree(v);
}

static void test_what_is_it(void)
{
	char *p = kmalloc(100, GFP_KERNEL);
	int local;

	ok(kmem_valid_obj(p) && kmem_valid_obj(p + 50),
	   "kmem_valid_obj of a live object, inside too");
	kfree(p);
	ok(!kmem_valid_obj(p), "not of a freed one");
	ok(!kmem_valid_obj(&local) && !kmem_valid_obj(NULL), "nor of other addresses");
	ok(slab_is_available(), "the allocator is available");
}

int main(void)
{
	test_classes();
	test_sizes();
	test_edges();
	test_zeroing();
	test_krealloc();
	test_krealloc_zero();
	test_sensitive();
	test_large();
	test_pages();
	test_memalign();
	test_macros();
	test_newer_names();
	test_what_is_it();
	return tap_done();
}
