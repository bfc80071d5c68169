#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The statistics socket and slabpool-top, on a running program and on snapshots: TAP.

usage: test_top.py SLABPOOL_TOP PROGRAM"""
import json
import os
import pty
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

NOBODY = 65534


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def ok(self, good, name, text=''):
        self.count += 1
        self.failed += not good
        print(f'{"ok" if good else "not ok"} {self.count} - {name}', flush=True)
        if not good:
            print(''.join(f'# {line}\n' for line in str(text).splitlines()[-40:]), end='')


class Subject:
    """The program, with a socket at a path."""

    def __init__(self, program, path):
        env = dict(os.environ, SLABPOOL_OPTIONS=f'arena_mib=16:stats={path}')
        self.process = subprocess.Popen([program], env=env, stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.process.stdout.readline()

    def do(self, word):
        self.process.stdin.write(word + '\n')
        self.process.stdin.flush()
        return self.process.stdout.readline() == 'done\n'

    def end(self):
        """(status, what it said)"""
        self.process.stdin.close()
        said = self.process.stderr.read()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()
        return self.process.wait(), said


class Tests:
    def __init__(self, tap, top, program, scratch):
        self.tap, self.top, self.program, self.scratch = tap, top, program, scratch
        self.path = os.path.join(scratch, 'socket')

    def run(self, *words, user=None, closed=False):
        done = subprocess.run([self.top, *words], stdin=subprocess.DEVNULL, timeout=60, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              user=user, env=dict(os.environ, LC_ALL='C.UTF-8'))
        return done.returncode, done.stdout, done.stderr

    def expect(self, name, status, pattern, *words, user=None):
        got, out, err = self.run(*words, user=user)
        text = out if status == 0 else err
        self.tap.ok(got == status and re.search(pattern, text, re.M) and 'Traceback' not in err,
                    name, f'status {got}, expected {status} and /{pattern}/\n{out}{err}')
        return out

    def live(self):
        subject = Subject(self.program, self.path)
        mode = os.stat(self.path).st_mode
        self.tap.ok(stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600,
                    'the socket is its user’s alone', oct(mode))
        self.expect('a table of a running program', 0, r'^ +\d+ +5000 +\d+% +24 .* 0 conné$',
                    '--once', self.path)
        self.expect('sums above it', 0, r'^ Active / Total Objects \(% used\) +: 5000 / ', '-o',
                    self.path)
        out = self.expect('sorted by name', 0, '^ *OBJS +ACTIVE +USE ', '-o', '-s', 'n', self.path)
        names = [line.split()[-1] for line in out.split('NAME\n')[1].splitlines()]
        self.tap.ok(names == sorted(names) and len(names) == 14, 'from A', names)
        out = self.expect('sorted by size', 0, ' NAME$', '-o', '-s', 's', self.path)
        self.tap.ok(out.splitlines()[7].endswith(' kmalloc-8192'), 'the largest first', out)
        text = shot = self.expect('as JSON', 0, r'^\{"slabpool":1,', '--json', self.path)
        cache = [c for c in json.loads(text)['caches'] if c['name'] == 'conn\xc3\xa9'][0]
        self.tap.ok(cache['active_objects'] == 5000 and cache['total_objects'] == sum(
            cache[key + '_objects'] for key in ('active', 'magazine', 'depot', 'slab')),
            'whose counts add up', cache)
        out = self.expect('a map', 0, r'^cache conné: 20 bytes an object, 2 slabs of \d+$', '-m',
                          'conné', self.path)
        self.tap.ok(re.search(r'^slab 1 of 2: \d+ live, 0 kept, 0 free\n  #{76}\n  \*\n  #+$', out,
                              re.M) and re.search(r'^slab 2 of 2: .*\n  #{76}\n(.*\n)*  #*k+\.+\n',
                                                  out, re.M), 'of two slabs', out)
        live = sum(int(n) for n in re.findall(r': (\d+) live', out))
        self.tap.ok(live == 5000, 'with all objects that are live', out)
        text = self.expect('a map as JSON', 0, r'^\{"slabpool":1,"cache":"conn', '--json', '-m',
                           'conné', self.path)
        self.tap.ok(''.join(json.loads(text)['maps']).count('#') == 5000, 'with the same', text)
        self.expect('an empty map', 0, '0 slabs of', '-m', 'kmalloc-8', self.path)
        self.expect('of no cache', 1, "there is no cache 'none'", '-m', 'none', self.path)
        for request in (b'', b'nothing\n', b'map', 2000 * b'x'):
            self.asked(request)
        self.tap.ok(subject.do('more'), 'it goes on')
        self.expect('and so do the figures', 0, ' 10000 ', '-o', self.path)
        self.tap.ok(subject.do('fork') and os.path.exists(self.path),
                    'the child of a fork does not take the socket with it')
        self.expect('which is answered', 0, ' 10000 ', '-o', self.path)
        self.stalled()
        self.others()
        self.tap.ok(subject.end() == (0, '') and not os.path.exists(self.path),
                    'the socket goes with the program')
        self.expect('which is gone then', 1, 'No such file', '-o', self.path)
        return shot

    def asked(self, request):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(self.path)
            connection.sendall(request)
            try:
                got = connection.recv(100)
            except ConnectionResetError:
                got = b''
        self.tap.ok(got == b'', f'no answer to {request[:10]}', got)

    def stalled(self):
        """Who connects and does not read keeps nobody else waiting for long."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            connection.connect(self.path)
            self.expect('beside a reader that reads nothing', 0, ' 10000 ', '-o', self.path)

    def others(self):
        if os.geteuid() != 0:
            print('# other users are tested by root alone')
            return
        os.chmod(self.scratch, 0o755)
        if subprocess.run([self.top, '--help'], user=NOBODY, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode != 0:
            print('# other users cannot run slabpool-top here')
            return
        self.expect('another user cannot connect', 1, 'Permission denied', '-o', self.path,
                    user=NOBODY)
        os.chmod(self.path, 0o666)
        self.expect('and gets no answer if the file lets them', 1, 'no answer: only the user',
                    '-o', self.path, user=NOBODY)

    def paths(self):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(self.path)
        subject = Subject(self.program, self.path)
        self.expect('a socket that was left behind is replaced', 0, ' 5000 ', '-o', self.path)
        second = Subject(self.program, self.path)
        status, said = second.end()
        self.tap.ok(status == 0 and 'cannot be a socket, going on without' in said and
                    os.path.exists(self.path), 'one that is served is left alone', said)
        self.tap.ok(subject.do('close'), 'a program that closes all files')
        time.sleep(0.2)
        self.run('-o', self.path)
        self.tap.ok(subject.do('more') and subject.end()[0] == 0, 'goes on')
        subject = Subject(self.program, os.path.join(self.scratch, 'socket.%p'))
        named = os.path.join(self.scratch, f'socket.{subject.process.pid}')
        self.expect('%p is the process’s number', 0, ' 5000 ', '-o', named)
        subject.end()
        plain = os.path.join(self.scratch, 'plain')
        with open(plain, 'w') as file:
            file.write('precious')
        for name, path in (('a file in the way', plain), ('no directory', '/dev/null/socket'),
                           ('no path', ''), ('a path that is too long', '/tmp/' + 200 * 'x')):
            status, said = Subject(self.program, path).end()
            self.tap.ok(status == 0 and re.search(
                "^slabpool: option 'stats': '.*' cannot be a socket, going on without$", said),
                name, said)
        with open(plain) as file:
            self.tap.ok(file.read() == 'precious', 'the file is as it was')

    def default_path(self):
        subject = Subject(self.program, '/tmp/slabpool.%p')
        self.expect('a process by its number', 0, ' 5000 ', '-o', str(subject.process.pid))
        subject.end()
        self.expect('one without a socket', 1, r'was it started with SLABPOOL_OPTIONS=stats=',
                    '-o', str(subject.process.pid))

    def files(self, text):
        good = os.path.join(self.scratch, 'good')
        bad = os.path.join(self.scratch, 'bad')
        with open(good, 'w') as file:
            file.write(text)
        self.expect('a snapshot', 0, ' 5000 ', good)
        for name, content, pattern in (
                ('a file that is no JSON', 'slabinfo - version: 2.1\n', 'no slabinfo of slabpool'),
                ('another JSON', '[1, 2]', 'no slabinfo of slabpool'),
                ('a cache without counts', '{"slabpool":1,"memory":{"reserved":1},"caches":[{}]}',
                 'no slabinfo of slabpool'),
                ('a newer format', text.replace('"slabpool":1', '"slabpool":2'),
                 'format 2, and this slabpool-top knows 1'),
                ('an empty file', '', 'no answer')):
            with open(bad, 'w') as file:
                file.write(content)
            self.expect(name, 1, pattern, '-o', bad)
        self.expect('a map of a snapshot', 1, 'a snapshot has no maps', '-m', 'conn', good)
        self.expect('a directory', 1, 'Is a directory', '-o', self.scratch)
        for name, words in (('no argument', ()), ('an unknown option', ('-x', good)),
                            ('no column', ('-s', 'x', good)), ('no delay', ('-d', '0', good))):
            self.expect(name, 2, '^usage: ', *words)
        self.expect('its help', 0, '^Keys: q quit', '--help')

    def screen(self):
        subject = Subject(self.program, self.path)
        child, file = pty.fork()
        if child == 0:
            os.environ.update(TERM='xterm', LINES='24', COLUMNS='100', LC_ALL='C.UTF-8')
            os.execv(self.top, [self.top, '-d', '0.2', self.path])

        def wait_for(text):
            seen, end = b'', time.monotonic() + 20
            while text.encode() not in seen and time.monotonic() < end:
                if select.select([file], [], [], 0.5)[0]:
                    try:
                        seen += os.read(file, 65536)
                    except OSError:
                        break
            return text.encode() in seen, seen
        good, seen = wait_for('conn')
        self.tap.ok(good and b'Active / Total Caches' in seen, 'a screen', seen)
        subject.do('more')
        good, seen = wait_for('10000')
        self.tap.ok(good, 'that is refreshed', seen)
        os.write(file, b'\n')
        good, seen = wait_for('#####')
        self.tap.ok(good and b'slab 1 of ' in seen, 'a map of the first cache', seen)
        os.write(file, b'\n')
        good, seen = wait_for('Active / Total Caches')
        self.tap.ok(good, 'and back', seen)
        os.write(file, b's\x1b[B\x1b[A\n')
        good, seen = wait_for('cache kmalloc-8192: 8192 bytes')
        self.tap.ok(good, 'the first of another order', seen)
        os.write(file, b'\n')
        subject.end()
        good, seen = wait_for('the last figures stay')
        self.tap.ok(good, 'a program that ends', seen)
        os.write(file, b'q')
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self.tap.ok(status == 0, 'q ends it', status)
        os.close(file)

    def interrupted(self):
        subject = Subject(self.program, self.path)
        child, file = pty.fork()
        if child == 0:
            os.environ.update(TERM='xterm')
            os.execv(self.top, [self.top, self.path])
        select.select([file], [], [], 20)
        time.sleep(0.5)
        os.read(file, 65536)
        os.kill(child, signal.SIGINT)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(file)
        self.tap.ok(status == 130, 'Ctrl-C ends it', status)
        subject.end()


def main():
    tap = Tap()
    top, program = (os.path.abspath(path) for path in sys.argv[1:])
    with tempfile.TemporaryDirectory() as scratch:
        tests = Tests(tap, top, program, scratch)
        text = tests.live()
        tests.paths()
        tests.default_path()
        tests.files(text)
        tests.screen()
        tests.interrupted()
    print(f'1..{tap.count}')
    return tap.failed > 0


if __name__ == '__main__':
    sys.exit(main())
