# SPDX-License-Identifier: MIT
"""The mutants of a C file, from its syntax tree (libclang): what ci/mutate may change in it.

A mutant is one replacement of a piece of the source text inside the body of one function. Text that
a macro's body makes is left alone; a macro's arguments, and the use of a macro that names a number,
are not."""

import ctypes
import hashlib
import os
import re

from common import CLANG, Failure, Usage

FLAGS = ["-std=c11", "-Isrc/include", "-Isrc"]
OPERATORS = ("relational", "arithmetic", "logical", "bitwise", "constant", "statement",
             "arguments", "condition")
# operator: (its class, what it becomes)
BINARY = {"<": ("relational", ("<=", ">=")), "<=": ("relational", ("<", ">")),
          ">": ("relational", (">=", "<=")), ">=": ("relational", (">", "<")),
          "==": ("relational", ("!=",)), "!=": ("relational", ("==",)),
          "+": ("arithmetic", ("-",)), "-": ("arithmetic", ("+",)), "*": ("arithmetic", ("/",)),
          "/": ("arithmetic", ("*",)), "%": ("arithmetic", ("/",)),
          "+=": ("arithmetic", ("-=",)), "-=": ("arithmetic", ("+=",)),
          "*=": ("arithmetic", ("/=",)), "/=": ("arithmetic", ("*=",)),
          "%=": ("arithmetic", ("/=",)),
          "&&": ("logical", ("||",)), "||": ("logical", ("&&",)),
          "&": ("bitwise", ("|",)), "|": ("bitwise", ("&",)), "^": ("bitwise", ("&",)),
          "<<": ("bitwise", (">>",)), ">>": ("bitwise", ("<<",)),
          "&=": ("bitwise", ("|=",)), "|=": ("bitwise", ("&=",)), "^=": ("bitwise", ("&=",)),
          "<<=": ("bitwise", (">>=",)), ">>=": ("bitwise", ("<<=",))}
# Binding of the replacement may be looser than that of the operator: these get parentheses.
GROUPED = ("logical", "bitwise")
NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|\d+)[uUlL]*")
NAMED = re.compile(r"[A-Z][A-Z0-9_]+")
BLANKS = re.compile(r"\s+")


def clang():
    """The module clang.cindex."""
    try:
        import clang.cindex as module
    except ImportError as error:
        raise Usage("python3-clang is not found: run 'ci/setup --only prove', or install the "
                    f"package python3-{CLANG}") from error
    return module


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Mutant:
    """Text [begin, end) of a file becomes new. The words tell the change to people."""

    def __init__(self, path, unit, function, line, operator, span, new, words):
        self.path, self.unit = path, unit    # the changed file, and the .c file that compiles it
        self.function, self.operator, self.new = function, operator, new
        self.line, self.row = line           # in the file, and behind the function's first line
        self.begin, self.end = span
        self.change = words
        self.ordinal = 0
        self.source = ""                     # the line as it stands

    @property
    def id(self):
        return f"{self.path}:{self.function}+{self.row}:{self.operator}:{self.ordinal}"

    def apply(self, text):
        """text with the change; bytes of the file, as libclang counts them, decoded as Latin-1."""
        lines = text.count("\n", self.begin, self.end) - self.new.count("\n")
        return text[:self.begin] + self.new + "\n" * lines + text[self.end:]


def read(path):
    """A file as text in which one character is one byte."""
    with open(path, encoding="latin-1", newline="") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="latin-1", newline="") as file:
        file.write(text)


def shown(text, limit=70):
    text = BLANKS.sub(" ", re.sub(r"/\*.*?\*/", " ", text, flags=re.S)).strip()
    return text if len(text) <= limit else text[:limit - 3] + "..."


class Finder:
    """Walks the functions of a translation unit and collects mutants."""

    def __init__(self, root, unit):
        self.index = clang()
        self.kinds = self.index.CursorKind
        self.unit = unit
        self.root = root
        self.texts = {}     # path: text
        self.found = {}     # (path, begin, end, new): Mutant
        self.bodies = {}    # (path, function): text of the definition
        where = os.path.join(root, unit)
        try:
            tree = self.index.Index.create().parse(
                where, args=["-std=c11"] + [f"-I{os.path.join(root, flag[2:])}"
                                            for flag in FLAGS if flag.startswith("-I")])
        except self.index.TranslationUnitLoadError as error:
            raise Failure(f"libclang cannot read {unit}: {error}") from error
        wrong = [d for d in tree.diagnostics if d.severity >= self.index.Diagnostic.Error]
        if wrong:
            raise Failure(f"libclang cannot read {unit}: {wrong[0]}")
        self.tree = tree

    # Places ---------------------------------------------------------------------------------------

    def place(self, location):
        """(path, line, offset) in the file: of a macro's argument where it is written, of other
        text from a macro where the macro is used."""
        lib = self.index.conf.lib.clang_getFileLocation
        lib.argtypes = [self.index.SourceLocation] + [ctypes.c_void_p] * 4
        lib.restype = None
        file = self.index.c_object_p()
        line, column, offset = ctypes.c_uint(), ctypes.c_uint(), ctypes.c_uint()
        lib(location, *(ctypes.byref(x) for x in (file, line, column, offset)))
        if not file:
            return None, 0, 0
        name = os.path.realpath(self.index.File(file).name)
        return os.path.relpath(name, os.path.realpath(self.root)), line.value, offset.value

    def span(self, cursor):
        """(begin, end, text) of a cursor in the file of the function at hand, or None."""
        path, _, begin = self.place(cursor.extent.start)
        other, _, end = self.place(cursor.extent.end)
        if path != self.path or other != self.path or end <= begin:
            return None
        return begin, end, self.text[begin:end]

    def functions(self, names=None, paths=None):
        """Collects the mutants of the functions with these names, in these files."""
        for cursor in self.tree.cursor.get_children():
            if cursor.kind != self.kinds.FUNCTION_DECL or not cursor.is_definition():
                continue
            path, line, _ = self.place(cursor.location)
            if not path or path.startswith("..") or names is not None \
                    and cursor.spelling not in names or paths is not None and path not in paths:
                continue
            if path not in self.texts:
                self.texts[path] = read(os.path.join(self.root, path))
            self.path, self.text = path, self.texts[path]
            self.function, self.first = cursor.spelling, line
            if self.span(cursor) is None:
                continue
            self.bodies[path, self.function] = self.span(cursor)[2]
            for child in cursor.get_children():
                if child.kind == self.kinds.COMPOUND_STMT:
                    self.statement(child)
        return self.numbered()

    def numbered(self):
        """The mutants in the order of the text, with their ordinals."""
        counts = {}
        mutants = sorted(self.found.values(), key=lambda m: (m.path, m.begin, m.end, m.new))
        for mutant in mutants:
            key = mutant.id
            counts[key] = counts.get(key, 0) + 1
            mutant.ordinal = counts[key]
        return mutants

    def add(self, operator, span, new, words=None, around=None):
        begin, end, old = span
        if shown(old) == shown(new):
            return
        line = self.text.count("\n", 0, begin) + 1
        if words is None:
            left, right, _ = around or span
            words = (f'"{shown(self.text[left:right])}" becomes "'
                     + shown(self.text[left:begin] + new + self.text[end:right]) + '"')
        mutant = Mutant(self.path, self.unit, self.function, (line, line - self.first), operator,
                        (begin, end), new, words)
        mutant.source = self.text.splitlines()[line - 1].strip()
        self.found.setdefault((self.path, begin, end, new), mutant)

    # Statements -----------------------------------------------------------------------------------

    def statement(self, cursor):
        kinds, children = self.kinds, list(cursor.get_children())
        if cursor.kind.is_expression():
            self.removed(cursor)
            self.expression(cursor, None)
            return
        if cursor.kind in (kinds.BREAK_STMT, kinds.CONTINUE_STMT) \
                or cursor.kind == kinds.RETURN_STMT and not children:
            self.removed(cursor)
        inside = []     # statements
        if cursor.kind == kinds.IF_STMT:
            self.condition(children[0], ("1", "0"))
            inside = children[1:]
        elif cursor.kind == kinds.WHILE_STMT:
            self.condition(children[0], ("0",))
            inside = children[1:]
        elif cursor.kind == kinds.DO_STMT:
            self.condition(children[-1], ("0",))
            inside = children[:-1]
        elif cursor.kind == kinds.FOR_STMT:
            inside = children[-1:]
            for child in children[:-1]:
                if child.type.kind != self.index.TypeKind.VOID and self.is_condition(child):
                    self.condition(child, ("0",))
        elif cursor.kind in (kinds.COMPOUND_STMT, kinds.LABEL_STMT, kinds.DEFAULT_STMT):
            inside = children
        elif cursor.kind in (kinds.CASE_STMT, kinds.SWITCH_STMT):
            inside = children[-1:]
        for child in children:
            if child in inside:
                self.statement(child)
            else:
                self.expression(child, None)

    def is_condition(self, cursor):
        """A comparison or a logical operator: in the head of a for loop, the condition."""
        found = self.binary(cursor)
        return found is not None and BINARY.get(found[1], ("",))[0] in ("relational", "logical")

    def removed(self, cursor):
        span = self.span(cursor)
        if span and re.match(r"[ \t)]*;", self.text[span[1]:]):
            self.add("statement", span, "", f'"{shown(span[2])};" removed')

    def condition(self, cursor, constants):
        span = self.span(cursor)
        if span is None:
            return
        for constant in constants:
            self.add("condition", span, constant)
        found = self.binary(cursor)
        # Of a comparison and of !x the opposite is a mutant already.
        if (found is None or BINARY.get(found[1], ("",))[0] != "relational") \
                and not span[2].startswith("!"):
            self.add("condition", span, f"!({span[2]})", f'"{shown(span[2])}" negated')

    # Expressions ----------------------------------------------------------------------------------

    def expression(self, cursor, parent):
        kinds = self.kinds
        span = self.span(cursor)
        if span and not self.number(cursor, span, parent):
            if cursor.kind in (kinds.BINARY_OPERATOR, kinds.COMPOUND_ASSIGNMENT_OPERATOR):
                self.operator(cursor, span)
            elif cursor.kind == kinds.UNARY_OPERATOR:
                self.unary(span)
            elif cursor.kind == kinds.CONDITIONAL_OPERATOR:
                self.condition(next(cursor.get_children()), ("1", "0"))
            elif cursor.kind == kinds.CALL_EXPR:
                self.swapped(cursor, span)
        for child in cursor.get_children():
            self.expression(child, span if cursor.kind.is_expression() and span else parent)

    def binary(self, cursor):
        """(left span, operator, right span, offset of the operator) of a binary operator whose
        sign stands in the text."""
        children = list(cursor.get_children())
        if cursor.kind not in (self.kinds.BINARY_OPERATOR,
                               self.kinds.COMPOUND_ASSIGNMENT_OPERATOR) or len(children) != 2:
            return None
        left, right = self.span(children[0]), self.span(children[1])
        if left is None or right is None or left[1] > right[0]:
            return None
        between = re.sub(r"/\*.*?\*/", lambda m: " " * len(m.group()), self.text[left[1]:right[0]],
                         flags=re.S)
        sign = between.strip()
        if not re.fullmatch(r"[-+*/%<>=!&|^]+", sign):
            return None
        return left, sign, right, left[1] + between.index(sign)

    def operator(self, cursor, span):
        found = self.binary(cursor)
        if found is None or found[1] not in BINARY:
            return
        left, sign, right, at = found
        operator, becomes = BINARY[sign]
        for new in becomes:
            if operator in GROUPED and not sign.endswith("="):
                self.add(operator, span, f"(({left[2]}) {new} ({right[2]}))",
                         f'"{sign}" becomes "{new}" between "{shown(left[2])}" and '
                         f'"{shown(right[2])}"')
            else:
                self.add(operator, (at, at + len(sign), sign), new, around=span)
        if operator == "logical":
            for side, gone in ((left, f"{sign} {shown(right[2])}"),
                               (right, f"{shown(left[2])} {sign}")):
                self.add("condition", span, f"({side[2]})",
                         f'"{gone}" removed next to "{shown(side[2])}"')

    def unary(self, span):
        begin, end, text = span
        for sign, new in (("++", "--"), ("--", "++")):
            if text.startswith(sign):
                self.add("arithmetic", (begin, begin + 2, sign), new, around=span)
            elif text.endswith(sign):
                self.add("arithmetic", (end - 2, end, sign), new, around=span)
        if text.startswith("!"):
            self.add("logical", span, f"!!({text[1:]})")
        elif text.startswith("~"):
            self.add("bitwise", span, f"({text[1:]})")
        elif re.match(r"-[^-]", text):
            self.add("arithmetic", span, f"({text[1:]})")

    def number(self, cursor, span, parent):
        """A number, a macro or an enumerator that is one. True if there is nothing inside."""
        text = span[2]
        integer = cursor.type.get_canonical().kind in (
            self.index.TypeKind.INT, self.index.TypeKind.UINT, self.index.TypeKind.LONG,
            self.index.TypeKind.ULONG, self.index.TypeKind.LONGLONG, self.index.TypeKind.ULONGLONG,
            self.index.TypeKind.USHORT, self.index.TypeKind.SHORT, self.index.TypeKind.UCHAR,
            self.index.TypeKind.BOOL)
        if text in ("true", "false"):
            self.add("constant", span, "false" if text == "true" else "true", around=parent)
            return True
        match = NUMBER.fullmatch(text)
        if match:
            value, suffix = int(match.group(1), 0), text[len(match.group(1)):]
            news = [str(value + 1) + suffix] + ([str(value - 1) + suffix, "0" + suffix]
                                                if value else [])
            for new in dict.fromkeys(news):
                self.add("constant", span, new, around=parent)
            return True
        if text != "NULL" and NAMED.fullmatch(text) and integer:
            for new in (f"({text} + 1)", f"({text} - 1)", "0"):
                self.add("constant", span, new, around=parent)
            return True
        return False

    def swapped(self, cursor, span):
        """Two neighbouring arguments of one type change places."""
        arguments = list(cursor.get_arguments())
        for one, other in zip(arguments, arguments[1:]):
            if one is None or other is None or self.kind_of(one) != self.kind_of(other):
                continue
            left, right = self.span(one), self.span(other)
            if left and right and span[0] <= left[0] and left[1] <= right[0] < span[1]:
                between = self.text[left[1]:right[0]]
                self.add("arguments", (left[0], right[1], self.text[left[0]:right[1]]),
                         right[2] + between + left[2], around=span)

    @staticmethod
    def kind_of(cursor):
        return re.sub(r"\b(const|volatile)\b ?", "", cursor.type.get_canonical().spelling).strip()


def mutants_of(root, unit, names=None, paths=None):
    """(mutants, {(path, function): text}) of the functions of a translation unit."""
    finder = Finder(root, unit)
    return finder.functions(names, paths), finder.bodies
