/* SPDX-License-Identifier: MIT */
/* What test_top.py looks at: a program with a few objects, which does what it reads. */
#define _GNU_SOURCE
#include <slabpool/slabpool.h>
#include <slabpool/slab.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECTIONS 5000u

static struct kmem_cache *connections;
static void *last;

static void forked(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(last ? 0 : 1);
	waitpid(child, NULL, 0);
}

/* All that a daemon does not know; the same numbers are other files' then. */
static void close_all(void)
{
	for (int file = 3; file < 64; file++)
		close(file);
	for (int k = 0; k < 32; k++)
		if (dup(STDIN_FILENO) < 0)
			break;
}

static void more(void)
{
	for (unsigned int k = 0; k < CONNECTIONS; k++)
		last = kmem_cache_alloc(connections, GFP_KERNEL);
}

int main(void)
{
	char line[64];

	connections = kmem_cache_create("conn\303\251", 20, 0, 0, NULL);
	if (!connections)
		return 1;
	more();
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "fork\n"))
			forked();
		else if (!strcmp(line, "close\n"))
			close_all();
		else if (!strcmp(line, "more\n"))
			more();
		puts("done");
		fflush(stdout);
	}
	return 0;
}
