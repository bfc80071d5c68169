/* SPDX-License-Identifier: MIT */
/*
 * The leaves of the proof: what slabpool/compiler.h does for the compiler must keep the contracts
 * that it shows to the prover. Each clause of those contracts is checked here.
 */
#include "support/tap.h"
#include <slabpool/layout.h>

static uint64_t random_state = 88172645463325252u;

static uint64_t random_word(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* lowest_word_bit(): in range, set, and none below. */
static bool is_lowest_bit(uint64_t word, unsigned int k)
{
	if (k >= 64 || !(word & (uint64_t)1 << k))
		return false;
	for (unsigned int j = 0; j < k; j++)
		if (word & (uint64_t)1 << j)
			return false;
	return true;
}

static void test_ctz64(void)
{
	bool alone = true, crowded = true, full = true;

	for (unsigned int k = 0; k < 64; k++) {
		uint64_t bit = (uint64_t)1 << k;

		alone = alone && is_lowest_bit(bit, slabpool_ctz64(bit));
		full = full && is_lowest_bit(UINT64_MAX << k, slabpool_ctz64(UINT64_MAX << k));
		for (int i = 0; i < 1000; i++) {
			uint64_t word = (random_word() & ~(bit - 1)) | bit;

			crowded = crowded && is_lowest_bit(word, slabpool_ctz64(word));
		}
	}
	ok(alone, "ctz64: one bit");
	ok(full, "ctz64: all bits from one on");
	ok(crowded, "ctz64: random bits above one");
}

/* Both clauses of slabpool_pointer_offset() for one pointer, given by its distance from base. */
static bool offset_is_right(unsigned char *base, size_t length, ptrdiff_t distance)
{
	unsigned char *p = (unsigned char *)((uintptr_t)base + (uintptr_t)distance);
	size_t offset = slabpool_pointer_offset(base, length, p);

	if (distance < 0 || (size_t)distance >= length)
		return offset == SIZE_MAX;
	return offset == (size_t)distance && base + offset == p;
}

static void test_pointer_offset(void)
{
	static unsigned char memory[4096];
	unsigned char *base = memory + 1024;
	static const size_t length[] = {0, 1, 2, 63, 64, 1000, 2048, 3072};

	for (size_t n = 0; n < sizeof(length) / sizeof(length[0]); n++) {
		bool held = true;

		for (ptrdiff_t distance = -1024; distance < 3072; distance++)
			held = held && offset_is_right(base, length[n], distance);
		ok(held, "pointer_offset: every byte around %zu bytes", length[n]);
	}
	is_uint(slabpool_pointer_offset(memory, sizeof(memory), NULL), SIZE_MAX,
		"pointer_offset: NULL lies outside");
	is_uint(slabpool_pointer_offset(memory, sizeof(memory), (unsigned char *)UINTPTR_MAX),
		SIZE_MAX, "pointer_offset: the last address lies outside");
	is_uint(slabpool_pointer_offset(memory, sizeof(memory), (unsigned char *)&random_state),
		SIZE_MAX, "pointer_offset: another object lies outside");
}

/*
 * A store changes its target to the value and no neighbour; the loads give the value back and
 * change nothing.
 */
#define TEST_STORE(type, store, load, values)                                                     \
	do {                                                                                      \
		bool stored = true, loaded = true, kept = true;                                   \
		for (unsigned int i = 0; i < (values); i++) {                                     \
			type value = (type)random_word(), cell[3], around = (type)random_word();  \
			cell[0] = cell[1] = cell[2] = around;                                     \
			store(&cell[1], value);                                                   \
			stored = stored && cell[1] == value;                                      \
			loaded = loaded && load(&cell[1]) == value && cell[1] == value;           \
			kept = kept && cell[0] == around && cell[2] == around;                    \
		}                                                                                 \
		ok(stored, #store ": the value is there");                                        \
		ok(loaded, #load ": gives the value and changes nothing");                        \
		ok(kept, #store ": the neighbours are unchanged");                                \
	} while (0)

static void test_exchange(void)
{
	bool held = true;

	for (unsigned int i = 0; i < 65536; i++) {
		uint8_t before = (uint8_t)i, value = (uint8_t)(i >> 8);
		uint8_t cell[3] = {7, before, 7};

		held = held && slabpool_exchange_u8(&cell[1], value) == before &&
		       cell[1] == value && cell[0] == 7 && cell[2] == 7;
	}
	ok(held, "exchange_u8: gives the old value, leaves the new one, touches no neighbour");
}

static void test_slot_at(void)
{
	static struct slabpool_slot slots[5];
	bool held = true;

	for (size_t k = 0; k < 5; k++)
		held = held && slabpool_slot_at(slots, k * sizeof(slots[0])) == &slots[k];
	ok(held, "slot_at: the slot that begins there");
	is_uint(sizeof(slots[0]), 64, "a slot is a cache line");
}

static void test_object_at(void)
{
	static unsigned char base[100];
	uintptr_t address = (uintptr_t)base;
	bool held = true;

	for (size_t k = 0; k < 100; k++) {
		void *object = slabpool_object_at(base, address, k);

		held = held && object == &base[k] && (uintptr_t)object == address + k;
	}
	ok(held, "object_at: its number is the sum");
}

/* Multiples are divided; the rest is beyond every quotient. */
static void test_rotate(void)
{
	bool whole = true, part = true;

	for (uint32_t shift = 3; shift <= 12; shift++) {
		size_t granule = (size_t)1 << shift;

		for (int i = 0; i < 1000; i++) {
			size_t value = (size_t)random_word() / granule * granule;
			size_t low = 1 + (size_t)random_word() % (granule - 1);

			whole = whole && slabpool_rotate(value, shift) == value / granule;
			part = part && slabpool_rotate(value + low, shift) > SIZE_MAX / granule;
		}
		whole = whole && slabpool_rotate(0, shift) == 0;
		part = part && slabpool_rotate(1, shift) > SIZE_MAX / granule &&
		       slabpool_rotate(SIZE_MAX, shift) > SIZE_MAX / granule;
	}
	ok(whole, "rotate: a multiple is divided");
	ok(part, "rotate: any other word becomes larger than all quotients");
}

/* The byte that a table has for an address, however far the table is from where it would have to
 * begin. */
static void test_state_at(void)
{
	static uint8_t state[4096];
	bool held = true;

	for (uint32_t shift = 3; shift <= 12; shift++) {
		uintptr_t base = (uintptr_t)0x40000000 + ((uintptr_t)shift << 16);
		uintptr_t state_of_0 = (uintptr_t)state - (base >> shift);

		for (size_t k = 0; k < sizeof(state); k += 5) {
			void *object = (void *)(base + (k << shift));

			held = held && slabpool_state_at(state, state_of_0, object, shift) ==
				       &state[k];
		}
	}
	ok(held, "state_at: the byte of the object's granule");
}

int main(void)
{
	test_ctz64();
	test_pointer_offset();
	TEST_STORE(uint8_t, slabpool_store_u8, slabpool_load_u8, 1000);
	TEST_STORE(uint8_t, slabpool_release_u8, slabpool_acquire_u8, 1000);
	TEST_STORE(uint32_t, slabpool_store_u32, slabpool_load_u32, 1000);
	TEST_STORE(int, slabpool_store_int, slabpool_load_int, 1000);
	TEST_STORE(size_t, slabpool_store_size, slabpool_load_size, 1000);
	TEST_STORE(size_t, slabpool_release_size, slabpool_acquire_size, 1000);
	test_exchange();
	test_slot_at();
	test_object_at();
	test_rotate();
	test_state_at();
	return tap_done();
}
