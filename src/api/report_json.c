/* SPDX-License-Identifier: MIT */
/*
 * A report as one line of JSON, for programs that collect them.
 *
 *	{"slabpool":1,"kind":"double-free","crime":true,"call":"kmem_cache_free","cache":"conn",
 *	 "owner":"conn","pointer":"0x7f10","start":"0x7f10","size":24,"line":"slabpool: ..."}
 *
 * "slabpool" is the version of this format. What is not known is left out.
 */
#include "api/json.h"
#include <slabpool/platform.h>

#define LINE_SHOWN 1024

static const char *const kind_name[] = {
	[SLABPOOL_REPORT_DOUBLE_FREE] = "double-free",
	[SLABPOOL_REPORT_FOREIGN] = "foreign-pointer",
	[SLABPOOL_REPORT_INTERIOR] = "interior-pointer",
	[SLABPOOL_REPORT_WRONG_CACHE] = "wrong-cache",
	[SLABPOOL_REPORT_WRONG_API] = "wrong-call",
	[SLABPOOL_REPORT_WRONG_ORDER] = "wrong-order",
	[SLABPOOL_REPORT_BAD_CACHE] = "bad-cache",
	[SLABPOOL_REPORT_LIVE_OBJECTS] = "live-objects",
	[SLABPOOL_REPORT_BAD_ARGUMENT] = "bad-argument",
	[SLABPOOL_REPORT_CTOR_ZERO] = "zero-with-constructor",
	[SLABPOOL_REPORT_NAME_SPACE] = "blank-in-name",
	[SLABPOOL_REPORT_NO_MEMORY] = "no-memory",
	[SLABPOOL_REPORT_CANNOT_WAIT] = "cannot-wait",
	[SLABPOOL_REPORT_POOL_ZERO] = "zero-from-mempool",
	[SLABPOOL_REPORT_PANIC] = "panic",
	[SLABPOOL_REPORT_NOFAIL] = "nofail",
	[SLABPOOL_REPORT_INTERNAL] = "internal",
	[SLABPOOL_REPORT_OBJECT] = "object",
	[SLABPOOL_REPORT_LAYOUT] = "layout",
	[SLABPOOL_REPORT_LIVE_RUNS] = "live-runs",
};

static void put_name(struct text *text, const char *key, const char *name)
{
	if (!name)
		return;
	json_key(text, key);
	json_string(text, name);
}

static void put_pointer(struct text *text, const char *key, const void *pointer)
{
	if (!pointer)
		return;
	json_key(text, key);
	text_char(text, '"');
	text_pointer(text, pointer);
	text_char(text, '"');
}

size_t slabpool_report_json(const struct slabpool_report *report, char *line, size_t bytes)
{
	size_t kinds = sizeof(kind_name) / sizeof(kind_name[0]);
	char shown[LINE_SHOWN];
	struct text text;

	text_init(&text, line, bytes);
	json_begin(&text);
	put_name(&text, "kind", (size_t)report->kind < kinds ? kind_name[report->kind] : "unknown");
	json_key(&text, "crime");
	text_string(&text, report->crime ? "true" : "false");
	put_name(&text, "call", report->call);
	put_name(&text, "cache", report->cache);
	put_name(&text, "owner", report->other);
	put_pointer(&text, "pointer", report->pointer);
	put_pointer(&text, "start", report->start);
	if (report->size)
		json_number(&text, "size", report->size);
	put_name(&text, "text", report->text);
	slabpool_report_line(report, shown, sizeof(shown));
	put_name(&text, "line", shown);
	text_char(&text, '}');
	return text.length;
}
