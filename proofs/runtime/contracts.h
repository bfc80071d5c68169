/* SPDX-License-Identifier: MIT */
/*
 * Contracts at run time: what the code that ci/lib/contracts_acsl.py makes of clauses calls. Each
 * function with a contract becomes a wrapper around its body:
 *
 *      enter, requires, assumes, assigns -> contracts_call(), body, contracts_return(), ensures
 *
 * While a body runs, the compiler reports every store (-fsanitize-coverage=trace-stores), and the
 * runtime notes what was there before. That answers two questions exactly. A frame: whatever is
 * different afterwards must lie where `assigns` says. The state before the call: the stores are
 * undone while a term under \old or \at(, Pre) is evaluated, and done again.
 *
 * One thread at a time: the fuzz targets' threads are numbers.
 */
#ifndef SLABPOOL_CONTRACTS_H
#define SLABPOOL_CONTRACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct contracts_place {
	const void *start;
	size_t bytes;
};

enum { CONTRACTS_PLACES = 16, CONTRACTS_GHOSTS = 32 };

struct contracts_frame {
	struct contracts_frame *above; /* who called */
	const char *sp;           /* below it lie the body's own variables */
	size_t first;             /* of the store log */
	unsigned int clause;      /* assigns, or 0: there is none to check */
	unsigned int exits;       /* exits, or 0 */
	bool opaque;              /* what it stores is not its callers' */
	bool running;             /* the body runs */
	bool watched;             /* it is the first thread, and nothing is broken on purpose */
	unsigned int places;
	struct contracts_place place[CONTRACTS_PLACES];
	uint64_t ghost[CONTRACTS_GHOSTS]; /* their values before an opaque body */
};

struct contracts_clause {
	const char *file;
	unsigned int line;
	const char *function, *kind, *name, *text;
};

extern const struct contracts_clause contracts_clauses[];
extern const unsigned int contracts_clause_count;
/* Ghost variables, one NULL if no file of the program has it, and their sizes; 0 is the last. */
extern char *const contracts_ghosts[];
extern const size_t contracts_ghost_bytes[];
extern int contracts_time;           /* 1: now, 0: before the call */
extern unsigned long contracts_steps; /* of loops in clauses */
extern unsigned long contracts_steps_end; /* where the clause at hand is given up */

/* Nothing is checked while it is on. */
void contracts_pause(bool on);
void contracts_enter(struct contracts_frame *frame, const void *sp, bool opaque);
void contracts_may_store(struct contracts_frame *frame, struct contracts_place place);
void contracts_call(struct contracts_frame *frame, unsigned int assigns, unsigned int exits);
/* Ghost variables are the calling thread's: what else ran behind an opaque body left them alone. */
void contracts_own(struct contracts_frame *frame);
/* Memory that no frame speaks of: it is new. */
void contracts_new(struct contracts_place place);
/* A struct that is returned: the caller's variable, but no store that a frame speaks of. */
void contracts_result(struct contracts_frame *frame, const void *result, size_t bytes);
void contracts_return(struct contracts_frame *frame);
void contracts_leave(struct contracts_frame *frame);
/* False if a clause has had its share of steps; a clause without loops is always due. */
bool contracts_due(unsigned int clause);
void contracts_judge(unsigned int clause, bool held);
/* Makes memory what it was at a time; returns the time that it was. */
int contracts_go(int time);
bool contracts_valid(struct contracts_place place);
/* The pointer, or one to zeros if it does not point to memory: terms are total, and such a one has
 * some value that is the same before and after. */
const void *contracts_readable(const void *p, size_t bytes);
bool contracts_separated(unsigned int count, const struct contracts_place *place);

/* What they read is looked at before (contracts_readable()), and they store nothing. */
#define CONTRACTS_LOGIC __attribute__((__unused__, no_sanitize("address", "coverage")))
#define CONTRACTS_INTEGER(x)                                                                       \
	_Generic((x), _Bool: 1, char: 1, signed char: 1, unsigned char: 1, short: 1,               \
		 unsigned short: 1, int: 1, unsigned int: 1, long: 1, unsigned long: 1,            \
		 long long: 1, unsigned long long: 1, __int128: 1, unsigned __int128: 1,           \
		 default: 0)
/* A number is taken as one of any size, a pointer as it is. */
#define CONTRACTS_V(x) __builtin_choose_expr(CONTRACTS_INTEGER(x), (__int128)(x), (x))
#define CONTRACTS_READ(x) (*(__typeof__(&(x)))contracts_readable(&(x), sizeof(x)))
#define CONTRACTS_AT(time, x)                                                                      \
	__extension__({                                                                            \
		int was_ = contracts_go(time);                                                     \
		__auto_type value_ = (x);                                                          \
		contracts_go(was_);                                                                \
		value_;                                                                            \
	})
/* Whether two structs are the same, byte by byte: none that a clause compares has padding. */
#define CONTRACTS_SAME(a, b)                                                                       \
	__extension__({                                                                            \
		__auto_type one_ = (a);                                                            \
		__auto_type other_ = (b);                                                          \
		sizeof(one_) == sizeof(other_) &&                                                  \
			__builtin_memcmp(&one_, &other_, sizeof(one_)) == 0;                       \
	})
#define CONTRACTS_CHECK(clause, x)                                                                 \
	do {                                                                                       \
		if (contracts_due(clause))                                                         \
			contracts_judge(clause, (x));                                              \
	} while (0)
#define CONTRACTS_PLACE(pointer, low, high)                                                        \
	__extension__({                                                                            \
		__auto_type first_ = (pointer);                                                    \
		__int128 low_ = (low), high_ = (high);                                             \
		(struct contracts_place){                                                          \
			low_ > high_ ? NULL : (const void *)(first_ + (ptrdiff_t)low_),            \
			low_ > high_ ? 0 : (size_t)(high_ - low_ + 1) * sizeof(*first_)            \
		};                                                                                 \
	})

/* Operators that C leaves undefined in places where logic has some value. */
static inline __int128 contracts_quotient(__int128 a, __int128 b)
{
	return b ? a / b : 0;
}
static inline __int128 contracts_remainder(__int128 a, __int128 b)
{
	return b ? a % b : 0;
}
static inline __int128 contracts_up(__int128 a, __int128 k)
{
	return k < 0 || k > 120 ? 0 : a * ((__int128)1 << k);
}
static inline __int128 contracts_down(__int128 a, __int128 k)
{
	return k < 0 ? 0 : k > 126 ? (a < 0 ? -1 : 0) : a >> k;
}
static inline __int128 contracts_least(__int128 a, __int128 b)
{
	return a < b ? a : b;
}
static inline __int128 contracts_most(__int128 a, __int128 b)
{
	return a > b ? a : b;
}

#endif
