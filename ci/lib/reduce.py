# SPDX-License-Identifier: MIT
"""Makes a failing input smaller, operation by operation.

The input is taken in words. Ranges of operations go, then single ones; arguments get their standard
values, numbers are halved, flags go. What is left keeps its handles: `object 5` still is what the
same operation made, whatever number it has then. After each step the input is run again, and only a
step after which it fails in the same way is taken."""

import re
import time

HANDLE = re.compile(r"^(cache|pool|object) (\d+)$")
LINE = re.compile(r"^(?:(no )?(cache|pool|object)s?(?: (\d+)(?:\.\.(\d+))?)? = )?(\w+)\((.*)\)$")


class Call:
    """One line of words: what it makes, its name and its arguments as text."""

    def __init__(self, line):
        match = LINE.match(line.strip())
        if not match:
            raise ValueError(f"no operation in words: {line}")
        nothing, self.kind, first, last, self.name, args = match.groups()
        self.first = int(first or 0)
        self.count = 0 if nothing or not self.kind else int(last or first) - self.first + 1
        self.args = [arg.strip() for arg in args.split(",")] if args.strip() else []

    def makes(self):
        return {(self.kind, self.first + i) for i in range(self.count)}

    def uses(self):
        found = (HANDLE.match(arg) for arg in self.args)
        return {(match.group(1), int(match.group(2))) for match in found if match}

    def with_args(self, args):
        other = Call.__new__(Call)
        other.kind, other.first, other.count, other.name = (self.kind, self.first, self.count,
                                                            self.name)
        other.args = args
        return other


def to_words(calls):
    """The text of a program out of calls of a longer one, whose handles get new numbers. A handle
    that nothing makes any more becomes the newest."""
    became, made, lines = {}, {"cache": 0, "pool": 0, "object": 0}, []
    for call in calls:
        args = []
        for arg in call.args:
            match = HANDLE.match(arg)
            if match:
                now = became.get((match.group(1), int(match.group(2))))
                arg = f"{match.group(1)} {'none' if now is None else now}"
            args.append(arg)
        lines.append(f"{call.name}({', '.join(args)})")
        for i in range(call.count):
            became[call.kind, call.first + i] = made[call.kind] + i
        if call.count:
            made[call.kind] += call.count
    return "\n".join(lines) + "\n"


def with_users(calls, gone):
    """Indices of gone, and of all calls that use what those made."""
    gone, lost = set(gone), set()
    for number, call in enumerate(calls):
        if number in gone or call.uses() & lost:
            gone.add(number)
            lost |= call.makes()
    return gone


class Reducer:
    """assemble(words): the input's bytes, or None if the words are none. kind(bytes): how it fails,
    '' if it does not. read(bytes): its words, line by line."""

    def __init__(self, assemble, kind, read, seconds=60, say=lambda text: None):
        self.assemble, self.kind_of, self.read, self.say = assemble, kind, read, say
        self.deadline = time.monotonic() + seconds
        self.tried, self.runs, self.taken = set(), 0, 0

    def late(self):
        return time.monotonic() >= self.deadline

    def wanted(self, kind):
        """Only the same failure: another one that turns up on the way is another bug's."""
        return kind == self.kind

    def attempt(self, calls):
        """Takes a smaller program if it fails alike."""
        if self.late():
            return False
        data = self.assemble(to_words(calls))
        if data is None or data == self.data or data in self.tried or \
                len(data) > len(self.data) + 4:
            return False
        self.tried.add(data)
        self.runs += 1
        if not self.wanted(self.kind_of(data)):
            return False
        self.taken += 1
        self.data = data
        self.calls = [Call(line) for line in self.read(data)]
        return True

    def drop_ranges(self):
        """Ranges of half of the operations, of a quarter, ... of one; from the end."""
        changed = False
        size = max(1, (len(self.calls) - 1) // 2)
        while size and not self.late():
            place = len(self.calls) - size
            while place > 0 and not self.late():
                gone = set(range(place, min(place + size, len(self.calls))))
                for leave in (gone, with_users(self.calls, gone)):
                    if self.attempt([c for i, c in enumerate(self.calls) if i not in leave]):
                        changed = True
                        break
                place = min(place, len(self.calls)) - size
            size //= 2
        return changed

    def put(self, number, args):
        calls = list(self.calls)
        calls[number] = calls[number].with_args(args)
        return self.attempt(calls)

    def smaller_values(self, text):
        """What to try instead of an argument, the simplest first."""
        name, _, value = text.partition("=")
        if value.isdigit() and int(value) > 1:
            return [f"{name}={n}" for n in dict.fromkeys((0, 1, int(value) // 2, int(value) - 1))]
        if "|" in value:
            flags = value.split("|")
            return [f"{name}={'|'.join(flags[:i] + flags[i + 1:])}" for i in range(len(flags))]
        return []

    def shrink_args(self, number):
        changed = False
        call = self.calls[number]
        keep = [arg for arg in call.args if "=" not in arg]
        if len(keep) < len(call.args) - 1:
            changed = self.put(number, keep)
        place = 0
        while place < len(self.calls[number].args) and not self.late():
            args = self.calls[number].args
            if "=" not in args[place]:
                place += 1
                continue
            # What is left out has its standard value; every argument is there again after that.
            if self.put(number, args[:place] + args[place + 1:]):
                changed = True
            elif any(self.put(number, args[:place] + [text] + args[place + 1:])
                     for text in self.smaller_values(args[place])):
                changed = True
                continue
            place += 1
        return changed

    def reduce(self, data):
        """The smallest input that was found in the time, and how it fails."""
        self.data, self.kind = data, self.kind_of(data)
        if not self.kind:
            return data, ""
        self.calls = [Call(line) for line in self.read(data)]
        changed = True
        while changed and not self.late():
            changed = self.drop_ranges()
            number = len(self.calls) - 1
            while number >= 0 and not self.late():
                changed |= self.shrink_args(number)
                number = min(number, len(self.calls)) - 1
            self.say(f"  {len(self.calls)} operations, {len(self.data)} bytes after "
                     f"{self.runs} runs")
        return self.data, self.kind
