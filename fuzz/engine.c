/* SPDX-License-Identifier: MIT */
/*
 * What libFuzzer calls to change inputs. FUZZ_PLAIN_MUTATOR=1 leaves that to its own mutations of
 * bytes, to compare.
 */
#include "entry.h"
#include "mutator.h"
#include "ops.h"

#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other,
				 size_t other_size, uint8_t *out, size_t room, unsigned int seed);
/* Other engines have none. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

#define BYTES_EACH 8u   /* one in so many mutations is of bytes, for what operations cannot say */

static bool plain(void)
{
	static int chosen = -1;

	if (chosen < 0)
		chosen = getenv("FUZZ_PLAIN_MUTATOR") != NULL;
	return chosen && LLVMFuzzerMutate;
}

/* Short programs run quickly, and show better what they reach: most do not grow beyond some length.
 * libFuzzer's own limit grows too slowly: it counts on mutations of a byte. */
static size_t shorter(size_t size, size_t room, unsigned int seed)
{
	size_t most = (size_t)32 << (seed >> 8) % 4;

	if ((seed >> 12) % 16 == 0)
		return room;
	if (most < size)
		most = size;
	return most < room ? most : room;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed)
{
	if (plain())
		return LLVMFuzzerMutate(data, size, room);
	room = shorter(size, room, seed);
	if (seed % BYTES_EACH == 0 && LLVMFuzzerMutate && room > FUZZ_HEADER + 1) {
		size = fuzz_rewrite(fuzz_this, data, size, room);
		if (size > FUZZ_HEADER)
			return FUZZ_HEADER + LLVMFuzzerMutate(data + FUZZ_HEADER,
							      size - FUZZ_HEADER,
							      room - FUZZ_HEADER);
	}
	size = fuzz_mutate(fuzz_this, data, size, room, seed);
	/* An engine takes no empty input. */
	if (size == 0 && room) {
		data[0] = 0;
		size = 1;
	}
	return size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other,
				 size_t other_size, uint8_t *out, size_t room, unsigned int seed)
{
	/* 0: nothing came of it; libFuzzer tries another mutation. */
	if (plain())
		return 0;
	room = shorter(one_size, room, seed);
	return fuzz_cross(fuzz_this, one, one_size, other, other_size, out, room, seed);
}
