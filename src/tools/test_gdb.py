#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The gdb commands on a program in a known state, live and as a core file, whole and damaged: TAP.

usage: test_gdb.py SCRIPT PROGRAM"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

STATE = 'connections->hot.state[((unsigned long){0} - connections->hot.address) >> ' \
        'connections->hot.granule_shift]'
MAGAZINE = 'slabpool_default_instance->threads->slot[connections->id].loaded'
SLAB = 'connections->arena->slab[0]'
SHOWN = ('slabpool caches', 'slabpool cache connection', 'slabpool obj closed',
         'slabpool obj connection[3]', 'slabpool obj connection[3] + 22', 'slabpool obj run + 5000',
         'slabpool obj page_run', 'slabpool obj &platform', 'slabpool caches -a -i own',
         'slabpool obj -i own own_object+1', 'slabpool check', 'slabpool check -i own')

# What the undamaged program shows, by what is asked.
EXPECTED = (
    ('a cache in a line', r'^connection +39 +\d+ +20 +24 +\d+ +1 +\d+ +0 '),
    ('kmalloc in another', r'^kmalloc-64 +0 +'),
    ('a map of its slab', r'^    #{7}m#{32}m+$'),
    ('lines that repeat', r'^    \.{64}\n    \*\n    \.+$'),
    ('what was freed',
     r'^  object 7 of \d+: \S+ \.\. \S+\n  free, in the loaded magazine of thread 1$'),
    ('what is live', r'^  object 3 of \d+: \S+ \.\. \S+\n  live$'),
    ('a byte behind an object', r"^  byte 22 of 24: behind the object's 20 bytes"),
    ('a large kmalloc', r'is byte 5000 of \d+ bytes from kmalloc\(\) at \S+, live$'),
    ('pages', r'is byte 0 of 16384 bytes from alloc_pages\(\)'),
    ('what is not of slabpool', r'is no memory of this instance$'),
    ('the own caches of another instance', r'^kmalloc-128 +1 +(.|\n)*^own/cache +\d+ +'),
    ('an object of another instance', r'of cache kmalloc-128 (.|\n)*^  byte 1 of it$'),
    ('no error', r'^15 caches, \d+ slabs, 39 live objects\nslabpool check: no error$'),
    ('no error in the other', r'^13 caches, \d+ slabs, 1 live objects\nslabpool check: no error$'),
)

DAMAGE = (
    ('a count', 'connections->free_objects = 1', 'free objects: \\d+ counted, 1 said'),
    ('what is live, in a magazine', f'{STATE.format("closed")} = connections->hot.tag',
     'is live, and in the loaded magazine of thread 1'),
    ('what is lost', f'{STATE.format("connection[3]")} = 0', 'neither live nor free nor in'),
    ('another tag', f'{STATE.format("connection[3]")} = 77', 'has state byte 77, not '),
    ('a state byte inside an object', f'{STATE.format("connection[3]+8")} = 1',
     'a state byte 1 where no object starts'),
    ('what is live and free', f'{SLAB}.free_bits[0] |= 1', 'is free in slab 0, and live'),
    ('a free count', f'{SLAB}.free_count += 1', 'slab 0: free objects: '),
    ('a slab in the wrong list', f'{SLAB}.list = 5', 'slab 0: its list: \\d counted, 5 said'),
    ('a list that ends early', 'connections->list[3] = 0xffffffff', 'slab 0 is in no list'),
    ('a list that never ends', f'{SLAB}.next = 0', 'slab 0 is in list 3, a second time'),
    ('a list with what is not in use', f'{SLAB}.next = 1000',
     'slab 1000 is in list 3, and is of another cache'),
    ('the page map', f'connections->arena->page_map[{SLAB}.page] = 0', 'owner of its page 0: 0'),
    ('an object twice in a magazine', f'{MAGAZINE}.store->object[0] = {MAGAZINE}.store->object[1]',
     'in the loaded magazine of thread 1 and in the loaded magazine of thread 1'),
    ('no object in a magazine', f'{MAGAZINE}.store->object[0] += 1', 'is no object of it'),
    ('a magazine that is too full', f'{MAGAZINE}.count += 1', 'in the loaded magazine'),
)

# What is asked wrongly; the breakpoint to stop at first.
REFUSED = (
    ('an unknown option', 'ready', 'slabpool caches -x', "unknown option -x; try 'help slabpool'"),
    ('an unknown cache', 'ready', 'slabpool cache none', "there is no cache 'none'"),
    ('no name', 'ready', 'slabpool cache', 'usage: slabpool cache '),
    ('no pointer', 'ready', 'slabpool obj', 'usage: slabpool obj '),
    ('no such name', 'ready', 'slabpool obj nowhere', 'slabpool: No symbol "nowhere"'),
    ('too much', 'ready', 'slabpool check now', 'usage: slabpool check '),
    ('an unused instance', 'main', 'slabpool caches', 'has not been used yet'),
    ('no instance', 'ready', 'slabpool caches -i 0', 'slabpool: Cannot access memory'),
    ('an unknown command', 'ready', 'slabpool nothing', "unknown command 'nothing'"),
)


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def ok(self, good, name, text=''):
        self.count += 1
        self.failed += not good
        print(f'{"ok" if good else "not ok"} {self.count} - {name}')
        if not good:
            print(''.join(f'# {line}\n' for line in text.splitlines()[-40:]), end='')


def gdb(script, commands, *arguments):
    """(status, output) of a gdb that knows the script."""
    words = ['gdb', '-q', '-nx', '-batch', '-iex', 'set auto-load off', '-ex', f'source {script}']
    for command in commands:
        words += ['-ex', command]
    # Address space that nothing uses would be in the core file.
    env = dict(os.environ, SLABPOOL_OPTIONS='arena_mib=8', LC_ALL='C')
    done = subprocess.run([*words, *arguments], env=env, stdin=subprocess.DEVNULL, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors='replace')


def live(script, program, commands, stop='ready'):
    return gdb(script, [f'break {stop}', 'run', *commands], program)


def shown(text):
    """What the commands printed, without what gdb says about its program."""
    return text[text.find('\nname '):]


def main():
    script, program = sys.argv[1:]
    if not shutil.which('gdb'):
        print('1..0 # SKIP gdb is not installed: ci/setup --only base')
        return 0
    if 'exited normally' not in gdb(script, ['run'], '/bin/true')[1]:
        print('1..0 # SKIP gdb cannot run a program here')
        return 0
    tap = Tap()
    with tempfile.TemporaryDirectory() as scratch:
        core = os.path.join(scratch, 'core')
        status, text = live(script, program, [f'generate-core-file {core}', *SHOWN])
        tap.ok(status == 0, 'the commands run in a live process', text)
        for name, pattern in EXPECTED:
            tap.ok(re.search(pattern, shown(text), re.M), f'shown: {name}', text)
        status, dead = gdb(script, SHOWN, program, core)
        tap.ok(status == 0 and shown(dead) == shown(text), 'the same of its core file', dead)
    for name, damage, pattern in DAMAGE:
        status, text = live(script, program, [f'set var {damage}', 'slabpool check'])
        tap.ok(status == 1 and re.search(f'^slabpool check: .*{pattern}', text, re.M) and
               re.search(r'^slabpool check: \d+ errors$', text, re.M), f'check sees {name}', text)
    for name, stop, command, pattern in REFUSED:
        status, text = live(script, program, [command], stop)
        tap.ok(status == 1 and re.search(pattern, text) and 'Traceback' not in text,
               f'refused: {name}', text)
    status, text = gdb(script, ['slabpool'])
    tap.ok(status == 0 and 'slabpool obj POINTER  ' in text, 'alone it shows its help', text)
    status, text = gdb(script, ['slabpool caches'], '/bin/true')
    tap.ok(status == 1 and 'this program has no libslabpool' in text, 'a program without it', text)
    print(f'1..{tap.count}')
    return tap.failed > 0


if __name__ == '__main__':
    sys.exit(main())
