# SPDX-License-Identifier: MIT
"""What `llvm-cov export` says of functions, as places in the source and what was seen there."""

import collections
import re

from coverage_gaps import ALONE, FALSE, LINES, TRUE, Gap, squeezed, stretches

# Kinds of regions in the exported data.
EXPANSION, CONDITION = 1, 6
NOWHERE = "(none)"


class Source:
    """The lines of a file. A place is (line, column, last line, column behind it), from 1."""

    def __init__(self, path):
        with open(path) as file:
            self.lines = file.read().split("\n")

    def text(self, place):
        l1, c1, l2, c2 = place
        lines = self.lines[l1 - 1:l2]
        lines[-1] = lines[-1][:c2 - 1]
        lines[0] = lines[0][c1 - 1:]
        return squeezed(" ".join(lines))

    def with_arguments(self, place):
        """A macro's name, and what it is called with."""
        line, column, depth = place[2], place[3], 0
        for number in range(line, min(line + 12, len(self.lines)) + 1):
            text = self.lines[number - 1]
            for at in range(column - 1 if number == line else 0, len(text)):
                depth += {"(": 1, ")": -1}.get(text[at], 0)
                if text[at] == ")" and depth == 0:
                    return (*place[:2], number, at + 2)
                if depth < 0 or (depth == 0 and not text[at].isspace()):
                    return place
        return place

    def operands(self, place):
        """Places between the && and || of a decision, in order."""
        l1, c1, l2, c2 = place
        found, begin = [], (l1, c1)
        for number in range(l1, l2 + 1):
            text = self.lines[number - 1][:c2 - 1 if number == l2 else None]
            for match in re.finditer(r"&&|\|\|", text):
                if number > l1 or match.start() >= c1 - 1:
                    found.append((*begin, number, match.start() + 1))
                    begin = (number, match.end() + 1)
        return [*found, (*begin, l2, c2)]

    def is_operand(self, place):
        """True if && or || stands beside a place: a part of a decision."""
        l1, c1, l2, c2 = place
        before = " ".join([*self.lines[max(0, l1 - 3):l1 - 1], self.lines[l1 - 1][:c1 - 1]])
        after = " ".join([self.lines[l2 - 1][c2 - 1:], *self.lines[l2:l2 + 1]])
        return bool(re.search(r"(&&|\|\|)[\s(!]*$", before) or re.match(r"[\s)]*(&&|\|\|)", after))

    def condition(self, place):
        """The text of a place without parentheses that are not its own."""
        text = self.text(place)
        while text.count("(") > text.count(")"):
            text = text[text.index("(") + 1:]
        while text.count(")") > text.count("("):
            text = text[:text.rindex(")")]
        return text.strip()


class Function:
    """One function's part of the export, with every place in the text that is written: what a macro
    holds is counted in the macro's text, and stands where the macro is named."""

    def __init__(self, data, sources):
        self.files, self.sources = data["filenames"], sources
        self.expanded = {region[6]: (region[5], tuple(region[:4])) for region in data["regions"]
                         if region[7] == EXPANSION}
        self.branches = []   # (path, place, true, false)
        self.unmeasured = []  # (path, place): conditions of what clang cannot take as a decision
        self.decisions = []  # (path, places of the conditions that are no constants, alone)
        self.raw = collections.defaultdict(list)
        for branch in data["branches"]:
            self.raw[branch[6], tuple(branch[:4]), branch[8]].append(branch)
        for (number, place, kind), same in self.raw.items():
            self.read_branches(number, place, kind, same)
        used = set()
        for record in data["mcdc_records"]:
            self.read_decision(tuple(record[:4]), record[-1], used)

    def source(self, number):
        path = self.files[number]
        if path not in self.sources:
            self.sources[path] = Source(path)
        return self.sources[path]

    def written(self, number, place):
        if number not in self.expanded:
            return number, place
        while number in self.expanded:
            number, place = self.expanded[number]
        return number, self.source(number).with_arguments(place)

    def places(self, number, place, count):
        """Where conditions are written that have one place in the export: a macro's argument."""
        own, whole = self.written(number, place)
        if count == 1:
            return own, [whole]
        operands = self.source(own).operands(whole)
        return own, operands if len(operands) == count else [whole] * count

    def read_branches(self, number, place, kind, same):
        own, places = self.places(number, place, len(same))
        for branch, where in zip(same, places):
            self.branches.append((self.files[own], where, branch[4], branch[5]))
            if kind != CONDITION and self.source(own).is_operand(where):
                self.unmeasured.append((self.files[own], where))

    def read_decision(self, place, alone, used):
        if any(at[2:] == place[2:] for number, at in self.expanded.values() if number == 0):
            place = self.source(0).with_arguments(place)
        inside = collections.defaultdict(list)  # by number of the text: conditions in the decision
        for (number, at, kind), same in self.raw.items():
            own, whole = self.written(number, at)
            if kind != CONDITION:
                continue
            if place[:2] <= at[:2] and at[2:] <= place[2:]:
                inside[number].append((number, at, len(same)))
            elif place[:2] <= whole[:2] and whole[2:] <= place[2:]:
                inside[own].append((number, at, len(same)))
        for number in sorted(inside):
            if (number, place) not in used:
                used.add((number, place))
                self.keep_decision(number, place, alone, inside[number])
                return
        self.decisions.append((self.files[0], place, None, alone))

    def keep_decision(self, number, place, alone, conditions):
        own, whole = self.written(number, place)
        places = sorted(one for at in conditions for one in self.places(*at)[1])
        if len(places) != len(alone):
            places = self.with_constants(own, whole, places, len(alone))
        self.decisions.append((self.files[own], whole, places, alone))

    def with_constants(self, own, whole, places, count):
        """What is a constant of the build has no branch: None in its place."""
        operands = self.source(own).operands(whole)
        found = [[place for place in places if begin[:2] <= place[:2] < begin[2:]]
                 for begin in operands]
        if len(operands) != count or any(len(one) > 1 for one in found):
            return None
        return [one[0] if one else None for one in found]


class Measured:
    """What the export says of the files that name(path) has a name for."""

    def __init__(self, functions, name):
        self.sources, self.paths = {}, {}
        self.spans = collections.defaultdict(dict)   # file: {(first, last line): function}
        self.outcomes = collections.defaultdict(dict)   # file: {place: [true, false]}
        self.decisions = collections.defaultdict(dict)  # file: {place: (conditions, [alone])}
        self.unmeasured = collections.defaultdict(set)  # file: places of conditions
        self.called = {}                             # {function: was it ever called}
        for function in functions:
            self.add(function, name)

    def add(self, data, name):
        title = re.sub(r"^.*:", "", data["name"])
        self.called[title] = self.called.get(title, False) or data["count"] > 0
        names = {path: name(path) for path in data["filenames"]}
        if not any(names.values()):
            return
        function = Function(data, self.sources)
        self.paths.update((file, path) for path, file in names.items() if file)
        own, first = names[data["filenames"][0]], data["regions"][0]
        if own:
            self.spans[own][first[0], first[2]] = title
        for path, place, true, false in function.branches:
            if names[path]:
                seen = self.outcomes[names[path]].setdefault(place, [0, 0])
                seen[0] += true
                seen[1] += false
        for path, place in function.unmeasured:
            if names[path]:
                self.unmeasured[names[path]].add(place)
        for path, place, conditions, alone in function.decisions:
            if names[path]:
                _, seen = self.decisions[names[path]].setdefault(
                    place, (conditions, [False] * len(alone)))
                for k, one in enumerate(alone):
                    seen[k] = seen[k] or one

    def function_at(self, file, line):
        inside = [(last - first, title) for (first, last), title in self.spans[file].items()
                  if first <= line <= last]
        return min(inside)[1] if inside else NOWHERE

    def gaps(self, file, dark):
        """The gaps of a file of which these lines are never run, in order."""
        source = Source(self.paths[file])
        found = [Gap(file, self.function_at(file, run[0]), squeezed(" ".join(
            source.lines[n - 1] for n in run)), LINES, run[0]) for run in stretches(dark)]
        never = set()
        for place, counts in self.outcomes[file].items():
            for count, outcome in zip(counts, (TRUE, FALSE)):
                if not count and place[0] not in dark:
                    never.add(place)
                    found.append(self.gap(source, file, place, outcome))
        for decision, (conditions, alone) in self.decisions[file].items():
            for place, one in zip(conditions or (), alone):
                if place and not one and place not in never and decision[0] not in dark:
                    found.append(self.gap(source, file, place, ALONE))
        found += [self.gap(source, file, place, ALONE) for place in self.unmeasured[file]
                  if place not in never and place[0] not in dark]
        return sorted(set(found), key=lambda gap: (gap.line, gap.code, gap.missing))

    def gap(self, source, file, place, missing):
        return Gap(file, self.function_at(file, place[0]), source.condition(place), missing,
                   place[0])

    def strange(self, file):
        """Decisions whose conditions cannot be told apart: none may be passed over."""
        return [f"{file}:{place[0]}" for place, (conditions, _) in self.decisions[file].items()
                if conditions is None]

    def figures(self, file):
        """(covered, all) of branches' outcomes and of conditions."""
        outcomes = [count > 0 for seen in self.outcomes[file].values() for count in seen]
        alone = [one for conditions, seen in self.decisions[file].values()
                 for place, one in zip(conditions or (), seen) if place]
        return (sum(outcomes), len(outcomes)), (sum(alone), len(alone))
