/* SPDX-License-Identifier: MIT */
/*
 * The words that differ between compilers, and those that Frama-C 25 does not parse.
 * This is the only file that may look at __FRAMAC__: everywhere else the compiled code is the
 * proved code, to the letter.
 */
#ifndef SLABPOOL_COMPILER_H
#define SLABPOOL_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define SLABPOOL_BEGIN_DECLS extern "C" {
#define SLABPOOL_END_DECLS }
#else
#define SLABPOOL_BEGIN_DECLS
#define SLABPOOL_END_DECLS
#endif

/* A small machine has no threads. */
#if defined(SLABPOOL_BARE)
#define SLABPOOL_THREADS 0
#else
#define SLABPOOL_THREADS 1
#endif

struct slabpool_slot;

/* What misuse detection costs is measured against a library without it. Never build so. */
#if defined(SLABPOOL_BENCH_NO_CHECK)
#define SLABPOOL_CHECKS false
#else
#define SLABPOOL_CHECKS true
#endif

#if defined(__FRAMAC__)
#define SLABPOOL_API
#define SLABPOOL_LIKELY(x) (x)
#define SLABPOOL_UNLIKELY(x) (x)
#define SLABPOOL_COLD
#define SLABPOOL_NOINLINE
#define SLABPOOL_PREFETCH(p)
#define SLABPOOL_NORETURN
#define SLABPOOL_MALLOC
#define SLABPOOL_PRINTF(fmt, args)
#define SLABPOOL_THREAD_LOCAL
#define SLABPOOL_ALIGNED(n)
#define SLABPOOL_NO_CACHE(cache) false
#define SLABPOOL_UNROLL
#define SLABPOOL_NO_UBSAN
#define SLABPOOL_ALIGNOF(type) (sizeof(type) < 8 ? sizeof(type) : 8)
#define SLABPOOL_LOCK_ATTRIBUTE(attribute)
/* A struct that ends in an array of no length has no size for the prover: it sees the longest. */
#define SLABPOOL_AT_MOST(n) n

/*
 * Trusted leaves: functions whose contracts are taken on trust, as the prover knows neither the
 * builtin, nor the numbers behind pointers, nor a table that is indexed by bytes. They are total
 * and their results exist for every input, so that the contracts cannot contradict each other.
 */
/*@ predicate word_bit(integer word, integer k) = (word & (1 << k)) != 0;
    predicate lowest_word_bit(integer word, integer k) =
      0 <= k < 64 && word_bit(word, k) && \forall integer j; 0 <= j < k ==> !word_bit(word, j);
    predicate points_into(unsigned char *base, integer length, unsigned char *p) =
      \exists integer k; 0 <= k < length && p == base + k;
*/
/*@ requires some_bit: word != 0;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures lowest: lowest_word_bit(word, \result);
*/
unsigned int slabpool_ctz64(uint64_t word);
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures inside: \result < length ==> p == base + \result;
    ensures outside: \result >= length ==> \result == SIZE_MAX && !points_into(base, length, p);
*/
size_t slabpool_pointer_offset(const unsigned char *base, size_t length, const unsigned char *p);
/* Its contract stands in core/fast.h, where it is known what a slot is. */
struct slabpool_slot *slabpool_slot_at(struct slabpool_slot *slots, size_t bytes);
/*@ requires address: address + offset <= UINTPTR_MAX;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures number: (uintptr_t)\result == address + offset;
*/
void *slabpool_object_at(unsigned char *base, uintptr_t address, size_t offset);
/* Of the numbers that a word holds, the one that n is when bits are lost; bytes of a granule. */
/*@ logic integer wrapped(integer n) = n > UINTPTR_MAX ? n - UINTPTR_MAX - 1 : n;
    logic integer granule_size(integer shift) =
      shift == 3 ? 8 : shift == 4 ? 16 : shift == 5 ? 32 : shift == 6 ? 64 : shift == 7 ? 128 :
      shift == 8 ? 256 : shift == 9 ? 512 : shift == 10 ? 1024 : shift == 11 ? 2048 : 4096;
*/
/*@ requires shift: 3 <= shift <= 12;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures whole: value % granule_size(shift) == 0 ==> \result == value / granule_size(shift);
    ensures part: value % granule_size(shift) != 0 ==> \result > SIZE_MAX / granule_size(shift);
*/
size_t slabpool_rotate(size_t value, uint32_t shift);
/*@ requires shift: 3 <= shift <= 12;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures byte: \result == state +
      (wrapped(state_of_0 + (uintptr_t)object / granule_size(shift)) - (uintptr_t)state);
*/
uint8_t *slabpool_state_at(uint8_t *state, uintptr_t state_of_0, const void *object,
			   uint32_t shift);
#else
#if defined(_WIN32) || defined(__CYGWIN__)
#define SLABPOOL_API
#else
#define SLABPOOL_API __attribute__((__visibility__("default")))
#endif
#define SLABPOOL_LIKELY(x) __builtin_expect(!!(x), 1)
#define SLABPOOL_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define SLABPOOL_COLD __attribute__((__noinline__, __cold__))
#define SLABPOOL_NOINLINE __attribute__((__noinline__))
#define SLABPOOL_PREFETCH(p) __builtin_prefetch((p), 1)
#define SLABPOOL_NORETURN __attribute__((__noreturn__))
#define SLABPOOL_MALLOC __attribute__((__malloc__))
#define SLABPOOL_PRINTF(fmt, args) __attribute__((__format__(__printf__, fmt, args)))
#define SLABPOOL_ALIGNED(n) __attribute__((__aligned__(n)))
/* For proved loops over bytes: with UBSan's checks in them, compilers make no memset() of them. */
#define SLABPOOL_NO_UBSAN __attribute__((__no_sanitize__("undefined")))
/* The next loop has few rounds, and its index costs more than they do. */
#define SLABPOOL_UNROLL _Pragma("GCC unroll 4")
/* Where a system protects address 0, a NULL cache is caught by it, and not on every call. */
#if defined(SLABPOOL_BARE)
#define SLABPOOL_NO_CACHE(cache) SLABPOOL_UNLIKELY((cache) == NULL)
#else
#define SLABPOOL_NO_CACHE(cache) false
#endif
#define SLABPOOL_ALIGNOF(type) __alignof__(type)
#define SLABPOOL_AT_MOST(n)
#if defined(__clang__)
#define SLABPOOL_LOCK_ATTRIBUTE(attribute) __attribute__((attribute))
#else
#define SLABPOOL_LOCK_ATTRIBUTE(attribute)
#endif
#if defined(SLABPOOL_BARE)
#define SLABPOOL_THREAD_LOCAL
#elif defined(__GLIBC__)
/* One pointer of initial-exec storage: the fastest form that dlopen() still accepts. */
#define SLABPOOL_THREAD_LOCAL __thread __attribute__((__tls_model__("initial-exec")))
#else
/* musl keeps no room for such storage of libraries that are loaded later. */
#define SLABPOOL_THREAD_LOCAL __thread
#endif

/* Index of the lowest bit set; word is not 0. */
static inline unsigned int slabpool_ctz64(uint64_t word)
{
	return (unsigned int)__builtin_ctzll(word);
}

/* Bytes from base to p if p points into the length bytes at base, else SIZE_MAX. */
static inline size_t slabpool_pointer_offset(const unsigned char *base, size_t length,
					     const unsigned char *p)
{
	uintptr_t offset = (uintptr_t)p - (uintptr_t)base;

	return offset < length ? (size_t)offset : SIZE_MAX;
}

/* A word with its low bits, as many as shift says, made the high ones. */
static inline size_t slabpool_rotate(size_t value, uint32_t shift)
{
	return value >> shift | value << (sizeof(size_t) * 8 - shift);
}

/* The state byte of an object, which starts a granule of 2^shift bytes: one in the table state, by
 * the number that the byte of address 0 would have. */
static inline uint8_t *slabpool_state_at(uint8_t *state, uintptr_t state_of_0, const void *object,
					 uint32_t shift)
{
	(void)state;
	return (uint8_t *)(state_of_0 + ((uintptr_t)object >> shift));
}

/* The object that begins so many bytes behind a base, of which address is the number. */
static inline void *slabpool_object_at(unsigned char *base, uintptr_t address, size_t offset)
{
	(void)address;
	return base + offset;
}

/* The slot that begins so many bytes behind the first: the multiplication is done once a cache. */
static inline struct slabpool_slot *slabpool_slot_at(struct slabpool_slot *slots, size_t bytes)
{
	return (struct slabpool_slot *)(void *)((unsigned char *)slots + bytes);
}
#endif

/* Which lock protects what: see core/guard.h. */
#define SLABPOOL_LOCK_CLASS SLABPOOL_LOCK_ATTRIBUTE(capability("lock"))
#define SLABPOOL_GUARDED(locks) SLABPOOL_LOCK_ATTRIBUTE(guarded_by(locks))
#define SLABPOOL_UNDER(locks) SLABPOOL_LOCK_ATTRIBUTE(requires_capability(locks))
#define SLABPOOL_OUTSIDE(locks) SLABPOOL_LOCK_ATTRIBUTE(locks_excluded(locks))
#define SLABPOOL_ALONE SLABPOOL_LOCK_ATTRIBUTE(no_thread_safety_analysis)
#define SLABPOOL_LOCKS(locks) \
	SLABPOOL_LOCK_ATTRIBUTE(acquire_capability(locks)) SLABPOOL_ALONE
#define SLABPOOL_UNLOCKS(locks) \
	SLABPOOL_LOCK_ATTRIBUTE(release_capability(locks)) SLABPOOL_ALONE

/* State bytes are read and written while another thread may misuse the object, a pool's counts
 * while a user looks at them: relaxed atomics, which are plain instructions on every target and
 * no undefined behaviour. The prover, which knows one thread, reads them as plain accesses. */
#if defined(__FRAMAC__)
#define SLABPOOL_ATOMIC_LOAD(p, order) (*(p))
#define SLABPOOL_ATOMIC_STORE(p, value, order) (*(p) = (value))
#define SLABPOOL_ATOMIC_SWAP(old, p, value) ((old) = *(p), *(p) = (value))
#else
#define SLABPOOL_ATOMIC_LOAD(p, order) __atomic_load_n((p), order)
#define SLABPOOL_ATOMIC_STORE(p, value, order) __atomic_store_n((p), (value), order)
#define SLABPOOL_ATOMIC_SWAP(old, p, value) \
	((old) = __atomic_exchange_n((p), (value), __ATOMIC_ACQ_REL))
#endif

/*@ requires readable: \valid_read(p);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == *p;
*/
static inline uint8_t slabpool_load_u8(const uint8_t *p)
{
	return SLABPOOL_ATOMIC_LOAD(p, __ATOMIC_RELAXED);
}
/*@ requires writable: \valid(p);
    terminates always: \true;
    exits never: \false;
    assigns *p;
    ensures stored: *p == value;
*/
static inline void slabpool_store_u8(uint8_t *p, uint8_t value)
{
	SLABPOOL_ATOMIC_STORE(p, value, __ATOMIC_RELAXED);
}
/*@ requires readable: \valid_read(p);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == *p;
*/
static inline uint32_t slabpool_load_u32(const uint32_t *p)
{
	return SLABPOOL_ATOMIC_LOAD(p, __ATOMIC_RELAXED);
}
/*@ requires writable: \valid(p);
    terminates always: \true;
    exits never: \false;
    assigns *p;
    ensures stored: *p == value;
*/
static inline void slabpool_store_u32(uint32_t *p, uint32_t value)
{
	SLABPOOL_ATOMIC_STORE(p, value, __ATOMIC_RELAXED);
}
/*@ requires readable: \valid_read(p);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == *p;
*/
static inline int slabpool_load_int(const int *p)
{
	return SLABPOOL_ATOMIC_LOAD(p, __ATOMIC_RELAXED);
}
/*@ requires writable: \valid(p);
    terminates always: \true;
    exits never: \false;
    assigns *p;
    ensures stored: *p == value;
*/
static inline void slabpool_store_int(int *p, int value)
{
	SLABPOOL_ATOMIC_STORE(p, value, __ATOMIC_RELAXED);
}
/*@ requires readable: \valid_read(p);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == *p;
*/
static inline size_t slabpool_load_size(const size_t *p)
{
	return SLABPOOL_ATOMIC_LOAD(p, __ATOMIC_RELAXED);
}
/*@ requires writable: \valid(p);
    terminates always: \true;
    exits never: \false;
    assigns *p;
    ensures stored: *p == value;
*/
static inline void slabpool_store_size(size_t *p, size_t value)
{
	SLABPOOL_ATOMIC_STORE(p, value, __ATOMIC_RELAXED);
}
/*@ requires readable: \valid_read(p);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == *p;
*/
static inline uint8_t slabpool_acquire_u8(const uint8_t *p)
{
	return SLABPOOL_ATOMIC_LOAD(p, __ATOMIC_ACQUIRE);
}
/*@ requires writable: \valid(p);
    terminates always: \true;
    exits never: \false;
    assigns *p;
    ensures stored: *p == value;
*/
static inline void slabpool_release_u8(uint8_t *p, uint8_t value)
{
	SLABPOOL_ATOMIC_STORE(p, value, __ATOMIC_RELEASE);
}
/*@ requires readable: \valid_read(p);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == *p;
*/
static inline size_t slabpool_acquire_size(const size_t *p)
{
	return SLABPOOL_ATOMIC_LOAD(p, __ATOMIC_ACQUIRE);
}
/*@ requires writable: \valid(p);
    terminates always: \true;
    exits never: \false;
    assigns *p;
    ensures stored: *p == value;
*/
static inline void slabpool_release_size(size_t *p, size_t value)
{
	SLABPOOL_ATOMIC_STORE(p, value, __ATOMIC_RELEASE);
}
/*@ requires writable: \valid(p);
    terminates always: \true;
    exits never: \false;
    assigns *p;
    ensures stored: *p == value;
    ensures before: \result == \old(*p);
*/
static inline uint8_t slabpool_exchange_u8(uint8_t *p, uint8_t value)
{
	uint8_t old;

	SLABPOOL_ATOMIC_SWAP(old, p, value);
	return old;
}

#endif
