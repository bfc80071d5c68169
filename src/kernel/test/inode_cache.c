/* SPDX-License-Identifier: MIT */
/*
 * A file system's inode cache, in the way that file systems use slabs: the VFS part of an inode is
 * constructed once, when its slab is made, and every inode goes back in that constructed state.
 * Allocation relies on it, so a constructor that does not run, or runs too often, shows.
 *
 * Output:
 *	tinyfs: 300 inodes, {int} constructed
 *	tinyfs: found 300 by number, 0 lost
 *	tinyfs: second round: 300 inodes, {int} constructed, 0 not in constructed state
 *	tinyfs: eviction under pressure freed 150 of 300
 *	tinyfs: shrink released all: yes
 *	tinyfs: unloaded, {int} allocated, 0 leaked
 * Output with fail_at=120:
 *	tinyfs: cannot get inode 120
 *	tinyfs: undone, 120 allocated, 0 leaked
 *	face_inode_cache: tinyfs_init returned -12 ({any}): not loaded
 */
#define pr_fmt(fmt) "tinyfs: " fmt

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#define TINYFS_HASH_BITS 5
#define TINYFS_HASH_SIZE (1 << TINYFS_HASH_BITS)
#define TINYFS_INODES 300

/* The part that is constructed once. */
struct vfs_inode {
	struct list_head i_lru;
	struct hlist_node i_hash;
	spinlock_t i_lock;
	struct mutex i_rwsem;
	unsigned int i_constructed;
};

/* As in real file systems, it stands inside the file system's own inode. */
struct tinyfs_inode {
	__le32 i_data[15];
	__u32 i_flags;
	umode_t i_mode;
	unsigned long i_ino;
	atomic_t i_count;
	struct vfs_inode vfs_inode;
};

static int fail_at = -1;
module_param(fail_at, int, 0444);
MODULE_PARM_DESC(fail_at, "pretend that there is no memory for this inode");

static struct kmem_cache *tinyfs_inode_cachep;
static struct hlist_head tinyfs_hash[TINYFS_HASH_SIZE];
static LIST_HEAD(tinyfs_lru);
static DEFINE_SPINLOCK(tinyfs_lock);
static atomic_t tinyfs_constructed = ATOMIC_INIT(0);
static atomic_t tinyfs_live = ATOMIC_INIT(0);
static atomic_t tinyfs_total = ATOMIC_INIT(0);

static inline struct tinyfs_inode *TINYFS_I(struct vfs_inode *inode)
{
	return container_of(inode, struct tinyfs_inode, vfs_inode);
}

static struct hlist_head *tinyfs_bucket(unsigned long ino)
{
	return &tinyfs_hash[(u32)(ino * 2654435761u) >> (32 - TINYFS_HASH_BITS)];
}

static void tinyfs_inode_init_once(void *foo)
{
	struct tinyfs_inode *ti = foo;

	memset(&ti->vfs_inode, 0, sizeof(ti->vfs_inode));
	INIT_LIST_HEAD(&ti->vfs_inode.i_lru);
	INIT_HLIST_NODE(&ti->vfs_inode.i_hash);
	spin_lock_init(&ti->vfs_inode.i_lock);
	mutex_init(&ti->vfs_inode.i_rwsem);
	ti->vfs_inode.i_constructed = 0xc0115;
	atomic_inc(&tinyfs_constructed);
}

static int __init tinyfs_init_inodecache(void)
{
	tinyfs_inode_cachep = kmem_cache_create("tinyfs_inode_cache", sizeof(struct tinyfs_inode),
						0, SLAB_RECLAIM_ACCOUNT | SLAB_MEM_SPREAD |
						SLAB_ACCOUNT, tinyfs_inode_init_once);
	return tinyfs_inode_cachep ? 0 : -ENOMEM;
}

static struct vfs_inode *tinyfs_alloc_inode(unsigned long ino)
{
	struct tinyfs_inode *ti;

	if (fail_at >= 0 && ino == (unsigned long)fail_at)
		return ERR_PTR(-ENOMEM);
	ti = kmem_cache_alloc(tinyfs_inode_cachep, GFP_NOFS);
	if (!ti)
		return ERR_PTR(-ENOMEM);
	/* Only what is the inode's own: the VFS part is constructed. */
	ti->i_flags = 0;
	ti->i_mode = 0100644;
	ti->i_ino = ino;
	memset(ti->i_data, 0, sizeof(ti->i_data));
	atomic_set(&ti->i_count, 1);
	atomic_inc(&tinyfs_live);
	atomic_inc(&tinyfs_total);
	return &ti->vfs_inode;
}

static void tinyfs_destroy_inode(struct vfs_inode *inode)
{
	WARN_ON(!hlist_unhashed(&inode->i_hash) || !list_empty(&inode->i_lru));
	kmem_cache_free(tinyfs_inode_cachep, TINYFS_I(inode));
	atomic_dec(&tinyfs_live);
}

static bool tinyfs_is_constructed(struct vfs_inode *inode)
{
	return inode->i_constructed == 0xc0115 && list_empty(&inode->i_lru) &&
	       hlist_unhashed(&inode->i_hash) && !mutex_is_locked(&inode->i_rwsem) &&
	       !spin_is_locked(&inode->i_lock);
}

static struct tinyfs_inode *tinyfs_find(unsigned long ino)
{
	struct tinyfs_inode *ti;

	hlist_for_each_entry(ti, tinyfs_bucket(ino), vfs_inode.i_hash) {
		if (ti->i_ino == ino)
			return ti;
	}
	return NULL;
}

static void tinyfs_evict(struct tinyfs_inode *ti)
{
	hlist_del_init(&ti->vfs_inode.i_hash);
	list_del_init(&ti->vfs_inode.i_lru);
	tinyfs_destroy_inode(&ti->vfs_inode);
}

/* Frees from the cold end, as a shrinker does. */
static int tinyfs_shrink(int nr_to_scan)
{
	struct tinyfs_inode *ti, *next;
	unsigned long flags;
	int freed = 0;

	spin_lock_irqsave(&tinyfs_lock, flags);
	list_for_each_entry_safe_reverse(ti, next, &tinyfs_lru, vfs_inode.i_lru) {
		if (freed == nr_to_scan)
			break;
		tinyfs_evict(ti);
		freed++;
	}
	spin_unlock_irqrestore(&tinyfs_lock, flags);
	return freed;
}

static int tinyfs_fill(int *not_constructed)
{
	unsigned long ino;

	for (ino = 0; ino < TINYFS_INODES; ino++) {
		struct vfs_inode *inode = tinyfs_alloc_inode(ino);

		if (IS_ERR(inode)) {
			pr_err("cannot get inode %lu\n", ino);
			return PTR_ERR(inode);
		}
		*not_constructed += !tinyfs_is_constructed(inode);
		spin_lock(&tinyfs_lock);
		hlist_add_head(&inode->i_hash, tinyfs_bucket(ino));
		list_add(&inode->i_lru, &tinyfs_lru);
		spin_unlock(&tinyfs_lock);
	}
	return 0;
}

static void tinyfs_destroy_inodecache(const char *what)
{
	tinyfs_shrink(INT_MAX);
	kmem_cache_destroy(tinyfs_inode_cachep);
	pr_info("%s, %d allocated, %d leaked\n", what, atomic_read(&tinyfs_total),
		atomic_read(&tinyfs_live));
}

static int __init tinyfs_init(void)
{
	int not_constructed = 0, found = 0, first, err;
	unsigned long ino;

	err = tinyfs_init_inodecache();
	if (err)
		return err;
	err = tinyfs_fill(&not_constructed);
	if (err)
		goto undo;
	first = atomic_read(&tinyfs_constructed);
	if (WARN_ON(first < TINYFS_INODES || not_constructed)) {
		err = -EIO;
		goto undo;
	}
	pr_info("%d inodes, %d constructed\n", TINYFS_INODES, first);
	for (ino = 0; ino < TINYFS_INODES; ino++)
		found += tinyfs_find(ino) != NULL;
	pr_info("found %d by number, %d lost\n", found, TINYFS_INODES - found);

	tinyfs_shrink(INT_MAX);
	err = tinyfs_fill(&not_constructed);
	if (err)
		goto undo;
	pr_info("second round: %d inodes, %d constructed, %d not in constructed state\n",
		TINYFS_INODES, atomic_read(&tinyfs_constructed), not_constructed);
	found = atomic_read(&tinyfs_live);
	pr_info("eviction under pressure freed %d of %d\n", tinyfs_shrink(TINYFS_INODES / 2),
		found);
	return 0;
undo:
	tinyfs_destroy_inodecache("undone");
	return err;
}

static void __exit tinyfs_exit(void)
{
	tinyfs_shrink(INT_MAX);
	pr_info("shrink released all: %s\n",
		kmem_cache_shrink(tinyfs_inode_cachep) == 0 ? "yes" : "no");
	tinyfs_destroy_inodecache("unloaded");
}

module_init(tinyfs_init)
module_exit(tinyfs_exit)
MODULE_DESCRIPTION("An inode cache without a file system");
MODULE_LICENSE("Dual MIT/GPL");
