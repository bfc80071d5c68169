/* SPDX-License-Identifier: MIT */
/*
 * A treap over a fixed table: ordered by start, a heap by a hash of the number. It works for any
 * addresses, so that the oracle does not depend on where an allocator keeps its memory.
 */
#include "intervals.h"

#include <stddef.h>

struct node {
	uintptr_t start, size;
	uint32_t left, right;
	uint32_t weight;
};

static struct node nodes[INTERVALS_MAX];
static uint32_t root = INTERVALS_NONE;

void intervals_clear(void)
{
	root = INTERVALS_NONE;
}

/* The range with the largest start that is not above address. */
static uint32_t find_below(uintptr_t address)
{
	uint32_t at = root, best = INTERVALS_NONE;

	while (at != INTERVALS_NONE) {
		if (nodes[at].start <= address) {
			best = at;
			at = nodes[at].right;
		} else {
			at = nodes[at].left;
		}
	}
	return best;
}

uint32_t intervals_find(uintptr_t address)
{
	uint32_t at = find_below(address);

	if (at != INTERVALS_NONE && address - nodes[at].start < nodes[at].size)
		return at;
	return INTERVALS_NONE;
}

/* Splits a tree into the nodes below start and the others. */
static void split(uint32_t tree, uintptr_t start, uint32_t *below, uint32_t *above)
{
	while (tree != INTERVALS_NONE) {
		if (nodes[tree].start < start) {
			*below = tree;
			below = &nodes[tree].right;
			tree = *below;
		} else {
			*above = tree;
			above = &nodes[tree].left;
			tree = *above;
		}
	}
	*below = INTERVALS_NONE;
	*above = INTERVALS_NONE;
}

static uint32_t join(uint32_t below, uint32_t above)
{
	uint32_t tree = INTERVALS_NONE, *link = &tree;

	while (below != INTERVALS_NONE && above != INTERVALS_NONE) {
		if (nodes[below].weight > nodes[above].weight) {
			*link = below;
			link = &nodes[below].right;
			below = *link;
		} else {
			*link = above;
			link = &nodes[above].left;
			above = *link;
		}
	}
	*link = below != INTERVALS_NONE ? below : above;
	return tree;
}

uint32_t intervals_add(uint32_t number, uintptr_t start, uintptr_t size)
{
	struct node *node = &nodes[number];
	uint32_t other = find_below(start + size - 1), *link = &root;

	/* The last range that starts before our end is the only one that need be looked at: all
	 * earlier ones end before it starts. */
	if (other != INTERVALS_NONE && nodes[other].start + nodes[other].size > start)
		return other;
	node->start = start;
	node->size = size;
	node->weight = number * 2654435761u;
	while (*link != INTERVALS_NONE && nodes[*link].weight >= node->weight)
		link = nodes[*link].start < start ? &nodes[*link].right : &nodes[*link].left;
	split(*link, start, &node->left, &node->right);
	*link = number;
	return INTERVALS_NONE;
}

void intervals_remove(uint32_t number)
{
	const struct node *node = &nodes[number];
	uint32_t *link = &root;

	while (*link != number)
		link = nodes[*link].start < node->start ? &nodes[*link].right
							 : &nodes[*link].left;
	*link = join(node->left, node->right);
}
