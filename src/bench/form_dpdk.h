/* SPDX-License-Identifier: MIT */
/* DPDK's rte_mempool: of a fixed population, which has to be known when it is made. */
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#define FORM_FIXED 1
#define FORM_BULK 1
#define FORM_THREAD 1
/* Elements beyond the population: what threads' caches may hold. */
#define FORM_SLACK (2u * RTE_MEMPOOL_CACHE_MAX_SIZE * (BENCH_THREADS_MAX / 2))

typedef struct rte_mempool *form_t;

static bool form_option(const char *word)
{
	(void)word;
	return false;
}

/* The environment's memory is fixed at its start: as the first job needs it, with room to spare. */
static void form_start(size_t bytes)
{
	char mib[32];
	char *words[] = {"bench", "--no-huge", "--no-pci", "--no-telemetry", "--no-shconf",
			 "--iova-mode=va", "--log-level=1", "-l", "0", "-m", mib, NULL};

	snprintf(mib, sizeof(mib), "%zu", (bytes >> 20) + (bytes >> 21) + 128);
	if (rte_eal_init((int)(sizeof(words) / sizeof(words[0])) - 1, words) < 0)
		bench_die("rte_eal_init failed");
}

static form_t form_open(size_t size, size_t live)
{
	static bool started;
	size_t count = live + FORM_SLACK;
	form_t form;

	if (!started)
		form_start(count * (size + 128));
	started = true;
	form = rte_mempool_create("bench", (unsigned int)count, (unsigned int)size,
				  RTE_MEMPOOL_CACHE_MAX_SIZE, 0, NULL, NULL, NULL, NULL,
				  SOCKET_ID_ANY, 0);
	if (!form)
		bench_die("rte_mempool_create failed");
	return form;
}

static void form_close(form_t form)
{
	rte_mempool_free(form);
}

/* Only registered threads have a cache. */
static void form_thread(bool begins)
{
	if (begins)
		rte_thread_register();
	else
		rte_thread_unregister();
}

static inline void *form_take(form_t form, size_t size)
{
	void *object = NULL;

	(void)size;
	if (rte_mempool_get(form, &object) < 0)
		return NULL;
	return object;
}

static inline void *form_take_zeroed(form_t form, size_t size)
{
	void *object = form_take(form, size);

	return object ? memset(object, 0, size) : NULL;
}

static inline void form_give(form_t form, size_t size, void *object)
{
	(void)size;
	rte_mempool_put(form, object);
}

static inline bool form_take_bulk(form_t form, size_t size, void **objects)
{
	(void)size;
	return rte_mempool_get_bulk(form, objects, BENCH_BULK) == 0;
}

static inline void form_give_bulk(form_t form, size_t size, void **objects)
{
	(void)size;
	rte_mempool_put_bulk(form, objects, BENCH_BULK);
}

static void form_trim(form_t form)
{
	(void)form;
}
