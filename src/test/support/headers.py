#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compiles header files alone and beside libc's, in both orders, and reports in TAP.

usage: headers.py [options] HEADER...

  --cc COMMAND       a compiler to use; may be repeated; one that is not installed is skipped
  --flags TEXT       flags for it, e.g. "-std=gnu11 -Wall -Werror"
  --include DIR      an include directory, as users have it; may be repeated
  --prefix TEXT      HEADER is included as <TEXTname>, e.g. "linux/"
  --libc             also beside libc's headers, libc first and libc last, and all HEADERs at once
  --libc-cxx         only libc's headers, as C++, to see that the include path does not harm them
  --skip NAME        leave out a header; may be repeated
  --self-test        check that the tool finds each kind of mistake
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

LIBC = """assert ctype dirent errno fcntl inttypes limits locale math netdb poll pthread pwd sched
semaphore setjmp signal stdarg stdbool stddef stdint stdio stdlib string strings termios time
unistd wchar arpa/inet net/if netinet/in netinet/tcp sys/file sys/ioctl sys/mman sys/param
sys/resource sys/select sys/socket sys/stat sys/statvfs sys/time sys/times sys/types sys/uio sys/un
sys/utsname sys/wait""".split()
LINUX_LIBC = """sys/epoll sys/eventfd sys/inotify sys/prctl sys/sysinfo sys/syscall sys/timerfd
sys/user""".split()

# Uses both sides, so that a header that hides libc's is noticed and not only one that clashes.
USE_LIBC = """
int use_libc(FILE *file);
int use_libc(FILE *file)
{
	struct stat status;
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	size_t length = strlen("text");

	errno = EINTR == ENOTSUP ? EAGAIN : ECONNREFUSED;
	return fstat(fileno(file), &status) + pthread_mutex_lock(&mutex) + (int)length +
	       (int)sizeof(uint64_t) + SIGTERM + SOCK_STREAM + abs(-1) + (int)time(NULL) + getpid();
}
"""


def libc_lines():
    names = LIBC + (LINUX_LIBC if sys.platform == 'linux' else [])
    return ''.join('#if __has_include(<%s.h>)\n#include <%s.h>\n#endif\n' % (n, n) for n in names)


class Checker:
    def __init__(self, compilers, flags, includes):
        self.compilers = compilers
        self.command = flags + ['-I' + d for d in includes] + ['-fsyntax-only']
        self.count = 0
        self.failed = 0

    def compiles(self, compiler, source, language):
        with tempfile.NamedTemporaryFile('w', suffix='.c') as file:
            file.write(source)
            file.flush()
            return subprocess.run(compiler + self.command + ['-x', language, file.name],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def check(self, compiler, what, source, language='c'):
        self.count += 1
        run = self.compiles(compiler, source, language)
        good = run.returncode == 0
        self.failed += not good
        print('%sok %d - %s: %s' % ('' if good else 'not ', self.count, ' '.join(compiler), what))
        if not good:
            print(''.join('# %s\n' % line for line in run.stdout.splitlines()[:12]), end='')
        return good


def check_all(checker, headers, language, with_libc):
    lines = ['#include <%s>\n' % h for h in headers]
    for compiler in checker.compilers:
        for header, line in zip(headers, lines):
            checker.check(compiler, header, line, language)
            if with_libc:
                checker.check(compiler, header + ' before libc', line + libc_lines() + USE_LIBC)
                checker.check(compiler, header + ' after libc', libc_lines() + line + USE_LIBC)
        if with_libc:
            face = ''.join(lines)
            checker.check(compiler, 'all before libc', face + libc_lines() + USE_LIBC)
            checker.check(compiler, 'all after libc', libc_lines() + face + USE_LIBC)
            checker.check(compiler, 'all backwards', ''.join(reversed(lines)))


def self_test(compiler, flags):
    """Each planted mistake must be found, and the sound header must pass."""
    planted = [
        ('sound', 'linux/errno.h', '#include_next <linux/errno.h>\n', True),
        ('hides libc', 'linux/errno.h', '#define ESOMETHING 1000\n', False),
        ('clashes', 'linux/types.h', 'typedef char pthread_mutex_t;\n', False),
        ('does not stand alone', 'linux/list.h', 'struct a { struct not_there b; };\n', False),
        ('macro over libc', 'linux/kernel.h', '#define abs(x) broken x\n', False),
    ]
    failed = 0
    print('1..%d' % len(planted))
    for number, (what, name, text, sound) in enumerate(planted, 1):
        with tempfile.TemporaryDirectory() as directory:
            os.makedirs(os.path.join(directory, 'linux'))
            with open(os.path.join(directory, name), 'w') as file:
                file.write(text)
            checker = Checker([compiler], flags, [directory])
            stdout, sys.stdout = sys.stdout, open(os.devnull, 'w')
            check_all(checker, [name], 'c', True)
            sys.stdout.close()
            sys.stdout = stdout
            good = (checker.failed == 0) == sound
            failed += not good
            print('%sok %d - %s is %s' % ('' if good else 'not ', number, what,
                                          'accepted' if sound else 'found'))
    return failed != 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split('usage: ')[1], add_help=True)
    parser.add_argument('--cc', action='append', default=[])
    parser.add_argument('--flags', default='')
    parser.add_argument('--include', action='append', default=[])
    parser.add_argument('--prefix', default='')
    parser.add_argument('--language', default='c')
    parser.add_argument('--libc', action='store_true')
    parser.add_argument('--libc-cxx', action='store_true')
    parser.add_argument('--skip', action='append', default=[])
    parser.add_argument('--self-test', action='store_true')
    parser.add_argument('headers', nargs='*')
    args = parser.parse_args()

    flags = shlex.split(args.flags)
    compilers = [shlex.split(c) for c in args.cc]
    compilers = [c for i, c in enumerate(compilers)
                 if shutil.which(c[0]) and c not in compilers[:i]]
    if not compilers:
        print('1..0 # SKIP none of these compilers is installed: %s' % ', '.join(args.cc))
        return 0
    if args.self_test:
        return self_test(compilers[0], flags)
    checker = Checker(compilers, flags, args.include)
    if args.libc_cxx:
        for compiler in compilers:
            checker.check(compiler, 'libc as C++', libc_lines() + USE_LIBC, 'c++')
    headers = [args.prefix + os.path.basename(h) for h in args.headers
               if os.path.basename(h) not in args.skip]
    if not headers and not args.libc_cxx:
        print('Bail out! no headers given')
        return 2
    check_all(checker, headers, args.language, args.libc)
    print('1..%d' % checker.count)
    return checker.failed != 0


if __name__ == '__main__':
    sys.exit(main())
