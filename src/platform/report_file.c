/* SPDX-License-Identifier: MIT */
/*
 * Reports of the default instance elsewhere than on stderr, as JSON, and each kind but once:
 *
 *	SLABPOOL_OPTIONS=report=/var/log/app.slabpool:report_format=json:report_once=1 program
 *
 * The file is opened for each report: a program may close what it does not know, and a number that
 * was kept could then be another file's. A report is one write() at the file's end, so that lines
 * of threads and processes do not mix. Where it cannot be written it goes to stderr.
 */
#include "platform/report_file.h"
#include "platform/env_value.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#define PATH_BYTES 4096u
#define LINE_BYTES 4096u
#define KINDS 64u

static struct {
	char path[PATH_BYTES]; /* empty: stderr */
	bool json, once;
	bool said[KINDS];      /* of each kind the first, where once is enough */
} target;

bool report_write(int file, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(file, bytes, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		length -= (size_t)n;
	}
	return true;
}

static int open_target(void)
{
	return open(target.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
}

/* What kmem_dump_obj() tells was asked for each time. */
static bool is_enough(const struct slabpool_report *report)
{
	return target.once && report->kind != SLABPOOL_REPORT_OBJECT &&
	       (unsigned int)report->kind < KINDS &&
	       __atomic_exchange_n(&target.said[report->kind], true, __ATOMIC_RELAXED);
}

static void write_report(void *context, const struct slabpool_report *report)
{
	char line[LINE_BYTES];
	size_t length;
	int saved = errno, file;

	(void)context;
	if (is_enough(report))
		return;
	file = target.path[0] ? open_target() : -1;
	length = target.json ? slabpool_report_json(report, line, sizeof(line) - 1)
			     : slabpool_report_line(report, line, sizeof(line) - 1);
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	if (file < 0 || !report_write(file, line, length))
		report_write(STDERR_FILENO, line, length);
	if (file >= 0)
		close(file);
	errno = saved;
}

void report_file_from_env(struct slabpool_options *options, const char *text,
			  void (*say)(void *context, const char *line))
{
	size_t length;
	const char *value;
	int file;

	if (options->report)
		return;
	value = env_value(text, "report_format", &length);
	target.json = value && length == 4 && memcmp(value, "json", 4) == 0;
	if (value && !target.json && !(length == 4 && memcmp(value, "line", 4) == 0))
		env_complain(say, "report_format", value, length, "is not line or json, ignored");
	value = env_value(text, "report_once", &length);
	target.once = value && length == 1 && *value == '1';
	if (value && !target.once && !(length == 1 && *value == '0'))
		env_complain(say, "report_once", value, length, "is not 0 or 1, ignored");
	value = env_value(text, "report", &length);
	if (value && length < PATH_BYTES) {
		memcpy(target.path, value, length);
		target.path[length] = '\0';
	}
	if (value) {
		file = length < PATH_BYTES ? open_target() : -1;
		if (file < 0) {
			env_complain(say, "report", value, length,
				 "cannot be opened, reports go to stderr");
			target.path[0] = '\0';
		} else {
			close(file);
		}
	}
	if (target.path[0] || target.json || target.once)
		options->report = write_report;
}
