/* SPDX-License-Identifier: MIT */
/*
 * A routing table read under RCU, in the way that drivers free what readers may still see:
 * kfree_rcu() for entries from kmalloc(), call_rcu() for objects of a cache, and a cache with
 * SLAB_TYPESAFE_BY_RCU, whose objects may be reused at once but keep their type.
 *
 * Output:
 *	tinyroute: 100 routes, 100 found
 *	tinyroute: freed inside a reader's section: 0 of 50
 *	tinyroute: after rcu_barrier(): 50 of 50 freed, 50 routes left
 *	tinyroute: replaced: old metric 7 still readable, new metric 70
 *	tinyroute: 40 type-safe objects keep their content after being freed
 *	tinyroute: unloaded, 100 of 100 freed
 */
#define pr_fmt(fmt) "tinyroute: " fmt

#include <linux/atomic.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#define ROUTES 100
#define NEIGHBOURS 40

struct route {
	struct list_head list;
	u32 destination;
	u32 metric;
	struct rcu_head rcu;
};

/* Its rcu_head stands at another offset, and it is freed with kfree_rcu(). */
struct policy {
	u32 metric;
	char text[52];
	struct rcu_head rcu;
};

struct neighbour {
	atomic_t refcnt;
	u32 key;
	u32 stamp;
};

static struct kmem_cache *route_cachep;
static struct kmem_cache *neighbour_cachep;
static LIST_HEAD(routes);
static DEFINE_SPINLOCK(route_lock);
static struct policy __rcu *policy;
static atomic_t freed = ATOMIC_INIT(0);

static void route_free_rcu(struct rcu_head *head)
{
	struct route *route = container_of(head, struct route, rcu);

	route->metric = ~0u;
	kmem_cache_free(route_cachep, route);
	atomic_inc(&freed);
}

static void route_add(u32 destination)
{
	struct route *route = kmem_cache_zalloc(route_cachep, GFP_ATOMIC);

	if (WARN_ON(!route))
		return;
	route->destination = destination;
	route->metric = destination * 3;
	spin_lock_bh(&route_lock);
	list_add_tail_rcu(&route->list, &routes);
	spin_unlock_bh(&route_lock);
}

static bool route_lookup(u32 destination, u32 *metric)
{
	struct route *route;
	bool found = false;

	rcu_read_lock();
	list_for_each_entry_rcu(route, &routes, list) {
		if (route->destination == destination) {
			*metric = route->metric;
			found = true;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

static void route_del(u32 first, u32 step)
{
	struct route *route, *next;

	spin_lock_bh(&route_lock);
	list_for_each_entry_safe(route, next, &routes, list) {
		if (route->destination % step != first)
			continue;
		list_del_rcu(&route->list);
		call_rcu(&route->rcu, route_free_rcu);
	}
	spin_unlock_bh(&route_lock);
}

static int route_count(void)
{
	u32 metric, i;
	int n = 0;

	for (i = 0; i < ROUTES; i++)
		n += route_lookup(i, &metric) && metric == i * 3;
	return n;
}

static void check_readers(void)
{
	struct route *seen;
	int inside;

	rcu_read_lock();
	seen = list_entry_rcu(routes.next, struct route, list);
	route_del(0, 2);
	inside = atomic_read(&freed);
	/* It is off the list, but nobody frees it under a reader. */
	if (seen->metric != seen->destination * 3)
		pr_err("an object went away under its reader\n");
	rcu_read_unlock();
	pr_info("freed inside a reader's section: %d of %d\n", inside, ROUTES / 2);
	rcu_barrier();
	pr_info("after rcu_barrier(): %d of %d freed, %d routes left\n", atomic_read(&freed),
		ROUTES / 2, route_count());
}

static int check_replace(void)
{
	struct policy *old, *fresh;

	old = kzalloc(sizeof(*old), GFP_KERNEL);
	fresh = kmemdup(&(struct policy){ .metric = 70, .text = "new" }, sizeof(*fresh),
			GFP_KERNEL);
	if (!old || !fresh) {
		kfree(old);
		kfree(fresh);
		return -ENOMEM;
	}
	old->metric = 7;
	rcu_assign_pointer(policy, old);

	rcu_read_lock();
	old = rcu_dereference(policy);
	fresh = rcu_replace_pointer(policy, fresh, true);
	kfree_rcu(fresh, rcu);
	pr_info("replaced: old metric %u still readable, new metric %u\n", old->metric,
		rcu_dereference(policy)->metric);
	rcu_read_unlock();
	return 0;
}

/* Readers of a type-safe cache may look at freed objects: the content stays until reuse. */
static void check_typesafe(void)
{
	struct neighbour *n[NEIGHBOURS];
	int i, kept = 0;

	for (i = 0; i < NEIGHBOURS; i++) {
		n[i] = kmem_cache_alloc(neighbour_cachep, GFP_KERNEL);
		if (WARN_ON(!n[i]))
			return;
		n[i]->key = 1000 + i;
		n[i]->stamp = 0x5afe;
	}
	rcu_read_lock();
	for (i = 0; i < NEIGHBOURS; i++)
		kmem_cache_free(neighbour_cachep, n[i]);
	for (i = 0; i < NEIGHBOURS; i++)
		kept += READ_ONCE(n[i]->stamp) == 0x5afe && READ_ONCE(n[i]->key) == 1000u + i;
	rcu_read_unlock();
	pr_info("%d type-safe objects keep their content after being freed\n", kept);
}

static int __init route_init(void)
{
	u32 i;
	int err;

	route_cachep = KMEM_CACHE(route, SLAB_HWCACHE_ALIGN);
	neighbour_cachep = kmem_cache_create("neighbour", sizeof(struct neighbour), 0,
					     SLAB_TYPESAFE_BY_RCU, NULL);
	if (!route_cachep || !neighbour_cachep) {
		kmem_cache_destroy(route_cachep);
		kmem_cache_destroy(neighbour_cachep);
		return -ENOMEM;
	}
	for (i = 0; i < ROUTES; i++)
		route_add(i);
	pr_info("%d routes, %d found\n", ROUTES, route_count());
	check_readers();
	err = check_replace();
	check_typesafe();
	return err;
}

static void __exit route_exit(void)
{
	struct policy *last = rcu_dereference_protected(policy, true);

	RCU_INIT_POINTER(policy, NULL);
	kfree_rcu(last, rcu);
	route_del(0, 1);
	rcu_barrier();
	kmem_cache_destroy(neighbour_cachep);
	kmem_cache_destroy(route_cachep);
	pr_info("unloaded, %d of %d freed\n", atomic_read(&freed), ROUTES);
}

module_init(route_init);
module_exit(route_exit);
MODULE_LICENSE("MIT");
