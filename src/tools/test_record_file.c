/* SPDX-License-Identifier: MIT */
/*
 * SLABPOOL_OPTIONS=record=FILE in whole processes: what the file holds after an exit, a kill, a
 * fork, with threads, and what happens where there can be no recording.
 */
#define _GNU_SOURCE
#include "test/support/tap.h"

#include "tools/record.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

static char path[96], note_path[128];

/* ---- a reader that checks the format's guarantee ---- */

#define IDS 400000u

static struct {
	unsigned char *bytes;
	size_t length, at;
	bool bad;
	unsigned char live[RECORD_SPACES][IDS];
	uint64_t given[RECORD_SPACES];
	unsigned int events, op[RECORD_OPS], alive, threads;
} reader;

static uint64_t number(void)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; reader.at < reader.length && shift < 70; shift += 7) {
		unsigned char byte = reader.bytes[reader.at++];

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	reader.bad = true;
	return 0;
}

/* An id: 0 or alive. */
static void id(int space, bool end)
{
	uint64_t n = number();

	if (n == 0)
		return;
	if (n >= IDS || !reader.live[space][n])
		reader.bad = true;
	else if (end)
		reader.live[space][n] = 0;
}

static void give(int space)
{
	reader.given[space]++;
	if (reader.given[space] < IDS)
		reader.live[space][reader.given[space]] = 1;
	else
		reader.bad = true;
}

static void numbers(int count)
{
	while (count-- > 0)
		number();
}

static void read_event(unsigned int op, bool nothing)
{
	size_t start;

	switch (op) {
	case RECORD_CACHE_CREATE:
		numbers(3);
		start = number();
		reader.at += start;
		break;
	case RECORD_CACHE_DESTROY: id(RECORD_CACHE, !nothing); break;
	case RECORD_CACHE_SHRINK: id(RECORD_CACHE, false); break;
	case RECORD_CACHE_ALLOC: id(RECORD_CACHE, false); numbers(1); break;
	case RECORD_CACHE_FREE: id(RECORD_CACHE, false); id(RECORD_OBJECT, true); break;
	case RECORD_KMALLOC: case RECORD_PAGES_ALLOC: numbers(2); break;
	case RECORD_KFREE: id(RECORD_OBJECT, true); break;
	case RECORD_KREALLOC: id(RECORD_OBJECT, !nothing); numbers(2); break;
	case RECORD_KMEMALIGN: case RECORD_MEMPOOL_CREATE: numbers(3); break;
	case RECORD_PAGES_FREE: id(RECORD_OBJECT, true); numbers(1); break;
	case RECORD_MEMPOOL_DESTROY: id(RECORD_POOL, true); break;
	case RECORD_MEMPOOL_RESIZE:
	case RECORD_MEMPOOL_ALLOC: id(RECORD_POOL, false); numbers(1); break;
	case RECORD_MEMPOOL_FREE: id(RECORD_POOL, false); id(RECORD_ELEMENT, true); break;
	case RECORD_THREAD:
		start = number();
		reader.threads = start > reader.threads ? (unsigned int)start : reader.threads;
		break;
	default: reader.bad = true;
	}
}

static int space_given(unsigned int op)
{
	switch (op) {
	case RECORD_CACHE_CREATE: return RECORD_CACHE;
	case RECORD_MEMPOOL_CREATE: return RECORD_POOL;
	case RECORD_MEMPOOL_ALLOC: return RECORD_ELEMENT;
	case RECORD_CACHE_ALLOC: case RECORD_KMALLOC: case RECORD_KREALLOC: case RECORD_KMEMALIGN:
	case RECORD_PAGES_ALLOC: return RECORD_OBJECT;
	default: return -1;
	}
}

static bool load(const char *name)
{
	struct stat is;
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	free(reader.bytes);
	memset(&reader, 0, sizeof(reader));
	if (fd < 0 || fstat(fd, &is) != 0)
		return false;
	reader.length = (size_t)is.st_size;
	reader.bytes = calloc(1, reader.length + 1);
	if (!reader.bytes || read(fd, reader.bytes, reader.length) != is.st_size)
		reader.bad = true;
	close(fd);
	return true;
}

/* Reads a recording. False if there is none, or if it breaks the format's rules. */
static bool read_recording(const char *name)
{
	if (!load(name) || reader.bad || reader.length < RECORD_MAGIC_BYTES ||
	    memcmp(reader.bytes, RECORD_MAGIC, RECORD_MAGIC_BYTES) != 0)
		return false;
	reader.at = RECORD_MAGIC_BYTES;
	reader.threads = 1;
	while (reader.at < reader.length && reader.bytes[reader.at] && !reader.bad) {
		unsigned char first = reader.bytes[reader.at++];
		unsigned int op = first & 0x3f;
		bool nothing = first & RECORD_NOTHING;

		read_event(op, nothing);
		if (space_given(op) >= 0 && !nothing)
			give(space_given(op));
		reader.events++;
		if (op < RECORD_OPS)
			reader.op[op]++;
	}
	for (size_t i = 0; i < IDS; i++)
		reader.alive += reader.live[RECORD_OBJECT][i];
	return !reader.bad;
}

/* ---- programs that are recorded ---- */

static void record_into(const char *file)
{
	char text[300];

	/* Little address space: the test makes many processes, and an emulator pays for it. */
	snprintf(text, sizeof(text), "arena_mib=256:record=%s", file);
	setenv("SLABPOOL_OPTIONS", text, 1);
}

static void do_a_little(void)
{
	void *p = kmalloc(100, GFP_KERNEL), *q = kmalloc(200, GFP_KERNEL);

	p = krealloc(p, 5000, GFP_KERNEL);
	kfree(p);
	kfree(q);
	kfree(kmalloc(10000, GFP_KERNEL));
	kfree(kzalloc(7, GFP_KERNEL));
}

/* Nine events, nothing alive. */
static bool is_a_little(unsigned int times)
{
	return reader.events == 9 * times && reader.op[RECORD_KMALLOC] == 4 * times &&
	       reader.op[RECORD_KREALLOC] == times && reader.op[RECORD_KFREE] == 4 * times &&
	       reader.alive == 0;
}

static void run_little(void *argument)
{
	record_into(argument);
	do_a_little();
	exit(0);
}

static void test_exit(void)
{
	struct tap_child child;

	tap_fork(run_little, path, &child);
	is_int(child.exit_status, 0, "a recorded program ends well");
	is_str(child.err, "", "and says nothing");
	ok(read_recording(path), "its recording keeps the rules");
	ok(is_a_little(1), "and has its calls: %u events", reader.events);
	is_uint(reader.at, reader.length, "the file ends with the last event");
	tap_fork(run_little, path, &child);
	ok(read_recording(path) && is_a_little(1), "a second run begins anew");
}

static void run_and_be_killed(void *argument)
{
	record_into(argument);
	do_a_little();
	raise(SIGKILL);
}

static void test_kill(void)
{
	struct tap_child child;
	size_t rest = 0;

	tap_fork(run_and_be_killed, path, &child);
	is_int(child.signal, SIGKILL, "a program is killed");
	ok(read_recording(path) && is_a_little(1), "its recording is whole");
	for (size_t i = reader.at; i < reader.length; i++)
		rest += reader.bytes[i] != 0;
	ok(rest == 0 && reader.at < reader.length, "with nothing but zeros behind");
}

static void run_fork(void *argument)
{
	pid_t child;
	int status;

	record_into(argument);
	do_a_little();
	void *p = kmalloc(50, GFP_KERNEL);

	child = fork();
	if (child == 0) {
		kfree(p);
		do_a_little();
		do_a_little();
		exit(0);
	}
	waitpid(child, &status, 0);
	kfree(p);
	FILE *note = fopen(note_path, "w");

	if (!note || fprintf(note, "%d", (int)child) < 0 || fclose(note) != 0)
		exit(1);
	exit(status != 0);
}

static void test_fork(void)
{
	struct tap_child child;
	char other[128];
	int pid = 0;

	snprintf(note_path, sizeof(note_path), "%s.note", path);
	tap_fork(run_fork, path, &child);
	is_int(child.exit_status, 0, "a program that forks ends well: %s", child.err);
	ok(read_recording(path), "its recording keeps the rules");
	ok(reader.events == 11 && reader.alive == 0, "and has its own calls only: %u",
	   reader.events);
	FILE *note = fopen(note_path, "r");

	if (!note || fscanf(note, "%d", &pid) != 1)
		bail_out("no note of the child's number");
	fclose(note);
	unlink(note_path);
	snprintf(other, sizeof(other), "%s.%d", path, pid);
	ok(read_recording(other), "the child's stands in FILE.<pid>");
	ok(is_a_little(2), "without the free of what it inherited: %u events", reader.events);
	unlink(other);
}

static void test_locked(void)
{
	struct tap_child child;
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	bool untouched;
	char command[400];

	if (fd < 0 || flock(fd, LOCK_EX) != 0 || ftruncate(fd, 0) != 0)
		bail_out("cannot lock %s", path);
	tap_fork(run_little, path, &child);
	untouched = lseek(fd, 0, SEEK_END) == 0;
	ok(child.exit_status == 0 && untouched, "a file in use is left alone");
	close(fd);
	snprintf(command, sizeof(command), "set -- '%s'.*; [ $# = 1 ] && mv \"$1\" '%s'", path,
		 path);
	is_int(system(command), 0, "one FILE.<pid> was made instead");
	ok(read_recording(path) && is_a_little(1), "which is the recording");
}

static void test_no_file(void)
{
	struct tap_child child;
	static char nowhere[] = "/nonexistent/file", empty[] = "", device[] = "/dev/null";

	tap_fork(run_little, nowhere, &child);
	is_int(child.exit_status, 0, "a file that cannot be written stops no program");
	is_str(child.err, "slabpool: cannot record to '/nonexistent/file': no such directory; "
	       "going on without a recording\n", "there is one message");
	tap_fork(run_little, empty, &child);
	is_int(child.exit_status, 0, "nor does an empty name");
	is_str(child.err, "slabpool: cannot record to '': no such directory; "
	       "going on without a recording\n", "there is one message");
	tap_fork(run_little, device, &child);
	is_int(child.exit_status, 0, "nor a device");
	is_str(child.err, "slabpool: cannot record to '/dev/null': it must be a regular file that "
	       "can be mapped; going on without a recording\n", "there is one message");
}

static void run_long(void *argument)
{
	record_into(argument);
	for (int i = 0; i < 300000; i++)
		kfree(kmalloc((size_t)i, GFP_KERNEL));
	exit(0);
}

static void test_long(void)
{
	struct tap_child child;

	tap_fork(run_long, path, &child);
	ok(read_recording(path), "a recording of several windows keeps the rules");
	is_uint(reader.events, 2 * 300000 - 1, "and is complete (kfree of a kmalloc(0) is none)");
	ok(reader.length > 2 << 20, "%zu bytes", reader.length);
}

static void *thread_works(void *argument)
{
	void *p[100];

	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < 100; i++)
			p[i] = kmalloc(i + 1, GFP_KERNEL);
		for (size_t i = 0; i < 100; i++)
			kfree(p[i]);
	}
	return argument;
}

static void run_threads(void *argument)
{
	pthread_t thread[4];

	record_into(argument);
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, thread_works, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	exit(0);
}

static void test_threads(void)
{
	struct tap_child child;

	tap_fork(run_threads, path, &child);
	ok(read_recording(path), "a recording of four threads keeps the rules");
	is_uint(reader.op[RECORD_KMALLOC], 8000, "it has all allocations");
	is_uint(reader.op[RECORD_KFREE], 8000, "and all frees");
	is_uint(reader.threads, 4, "of four threads");
}

static void run_closing(void *argument)
{
	record_into(argument);
	do_a_little();
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	run_long(argument);
}

static void test_closed(void)
{
	struct tap_child child;

	tap_fork(run_closing, path, &child);
	is_int(child.exit_status, 0, "a program that closes every descriptor goes on");
	ok(strstr(child.err, "the program closed it; going on") != NULL, "and is told: %s",
	   child.err);
	ok(read_recording(path) && reader.events > 100000, "what was recorded until then is whole");
}

static void run_cache(void *argument)
{
	record_into(argument);
	struct kmem_cache *cache = kmem_cache_create("things", 40, 0, 0, NULL);
	mempool_t *pool = mempool_create_slab_pool(3, cache);
	void *p = mempool_alloc(pool, GFP_KERNEL), *q[4];

	mempool_resize(pool, 5);
	mempool_free(p, pool);
	mempool_destroy(pool);
	if (kmem_cache_alloc_bulk(cache, GFP_KERNEL, 4, q) == 4)
		kmem_cache_free_bulk(cache, 4, q);
	kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
	kmem_cache_shrink(cache);
	kmem_cache_destroy(cache);
	__free_pages(alloc_pages(GFP_KERNEL, 2), 2);
	exit(0);
}

static void test_cache(void)
{
	static const unsigned int once[] = {RECORD_CACHE_CREATE, RECORD_CACHE_DESTROY,
		RECORD_CACHE_SHRINK, RECORD_PAGES_ALLOC, RECORD_PAGES_FREE, RECORD_MEMPOOL_CREATE,
		RECORD_MEMPOOL_DESTROY, RECORD_MEMPOOL_RESIZE, RECORD_MEMPOOL_ALLOC,
		RECORD_MEMPOOL_FREE};
	struct tap_child child;

	tap_fork(run_cache, path, &child);
	ok(child.exit_status == 0 && read_recording(path), "caches and mempools are recorded: %s",
	   child.err);
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		is_uint(reader.op[once[i]], 1, "operation %u is there once", once[i]);
	ok(reader.op[RECORD_CACHE_ALLOC] >= 9, "with the reserve, bulk calls one by one: %u",
	   reader.op[RECORD_CACHE_ALLOC]);
	is_uint(reader.op[RECORD_CACHE_FREE], reader.op[RECORD_CACHE_ALLOC], "all freed");
	is_uint(reader.alive, 0, "nothing is left");
}

int main(void)
{
	const char *folder = getenv("TMPDIR");

	if (!folder || strlen(folder) >= 60)
		folder = "/tmp";
	snprintf(path, sizeof(path), "%.60s/slabpool-XXXXXX", folder);
	int fd = mkstemp(path);

	if (fd < 0)
		bail_out("cannot make a file in %s", path);
	close(fd);
	test_exit();
	test_kill();
	test_fork();
	test_locked();
	test_no_file();
	test_long();
	test_threads();
	test_closed();
	test_cache();
	unlink(path);
	return tap_done();
}
