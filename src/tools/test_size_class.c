/* SPDX-License-Identifier: MIT */
/* What size_class.h promises, for every size. */
#include "test/support/tap.h"
#include "tools/size_class.h"

struct wrong {
	size_t too_small, not_smallest, too_large, misaligned, not_below;
};

static void look(struct wrong *wrong, uint32_t size)
{
	uint32_t c = size_class_of(size), bytes = size_class_bytes(c), power;

	wrong->too_small += bytes < size;
	wrong->not_smallest += c > 0 && size_class_bytes(c - 1) >= size;
	wrong->too_large += bytes - size >= (size <= 512 ? 16 : (size + 7) / 8);
	wrong->not_below += c >= SIZE_CLASSES;
	for (power = 16; power <= size; power *= 2)
		wrong->misaligned += size % power == 0 && bytes % power != 0;
}

int main(void)
{
	struct wrong wrong = { 0 };

	for (uint32_t size = 1; size <= SIZE_CLASS_LARGEST; size++)
		look(&wrong, size);
	is_uint(wrong.too_small, 0, "every class holds its sizes");
	is_uint(wrong.not_smallest, 0, "and is the smallest that does");
	is_uint(wrong.too_large, 0, "with less than 16 bytes, or an eighth, to spare");
	is_uint(wrong.misaligned, 0, "a power of two that divides the size divides the class");
	is_uint(wrong.not_below, 0, "there are no more classes than SIZE_CLASSES");
	is_uint(size_class_of(SIZE_CLASS_LARGEST), SIZE_CLASSES - 1, "nor fewer");
	return tap_done();
}
