/* SPDX-License-Identifier: MIT */
/* The TAP header itself: what must fail does fail. */
#include "support/tap.h"

static void aborts(void *line)
{
	fputs(line, stderr);
	abort();
}

static void returns(void *line)
{
	fputs(line, stderr);
}

static void exits_with_7(void *unused)
{
	(void)unused;
	_exit(7);
}

static void main_without_checks(void *unused)
{
	(void)unused;
	tap.run = tap.failed = 0;
	_exit(tap_done());
}

static void main_with_a_failure(void *unused)
{
	(void)unused;
	tap.run = tap.failed = 0;
	ok(true, "holds");
	is_int(1, 2, "does not hold");
	_exit(tap_done());
}

static void main_with_wrong_death(void *line)
{
	tap.run = tap.failed = 0;
	dies(aborts, line, "another line");
	_exit(tap_done());
}

static void main_with_survivor(void *line)
{
	tap.run = tap.failed = 0;
	dies(returns, line, "line");
	_exit(tap_done());
}

static void main_with_wrong_life(void *line)
{
	tap.run = tap.failed = 0;
	lives(returns, line, "", "writes a line");
	_exit(tap_done());
}

static void exits_with_1(void (*function)(void *), void *argument, const char *what)
{
	struct tap_child child;

	tap_fork(function, argument, &child);
	is_int(child.exit_status, 1, "%s", what);
}

int main(void)
{
	struct tap_child child;

	exits_with_1(main_without_checks, NULL, "a test without a check fails");
	exits_with_1(main_with_a_failure, NULL, "a test with a failed check fails");
	exits_with_1(main_with_wrong_death, "line\n", "a death with another line fails");
	exits_with_1(main_with_survivor, "line\n", "a death test that survives fails");
	exits_with_1(main_with_wrong_life, "line\n", "unexpected output fails");
	dies(aborts, "first\nline\nlast", "line");
	lives(returns, "line\n", "line\n", "stderr is compared whole");
	tap_fork(exits_with_7, NULL, &child);
	is_int(child.exit_status, 7, "exit status of a child");
	ok(tap_has_line("a\nbc\nd", "bc") && tap_has_line("a\nbc\nd", "d"), "a line is found");
	ok(!tap_has_line("a\nbcd\n", "bc") && !tap_has_line("abc", "bc"), "part of a line is not");
	return tap_done();
}
