/* SPDX-License-Identifier: MIT */
/*
 * The default instance: made once, whoever comes first; set up by slabpool_configure() and
 * SLABPOOL_OPTIONS. Each case is a child process, as the parent never uses the instance; those
 * that need a fresh start call this program again with the case's name.
 */
#include "support/tap.h"
#include "core/instance.h"
#include <slabpool/slabpool.h>
#include <fcntl.h>
#include <sys/stat.h>

extern char **environ;

/* Checks of a child process: the exit status tells which one failed. */
static void must(bool held, int status)
{
	if (!held)
		_exit(status);
}

static int case_plain(void)
{
	struct slabpool *pool = slabpool_default();
	struct slabpool_options standard;

	slabpool_options_init(&standard);
	must(pool != NULL, 10);
	must(pool == slabpool_default(), 11);
#define MUST_BE_STANDARD(type, name, std, low, high, text) \
	must(pool->options.name == standard.name, 12);
	SLABPOOL_OPTION_LIST(MUST_BE_STANDARD)
#undef MUST_BE_STANDARD
	must(slabpool_configure(&standard) == -EBUSY, 13);
	return 0;
}

static int case_limit_17(void)
{
	struct slabpool *pool = slabpool_default();

	must(pool != NULL, 10);
	must(pool->options.limit == 17, 11);
	must(pool->options.misuse == SLABPOOL_MISUSE_REPORT, 12);
	return 0;
}

/* Before the constructors of others: what the C library's start may not have done yet when the
 * first malloc() comes. */
__attribute__((constructor(101))) static void use_early(void)
{
	char **saved = environ;

	if (!getenv("TEST_EARLY"))
		return;
	environ = NULL;
	must(case_limit_17() == 0, 30);
	environ = saved;
}

/* A program that empties its environment means it. */
static int case_emptied(void)
{
	environ = NULL;
	return case_plain();
}

static bool is_emulated(void)
{
	return getenv("TEST_EMULATED") != NULL;
}

static int case_configured(void)
{
	struct slabpool_options options;
	struct slabpool *pool;

	slabpool_options_init(&options);
	options.limit = 0;
	must(slabpool_configure(&options) == -EINVAL, 10);
	must(slabpool_configure(NULL) == -EINVAL, 11);
	options.limit = 5;
	options.shared = 6;
	must(slabpool_configure(&options) == 0, 12);
	options.shared = 7;
	must(slabpool_configure(&options) == 0, 13);
	pool = slabpool_default();
	must(pool != NULL, 14);
	must(pool->options.limit == 17, 15);
	must(pool->options.shared == 7, 16);
	must(slabpool_configure(&options) == -EBUSY, 17);
	return 0;
}

static pthread_barrier_t barrier;
static struct slabpool *found[8];

static void *first_use(void *slot)
{
	pthread_barrier_wait(&barrier);
	*(struct slabpool **)slot = slabpool_default();
	must(kmalloc(100, GFP_KERNEL) != NULL, 20);
	return NULL;
}

static int case_race(void)
{
	pthread_t thread[8];
	unsigned int i;

	pthread_barrier_init(&barrier, NULL, 8);
	for (i = 0; i < 8; i++)
		must(pthread_create(&thread[i], NULL, first_use, &found[i]) == 0, 10);
	for (i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < 8; i++)
		must(found[i] && found[i] == found[0], 11);
	must(slabpool_is_valid(found[0]), 12);
	return 0;
}

/* errno is the caller's: nothing that succeeds changes it. */
static int case_errno(void)
{
	void *object, *large;

	errno = 99;
	object = kmalloc(100, GFP_KERNEL);
	large = vmalloc(10 << 20);
	kfree(object);
	vfree(large);
	slabpool_reap(slabpool_default());
	must(errno == 99, 10);
	return 0;
}

static int case_misused(void)
{
	errno = 99;
	kfree((void *)0x20);
	must(errno == 99, 10);
	return 0;
}

/* What is left when the program ends by returning. */
static int case_leaks(void)
{
	struct kmem_cache *leaky = kmem_cache_create("leaky", 60, 0, 0, NULL);
	struct kmem_cache *clean = kmem_cache_create("clean", 60, 0, SLAB_NO_MERGE, NULL);
	void *object[3];

	for (unsigned int k = 0; k < 3; k++)
		object[k] = kmem_cache_alloc(leaky, GFP_KERNEL);
	kmem_cache_free(leaky, object[1]);
	kmem_cache_free(clean, kmem_cache_alloc(clean, GFP_KERNEL));
	return object[0] && object[2] && kmalloc(100, GFP_KERNEL) && vmalloc(10000) ? 0 : 1;
}

static int case_misused_often(void)
{
	for (unsigned int k = 0; k < 3; k++) {
		kfree((void *)0x20);
		kmem_dump_obj(NULL);
	}
	kmem_cache_free(kmem_cache_create("a b", 60, 0, 0, NULL), (void *)0x20);
	return 0;
}

static void count_report(void *context, const struct slabpool_report *report)
{
	*(int *)context += report->crime;
}

/* A program's own function comes before what the environment asks for. */
static int case_own_report(void)
{
	struct slabpool_options options;
	int reports = 0;

	slabpool_options_init(&options);
	options.report = count_report;
	options.report_context = &reports;
	must(slabpool_configure(&options) == 0, 10);
	kfree((void *)0x20);
	must(reports == 1, 11);
	return 0;
}

struct call {
	int (*run)(void);
	const char *program, *name;  /* instead of run: another process */
	const char *options;
};

static void execute(void *context)
{
	const struct call *call = (const struct call *)context;

	char options[256];

	unsetenv("SLABPOOL_OPTIONS");
	/* An emulator needs seconds to reserve what the default is. */
	if (call->run && call->run != case_plain && is_emulated()) {
		snprintf(options, sizeof(options), "%s:arena_mib=512",
			 call->options ? call->options : "");
		setenv("SLABPOOL_OPTIONS", options, 1);
	} else if (call->options) {
		setenv("SLABPOOL_OPTIONS", call->options, 1);
	}
	if (call->run)
		_exit(call->run());
	execl(call->program, call->program, call->name, (char *)NULL);
	_exit(98);
}

static void check(int (*run)(void), const char *options, const char *err)
{
	struct call call = {.run = run, .options = options};
	struct tap_child child;

	tap_fork(execute, &call, &child);
	is_int(child.exit_status, 0, "with '%s'", options ? options : "");
	is_str(child.err, err, "what it says");
}

#define LINE "slabpool: kfree: foreign pointer 0x20, no memory of slabpool"
#define JSON "{\"slabpool\":1,\"kind\":\"foreign-pointer\",\"crime\":true," \
	     "\"call\":\"kfree\",\"pointer\":\"0x20\",\"line\":\"" LINE "\"}"

#define DUMP "slabpool: kmem_dump_obj: 0x0: NULL\n"

/* What was written to a file, which is gone then. */
static const char *taken(const char *path)
{
	static char text[1024];
	int file = open(path, O_RDONLY);
	ssize_t n = file < 0 ? -1 : read(file, text, sizeof(text) - 1);

	if (file >= 0)
		close(file);
	unlink(path);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void test_reports(void)
{
	char path[] = "/tmp/slabpool-report-XXXXXX", options[128];
	int file = mkstemp(path);

	if (file < 0)
		bail_out("no file");
	close(file);
	check(case_misused, "misuse=1", LINE "\n");
	check(case_misused, "misuse=1:report_format=json", JSON "\n");
	check(case_misused, "misuse=1:report_format=line", LINE "\n");
	check(case_misused, "misuse=1:report_format=xml",
	      "slabpool: option 'report_format': 'xml' is not line or json, ignored\n" LINE "\n");
	check(case_misused, "misuse=1:report=/dev/null/none",
	      "slabpool: option 'report': '/dev/null/none' cannot be opened, reports go to "
	      "stderr\n" LINE "\n");
	check(case_misused, "misuse=1:report=/dev/full", LINE "\n");
	check(case_misused, "misuse=2:report_format=json", "");
	check(case_misused, "misuse=1:report_once=2",
	      "slabpool: option 'report_once': '2' is not 0 or 1, ignored\n" LINE "\n");
	check(case_misused_often, "misuse=1:report_once=1",
	      LINE "\n" DUMP DUMP DUMP "slabpool: kmem_cache_create: cache name 'a b' has a blank, "
	      "which confuses readers of slabinfo\n");
	check(case_misused_often, "misuse=1:report_once=0",
	      LINE "\n" DUMP LINE "\n" DUMP LINE "\n" DUMP
	      "slabpool: kmem_cache_create: cache name 'a b' has a blank, which confuses readers "
	      "of slabinfo\nslabpool: kmem_cache_free: foreign pointer 0x20, no memory of "
	      "slabpool, freed to cache 'a b'\n");
	snprintf(options, sizeof(options), "report=/dev/null:misuse=1:report=%s", path);
	check(case_misused, options, "");
	check(case_misused, options, "");
	is_str(taken(path), LINE "\n" LINE "\n", "both processes' reports are in the file");
	snprintf(options, sizeof(options), "misuse=1:report_format=json:report=%s", path);
	check(case_misused, options, "");
	is_str(taken(path), JSON "\n", "a new file");
	check(case_own_report, options, "");
	is_str(taken(path), "", "nothing, where the program has a function of its own");
}

static void check_program(const char *program, const char *name, const char *options,
			  const char *err)
{
	struct call call = {.program = program, .name = name, .options = options};
	struct tap_child child;

	tap_fork(execute, &call, &child);
	if (child.exit_status == 98) {
		skip("an emulator that cannot start programs");
		return;
	}
	is_int(child.exit_status, 0, "%s with '%s'", name, options);
	is_str(child.err, err, "what it says");
}

static void test_leaks(const char *self)
{
	check_program(self, "leaks", "", "");
	check_program(self, "leaks", "leaks=0", "");
	check_program(self, "leaks", "leaks=1",
		      "slabpool: exit: cache 'kmalloc-128' still has 1 object, not destroyed\n"
		      "slabpool: exit: cache 'leaky' still has 2 objects, not destroyed\n"
		      "slabpool: exit: page runs still hold 12288 bytes\n");
	check_program(self, "leaks", "leaks=yes",
		      "slabpool: option 'leaks': 'yes' is not 0 or 1, ignored\n");
	check_program(self, "plain", "leaks=1", "");
}

/* A copy of this program that belongs to somebody else and runs as them. */
static void test_set_user_id(const char *self)
{
	char copy[] = "/tmp/slabpool-suid-XXXXXX", command[4200];
	int file = mkstemp(copy);

	if (file < 0 || geteuid() != 0) {
		skip("set-user-ID needs root");
	} else if (TAP_ASAN) {
		close(file);
		skip("the leak checker does not work set-user-ID");
	} else {
		close(file);
		snprintf(command, sizeof(command), "cp '%s' %s", self, copy);
		if (system(command) != 0 || chown(copy, 65534, 65534) != 0 ||
		    chmod(copy, 04755) != 0)
			bail_out("no copy of this program");
		check_program(copy, "plain", "limit=17:misuse=report:nonsense=1", "");
	}
	if (file >= 0)
		unlink(copy);
}

int main(int argc, char **argv)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (argc > 1 && strcmp(argv[1], "leaks") == 0)
		return case_leaks();
	if (argc > 1)
		return strcmp(argv[1], "plain") == 0 ? case_plain() : case_limit_17();
	if (n < 0)
		bail_out("no /proc");
	self[n] = '\0';
	check(case_plain, NULL, "");
	check(case_plain, "", "");
	check(case_limit_17, "limit=17:misuse=report", "");
	check(case_limit_17, "nonsense=1:limit=17:misuse=report",
	      "slabpool: option 'nonsense': unknown, ignored\n");
	check(case_limit_17, "limit=17:misuse=report:shared=much",
	      "slabpool: option 'shared': 'much' is not a number, ignored\n");
	check(case_configured, "limit=17", "");
	check(case_race, NULL, "");
	check(case_errno, NULL, "");
	test_reports();
	if (!is_emulated())
		check(case_emptied, "limit=17:misuse=report:nonsense=1", "");
	setenv("TEST_EARLY", "1", 1);
	check_program(self, "early", "limit=17:misuse=report", "");
	unsetenv("TEST_EARLY");
	test_leaks(self);
	test_set_user_id(self);
	return tap_done();
}
