/* SPDX-License-Identifier: MIT */
/*
 * Kernel face: atomic_t and its 64-bit and long forms. As in the kernel, operations that return a
 * value are full barriers, the others order nothing.
 */
#ifndef SLABPOOL_KERNEL_ATOMIC_H
#define SLABPOOL_KERNEL_ATOMIC_H

#include <linux/compiler.h>
#include <linux/types.h>

#define ATOMIC_INIT(n) { (n) }
#define ATOMIC64_INIT(n) { (n) }

#define SLABPOOL_KERNEL_ATOMIC_OP(name, type, value, op, builtin)                              \
	static inline void name##_##op(value n, type *v)                                       \
	{                                                                                      \
		__atomic_fetch_##builtin(&v->counter, n, __ATOMIC_RELAXED);                    \
	}                                                                                      \
	static inline value name##_##op##_return(value n, type *v)                             \
	{                                                                                      \
		return __atomic_##builtin##_fetch(&v->counter, n, __ATOMIC_SEQ_CST);           \
	}

#define SLABPOOL_KERNEL_ATOMIC(name, type, value)                                              \
	static inline value name##_read(const type *v)                                         \
	{                                                                                      \
		return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);                         \
	}                                                                                      \
	static inline value name##_read_acquire(const type *v)                                 \
	{                                                                                      \
		return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE);                         \
	}                                                                                      \
	static inline void name##_set(type *v, value n)                                        \
	{                                                                                      \
		__atomic_store_n(&v->counter, n, __ATOMIC_RELAXED);                            \
	}                                                                                      \
	static inline void name##_set_release(type *v, value n)                                \
	{                                                                                      \
		__atomic_store_n(&v->counter, n, __ATOMIC_RELEASE);                            \
	}                                                                                      \
	SLABPOOL_KERNEL_ATOMIC_OP(name, type, value, add, add)                                 \
	SLABPOOL_KERNEL_ATOMIC_OP(name, type, value, sub, sub)                                 \
	static inline void name##_inc(type *v)                                                 \
	{                                                                                      \
		name##_add(1, v);                                                              \
	}                                                                                      \
	static inline void name##_dec(type *v)                                                 \
	{                                                                                      \
		name##_sub(1, v);                                                              \
	}                                                                                      \
	static inline value name##_inc_return(type *v)                                         \
	{                                                                                      \
		return name##_add_return(1, v);                                                \
	}                                                                                      \
	static inline value name##_dec_return(type *v)                                         \
	{                                                                                      \
		return name##_sub_return(1, v);                                                \
	}                                                                                      \
	static inline bool name##_inc_and_test(type *v)                                        \
	{                                                                                      \
		return name##_inc_return(v) == 0;                                              \
	}                                                                                      \
	static inline bool name##_dec_and_test(type *v)                                        \
	{                                                                                      \
		return name##_dec_return(v) == 0;                                              \
	}                                                                                      \
	static inline bool name##_sub_and_test(value n, type *v)                               \
	{                                                                                      \
		return name##_sub_return(n, v) == 0;                                           \
	}                                                                                      \
	static inline bool name##_add_negative(value n, type *v)                               \
	{                                                                                      \
		return name##_add_return(n, v) < 0;                                            \
	}                                                                                      \
	static inline value name##_xchg(type *v, value n)                                      \
	{                                                                                      \
		return __atomic_exchange_n(&v->counter, n, __ATOMIC_SEQ_CST);                  \
	}                                                                                      \
	static inline bool name##_try_cmpxchg(type *v, value *old, value n)                    \
	{                                                                                      \
		return __atomic_compare_exchange_n(&v->counter, old, n, false,                 \
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);        \
	}                                                                                      \
	static inline value name##_cmpxchg(type *v, value old, value n)                        \
	{                                                                                      \
		name##_try_cmpxchg(v, &old, n);                                                \
		return old;                                                                    \
	}                                                                                      \
	static inline bool name##_add_unless(type *v, value n, value unless)                   \
	{                                                                                      \
		value old = name##_read(v);                                                    \
                                                                                               \
		do {                                                                           \
			if (old == unless)                                                     \
				return false;                                                  \
		} while (!name##_try_cmpxchg(v, &old, old + n));                               \
		return true;                                                                   \
	}                                                                                      \
	static inline bool name##_inc_not_zero(type *v)                                        \
	{                                                                                      \
		return name##_add_unless(v, 1, 0);                                             \
	}

typedef struct {
	long counter;
} atomic_long_t;

SLABPOOL_KERNEL_ATOMIC(atomic, atomic_t, int)
SLABPOOL_KERNEL_ATOMIC(atomic64, atomic64_t, s64)
SLABPOOL_KERNEL_ATOMIC(atomic_long, atomic_long_t, long)
#define ATOMIC_LONG_INIT(n) { (n) }

#define xchg(p, value) __atomic_exchange_n((p), (value), __ATOMIC_SEQ_CST)
#define cmpxchg(p, old, value)                                                      \
	({                                                                          \
		__typeof__(*(p)) __old = (old);                                     \
		__atomic_compare_exchange_n((p), &__old, (value), false,            \
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);    \
		__old;                                                              \
	})

#endif
