# SPDX-License-Identifier: MIT
"""What ci/prove reads in the sources and in the unit that Frama-C prints: functions, contracts,
loops, words that proofs must not contain, and the tables of proofs/SOUNDNESS.md."""

import functools
import os
import re

from common import Failure, ROOT

COMPILER_H = "src/include/slabpool/compiler.h"
SOUNDNESS = "proofs/SOUNDNESS.md"
# axiom, axiomatic, admit: facts without proof. inductive: WP makes axioms of the cases, and they
# contradict each other if a case negates the predicate.
FORBIDDEN = ("axiom", "axiomatic", "admit", "inductive")

TOKEN = re.compile(r"""
    (?P<annot>/\*@.*?\*/|//@(?:[^\n\\]|\\\n|\\.)*)
  | (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<directive>^[ \t]*\#(?:[^\n\\/]|\\\n|\\.|/(?![*/]))*)
  | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
  | (?P<word>[A-Za-z_]\w*)
  | (?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)
  | (?P<blank>\s+)
  | (?P<sign>.)
""", re.S | re.M | re.X)
KEYWORDS = frozenset("""if else while for do switch case return sizeof goto break continue default
    _Static_assert _Alignof __alignof__ __attribute__ typeof __typeof__ asm __asm__ void char short
    int long float double signed unsigned _Bool struct union enum static inline __inline const
    volatile extern typedef restrict register auto
    SLABPOOL_UNDER SLABPOOL_OUTSIDE SLABPOOL_LOCKS SLABPOOL_UNLOCKS SLABPOOL_GUARDED""".split())


CONTRACT = re.compile(r"(requires|terminates|decreases|assigns|ensures|exits|behavior|complete|"
                      r"disjoint|check|admit|allocates|frees)\b")


class Token:
    __slots__ = ("kind", "text", "line")

    def __init__(self, kind, text, line):
        self.kind, self.text, self.line = kind, text, line


def tokens(text, line=1):
    """The tokens of C with ACSL annotations; blanks and plain comments are dropped."""
    found = []
    for match in TOKEN.finditer(text):
        kind, part = match.lastgroup, match.group()
        if kind not in ("blank", "comment"):
            found.append(Token(kind, part, line))
        line += part.count("\n")
    return found


def after_parens(seq, start):
    """Index behind the parenthesis that closes the one at start."""
    depth = 0
    for at in range(start, len(seq)):
        if seq[at].text == "(":
            depth += 1
        elif seq[at].text == ")":
            depth -= 1
            if not depth:
                return at + 1
    return len(seq)


class Outline:
    """The functions of a text at file scope: where each is declared and defined."""

    def __init__(self, seq):
        self.defined = {}   # name: (line, first and last token of the body)
        self.declared = {}  # name: line
        self.heads = {}     # name: indices of the first tokens of definition and declarations
        depth = at = begin = 0
        name = None
        while at < len(seq):
            text = seq[at].text
            if text == "{":
                if not depth and name:
                    end = self.body_end(seq, at)
                    self.defined[name] = (seq[begin].line, at, end)
                    self.heads.setdefault(name, []).append(begin)
                    at = end
                    begin, name = at + 1, None
                else:
                    depth += 1
            elif text == "}":
                depth = max(0, depth - 1)
                if not depth:
                    name = None
            elif depth:
                pass
            elif text == ";":
                if name:
                    self.declared.setdefault(name, seq[begin].line)
                    self.heads.setdefault(name, []).append(begin)
                begin, name = at + 1, None
            elif text == "=":
                name = None
            elif text == "(":
                before = seq[at - 1] if at else None
                end = after_parens(seq, at)
                if before and before.kind == "word" and before.text not in KEYWORDS:
                    # An attribute macro stands before the name, or behind a declaration's ')'.
                    if not name or (end < len(seq) and seq[end].text == "{"):
                        name = before.text
                at = end - 1
            elif seq[at].kind in ("directive", "annot") and begin == at:
                begin = at + 1
            elif seq[at].kind == "word" and name and text in ("struct", "union", "enum"):
                name = None
            at += 1

    @staticmethod
    def body_end(seq, start):
        depth = 0
        for at in range(start, len(seq)):
            if seq[at].text == "{":
                depth += 1
            elif seq[at].text == "}":
                depth -= 1
                if not depth:
                    return at
        return len(seq) - 1


# Annotations --------------------------------------------------------------------------------------

def plain(annotation):
    """An annotation without its comment signs, in single blanks."""
    text = re.sub(r"^/\*@|\*/$|^//@|^/@|@/$", "", annotation.strip())
    text = re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.S)
    return re.sub(r"[\s@]+", " ", text).strip()


def has_clause(contract, word):
    return re.search(r"(?:^|[;:\s])" + word + r"\b", contract) is not None


def ghost_text(annotation):
    """The C code in a ghost annotation, or None."""
    text = re.sub(r"^/\*@|\*/$|^//@", "", annotation.strip()).strip()
    if not re.match(r"ghost\b", text):
        return None
    return text[5:].replace("/@", "/*@").replace("@/", "*/")


class Function:
    def __init__(self, name, contract, ghost):
        self.name = name
        self.contract = contract   # text, or "" for none
        self.ghost = ghost
        self.defined = False
        self.loops = []            # for each loop, its annotation or ""
        self.uses = set()          # names that look like functions

    def silent(self):
        return bool(self.contract) and not has_clause(self.contract, "ensures")

    def problems(self, silent=()):
        """What the contract and the loops lack, whatever the provers say."""
        if not self.contract:
            return ["has no contract"]
        found = []
        if not has_clause(self.contract, "assigns"):
            found.append("has a contract without assigns")
        if self.silent() and self.name not in silent:
            found.append("has a contract without ensures: let it promise something, or list it "
                         f"under 'Contracts without a promise' in {SOUNDNESS}")
        if not re.search(r"\bterminates (?:\w+: )?\\true ?;", self.contract):
            found.append("has a contract without 'terminates \\true'")
        if "behavior " in self.contract and not re.search(r"\bcomplete behaviors\b", self.contract):
            found.append("has behaviors that are not shown to be complete")
        for loop in self.loops:
            if not re.search(r"\bloop variant\b", loop):
                found.append("has a loop without a variant")
        return found


class Unit:
    """A translation unit as Frama-C prints it: preprocessed, typed and normalised."""

    def __init__(self, text):
        self.functions = {}
        self.lemmas = []
        self.recursive = []   # logic definitions that mention themselves
        self.forbidden = []
        self.add(tokens(text), ghost=False)

    def add(self, seq, ghost):
        outline = Outline(seq)
        inside = [range(start, end + 1) for _, start, end in outline.defined.values()]
        covered = {at for span in inside for at in span}
        for at, token in enumerate(seq):
            if token.kind == "annot":
                self.annotation(token.text, at not in covered)
        for name, heads in outline.heads.items():
            # Frama-C prints the contract at one of the places.
            before = [plain(seq[head - 1].text) for head in heads
                      if head and seq[head - 1].kind == "annot"]
            contract = next((text for text in before if CONTRACT.match(text)), "")
            function = Function(name, contract, ghost)
            if name in outline.defined:
                function.defined = True
                _, start, end = outline.defined[name]
                self.body(function, seq[start:end + 1])
            self.functions[name] = function

    def body(self, function, seq):
        for at, token in enumerate(seq):
            if token.kind == "annot":
                code = ghost_text(token.text)
                if code is not None:
                    self.body(function, tokens(code))
                calls = re.match(r"(?:for [^:]*: )?calls ([^;]*);", plain(token.text))
                if calls:
                    function.uses.update(part.strip() for part in calls.group(1).split(","))
            elif token.kind != "word":
                continue
            elif token.text in ("while", "for", "do"):
                before = seq[at - 1] if at else None
                loop = plain(before.text) if before is not None and before.kind == "annot" else ""
                function.loops.append(loop if loop.startswith("loop") or " loop " in loop else "")
            elif token.text not in KEYWORDS:
                function.uses.add(token.text)
                if at + 1 < len(seq) and seq[at + 1].text == "(":
                    function.uses.add("call " + token.text)

    def annotation(self, annotation, at_file_scope):
        text = plain(annotation)
        for word in FORBIDDEN:
            if re.search(r"\b" + word + r"\b", text):
                self.forbidden.append(f"{word}: {text[:60]}")
        code = ghost_text(annotation)
        if code is not None:
            if at_file_scope:
                self.add(tokens(code), ghost=True)
            return
        for match in re.finditer(r"\blemma (\w+)", text):
            self.lemmas.append(match.group(1))
        for match in re.finditer(r"\b(?:predicate|logic [\w *]*?)\s*(\w+) ?(?:\{[^}]*\})? ?"
                                 r"(?:\([^=]*?\))? ?= (.*)", text):
            name, definition = match.groups()
            if re.search(r"\b" + re.escape(name) + r"\b", definition):
                self.recursive.append(name)

    def defined(self):
        return [f for f in self.functions.values() if f.defined]


# The tree ---------------------------------------------------------------------------------------

def walk(*places):
    """Source files below places, relative to the root, sorted."""
    found = []
    for place in places:
        for where, directories, files in os.walk(os.path.join(ROOT, place)):
            directories.sort()
            found += [os.path.relpath(os.path.join(where, file), ROOT) for file in sorted(files)
                      if file.endswith((".c", ".h", ".acsl"))]
    return found


def read(path):
    with open(os.path.join(ROOT, path), errors="replace") as file:
        return file.read()


def scan_tree():
    """Problems that need no prover: forbidden words in annotations, __FRAMAC__ out of place."""
    problems = []
    for path in walk("src", "proofs", "fuzz"):
        for token in tokens(read(path)):
            if token.kind == "annot":
                text = re.sub(r"//[^\n]*", lambda m: " " * len(m.group()), token.text[3:])
                for match in re.finditer(r"\b(" + "|".join(FORBIDDEN) + r")\b", text):
                    line = token.line + text[:match.start()].count("\n")
                    problems.append((path, line, f"'{match.group()}' in an annotation: nothing may "
                                     "be assumed but the trusted contracts of " + SOUNDNESS))
            elif path != COMPILER_H and re.search(r"\b(__FRAMAC__\b|__FC_)", token.text):
                problems.append((path, token.line, f"'{token.text.strip()[:40]}': only {COMPILER_H}"
                                 " may ask for the prover; elsewhere the compiled code is proved"))
    return problems


def headers_of(path):
    """The headers whose functions a source file proves: that of its stem, and the public one of
    the same stem if that includes it for its bodies."""
    own = path[:-2] + ".h"
    if not os.path.exists(os.path.join(ROOT, own)):
        return []
    public = f"slabpool/{os.path.basename(own)}"
    return [own] + ([f"src/include/{public}"] if f"#include <{public}>" in read(own) else [])


def conditions(path):
    """[(line, text)]: conditional code of a proved file, of which the prover sees one branch only.
    Include guards and known bugs, compiled in for tests of the harness, are none."""
    found, guard = [], True
    for token in tokens(read(path)):
        if token.kind != "directive":
            guard = False
            continue
        text = " ".join(token.text.replace("\\\n", " ").split())
        if re.match(r"# ?(if|elif)", text):
            if not (guard and text.startswith("#ifndef")) \
                    and not re.fullmatch(r"# ?(if|ifdef|if defined ?\(?|elif defined ?\(?) ?"
                                         r"SLABPOOL_PLANTED_BUG_\w+\)?", text):
                found.append((token.line, text))
            guard = False
    return found


@functools.lru_cache(maxsize=None)
def stand_ins():
    """{name: line} of the functions of compiler.h that only the prover sees."""
    seq = tokens(read(COMPILER_H))
    inside, keep = [], []
    for token in seq:
        if token.kind == "directive":
            text = re.sub(r"\s+", " ", token.text.strip().replace("# ", "#"))
            if text.startswith("#if"):
                inside.append("__FRAMAC__" in text and "!" not in text and "#ifndef" not in text)
            elif text.startswith(("#else", "#elif")) and inside:
                inside[-1] = not inside[-1] and "__FRAMAC__" in text
            elif text.startswith("#endif") and inside:
                inside.pop()
        elif any(inside):
            keep.append(token)
    outline = Outline(keep)
    found = dict(outline.declared)
    found.update({name: line for name, (line, _, _) in outline.defined.items()})
    return found


@functools.lru_cache(maxsize=None)
def outline(path):
    """The functions of a file as it stands, whatever the preprocessor makes of it."""
    return Outline(tokens(read(path)))


# proofs/SOUNDNESS.md ----------------------------------------------------------------------------

SECTIONS = {"trusted contracts": "trusted", "platform interface": "platform",
            "relied on before its proof": "unproved"}
# Rows that a section may have: one more contract to trust takes more than a line in a table.
MOST_ROWS = {"trusted": 12, "platform": 14}


class Soundness:
    """The tables of SOUNDNESS.md that the gate compares with the sources."""

    def __init__(self):
        try:
            text = read(SOUNDNESS)
        except OSError as error:
            raise Failure(f"cannot read {SOUNDNESS}: {error.strerror}") from error
        # name: (file, what it says, exercised by)
        self.trusted = {}    # contracts that nothing proves
        self.platform = {}   # those of the system's functions
        self.unproved = {}   # those of functions that are still to be proved
        self.recursive = set()
        self.silent = set()  # functions whose contract may lack an ensures clause
        self.warnings = []   # (file, text)
        section = ""
        for line in text.splitlines():
            if line.startswith("## "):
                section = line[3:].strip().lower()
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")] \
                if line.startswith("| `") else []
            if section in SECTIONS and len(cells) == 4:
                getattr(self, SECTIONS[section])[cells[0].strip("`")] = \
                    (cells[1].strip("`"), cells[2], cells[3])
            elif section == "recursive definitions" and len(cells) >= 2:
                self.recursive.add(cells[0].strip("`"))
            elif section == "contracts without a promise" and len(cells) >= 2:
                self.silent.add(cells[0].strip("`"))
            elif section == "accepted warnings" and len(cells) == 3:
                self.warnings.append((cells[0].strip("`"), cells[1].strip("`")))
        if not re.search(r"^## trusted contracts$", text, re.M | re.I):
            raise Failure(f"{SOUNDNESS} has no section 'Trusted contracts'")

    def leaned_on(self):
        """All that proofs may rely on without proving it."""
        return {**self.trusted, **self.platform, **self.unproved}

    def section_of(self, name):
        return next(section for section, rows in SECTIONS.items() if name in getattr(self, rows))

    def problems(self):
        """Rows that do not match the tree, or are too many."""
        found = [f"{SOUNDNESS}: {len(getattr(self, rows))} contracts under "
                 f"'{section.capitalize()}', at most {MOST_ROWS[rows]} may be: prove one instead"
                 for section, rows in SECTIONS.items()
                 if rows in MOST_ROWS and len(getattr(self, rows)) > MOST_ROWS[rows]]
        for name, (path, says, exercised) in self.leaned_on().items():
            where = f"{SOUNDNESS}, {self.section_of(name)}, '{name}'"
            full = os.path.join(ROOT, path)
            if path.startswith("libc:"):
                pass
            elif not os.path.isfile(full):
                found.append(f"{where}: there is no file '{path}'")
            elif not re.search(r"\b" + re.escape(name) + r"\b", read(path)):
                found.append(f"{where}: '{path}' does not declare it")
            if not says:
                found.append(f"{where}: the table does not say what it promises")
            tests = re.findall(r"`([^`]+)`", exercised)
            if not tests:
                found.append(f"{where}: the table names no test that exercises it")
            for test in tests:
                if not os.path.exists(os.path.join(ROOT, test)):
                    found.append(f"{where}: there is no test '{test}'")
        return found
