/* SPDX-License-Identifier: MIT */
/* Options: defaults, every range at both ends, and the parser's messages to the letter. */
#include "support/tap.h"
#include "api/options.h"

#define LINES 8

static struct {
	unsigned int count;
	char line[LINES][256];
} heard;

static void hear(void *context, const char *line)
{
	is_ptr(context, &heard, "the message has the caller's context");
	if (heard.count < LINES)
		snprintf(heard.line[heard.count], sizeof(heard.line[0]), "%s", line);
	heard.count++;
}

static int parse(struct slabpool_options *options, const char *text)
{
	memset(&heard, 0, sizeof(heard));
	return slabpool_options_parse(options, text, hear, &heard);
}

/* One entry that must be ignored with this line, and change nothing. */
static void refuses(const char *text, const char *line)
{
	struct slabpool_options options, before;

	memset(&options, 0, sizeof(options));
	slabpool_options_init(&options);
	memcpy(&before, &options, sizeof(options));
	is_int(parse(&options, text), 1, "'%s' is one bad entry", text);
	is_str(heard.line[0], line, "message for '%s'", text);
	ok(memcmp(&options, &before, sizeof(options)) == 0, "'%s' changes nothing", text);
}

static void test_defaults(void)
{
	struct slabpool_options options;

	memset(&options, 0xff, sizeof(options));
	slabpool_options_init(&options);
	is_uint(options.misuse, SLABPOOL_MISUSE_ABORT, "misuse aborts");
#define IS_STANDARD(type, name, standard, low, high, text) \
	is_uint(options.name, standard, "default of " #name);
	SLABPOOL_OPTION_LIST(IS_STANDARD)
#undef IS_STANDARD
	ok(!options.rcu_synchronize && !options.report && !options.report_context, "no functions");
	ok(slabpool_options_valid(&options), "the defaults are valid");
}

/* Sets one option through the parser; other options that must move along are set as well. */
static void check_range(const char *name, size_t offset, uint64_t low, uint64_t high)
{
	struct slabpool_options options;
	char text[128];
	uint64_t value;

	for (value = low; ; value = high) {
		slabpool_options_init(&options);
		if (strcmp(name, "min_order") == 0)
			options.max_order = 10;
		if (strcmp(name, "max_order") == 0)
			options.min_order = 0;
		snprintf(text, sizeof(text), "%s=%" PRIu64, name, value);
		is_int(parse(&options, text), 0, "%s is accepted", text);
		is_uint(*(unsigned int *)((char *)&options + offset), value, "%s is stored", text);
		ok(slabpool_options_valid(&options), "%s is valid", text);
		if (value == high)
			break;
	}
	*(unsigned int *)((char *)&options + offset) = (unsigned int)high + 1;
	ok(!slabpool_options_valid(&options), "%s beyond %" PRIu64 " is invalid", name, high);
	if (low > 0) {
		*(unsigned int *)((char *)&options + offset) = (unsigned int)low - 1;
		ok(!slabpool_options_valid(&options), "%s below %" PRIu64 " is invalid", name, low);
	}
}

static void test_ranges(void)
{
#define CHECK_RANGE(type, name, standard, low, high, text) \
	check_range(#name, offsetof(struct slabpool_options, name), low, high);
	SLABPOOL_OPTION_LIST(CHECK_RANGE)
#undef CHECK_RANGE
}

static void test_combinations(void)
{
	struct slabpool_options options;
	unsigned int granule;

	slabpool_options_init(&options);
	options.min_order = 3;
	options.max_order = 2;
	ok(!slabpool_options_valid(&options), "min_order > max_order is invalid");
	slabpool_options_init(&options);
	for (granule = 1; granule <= 1024; granule++) {
		bool valid = granule >= 8 && (granule & (granule - 1)) == 0;

		options.granule = granule;
		if (slabpool_options_valid(&options) != valid)
			break;
	}
	is_uint(granule, 1025, "granules are powers of two from 8 to 1024");
}

static void test_parser(void)
{
	struct slabpool_options options;

	slabpool_options_init(&options);
	is_int(parse(&options, ""), 0, "nothing");
	is_int(parse(&options, ":::"), 0, "only colons");
	is_int(parse(&options, "limit=7:shared=9"), 0, "two entries");
	ok(options.limit == 7 && options.shared == 9, "both are set");
	is_int(parse(&options, ":limit=8:"), 0, "colons around");
	is_uint(options.limit, 8, "the later one counts");
	is_int(parse(&options, "misuse=report"), 0, "misuse by name");
	is_uint(options.misuse, SLABPOOL_MISUSE_REPORT, "report");
	is_int(parse(&options, "misuse=ignore"), 0, "misuse by name");
	is_uint(options.misuse, SLABPOOL_MISUSE_IGNORE, "ignore");
	is_int(parse(&options, "misuse=abort"), 0, "misuse by name");
	is_uint(options.misuse, SLABPOOL_MISUSE_ABORT, "abort");
	is_int(parse(&options, "misuse=2"), 0, "misuse by number");
	is_uint(options.misuse, SLABPOOL_MISUSE_IGNORE, "number 2 is ignore");
	is_int(parse(&options, "record=/tmp/a=b:limit=0007"), 0, "the recorder's key is skipped");
	is_uint(options.limit, 7, "and what follows it counts; leading zeroes are decimal");
	is_uint(heard.count, 0, "no message");
	is_int(parse(&options, "max_order=2:min_order=1"), 0, "orders in any order of entries");
	ok(options.min_order == 1 && options.max_order == 2, "both orders are set");
	is_int(slabpool_options_parse(&options, "x=1:y=2:limit=3", NULL, NULL), 2,
	       "without a message function");
	is_uint(options.limit, 3, "good entries among bad ones count");
}

static void test_messages(void)
{
	refuses("colour=1", "slabpool: option 'colour': unknown, ignored");
	refuses("limi=1", "slabpool: option 'limi': unknown, ignored");
	refuses("limits=1", "slabpool: option 'limits': unknown, ignored");
	refuses("=1", "slabpool: option '': unknown, ignored");
	refuses("LIMIT=1", "slabpool: option 'LIMIT': unknown, ignored");
	refuses(" limit=1", "slabpool: option ' limit': unknown, ignored");
	refuses("a\nb=1", "slabpool: option 'a?b': unknown, ignored");
	refuses("limit", "slabpool: option 'limit': no value, ignored");
	refuses("limit=", "slabpool: option 'limit': '' is not a number, ignored");
	refuses("limit=6x", "slabpool: option 'limit': '6x' is not a number, ignored");
	refuses("limit=-1", "slabpool: option 'limit': '-1' is not a number, ignored");
	refuses("limit=0x10", "slabpool: option 'limit': '0x10' is not a number, ignored");
	refuses("limit=0", "slabpool: option 'limit': '0' is not in 1..256, ignored");
	refuses("limit=257", "slabpool: option 'limit': '257' is not in 1..256, ignored");
	refuses("limit=4294967360",
		"slabpool: option 'limit': '4294967360' is not in 1..256, ignored");
	refuses("limit=18446744073709551680",
		"slabpool: option 'limit': '18446744073709551680' is not in 1..256, ignored");
	refuses("granule=24",
		"slabpool: option 'granule': '24' is not 0 or a power of two from 8 to 1024, "
		"ignored");
	refuses("misuse=panic",
		"slabpool: option 'misuse': 'panic' is not abort, report or ignore, ignored");
	refuses("misuse=3",
		"slabpool: option 'misuse': '3' is not abort, report or ignore, ignored");
	refuses("misuse=reported",
		"slabpool: option 'misuse': 'reported' is not abort, report or ignore, ignored");
	refuses("min_order=8",
		"slabpool: option 'min_order': greater than max_order, both ignored");
	refuses("max_order=1",
		"slabpool: option 'min_order': greater than max_order, both ignored");
}

static void test_long_text(void)
{
	struct slabpool_options options;
	char text[1000], want[256];

	memset(text, 'k', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	slabpool_options_init(&options);
	is_int(parse(&options, text), 1, "a very long key");
	snprintf(want, sizeof(want), "slabpool: option '%.64s': unknown, ignored", text);
	is_str(heard.line[0], want, "is cut at 64 characters");
	memcpy(text, "limit=", 6);
	is_int(parse(&options, text), 1, "a very long value");
	snprintf(want, sizeof(want), "slabpool: option 'limit': '%.64s' is not a number, ignored",
		 text + 6);
	is_str(heard.line[0], want, "is cut at 64 characters");
}

int main(void)
{
	test_defaults();
	test_ranges();
	test_combinations();
	test_parser();
	test_messages();
	test_long_text();
	return tap_done();
}
