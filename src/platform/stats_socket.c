/* SPDX-License-Identifier: MIT */
/*
 * What the default instance holds, for whoever asks while the program runs:
 *
 *	SLABPOOL_OPTIONS=stats=/tmp/slabpool.%p program &
 *	slabpool-top $!
 *
 *	client                    socket                    thread "slabpool-stats"
 *	connect ----------------->|------------------------>| accept, whose is it?
 *	"slabinfo\n", "map NAME\n" |------------------------>| JSON into a buffer
 *	read <--------------------|<------------------------| write, close
 *
 * The socket's file is the user's alone, and the thread asks the system who is at the other end:
 * only the same user and root are answered. The text is complete before a byte of it is sent, so
 * that a reader that stops holds no lock of the allocator; after a second it is given up. The
 * thread blocks all signals, and uses no object of the instance. The file goes with the process; a
 * child of a fork has neither thread nor file.
 */
#define _GNU_SOURCE
#include "platform/stats_socket.h"
#include "platform/env_value.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#if defined(__linux__)
#define STACK_BYTES ((size_t)128 << 10)
#define FIRST_BYTES ((size_t)64 << 10)
#define REQUEST_BYTES 1024u
#define MAPS_MOST 256u     /* slabs of a map */

static struct {
	struct slabpool *pool;
	struct sockaddr_un address;
	int socket;
	dev_t device;     /* of the socket, as its number may become another file's */
	ino_t inode;
	pid_t owner;      /* the process whose file it is; 0: there is none */
} stats;

struct buffer {
	char *text;
	size_t length, bytes;
	bool failed;
};

static void add(void *context, const char *text, size_t length)
{
	struct buffer *buffer = (struct buffer *)context;
	size_t bytes = buffer->bytes ? buffer->bytes : FIRST_BYTES;
	char *larger;

	while (bytes - buffer->length < length)
		bytes *= 2;
	if (bytes != buffer->bytes && !buffer->failed) {
		larger = (char *)mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		buffer->failed = larger == MAP_FAILED;
		if (!buffer->failed) {
			memcpy(larger, buffer->text ? buffer->text : "", buffer->length);
			if (buffer->text)
				munmap(buffer->text, buffer->bytes);
			buffer->text = larger;
			buffer->bytes = bytes;
		}
	}
	if (buffer->failed)
		return;
	memcpy(buffer->text + buffer->length, text, length);
	buffer->length += length;
}

static bool is_allowed(int client)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

struct wish {
	const char *name;
	struct buffer *buffer;
};

static int map_named(struct kmem_cache *cache, void *context)
{
	const struct wish *wish = (const struct wish *)context;

	if (strcmp(kmem_cache_name(cache), wish->name) != 0)
		return 0;
	slabpool_cache_map(cache, MAPS_MOST, add, wish->buffer);
	return 1;
}

/* The line that a client sends; false if it sends none. */
static bool read_request(int client, char *line, size_t bytes)
{
	size_t used = 0;
	ssize_t n;

	while (used < bytes - 1) {
		n = recv(client, line + used, bytes - 1 - used, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		used += (size_t)n;
		line[used] = '\0';
		if (line[used - 1] == '\n') {
			line[used - 1] = '\0';
			return true;
		}
	}
	return false;
}

static void answer_to(const char *request, struct buffer *buffer)
{
	struct wish wish = { request + 4, buffer };

	if (strcmp(request, "slabinfo") == 0)
		slabpool_slabinfo_json(stats.pool, add, buffer);
	else if (strncmp(request, "map ", 4) == 0)
		slabpool_for_each_cache(stats.pool, map_named, &wish);
}

static void answer(int client)
{
	struct timeval second = { .tv_sec = 1 };
	struct buffer buffer = { 0 };
	char request[REQUEST_BYTES];
	size_t sent = 0;
	ssize_t n;

	setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
	if (!read_request(client, request, sizeof(request)))
		return;
	answer_to(request, &buffer);
	while (!buffer.failed && sent < buffer.length) {
		n = send(client, buffer.text + sent, buffer.length - sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	if (buffer.text)
		munmap(buffer.text, buffer.bytes);
}

/* A program may close what it does not know. */
static bool is_ours(void)
{
	struct stat file;

	return fstat(stats.socket, &file) == 0 && file.st_dev == stats.device &&
	       file.st_ino == stats.inode;
}

static void *serve(void *unused)
{
	int client;

	pthread_setname_np(pthread_self(), "slabpool-stats");
	while (is_ours()) {
		client = accept4(stats.socket, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (client < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
			poll(NULL, 0, 1000);
			continue;
		}
		if (client < 0)
			break;
		if (is_allowed(client))
			answer(client);
		close(client);
	}
	return unused;
}

static void child_of_fork(void)
{
	if (stats.owner && is_ours())
		close(stats.socket);
	stats.owner = 0;
}

static bool start_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, before;
	bool started;

	if (pthread_attr_init(&attributes) != 0)
		return false;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	started = pthread_create(&thread, &attributes, serve, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return started;
}

/* The address's path: the value, with the process's number for each %p; false if it is too long. */
static bool set_path(const char *value, size_t length)
{
	struct text text;
	size_t i;

	stats.address.sun_family = AF_UNIX;
	text_init(&text, stats.address.sun_path, sizeof(stats.address.sun_path));
	for (i = 0; i < length; i++) {
		if (i + 1 < length && value[i] == '%' && value[i + 1] == 'p') {
			text_decimal(&text, (uint64_t)getpid());
			i++;
		} else {
			text_char(&text, value[i]);
		}
	}
	return text.length > 0 && text.length < sizeof(stats.address.sun_path);
}

/* A socket that somebody left behind is in the way, one that is served is not ours to take. */
static bool is_left_behind(void)
{
	int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat file;
	bool refused;

	if (probe < 0 || lstat(stats.address.sun_path, &file) != 0 || !S_ISSOCK(file.st_mode)) {
		if (probe >= 0)
			close(probe);
		return false;
	}
	refused = connect(probe, (const struct sockaddr *)&stats.address,
			  sizeof(stats.address)) != 0 && errno == ECONNREFUSED;
	close(probe);
	return refused;
}

static bool bind_socket(void)
{
	const struct sockaddr *address = (const struct sockaddr *)&stats.address;

	/* Before it has a name, so that nobody else can open it for a moment. */
	if (fchmod(stats.socket, 0600) != 0)
		return false;
	if (bind(stats.socket, address, sizeof(stats.address)) == 0)
		return true;
	if (errno != EADDRINUSE || !is_left_behind() || unlink(stats.address.sun_path) != 0)
		return false;
	return bind(stats.socket, address, sizeof(stats.address)) == 0;
}

static bool start(void)
{
	struct stat file;

	stats.socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (stats.socket < 0)
		return false;
	if (fstat(stats.socket, &file) != 0 || !bind_socket()) {
		close(stats.socket);
		return false;
	}
	stats.device = file.st_dev;
	stats.inode = file.st_ino;
	stats.owner = getpid();
	if (listen(stats.socket, 8) == 0 && pthread_atfork(NULL, NULL, child_of_fork) == 0 &&
	    start_thread())
		return true;
	unlink(stats.address.sun_path);
	stats.owner = 0;
	close(stats.socket);
	return false;
}

__attribute__((destructor)) static void remove_at_exit(void)
{
	if (stats.owner == getpid())
		unlink(stats.address.sun_path);
}

void stats_socket_from_env(struct slabpool *pool, const char *text,
			   void (*say)(void *context, const char *line))
{
	int saved = errno;
	size_t length;
	const char *value = text ? env_value(text, "stats", &length) : NULL;

	if (!value)
		return;
	stats.pool = pool;
	if (!set_path(value, length) || !start())
		env_complain(say, "stats", value, length, "cannot be a socket, going on without");
	errno = saved;
}
#else
void stats_socket_from_env(struct slabpool *pool, const char *text,
			   void (*say)(void *context, const char *line))
{
	size_t length;
	const char *value = text ? env_value(text, "stats", &length) : NULL;

	(void)pool;
	if (value)
		env_complain(say, "stats", value, length, "is for Linux, going on without");
}
#endif
