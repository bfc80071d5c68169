/* SPDX-License-Identifier: MIT */
/*
 * bench-timed LIBRARY PROGRAM ARGUMENTS...
 *
 * Runs a program with a library preloaded ("-": none), its output thrown away, and prints
 * "ok PROCESSOR-MICROSECONDS LARGEST-RESIDENT-KIB STATUS", of the program and all that it started.
 * It is so small itself that the figure of memory is the program's and not its parent's, which a
 * process inherits when it is forked.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(char **argv)
{
	int nothing = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(nothing, 0);
	dup2(nothing, 1);
	dup2(nothing, 2);
	if (strcmp(argv[1], "-") != 0)
		setenv("LD_PRELOAD", argv[1], 1);
	execvp(argv[2], argv + 2);
	_exit(127);
}

static long long microseconds(struct timeval time)
{
	return time.tv_sec * 1000000ll + time.tv_usec;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	pid_t child;
	int status;

	if (argc < 3) {
		fprintf(stderr, "usage: bench-timed LIBRARY PROGRAM ARGUMENTS...\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	child = fork();
	if (child == 0)
		become(argv);
	if (child < 0 || wait4(child, &status, 0, &usage) != child) {
		perror("bench-timed");
		return 1;
	}
	printf("ok %lld %ld %d\n", microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
	       usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 128);
	return 0;
}
