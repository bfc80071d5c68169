/* SPDX-License-Identifier: MIT */
/*
 * The helpers of the kernel face, each used once for what it is there for; and that a file may
 * include libc's headers beside the face's.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "test/support/tap.h"

struct item {
	int value;
	struct list_head link;
	struct hlist_node node;
};

static void test_numbers(void)
{
	int evaluated = 0;
	unsigned int array[7];
	int a = 1, b = 2;

	is_int(min(3, 5), 3, "min");
	is_int(max(3, 5), 5, "max");
	is_int(max(evaluated++, -1), 0, "max's value");
	is_int(evaluated, 1, "an operand is evaluated once");
	is_int(min(max(1, 2), min(7, 3)), 2, "nested");
	is_int(min3(4, 2, 3), 2, "min3");
	is_int(max3(4, 9, 3), 9, "max3");
	is_int(min_t(unsigned int, -1, 5), 5, "min_t converts");
	is_int(clamp(17, 1, 10), 10, "clamp above");
	is_int(clamp(-17, 1, 10), 1, "clamp below");
	is_int(min_not_zero(0, 7), 7, "min_not_zero");
	swap(a, b);
	ok(a == 2 && b == 1, "swap");
	is_int(ARRAY_SIZE(array), 7, "ARRAY_SIZE");
	is_int(ALIGN(13, 8), 16, "ALIGN");
	is_int(ALIGN_DOWN(13, 8), 8, "ALIGN_DOWN");
	is_int(roundup(13, 5), 15, "roundup");
	is_int(rounddown(13, 5), 10, "rounddown");
	is_int(round_up(13, 8), 16, "round_up");
	is_int(round_down(13, 8), 8, "round_down");
	is_int(DIV_ROUND_UP(13, 5), 3, "DIV_ROUND_UP");
	is_int(DIV_ROUND_CLOSEST(13, 5), 3, "DIV_ROUND_CLOSEST");
	is_int(DIV_ROUND_CLOSEST(-13, 5), -3, "DIV_ROUND_CLOSEST of a negative number");
	is_int(ilog2(4097), 12, "ilog2");
	is_int(order_base_2(4097), 13, "order_base_2");
	is_int((long)roundup_pow_of_two(65), 128, "roundup_pow_of_two");
	ok(is_power_of_2(64) && !is_power_of_2(0) && !is_power_of_2(65), "is_power_of_2");
	is_int((long)GENMASK(7, 4), 0xf0, "GENMASK");
	is_int((long)BIT(10), 1024, "BIT");
	ok(upper_32_bits(0x1234567890abcdefULL) == 0x12345678, "upper_32_bits");
	ok(lower_32_bits(0x1234567890abcdefULL) == 0x90abcdef, "lower_32_bits");
}

static void test_sizes(void)
{
	struct flexible {
		size_t count;
		u32 words[];
	} *flexible = NULL;
	int sum;

	is_int((long)struct_size(flexible, words, 10), (long)(sizeof(size_t) + 40), "struct_size");
	ok(struct_size(flexible, words, SIZE_MAX / 2) == SIZE_MAX, "struct_size saturates");
	ok(array_size(SIZE_MAX, 2) == SIZE_MAX, "array_size saturates");
	ok(size_sub(1, 2) == SIZE_MAX, "size_sub saturates");
	ok(check_add_overflow(2147483647, 1, &sum), "check_add_overflow");
	is_int((long)PAGE_ALIGN(1UL), (long)PAGE_SIZE, "PAGE_ALIGN");
	is_int((long)offset_in_page(PAGE_SIZE * 3 + 17), 17, "offset_in_page");
	is_int((long)offsetofend(struct item, value), 4, "offsetofend");
}

static void test_errors(void)
{
	void *error = ERR_PTR(-ENOMEM);

	ok(IS_ERR(error), "IS_ERR");
	is_int(PTR_ERR(error), -ENOMEM, "PTR_ERR");
	ok(!IS_ERR(NULL) && IS_ERR_OR_NULL(NULL), "NULL is no error");
	ok(!IS_ERR(&error), "a pointer is no error");
	is_int(PTR_ERR_OR_ZERO(&error), 0, "PTR_ERR_OR_ZERO");
	ok(ERR_CAST(error) == error, "ERR_CAST");
	ok(IS_ERR(ERR_PTR(-MAX_ERRNO)) && !IS_ERR((void *)(-MAX_ERRNO - 1L)), "the largest errno");
}

/* The ring's values as decimal digits, first to last. */
static int digits(struct list_head *head)
{
	struct item *item;
	int n = 0;

	list_for_each_entry(item, head, link)
		n = n * 10 + item->value;
	return n;
}

static void test_rings(void)
{
	LIST_HEAD(head);
	LIST_HEAD(other);
	struct item items[5];
	struct item *item, *next;
	int i;

	ok(list_empty(&head), "an empty ring");
	for (i = 0; i < 5; i++) {
		items[i].value = i + 1;
		if (i < 3)
			list_add_tail(&items[i].link, &head);
		else
			list_add(&items[i].link, &other);
	}
	is_int(digits(&head), 123, "list_add_tail");
	is_int(digits(&other), 54, "list_add");
	list_splice_init(&other, &head);
	is_int(digits(&head), 54123, "list_splice_init");
	ok(list_empty(&other), "the spliced ring is empty");
	list_move_tail(&items[4].link, &head);
	is_int(digits(&head), 41235, "list_move_tail");
	list_move(&items[1].link, &head);
	is_int(digits(&head), 24135, "list_move");
	list_rotate_left(&head);
	is_int(digits(&head), 41352, "list_rotate_left");
	list_for_each_entry_safe(item, next, &head, link) {
		if (item->value % 2)
			list_del_init(&item->link);
	}
	is_int(digits(&head), 42, "list_for_each_entry_safe while deleting");
	list_splice_tail_init(&head, &other);
	is_int(digits(&other), 42, "list_splice_tail_init");
	ok(list_first_entry(&other, struct item, link)->value == 4 &&
	   list_last_entry(&other, struct item, link)->value == 2, "first and last");
	list_replace_init(&items[3].link, &items[0].link);
	is_int(digits(&other), 12, "list_replace_init");
	list_del(&items[0].link);
	ok(list_is_singular(&other), "list_is_singular");
	ok(items[0].link.next == LIST_POISON1, "a deleted element is poisoned");
	ok(list_first_entry_or_null(&head, struct item, link) == NULL, "first of none");
	i = 0;
	list_for_each_entry_reverse(item, &other, link)
		i = i * 10 + item->value;
	is_int(i, 2, "backwards");
}

static void test_chains(void)
{
	HLIST_HEAD(head);
	struct item items[4];
	struct item *item;
	struct hlist_node *next;
	int i, n = 0;

	ok(hlist_empty(&head), "an empty chain");
	for (i = 0; i < 4; i++) {
		items[i].value = i + 1;
		INIT_HLIST_NODE(&items[i].node);
		hlist_add_head(&items[i].node, &head);
	}
	hlist_del_init(&items[2].node);
	ok(hlist_unhashed(&items[2].node), "hlist_del_init");
	hlist_for_each_entry(item, &head, node)
		n = n * 10 + item->value;
	is_int(n, 421, "hlist_for_each_entry");
	hlist_for_each_entry_safe(item, next, &head, node)
		hlist_del(&item->node);
	ok(hlist_empty(&head), "hlist_for_each_entry_safe while deleting");
}

static int released;

static void release(struct kref *kref)
{
	released++;
}

static void test_counts(void)
{
	static atomic_t count = ATOMIC_INIT(1);
	atomic64_t wide = ATOMIC64_INIT(1);
	atomic_long_t longer = ATOMIC_LONG_INIT(5);
	refcount_t refs = REFCOUNT_INIT(1);
	struct kref kref;
	int word = 4;

	is_int(atomic_inc_return(&count), 2, "atomic_inc_return");
	ok(!atomic_dec_and_test(&count) && atomic_dec_and_test(&count), "atomic_dec_and_test");
	is_int(atomic_cmpxchg(&count, 5, 6), 0, "atomic_cmpxchg gives the old value");
	is_int(atomic_xchg(&count, 9), 0, "atomic_xchg");
	ok(!atomic_add_unless(&count, 1, 9) && atomic_add_unless(&count, 1, 8),
	   "atomic_add_unless");
	is_int(atomic_read(&count), 10, "atomic_read");
	atomic64_add(1LL << 40, &wide);
	ok(atomic64_read(&wide) == (1LL << 40) + 1, "atomic64_add");
	is_int(atomic_long_sub_return(7, &longer), -2, "atomic_long_sub_return");
	is_int(cmpxchg(&word, 4, 5), 4, "cmpxchg");
	is_int(xchg(&word, 6), 5, "xchg");
	ok(refcount_inc_not_zero(&refs) && !refcount_dec_and_test(&refs) &&
	   refcount_dec_and_test(&refs), "refcount");
	ok(!refcount_inc_not_zero(&refs), "a refcount of 0 stays 0");
	console_loglevel = 0;
	ok(!refcount_dec_and_test(&refs), "an underflow is refused");
	is_int((int)refcount_read(&refs), REFCOUNT_SATURATED, "and saturates");
	console_loglevel = 8;
	kref_init(&kref);
	kref_get(&kref);
	ok(!kref_put(&kref, release) && released == 0, "kref_put of one of two");
	ok(kref_put(&kref, release) && released == 1, "kref_put of the last");
}

static void test_locks(void)
{
	static DEFINE_SPINLOCK(spin);
	static DEFINE_MUTEX(mutex);
	DEFINE_RWLOCK(rw);
	unsigned long flags = 99;

	spin_lock_irqsave(&spin, flags);
	ok(spin_is_locked(&spin) && !spin_trylock(&spin), "a held spin lock");
	spin_unlock_irqrestore(&spin, flags);
	ok(!spin_is_locked(&spin), "a free spin lock");
	ok(mutex_trylock(&mutex) && mutex_is_locked(&mutex), "a held mutex");
	mutex_unlock(&mutex);
	ok(mutex_lock_interruptible(&mutex) == 0, "mutex_lock_interruptible");
	mutex_unlock(&mutex);
	read_lock(&rw);
	read_lock(&rw);
	read_unlock(&rw);
	read_unlock(&rw);
	write_lock(&rw);
	write_unlock(&rw);
	ok(flags == 0, "flags were set");
}

static void test_strings(void)
{
	char text[8];
	char *copy = kstrdup("hello", GFP_KERNEL);

	is_str(copy, "hello", "kstrdup");
	kfree(copy);
	copy = kstrndup("hello", 2, GFP_KERNEL);
	is_str(copy, "he", "kstrndup");
	kfree(copy);
	copy = kmemdup("abc", 4, GFP_KERNEL);
	is_str(copy, "abc", "kmemdup");
	kfree(copy);
	ok(kstrdup(NULL, GFP_KERNEL) == NULL, "kstrdup of NULL");
	is_int(strscpy(text, "short", sizeof(text)), 5, "strscpy");
	is_int(strscpy(text, "much too long"), -E2BIG, "strscpy that cuts");
	is_str(text, "much to", "and terminates");
	is_int((long)strlcpy(text, "much too long", sizeof(text)), 13, "strlcpy");
	is_int((long)str_has_prefix("prefixed", "pre"), 3, "str_has_prefix");
	memzero_explicit(text, sizeof(text));
	ok(text[0] == 0 && text[7] == 0, "memzero_explicit");
}

static void test_pages(void)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	unsigned char *bytes = page ? page_address(page) : NULL;
	void *area = vmalloc(3 * PAGE_SIZE);

	ok(bytes && PAGE_ALIGNED(bytes) && bytes[0] == 0 && bytes[PAGE_SIZE - 1] == 0,
	   "a zeroed page");
	ok(virt_to_page(bytes + 5) == page, "virt_to_page");
	ok(area && PAGE_ALIGNED(area), "vmalloc");
	__free_page(page);
	vfree(area);
}

int main(void)
{
	test_numbers();
	test_sizes();
	test_errors();
	test_rings();
	test_chains();
	test_counts();
	test_locks();
	test_strings();
	test_pages();
	return tap_done();
}
