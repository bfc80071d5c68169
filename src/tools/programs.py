# SPDX-License-Identifier: MIT
"""The real programs that run on slabpool, each with work that uses memory in its own way.

test_preload.py compares their output with and without the preload library; record_corpus.py
records them. Input is generated here, so that every run is the same.
"""
import hashlib
import os
import shutil
import subprocess


class Program:
    """A program and its work: commands run in order in one directory, which starts out empty."""

    def __init__(self, name, binary, small, large):
        self.name = name
        self.binary = binary
        self.prepare = {'small': small, 'large': large}

    def find(self):
        """The program's path, or None."""
        usual = '/usr/bin/' + self.binary
        return usual if os.access(usual, os.X_OK) else shutil.which(self.binary)


def write(directory, name, text):
    with open(os.path.join(directory, name), 'w', encoding='utf-8') as file:
        file.write(text)


def noise(seed):
    """A generator of numbers that is the same everywhere."""
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield seed >> 33


def words(seed, count):
    number = noise(seed)
    part = ['ka', 'lo', 'mi', 'ren', 'sta', 'tu', 'vel', 'xi', 'zor', 'qua']
    return [''.join(part[next(number) % 10] for _ in range(1 + next(number) % 4))
            for _ in range(count)]


# ---- sqlite3 ----

def sqlite3_sql(rows):
    text = ['create table t(id integer primary key, word text, n integer);', 'begin;']
    for i, word in enumerate(words(1, rows)):
        text.append(f"insert into t(word, n) values('{word}', {i * 7919 % 1000});")
    text.append('commit; create index by_word on t(word, n);')
    text.append('select word, count(*), sum(n), group_concat(id) from t group by word limit 40;')
    text.append('select a.word, b.n from t a join t b on a.id = b.n order by 1, 2 limit 50;')
    text.append('with recursive c(x) as (values(1) union all select x+1 from c where x < 2000)'
                ' select sum(x), printf("%.3f", avg(x)), hex(zeroblob(4)) from c;')
    text.append('update t set word = word || word where n % 3 = 0; delete from t where n % 5 = 0;')
    text.append('vacuum; pragma integrity_check; select count(*), max(length(word)) from t;')
    text.append('select rank() over (partition by n % 7 order by word, id), word from t limit 30;')
    return '\n'.join(text) + '\n'


def sqlite3_small(directory, path):
    write(directory, 'in.sql', sqlite3_sql(12))
    return [[path, ':memory:', '.read in.sql']]


def sqlite3_large(directory, path):
    write(directory, 'in.sql', sqlite3_sql(20000))
    return [[path, 'data.db', '.read in.sql'],
            [path, 'data.db', '.dump'],
            [path, '-json', 'data.db', 'select * from t limit 500'],
            [path, 'data.db', 'select nonsense from nowhere']]


# ---- jq ----

def json_text(count):
    rows = ['{"id": %d, "word": "%s", "deep": [[%d, null], {"x": [true, "\\u00e9%s"]}], "f": %d.25}'
            % (i, word, i * 3, word, i % 97) for i, word in enumerate(words(2, count))]
    return '[' + ',\n'.join(rows) + ']\n'


def jq_small(directory, path):
    write(directory, 'in.json', json_text(6))
    return [[path, '-c', 'map({(.word): .deep}) | add', 'in.json']]


def jq_large(directory, path):
    write(directory, 'in.json', json_text(5000))
    return [[path, '.', 'in.json'],
            [path, 'group_by(.word) | map({w: .[0].word, n: length, s: (map(.f) | add)})',
             'in.json'],
            [path, '-r', '.[] | select(.id % 7 == 0) | [.id, .word, (.deep | tostring)] | @csv',
             'in.json'],
            [path, '([paths] | length), (map(.word | test("ka.*zor")) | index(true))', 'in.json'],
            [path, '-n', '[range(20000) | tostring | ascii_downcase] | sort | unique | length'],
            [path, '.[0] | error("as asked")', 'in.json']]


# ---- git ----

def git_commits(directory, path, count, lines):
    commands = [[path, 'init', '-q', '-b', 'main', '.']]
    for n in range(count):
        text = words(n, lines)
        commands.append(['!write', f'file{n % 5}', '\n'.join(text) + '\n'])
        commands.append([path, 'add', '-A'])
        commands.append([path, 'commit', '-q', '-m', f'Change {n}: {text[0]}'])
    return commands


def git_small(directory, path):
    return git_commits(directory, path, 1, 5) + [[path, 'log', '-p']]


def git_large(directory, path):
    return git_commits(directory, path, 12, 2000) + [
        [path, 'log', '-p', '--stat'],
        [path, 'checkout', '-q', '-b', 'side', 'HEAD~3'],
        ['!write', 'side', 'one\ntwo\n'],
        [path, 'add', 'side'],
        [path, 'commit', '-q', '-m', 'Side'],
        [path, 'merge', '-m', 'Merge', 'main'],
        [path, 'blame', 'file1'],
        [path, 'grep', '-n', 'zorka.*mi'],
        [path, 'repack', '-a', '-d', '-q'],
        [path, 'gc', '-q'],
        [path, 'fsck', '--full', '--no-progress'],
        [path, 'rev-list', '--objects', '--all'],
        [path, 'archive', '--format=tar', '-o', 'out.tar', 'HEAD'],
        [path, 'show', 'nowhere']]


# ---- python3 ----

PYTHON_SMALL = '''import json, re
print(json.dumps({"a": [1, 2.5, None], "b": re.sub("x", "y", "axb")}))
'''
PYTHON_LARGE = r'''
import collections, concurrent.futures, decimal, gc, hashlib, itertools, json, multiprocessing
import os, re, sqlite3, subprocess, sys, threading, zlib

def work(n):
    table = collections.defaultdict(list)
    for i in range(30000):
        table[str(i * n % 977)].append((i, 'x' * (i % 300)))
    text = json.dumps(table, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest(), len(zlib.compress(text.encode()))

print(work(1))
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(list(pool.map(work, range(2, 10))))
with multiprocessing.get_context('fork').Pool(3) as pool:
    print(pool.map(work, range(2, 6)))
other = [sys.executable, '-c', 'print(sum(range(10**5)))']
print(subprocess.run(other, capture_output=True).stdout)
child = os.fork()
if child == 0:
    big = [bytes(i) for i in range(5000)]
    os._exit(len(big) % 7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
class Node:
    pass
for i in range(20000):
    a, b = Node(), Node()
    a.b, b.a = b, a
gc.collect()
threads = [threading.Thread(target=lambda: sorted(map(str, range(50000)))) for _ in range(20)]
[t.start() for t in threads]
[t.join() for t in threads]
base = sqlite3.connect(':memory:')
base.execute('create table t(a, b)')
base.executemany('insert into t values(?, ?)', ((i, 'v' * (i % 50)) for i in range(20000)))
print(base.execute('select sum(a), max(length(b)) from t').fetchall())
print(len(re.findall(r'(\d+)[a-z]*?\1', 'a11b22c33abc' * 3000)), decimal.Decimal(2).sqrt())
print(hashlib.md5(bytearray(itertools.chain.from_iterable([range(256)] * 9000))).hexdigest())
try:
    bytearray(1 << 62)
except MemoryError as error:
    print('MemoryError')
raise SystemExit(3)
'''


def python3_small(directory, path):
    write(directory, 'in.py', PYTHON_SMALL)
    return [[path, '-I', '-S', 'in.py']]


def python3_large(directory, path):
    write(directory, 'in.py', PYTHON_LARGE)
    return [[path, 'in.py'], ['!env', 'PYTHONMALLOC', 'malloc'], [path, 'in.py'],
            [path, '-c', 'raise KeyError("as asked")']]


# ---- gcc ----

def c_text(functions):
    text = ['#include <stdio.h>', '#include <stdlib.h>', '#include <string.h>']
    for i, word in enumerate(words(3, functions)):
        text.append(f'''
struct s{i} {{ int a[{1 + i % 9}]; char *name; struct s{i} *next; }};
static int f{i}(struct s{i} *list, int n)
{{
	int sum = {i};
	for (; list && n; list = list->next, n--)
		for (int j = 0; j < {1 + i % 9}; j++)
			sum += list->a[j] * (j ^ {i}) + (int)strlen(list->name ?: "{word}");
	switch (sum % {3 + i % 5}) {{
	case 0: return sum;
	case 1: return -sum;
	default: return puts("{word}");
	}}
}}
int g{i}(int n) {{ struct s{i} x = {{ .name = "{word}" }}; return f{i}(&x, n) + {i}; }}''')
    return '\n'.join(text) + '\n'


def gcc_small(directory, path):
    write(directory, 'in.c', 'int f(int a) { return a + 1; }\n')
    return [[path, '-c', 'in.c']]


def gcc_large(directory, path):
    write(directory, 'in.c', c_text(300))
    write(directory, 'bad.c', 'int f(void) { return undeclared + 1; }\nint g(int;\n')
    return [[path, '-c', '-O2', '-Wall', '-Wextra', 'in.c'],
            [path, '-c', '-O0', '-frandom-seed=1', '-fno-ident', '-pipe', 'in.c', '-o', 'in0.o'],
            [path, '-E', 'in.c'],
            [path, '-S', '-O3', 'in.c'],
            [path, '-c', 'bad.c']]


# ---- xz ----

def xz_data(directory, size):
    with open(os.path.join(directory, 'in.txt'), 'w', encoding='utf-8') as file:
        text = ' '.join(words(4, 40000))
        for start in range(0, size, len(text)):
            file.write(text[start % 997:] + str(start))


def xz_small(directory, path):
    write(directory, 'in.txt', ' '.join(words(4, 100)))
    return [[path, '-k', '-0', 'in.txt'], [path, '-l', 'in.txt.xz']]


def xz_large(directory, path):
    xz_data(directory, 6 << 20)
    return [[path, '-k', '-3', '-T2', '--block-size=1MiB', 'in.txt'],
            [path, '-l', '-v', 'in.txt.xz'],
            [path, '-d', '-c', '-T2', 'in.txt.xz'],
            [path, '-k', '-9', '-c', 'in.txt'],
            [path, '-t', 'in.txt']]


PROGRAMS = [
    Program('sqlite3', 'sqlite3', sqlite3_small, sqlite3_large),
    Program('jq', 'jq', jq_small, jq_large),
    Program('git', 'git', git_small, git_large),
    Program('python3', 'python3', python3_small, python3_large),
    Program('gcc', 'gcc', gcc_small, gcc_large),
    Program('xz', 'xz', xz_small, xz_large),
]


def environment(directory, extra):
    env = {'PATH': '/usr/bin:/bin:' + os.environ.get('PATH', ''), 'HOME': directory, 'LC_ALL': 'C',
           'TZ': 'UTC', 'PYTHONHASHSEED': '0', 'PYTHONDONTWRITEBYTECODE': '1',
           'GIT_CONFIG_NOSYSTEM': '1', 'GIT_PAGER': 'cat'}
    for who in 'AUTHOR', 'COMMITTER':
        env[f'GIT_{who}_NAME'] = 'A'
        env[f'GIT_{who}_EMAIL'] = 'a@example.org'
        env[f'GIT_{who}_DATE'] = '2020-01-01T00:00:00 +0000'
    env.update(extra)
    return env


def run(program, size, directory, extra=(), timeout=300):
    """Does the program's work in directory, with extra environment variables, in whose values %n
    is the number of the command.

    Returns a list: for each command its words, status, stdout and stderr, then the digests of the
    files that it left.
    """
    env = environment(directory, dict(extra))
    result = []
    for command in program.prepare[size](directory, program.find()):
        if command[0] == '!write':
            write(directory, command[1], command[2])
        elif command[0] == '!env':
            env[command[1]] = command[2]
        else:
            numbered = {key: value.replace('%n', str(len(result))) for key, value in env.items()}
            done = subprocess.run(command, cwd=directory, env=numbered, check=False,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=timeout)
            result.append((' '.join(command), done.returncode, done.stdout, done.stderr))
    return result + digests(directory)


def digests(directory):
    """Every file but git's index and logs, which hold times and inode numbers."""
    result = []
    for folder, folders, files in os.walk(directory):
        folders[:] = sorted(f for f in folders if f not in ('.git', '__pycache__'))
        for name in sorted(files):
            path = os.path.join(folder, name)
            with open(path, 'rb') as file:
                result.append((os.path.relpath(path, directory), 0,
                               hashlib.sha256(file.read()).hexdigest().encode(), b''))
    return result
