/* SPDX-License-Identifier: MIT */
/*
 * Kernel face: words that annotate kernel sources. What only sparse or the kernel's linker script
 * reads expands to nothing.
 */
#ifndef SLABPOOL_KERNEL_COMPILER_H
#define SLABPOOL_KERNEL_COMPILER_H

#include <linux/stddef.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define barrier() __asm__ __volatile__("" : : : "memory")
#define cpu_relax() barrier()
#define unreachable() __builtin_unreachable()

#define __same_type(a, b) __builtin_types_compatible_p(__typeof__(a), __typeof__(b))
#define __must_be_array(a) \
	((int)sizeof(struct { char array : __same_type((a), &(a)[0]) ? -1 : 1; }) * 0)

/* One access, of a size that the machine does in one piece. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value)                                 \
	do {                                                 \
		*(volatile __typeof__(x) *)&(x) = (value);   \
	} while (0)
#define ACCESS_ONCE(x) (*(volatile __typeof__(x) *)&(x))

#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define mb() smp_mb()
#define rmb() smp_rmb()
#define wmb() smp_wmb()
#define smp_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, value) __atomic_store_n((p), (value), __ATOMIC_RELEASE)

#define __PASTE_(a, b) a##b
#define __PASTE(a, b) __PASTE_(a, b)
#define __UNIQUE_ID(prefix) __PASTE(__PASTE(__UNIQUE_ID_, prefix), __COUNTER__)

/* Some libcs have the next ones too: theirs mean the same. */
#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#endif
#ifndef __packed
#define __packed __attribute__((__packed__))
#endif
#ifndef __aligned
#define __aligned(n) __attribute__((__aligned__(n)))
#endif
#ifndef __used
#define __used __attribute__((__used__))
#endif
#ifndef __weak
#define __weak __attribute__((__weak__))
#endif
#ifndef __pure
#define __pure __attribute__((__pure__))
#endif
#ifndef __section
#define __section(name) __attribute__((__section__(name)))
#endif
#ifndef __maybe_unused
#define __maybe_unused __attribute__((__unused__))
#endif
#ifndef __noreturn
#define __noreturn __attribute__((__noreturn__))
#endif
#ifndef __printf
#define __printf(format, first) __attribute__((__format__(printf, format, first)))
#endif
#ifndef __attribute_const__
#define __attribute_const__ __attribute__((__const__))
#endif
#define __always_unused __attribute__((__unused__))
#define __cold __attribute__((__cold__))
#define __must_check __attribute__((__warn_unused_result__))
#define noinline __attribute__((__noinline__))
#define noinline_for_stack noinline
#if __has_attribute(__fallthrough__)
#define fallthrough __attribute__((__fallthrough__))
#else
#define fallthrough do {} while (0)
#endif
/* Newer system headers have it too. */
#ifndef __counted_by
#define __counted_by(member)
#endif
#define __nonstring
#define __alloc_size(...) __attribute__((__alloc_size__(__VA_ARGS__)))

#define __user
#define __kernel
#define __iomem
#define __percpu
#define __rcu
#define __force
#define __nocast
#define __safe
#define __private
#define __acquires(x)
#define __releases(x)
#define __must_hold(x)
#define __acquire(x) ((void)0)
#define __release(x) ((void)0)
#define __read_mostly
#define __ro_after_init
#define __randomize_layout
#define __no_randomize_layout
#define notrace
#define asmlinkage
#ifndef __bitwise
#define __bitwise
#endif

#define _RET_IP_ ((unsigned long)__builtin_return_address(0))

#endif
