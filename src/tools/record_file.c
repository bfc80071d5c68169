/* SPDX-License-Identifier: MIT */
/*
 * The recorder's file, lock and fork. The format and the encoder are in record.c.
 *
 * The file is mapped, a window at a time: what an event wrote survives the process, however it
 * ends, and no call waits for the disk. Ahead of the events the file holds zeros, and the first
 * byte of an event is written last, so a reader finds whole events and then a zero.
 *
 *	file   |slabrec1 ev ev ev ev ... ev ev ev|0 0 0 0 0 0|
 *	window                    |<-------- WINDOW -------->|
 *	                          base          base + at
 *
 * States:  OFF -> ON         slabpool_record_from_env() opened the file
 *          ON -> OFF         the program ends, or the file cannot grow: a message
 *          ON -> FORKED      in the child of a fork; what the parent recorded stays the parent's
 *          FORKED -> ON      at the child's first call, into FILE.<pid>
 *
 * Who runs first has FILE itself, locked by flock(); a program that finds it locked (a child that
 * was executed, a second program) records into FILE.<pid>. A free file is overwritten.
 *
 * Locking: one mutex around everything, taken last, under which nothing of the allocator is
 * called. The child of a fork starts with a new mutex and forgets the parent's maps and window
 * instead of releasing them: another thread may have been at work on them.
 */
#define _GNU_SOURCE
#include "tools/record.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW ((size_t)1 << 20)
#define PATH_BYTES 4096u
/* Room for "." and the digits of a process id. */
#define SUFFIX_BYTES 24u
/* Out of the way of programs that count on low numbers. */
#define HIGH_FD 900

enum state { OFF, ON, FORKED };

static struct recording {
	enum state state;
	int fd;
	dev_t device; /* with inode, which file fd was when it was opened */
	ino_t inode;
	off_t base;   /* file offset of the window, a multiple of the system's page */
	unsigned char *window;
	size_t at;    /* next byte in the window */
	uint64_t threads;
	struct record_book book;
	char path[PATH_BYTES];
} recording;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
/* The calling thread's number in the recording, 0 before its first call. */
static SLABPOOL_THREAD_LOCAL uint32_t thread_number;

/* strerror() may allocate. */
static const char *reason(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return "permission denied";
	case ENOENT:
	case ENOTDIR:
		return "no such directory";
	case EISDIR:
		return "it is a directory";
	case EROFS:
		return "the file system is read-only";
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return "no space left";
	case ENOMEM:
		return "no memory";
	case ENAMETOOLONG:
		return "the name is too long";
	case EWOULDBLOCK:
		return "another program records into it";
	case EBADF:
		return "the program closed it";
	default:
		return "it must be a regular file that can be mapped";
	}
}

static void say(int error)
{
	static const char start[] = "slabpool: cannot record to '", middle[] = "': ",
			  end[] = "; going on without a recording\n";
	char line[PATH_BYTES + 160];
	size_t used = 0;
	const char *part[] = {start, recording.path, middle, reason(error), end};

	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		size_t length = strlen(part[i]);

		memcpy(line + used, part[i], length);
		used += length;
	}
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}

/* False if the program closed our descriptor, and perhaps has another file there now. */
static bool fd_is_ours(void)
{
	struct stat is;

	return fstat(recording.fd, &is) == 0 && is.st_dev == recording.device &&
	       is.st_ino == recording.inode;
}

/* Ends the recording; the file gets its true length. error: why, 0 at the program's end. */
static void stop(int error)
{
	off_t length = recording.base + (off_t)recording.at;

	recording.state = OFF;
	if (error)
		say(error);
	if (recording.window)
		munmap(recording.window, WINDOW);
	recording.window = NULL;
	if (fd_is_ours()) {
		if (ftruncate(recording.fd, length) != 0 && !error)
			say(errno);
		close(recording.fd);
	}
	record_book_close(&recording.book);
}

/* Moves the window so that it begins in the page of the next byte. 0 or an errno. */
static int slide(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), skip = recording.at & ~(page - 1);
	off_t base = recording.base + (off_t)skip;
	void *window;
	int error;

	if (!fd_is_ours())
		return EBADF;
	error = posix_fallocate(recording.fd, base, (off_t)WINDOW);
	if (error == EOPNOTSUPP || error == EINVAL)
		error = ftruncate(recording.fd, base + (off_t)WINDOW) == 0 ? 0 : errno;
	if (error)
		return error;
	window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, recording.fd, base);
	if (window == MAP_FAILED)
		return errno;
	if (recording.window)
		munmap(recording.window, WINDOW);
	recording.window = (unsigned char *)window;
	recording.base = base;
	recording.at -= skip;
	return 0;
}

/* The first byte last: until it stands, the recording ends here. */
static void append(const unsigned char *bytes, size_t length)
{
	unsigned char *to = recording.window + recording.at;

	memcpy(to + 1, bytes + 1, length - 1);
	__atomic_store_n(to, bytes[0], __ATOMIC_RELEASE);
	recording.at += length;
}

/* A locked, empty file; EWOULDBLOCK if another process records into it. */
static int open_locked(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
	int high, error;

	if (fd < 0)
		return -errno;
	high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
	if (high >= 0) {
		close(fd);
		fd = high;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && ftruncate(fd, 0) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

/* Opens FILE.<pid>. */
static int open_own(void)
{
	char path[PATH_BYTES + SUFFIX_BYTES], digits[SUFFIX_BYTES];
	size_t length = strlen(recording.path), i = sizeof(digits);
	unsigned long pid = (unsigned long)getpid();

	memcpy(path, recording.path, length);
	for (digits[--i] = '\0'; pid; pid /= 10)
		digits[--i] = (char)('0' + pid % 10);
	path[length] = '.';
	memcpy(path + length + 1, digits + i, sizeof(digits) - i);
	return open_locked(path);
}

/* OFF or FORKED to ON. 0 or an errno; then the state is OFF. */
static int start(bool own)
{
	struct stat is;
	int fd = own ? -EWOULDBLOCK : open_locked(recording.path), error;

	if (fd == -EWOULDBLOCK)
		fd = open_own();
	recording.state = OFF;
	if (fd < 0)
		return -fd;
	recording.fd = fd;
	recording.base = 0;
	recording.at = 0;
	recording.threads = 0;
	error = fstat(fd, &is) == 0 ? 0 : errno;
	if (!error && !S_ISREG(is.st_mode))
		error = EINVAL;
	if (!error) {
		recording.device = is.st_dev;
		recording.inode = is.st_ino;
		error = slide();
	}
	if (error) {
		close(fd);
		return error;
	}
	append((const unsigned char *)RECORD_MAGIC, RECORD_MAGIC_BYTES);
	recording.state = ON;
	return 0;
}

/* The number of the calling thread, given at its first call. */
static uint64_t thread_of_caller(void)
{
	if (!thread_number)
		thread_number = (uint32_t)++recording.threads;
	return thread_number;
}

static void record(const struct slabpool_event *event)
{
	unsigned char bytes[RECORD_EVENT_MAX];
	size_t length;
	int error = 0;

	if (recording.state == FORKED) {
		error = start(true);
		if (error)
			say(error);
	}
	if (recording.state != ON)
		return;
	if (recording.at + RECORD_EVENT_MAX > WINDOW)
		error = slide();
	length = error ? 0 : record_encode(&recording.book, thread_of_caller(), event, bytes);
	if (length)
		append(bytes, length);
	else if (error || recording.book.failed)
		stop(error ? error : ENOMEM);
}

static void observe(void *context, const struct slabpool_event *event)
{
	int saved = errno;

	(void)context;
	pthread_mutex_lock(&mutex);
	record(event);
	pthread_mutex_unlock(&mutex);
	errno = saved;
}

static void child_of_fork(void)
{
	static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

	mutex = fresh;
	if (recording.state == OFF)
		return;
	recording.state = FORKED;
	recording.window = NULL;
	thread_number = 0;
	memset(&recording.book, 0, sizeof(recording.book));
}

__attribute__((destructor)) static void record_at_exit(void)
{
	pthread_mutex_lock(&mutex);
	if (recording.state == ON)
		stop(0);
	recording.state = OFF;
	pthread_mutex_unlock(&mutex);
}

/* Copies the value of the last key "record" to recording.path; false if there is none. */
static bool find_path(const char *options)
{
	static const char key[] = "record=";
	const char *value = NULL;
	size_t length;

	for (const char *at = options; at; at = strchr(at, ':')) {
		at += *at == ':';
		if (strncmp(at, key, sizeof(key) - 1) == 0)
			value = at + sizeof(key) - 1;
	}
	if (!value)
		return false;
	length = strcspn(value, ":");
	if (length >= PATH_BYTES - SUFFIX_BYTES)
		length = PATH_BYTES - SUFFIX_BYTES; /* open() will say that it is too long */
	memcpy(recording.path, value, length);
	recording.path[length] = '\0';
	return true;
}

void slabpool_record_from_env(struct slabpool *pool, const char *options)
{
	int error, saved = errno;

	if (!pool || !find_path(options))
		return;
	error = start(false);
	if (error) {
		say(error);
	} else {
		pthread_atfork(NULL, NULL, child_of_fork);
		slabpool_observe(pool, observe, NULL);
	}
	errno = saved;
}
