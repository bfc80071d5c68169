/* SPDX-License-Identifier: MIT */
/*
 * The life of the default instance: made on first use, set up from slabpool_configure() and the
 * environment, carried over fork(), never destroyed.
 *
 *	none --slabpool_default()--> making --> made          (lock held while making)
 *	               ^                 |
 *	               +---- no memory --+
 *
 * First use may be the first malloc() of a process whose libraries have not been initialised yet,
 * so nothing here allocates from the C library or calls into it beyond thin system calls: the
 * environment is searched by hand (programs replace getenv()), and read from /proc where the C
 * library does not have it yet. Should making the instance allocate in spite of that, the nested
 * call gets NULL instead of waiting for itself for ever.
 *
 * fork(): the handlers take the lock of this file and all locks of the instance before, and give
 * them back on both sides. They are registered by a constructor, before the program's own: so
 * they run last before the fork and first after it, and other handlers may allocate. Further
 * instances, and the locks of mempools, are their owners' affair, as every lock of a program is:
 * a child must not use those that another thread was using at the moment of fork().
 */
#include "api/options.h"
#include "tools/record.h"
#include "core/instance.h"
#include "platform/default.h"
#include "platform/exit_report.h"
#include "platform/report_file.h"
#include "platform/stats_socket.h"
#include "platform/posix.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#if defined(__GLIBC__) && defined(__has_include)
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define SINGLE_THREADED (__libc_single_threaded != 0)
#endif
#endif

extern char **environ;

/* The largest environment that is searched for options before the C library knows it. */
#define ENVIRON_BYTES ((size_t)1 << 21)

struct slabpool *slabpool_default_instance;

/* Protects the variables below and the making of the instance. */
static pthread_mutex_t default_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct posix default_posix;
static struct slabpool_options default_options;
static bool default_configured;  /* default_options holds the program's or the defaults */
static bool default_prepared;    /* the environment was applied, the platform is open */
static struct slabpool_platform default_platform;
/* The C library had an environment once: if it has none now, the program emptied it. */
static bool environ_was_there;
/* Of the process that forks; its child is told that it is alone. */
static bool fork_had_threads;
/* Address of errno in the thread that makes the instance: threads differ in it. */
static int *default_maker;

static void say(void *context, const char *line)
{
	size_t length = strlen(line);
	int saved = errno;

	(void)context;
	if (write(STDERR_FILENO, line, length) == (ssize_t)length &&
	    write(STDERR_FILENO, "\n", 1) == 1)
		errno = saved;
	errno = saved;
}

/* Runs with more rights than the user who wrote the environment. */
static bool is_privileged(void)
{
#if defined(__linux__)
	unsigned long secure;

	errno = 0;
	secure = getauxval(AT_SECURE);
	if (secure != 0 || errno == 0)
		return secure != 0;
#endif
	return getuid() != geteuid() || getgid() != getegid();
}

/* The value if entry is "SLABPOOL_OPTIONS=value", else NULL. */
static const char *value_of(const char *entry)
{
	static const char name[] = "SLABPOOL_OPTIONS=";

	return strncmp(entry, name, sizeof(name) - 1) == 0 ? entry + sizeof(name) - 1 : NULL;
}

static const char *find_in_environ(void)
{
	char **entry;
	const char *value;

	for (entry = environ; *entry; entry++) {
		value = value_of(*entry);
		if (value)
			return value;
	}
	return NULL;
}

/* Reads /proc/self/environ whole into memory, terminated. @return its length. */
static size_t read_environ(char *memory, size_t bytes)
{
	int file = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	if (file < 0)
		return 0;
	while (used < bytes - 1) {
		n = read(file, memory + used, bytes - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	close(file);
	memory[used] = '\0';
	return used;
}

/* The environment as the system has it; the mapping stays, as the value lies in it. */
static const char *find_in_proc(void)
{
	char *memory = (char *)mmap(NULL, ENVIRON_BYTES, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const char *value = NULL;
	size_t used, at;

	if (memory == MAP_FAILED)
		return NULL;
	used = read_environ(memory, ENVIRON_BYTES);
	for (at = 0; at < used && !value; at += strlen(memory + at) + 1)
		value = value_of(memory + at);
	if (!value)
		munmap(memory, ENVIRON_BYTES);
	return value;
}

static const char *environment_options(void)
{
	if (is_privileged())
		return NULL;
	if (environ)
		return find_in_environ();
	return environ_was_there ? NULL : find_in_proc();
}

/* Once a process, whether or not there is memory for the instance then. */
static const char *prepare(void)
{
	static const char *text;

	if (default_prepared)
		return text;
	if (!default_configured)
		slabpool_options_init(&default_options);
	default_configured = true;
	text = environment_options();
	if (text) {
		slabpool_options_parse(&default_options, text, say, NULL);
		report_file_from_env(&default_options, text, say);
	}
	posix_init(&default_posix, &default_platform);
	default_prepared = true;
	return text;
}

static struct slabpool *make(void)
{
	const char *text = prepare();
	struct slabpool *pool = instance_create(&default_platform, &default_options, true);

	if (pool) {
		slabpool_record_from_env(pool, text);
		__atomic_store_n(&slabpool_default_instance, pool, __ATOMIC_RELEASE);
		stats_socket_from_env(pool, text, say);
		exit_report_from_env(pool, text, say);
	}
	return pool;
}

struct slabpool *slabpool_default(void)
{
	struct slabpool *pool = __atomic_load_n(&slabpool_default_instance, __ATOMIC_ACQUIRE);
	int saved = errno;

	if (pool)
		return pool;
	if (__atomic_load_n(&default_maker, __ATOMIC_RELAXED) == &errno)
		return NULL;
	pthread_mutex_lock(&default_mutex);
	pool = slabpool_default_instance;
	if (!pool) {
		__atomic_store_n(&default_maker, &errno, __ATOMIC_RELAXED);
		pool = make();
		__atomic_store_n(&default_maker, NULL, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&default_mutex);
	errno = saved;
	return pool;
}

int slabpool_configure(const struct slabpool_options *options)
{
	int result = 0;

	if (!options || !slabpool_options_valid(options))
		return -EINVAL;
	pthread_mutex_lock(&default_mutex);
	if (default_prepared) {
		result = -EBUSY;
	} else {
		default_options = *options;
		default_configured = true;
	}
	pthread_mutex_unlock(&default_mutex);
	return result;
}

/* False only if no other thread can have been inside the allocator. */
static bool may_have_threads(void)
{
#if defined(SINGLE_THREADED)
	return !SINGLE_THREADED;
#else
	return true;
#endif
}

static void fork_prepare(void)
{
	pthread_mutex_lock(&default_mutex);
	fork_had_threads = may_have_threads();
	if (slabpool_default_instance) {
		slabpool_fork_prepare(slabpool_default_instance);
		pthread_mutex_lock(&default_posix.mutex);
	}
}

static void fork_parent(void)
{
	if (slabpool_default_instance) {
		pthread_mutex_unlock(&default_posix.mutex);
		slabpool_fork_parent(slabpool_default_instance);
	}
	pthread_mutex_unlock(&default_mutex);
}

static void fork_child(void)
{
	if (slabpool_default_instance) {
		pthread_mutex_unlock(&default_posix.mutex);
		slabpool_fork_child(slabpool_default_instance, fork_had_threads);
	}
	pthread_mutex_unlock(&default_mutex);
}

__attribute__((constructor)) static void start(void)
{
	environ_was_there = environ != NULL;
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}
