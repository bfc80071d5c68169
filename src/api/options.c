/* SPDX-License-Identifier: MIT */
/*
 * Options: defaults, ranges, and the parser of key=value:key=value.
 *
 * Every key, default and range comes from SLABPOOL_OPTION_LIST in slabpool.h; nothing is written
 * twice. The parser runs before the first allocation of a process, so it uses neither memory nor
 * libc. An entry that is wrong gets one line through the caller's function and is ignored:
 *
 *	slabpool: option 'colour': unknown, ignored
 *	slabpool: option 'limit': no value, ignored
 *	slabpool: option 'limit': '6x' is not a number, ignored
 *	slabpool: option 'limit': '9999' is not in 1..256, ignored
 *	slabpool: option 'granule': '24' is not 0 or a power of two from 8 to 1024, ignored
 *	slabpool: option 'misuse': 'panic' is not abort, report or ignore, ignored
 *	slabpool: option 'min_order': greater than max_order, both ignored
 *
 * Keys whose values are texts (host_key) belong to the default instance, its recorder, reports and
 * statistics: they are skipped here.
 */
#include "api/options.h"
#include "api/text.h"

/* Characters of a foreign key or value that a message shows. */
#define OPTIONS_SHOWN 64

struct option {
	const char *name;
	size_t offset;              /* of the field in struct slabpool_options */
	unsigned int standard, low, high;
};

static const struct option option_table[] = {
#define OPTION_ROW(type, name, standard, low, high, text) \
	{#name, offsetof(struct slabpool_options, name), standard, low, high},
	SLABPOOL_OPTION_LIST(OPTION_ROW)
#undef OPTION_ROW
};

#define OPTION_COUNT (sizeof(option_table) / sizeof(option_table[0]))

/* The fields are reached by offset: all must have the one type. */
#define OPTION_TYPE(type, name, standard, low, high, text)                                    \
	_Static_assert(sizeof(((struct slabpool_options *)0)->name) == sizeof(unsigned int) && \
			       (type)-1 > 0,                                                   \
		       "option " #name " must be an unsigned int");
SLABPOOL_OPTION_LIST(OPTION_TYPE)
#undef OPTION_TYPE

/* Whose values are texts: the host's parts look for them themselves. */
static const char *const host_key[] = {
	"record", "report", "report_format", "report_once", "stats", "leaks",
};

/* One piece of the text that is parsed. */
struct piece {
	const char *start;
	size_t length;
};

struct parser {
	struct slabpool_options *options;
	void (*message)(void *context, const char *line);
	void *context;
	int ignored;
};

static unsigned int option_get(const struct slabpool_options *options, const struct option *option)
{
	return *(const unsigned int *)((const char *)options + option->offset);
}

static void option_set(struct slabpool_options *options, const struct option *option,
		       unsigned int value)
{
	*(unsigned int *)((char *)options + option->offset) = value;
}

#if defined(SLABPOOL_BARE)
/* A small machine has few pages: no thread caches, slabs as small as they come, nothing kept. */
static void options_for_bare(struct slabpool_options *options)
{
	options->magazines = 0;
	options->min_order = 0;
	options->max_order = 2;
	options->min_objects = 2;
	options->retain_kib = 0;
	options->idle_kib = 0;
	options->granule = 16;
	options->max_caches = 256;
}
#endif

void slabpool_options_init(struct slabpool_options *options)
{
	size_t i;

	options->rcu_synchronize = NULL;
	options->report = NULL;
	options->report_context = NULL;
	for (i = 0; i < OPTION_COUNT; i++)
		option_set(options, &option_table[i], option_table[i].standard);
#if defined(SLABPOOL_BARE)
	options_for_bare(options);
#endif
}

static bool granule_is_valid(unsigned int granule)
{
	return granule == 0 || (granule >= 8 && granule <= 1024 && (granule & (granule - 1)) == 0);
}

bool slabpool_options_valid(const struct slabpool_options *options)
{
	size_t i;

	for (i = 0; i < OPTION_COUNT; i++) {
		unsigned int value = option_get(options, &option_table[i]);

		if (value < option_table[i].low || value > option_table[i].high)
			return false;
	}
	return options->min_order <= options->max_order && granule_is_valid(options->granule);
}

static bool piece_is(const struct piece *piece, const char *word)
{
	size_t i;

	for (i = 0; i < piece->length; i++)
		if (word[i] == '\0' || word[i] != piece->start[i])
			return false;
	return word[piece->length] == '\0';
}

/* "slabpool: option 'KEY': ['VALUE' ]" starts every message; the caller adds what is wrong. */
static void complaint_init(struct text *text, char *line, size_t bytes, const struct piece *key,
			   const struct piece *value)
{
	text_init(text, line, bytes);
	text_string(text, "slabpool: option ");
	text_quoted(text, key->start, key->length < OPTIONS_SHOWN ? key->length : OPTIONS_SHOWN);
	text_string(text, ": ");
	if (value) {
		text_quoted(text, value->start,
			    value->length < OPTIONS_SHOWN ? value->length : OPTIONS_SHOWN);
		text_char(text, ' ');
	}
}

static void complaint_send(struct parser *parser, const char *line)
{
	parser->ignored++;
	if (parser->message)
		parser->message(parser->context, line);
}

static void complain(struct parser *parser, const struct piece *key, const struct piece *value,
		     const char *wrong)
{
	char line[256];
	struct text text;

	complaint_init(&text, line, sizeof(line), key, value);
	text_string(&text, wrong);
	complaint_send(parser, line);
}

static void complain_range(struct parser *parser, const struct piece *key,
			   const struct piece *value, const struct option *option)
{
	char line[256];
	struct text text;

	complaint_init(&text, line, sizeof(line), key, value);
	text_string(&text, "is not in ");
	text_decimal(&text, option->low);
	text_string(&text, "..");
	text_decimal(&text, option->high);
	text_string(&text, ", ignored");
	complaint_send(parser, line);
}

/* A decimal number; one that is too large for 32 bits counts as the largest, which no range has. */
static bool piece_number(const struct piece *piece, uint64_t *number)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < piece->length; i++) {
		if (piece->start[i] < '0' || piece->start[i] > '9')
			return false;
		sum = sum * 10 + (uint64_t)(piece->start[i] - '0');
		if (sum > UINT32_MAX)
			sum = UINT32_MAX;
	}
	*number = sum;
	return piece->length > 0;
}

static bool piece_misuse(const struct piece *piece, uint64_t *number)
{
	static const char *const word[] = {"abort", "report", "ignore"};
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (piece_is(piece, word[i])) {
			*number = i;
			return true;
		}
	}
	return piece_number(piece, number) && *number <= SLABPOOL_MISUSE_IGNORE;
}

static void parse_value(struct parser *parser, const struct option *option,
			const struct piece *key, const struct piece *value)
{
	uint64_t number;

	if (option->offset == offsetof(struct slabpool_options, misuse)) {
		if (!piece_misuse(value, &number)) {
			complain(parser, key, value, "is not abort, report or ignore, ignored");
			return;
		}
	} else if (!piece_number(value, &number)) {
		complain(parser, key, value, "is not a number, ignored");
		return;
	}
	if (number < option->low || number > option->high) {
		complain_range(parser, key, value, option);
		return;
	}
	if (option->offset == offsetof(struct slabpool_options, granule) &&
	    !granule_is_valid((unsigned int)number)) {
		complain(parser, key, value,
			 "is not 0 or a power of two from 8 to 1024, ignored");
		return;
	}
	option_set(parser->options, option, (unsigned int)number);
}

static void parse_entry(struct parser *parser, const struct piece *entry)
{
	struct piece key = {entry->start, 0}, value;
	size_t i;

	while (key.length < entry->length && entry->start[key.length] != '=')
		key.length++;
	for (i = 0; i < sizeof(host_key) / sizeof(host_key[0]); i++)
		if (piece_is(&key, host_key[i]))
			return;
	for (i = 0; i < OPTION_COUNT; i++)
		if (piece_is(&key, option_table[i].name))
			break;
	if (i == OPTION_COUNT) {
		complain(parser, &key, NULL, "unknown, ignored");
		return;
	}
	if (key.length == entry->length) {
		complain(parser, &key, NULL, "no value, ignored");
		return;
	}
	value.start = entry->start + key.length + 1;
	value.length = entry->length - key.length - 1;
	parse_value(parser, &option_table[i], &key, &value);
}

int slabpool_options_parse(struct slabpool_options *options, const char *text,
			   void (*message)(void *context, const char *line), void *context)
{
	struct parser parser = {options, message, context, 0};
	unsigned int min_order = options->min_order, max_order = options->max_order;

	while (*text) {
		struct piece entry = {text, 0};

		while (text[entry.length] && text[entry.length] != ':')
			entry.length++;
		if (entry.length > 0)
			parse_entry(&parser, &entry);
		text += entry.length;
		if (*text == ':')
			text++;
	}
	if (options->min_order > options->max_order) {
		struct piece key = {"min_order", 9};

		complain(&parser, &key, NULL, "greater than max_order, both ignored");
		options->min_order = min_order;
		options->max_order = max_order;
	}
	return parser.ignored;
}
