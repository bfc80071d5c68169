/* SPDX-License-Identifier: MIT */
/*
 * A block layer's request path, in the way that it uses mempools: every request needs a bio from a
 * slab mempool, a vector table from a pool by size, and may need a bounce page from a page pool.
 * Whatever happens to memory, a request that has begun must be able to finish, so each of the
 * pools has a reserve and the requests give back in another order than they took.
 *
 * Output:
 *	tinyblk: pools 4/4 2/2 3/3
 *	tinyblk: 64 requests written, 64 completed, checksum right
 *	tinyblk: reserve after use 4/4 2/2 3/3
 *	tinyblk: without memory: 4 bios, then NULL
 *	tinyblk: reserve while used 0/4, after completion 4/4
 *	tinyblk: resized to 9: 9/9, to 1: 1/1, to 0: -EINVAL
 *	tinyblk: preallocated: yes, then none
 *	slabpool: mempool_create: bad argument: the cache of a mempool must not have a constructor
 *	tinyblk: a pool over a cache with a constructor: refused
 *	tinyblk: removed, backend 0 live
 */
#define pr_fmt(fmt) "tinyblk: " fmt

#include <linux/atomic.h>
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/writeback.h>

#define TINY_BIOS 4
#define TINY_VECS 2
#define TINY_PAGES 3
#define TINY_REQUESTS 64
#define TINY_MAX_VECS 16

struct tiny_vec {
	struct page *page;
	unsigned int len;
	unsigned int offset;
};

struct tiny_bio {
	struct list_head list;
	sector_t sector;
	unsigned short vcnt;
	struct tiny_vec *io_vec;
	void (*end_io)(struct tiny_bio *bio);
};

struct tiny_dev {
	spinlock_t lock;
	struct list_head queue;
	struct kmem_cache *bio_slab;
	mempool_t bio_pool;     /* embedded, as in newer kernels */
	mempool_t *vec_pool;    /* on the heap, as in older ones */
	mempool_t *page_pool;
	u32 checksum;
	int completed;
};

static struct tiny_dev *tiny;
static bool tiny_no_memory;
static atomic_t tiny_backend = ATOMIC_INIT(0);

/* The backend of the bio pool; a fault may be turned on, as in a failing machine. */
static void *tiny_bio_alloc(gfp_t gfp_mask, void *pool_data)
{
	void *bio = READ_ONCE(tiny_no_memory) ? NULL : kmem_cache_alloc(pool_data, gfp_mask);

	if (bio)
		atomic_inc(&tiny_backend);
	return bio;
}

static void tiny_bio_free(void *element, void *pool_data)
{
	atomic_dec(&tiny_backend);
	kmem_cache_free(pool_data, element);
}

static void tiny_end_io(struct tiny_bio *bio)
{
	int i;

	for (i = 0; i < bio->vcnt; i++) {
		const u8 *data = page_address(bio->io_vec[i].page);

		tiny->checksum += data[bio->io_vec[i].offset];
		mempool_free(bio->io_vec[i].page, tiny->page_pool);
	}
	mempool_free(bio->io_vec, tiny->vec_pool);
	mempool_free(bio, &tiny->bio_pool);
	tiny->completed++;
}

static void tiny_complete_all(void)
{
	struct tiny_bio *bio, *next;
	LIST_HEAD(done);

	spin_lock_irq(&tiny->lock);
	list_splice_init(&tiny->queue, &done);
	spin_unlock_irq(&tiny->lock);
	list_for_each_entry_safe_reverse(bio, next, &done, list) {
		list_del(&bio->list);
		bio->end_io(bio);
	}
}

static void tiny_submit(sector_t sector, unsigned short vcnt)
{
	struct tiny_bio *bio = mempool_alloc(&tiny->bio_pool, GFP_NOIO);
	unsigned long flags;
	int i;

	/* GFP_NOIO may block, so none of these can fail. */
	bio->sector = sector;
	bio->vcnt = vcnt;
	bio->end_io = tiny_end_io;
	bio->io_vec = mempool_alloc(tiny->vec_pool, GFP_NOIO);
	for (i = 0; i < vcnt; i++) {
		bio->io_vec[i].page = mempool_alloc(tiny->page_pool, GFP_NOIO);
		bio->io_vec[i].len = SECTOR_SIZE;
		bio->io_vec[i].offset = SECTOR_SIZE * (i % 4);
		memset(page_address(bio->io_vec[i].page) + bio->io_vec[i].offset,
		       (int)(sector + i) & 0xff, bio->io_vec[i].len);
	}
	spin_lock_irqsave(&tiny->lock, flags);
	list_add_tail(&bio->list, &tiny->queue);
	spin_unlock_irqrestore(&tiny->lock, flags);
}

static void tiny_io(void)
{
	u32 expected = 0;
	int r, i;

	for (r = 0; r < TINY_REQUESTS; r++) {
		unsigned short vcnt = r % 3 + 1;

		tiny_submit(r, vcnt);
		for (i = 0; i < vcnt; i++)
			expected += (r + i) & 0xff;
		if (r % 7 == 6)
			tiny_complete_all();
	}
	tiny_complete_all();
	pr_info("%d requests written, %d completed, checksum %s\n", TINY_REQUESTS,
		tiny->completed, expected == tiny->checksum ? "right" : "wrong");
}

static void tiny_show(const char *what)
{
	pr_info("%s %d/%d %d/%d %d/%d\n", what, tiny->bio_pool.curr_nr, tiny->bio_pool.min_nr,
		tiny->vec_pool->curr_nr, tiny->vec_pool->min_nr, tiny->page_pool->curr_nr,
		tiny->page_pool->min_nr);
}

static void tiny_without_memory(void)
{
	void *taken[TINY_BIOS + 1];
	int n = 0, used;

	WRITE_ONCE(tiny_no_memory, true);
	while (n <= TINY_BIOS && (taken[n] = mempool_alloc(&tiny->bio_pool, GFP_NOWAIT)) != NULL)
		n++;
	used = tiny->bio_pool.curr_nr;
	pr_info("without memory: %d bios, then %s\n", n, n > TINY_BIOS ? "more" : "NULL");
	while (n > 0)
		mempool_free(taken[--n], &tiny->bio_pool);
	pr_info("reserve while used %d/%d, after completion %d/%d\n", used,
		tiny->bio_pool.min_nr, tiny->bio_pool.curr_nr, tiny->bio_pool.min_nr);
	WRITE_ONCE(tiny_no_memory, false);
}

static void tiny_resize(void)
{
	mempool_t *pool = tiny->vec_pool;
	void *element, *other;
	int up, down, err, up_err, down_err;

	up_err = mempool_resize(pool, 9);
	up = pool->curr_nr;
	down_err = mempool_resize(pool, 1);
	down = pool->curr_nr;
	err = mempool_resize(pool, 0);
	WARN_ON(up_err || down_err);
	pr_info("resized to 9: %d/9, to 1: %d/%d, to 0: %pe\n", up, down, pool->min_nr,
		ERR_PTR(err));
	element = mempool_alloc_preallocated(pool);
	other = mempool_alloc_preallocated(pool);
	pr_info("preallocated: %s, then %s\n", element ? "yes" : "no", other ? "another" : "none");
	mempool_free(element, pool);
}

static void tiny_ctor(void *object)
{
	memset(object, 0, 64);
}

static void tiny_refuses_ctor(void)
{
	struct kmem_cache *cache = kmem_cache_create("tiny_ctor", 64, 0, 0, tiny_ctor);
	mempool_t *pool = mempool_create_slab_pool(1, cache);

	pr_info("a pool over a cache with a constructor: %s\n", pool ? "taken" : "refused");
	mempool_destroy(pool);
	kmem_cache_destroy(cache);
}

static void tiny_remove(void)
{
	/* All of these accept what was never created. */
	mempool_destroy(tiny->page_pool);
	mempool_destroy(tiny->vec_pool);
	mempool_exit(&tiny->bio_pool);
	kmem_cache_destroy(tiny->bio_slab);
	kfree(tiny);
	tiny = NULL;
}

static int __init tiny_init(void)
{
	int err = -ENOMEM;

	tiny = kzalloc(sizeof(*tiny), GFP_KERNEL);
	if (!tiny)
		return -ENOMEM;
	spin_lock_init(&tiny->lock);
	INIT_LIST_HEAD(&tiny->queue);
	tiny->bio_slab = KMEM_CACHE(tiny_bio, SLAB_HWCACHE_ALIGN | SLAB_PANIC);
	err = mempool_init(&tiny->bio_pool, TINY_BIOS, tiny_bio_alloc, tiny_bio_free,
			   tiny->bio_slab);
	if (err)
		goto fail;
	err = -ENOMEM;
	tiny->vec_pool = mempool_create_kmalloc_pool(TINY_VECS,
						     array_size(TINY_MAX_VECS,
								sizeof(struct tiny_vec)));
	tiny->page_pool = mempool_create_page_pool(TINY_PAGES, 0);
	if (!tiny->vec_pool || !tiny->page_pool)
		goto fail;
	tiny_show("pools");
	tiny_io();
	tiny_show("reserve after use");
	tiny_without_memory();
	tiny_resize();
	tiny_refuses_ctor();
	return 0;
fail:
	tiny_remove();
	return err;
}

static void __exit tiny_exit(void)
{
	tiny_remove();
	pr_info("removed, backend %d live\n", atomic_read(&tiny_backend));
}

module_init(tiny_init);
module_exit(tiny_exit);
MODULE_AUTHOR("slabpool");
MODULE_DESCRIPTION("A block driver without a block layer");
MODULE_LICENSE("MIT");
