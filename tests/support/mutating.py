"""Small mistakes that could be in a Python file: each one is an exact edit of its text.

Left out is what no test should be asked about: docstrings, sentences for people and how they are laid out, types,
``__repr__``. Left out, too, is what fails wherever it runs (a name that is never bound): noticing that is no merit.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from typing import NamedTuple

_COMPARISONS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("<=", ">"),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<"),
    ast.GtE: (">", "<"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.Mod: "//",
    ast.BitAnd: "|",
    ast.BitOr: "&",
    ast.LShift: ">>",
    ast.RShift: "<<",
}
_TWINS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "reversed": "iter"}
_FOR_PEOPLE = {"__repr__", "__str__", "__rich_repr__"}
_LAYOUT = {"indent", "hanging", "width", "padding", "title", "style"}
"""Arguments that say how text looks to people."""
_FOR_TYPES = {"TypeVar", "NewType", "cast", "overload", "assert_never", "ParamSpec", "gettext", "ngettext", "mark"}


class Mutant(NamedTuple):
    """A mistake. ``start`` and ``end`` are offsets in the file's bytes, ``statement`` the line where its own begins."""

    file: str
    line: int
    kind: str
    start: int
    end: int
    new: str
    statement: int
    last: int
    was: str
    now: str
    """The lines that it touches, before and after, without what surrounds them."""

    @property
    def name(self) -> str:
        return f"{self.file}:{self.line}:{self.kind}"

    def applied(self, source: str) -> str:
        data = source.encode()
        return (data[: self.start] + self.new.encode() + data[self.end :]).decode()


def find(file: str, source: str) -> list[Mutant]:
    """Return the mutants of ``source``, each with a name of its own, in the order of the text."""
    found = list(_Finder(file, source).all())
    found.sort(key=lambda mutant: (mutant.line, mutant.start, mutant.kind, mutant.new))
    named: list[Mutant] = []
    for _, group in itertools.groupby(sorted(found, key=lambda m: (m.line, m.kind)), key=lambda m: (m.line, m.kind)):
        alike = list(group)
        named += [m if n == 0 else m._replace(kind=f"{m.kind}#{n + 1}") for n, m in enumerate(alike)]
    return sorted(named, key=lambda mutant: (mutant.line, mutant.start, mutant.kind))


def compiles(source: str) -> bool:
    """Return whether Python takes it at all."""
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


class _Finder:
    def __init__(self, file: str, source: str) -> None:
        self._file, self._data = file, source.encode()
        lines = self._data.splitlines(keepends=True)
        self._starts = list(itertools.accumulate(map(len, lines), initial=0))
        self._tree = ast.parse(source)
        self._statement: ast.stmt | None = None
        self._functions: list[ast.FunctionDef | ast.AsyncFunctionDef] = []

    def all(self) -> Iterator[Mutant]:
        return self._body(self._tree.body)

    # ------------------------------------------------------------ statements

    def _body(self, statements: list[ast.stmt]) -> Iterator[Mutant]:
        for statement in statements:
            outer, self._statement = self._statement, statement
            yield from self._one(statement)
            self._statement = outer

    def _one(self, node: ast.stmt) -> Iterator[Mutant]:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from self._function(node)
            case ast.ClassDef():
                yield from self._body(node.body)
            case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.Pass() | ast.Global() | ast.Nonlocal():
                pass
            case ast.Expr(value=ast.Constant() | ast.Yield() | ast.YieldFrom() | ast.Await()):
                pass
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                yield from self._body(node.orelse)
            case ast.Raise():
                yield self._edit(node, "raise removed", "pass")
            case ast.Try() | ast.TryStar():
                yield from self._try(node)
            case ast.Break():
                yield self._edit(node, "break", "continue")
            case ast.Continue():
                yield self._edit(node, "continue", "break")
            case _:
                yield from self._removed(node)
                yield from self._inside(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Mutant]:
        if node.name in _FOR_PEOPLE or any("overload" in ast.unparse(each) for each in node.decorator_list):
            return
        for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
            yield from self._expression(default)
        self._functions.append(node)
        yield from self._body(node.body)
        self._functions.pop()

    def _try(self, node: ast.Try | ast.TryStar) -> Iterator[Mutant]:
        yield from self._body(node.body)
        for handler in node.handlers:
            outer, self._statement = self._statement, handler.body[0]
            if handler.type is not None and ast.unparse(handler.type) not in {"Exception", "BaseException"}:
                yield self._edit(handler.type, "except widened", "Exception")
            if isinstance(handler.type, ast.Tuple) and len(handler.type.elts) > 1:
                for dropped in handler.type.elts:
                    kept = ", ".join(ast.unparse(each) for each in handler.type.elts if each is not dropped)
                    yield self._edit(handler.type, "except narrowed", f"({kept},)")
            self._statement = outer
            yield from self._body(handler.body)
        yield from self._body(node.orelse)
        yield from self._body(node.finalbody)

    def _removed(self, node: ast.stmt) -> Iterator[Mutant]:
        match node:
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="say"), args=[], keywords=[])):
                pass  # an empty line
            case ast.Expr(value=ast.Call()) if self._functions:
                yield self._edit(node, "call removed", "pass")
            case ast.Delete():
                yield self._edit(node, "del removed", "pass")
            case ast.AugAssign():
                yield self._edit(node, "assignment removed", "pass")
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) if self._functions:
                if self._functions[-1].name != "__init__":  # without it, the attribute would not be there at all
                    yield self._edit(node, "assignment removed", "pass")
            case ast.Return(value=ast.expr() as value) if not _is_none(value):
                if self._returns("bool"):
                    yield self._edit(value, "return", f"not ({self._text(value)})")
                else:
                    yield self._edit(value, "return", "None")
            case ast.For() if self._functions:
                yield self._edit(node.iter, "no rounds", "()")
            case _:
                pass

    def _returns(self, name: str) -> bool:
        returns = self._functions[-1].returns if self._functions else None
        return isinstance(returns, ast.Name) and returns.id == name

    def _inside(self, node: ast.AST) -> Iterator[Mutant]:
        """Go through what a statement or an expression holds."""
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            yield from self._condition(node.test, loop=isinstance(node, ast.While))
        for test in [*getattr(node, "ifs", []), *filter(None, [getattr(node, "guard", None)])]:
            yield from self._condition(test, loop=False)
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "returns", "type_comment", "decorator_list", "format_spec"}:
                continue
            if name in {"body", "orelse"} and isinstance(value, list):
                yield from self._body(value)
                continue
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, ast.expr):
                    yield from self._expression(each)
                elif isinstance(each, ast.keyword) and each.arg in _LAYOUT:
                    continue
                elif isinstance(each, ast.comprehension | ast.withitem | ast.keyword | ast.match_case):
                    yield from self._inside(each)

    # ------------------------------------------------------------ expressions

    def _condition(self, test: ast.expr, *, loop: bool) -> Iterator[Mutant]:
        if not isinstance(test, ast.Compare | ast.UnaryOp | ast.Constant):  # theirs is the operator that changes
            yield self._edit(test, "negated", f"not ({self._text(test)})")
        if not isinstance(test, ast.Constant):
            yield self._edit(test, "never", "False")
            if not loop:
                yield self._edit(test, "always", "True")

    def _expression(self, node: ast.expr) -> Iterator[Mutant]:
        match node:
            case ast.JoinedStr():
                return
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _FOR_TYPES:
                return
            case ast.Subscript() if not self._functions:  # an alias of a type
                return
            case ast.Constant():
                yield from self._constant(node)
            case ast.Call():
                yield from self._call(node)
            case ast.BoolOp():
                yield from self._parts(node)
            case _:
                yield from self._operator(node)
        yield from self._inside(node)

    def _constant(self, node: ast.Constant) -> Iterator[Mutant]:
        if isinstance(node.value, bool):
            yield self._edit(node, "constant", str(not node.value))
        elif isinstance(node.value, int | float):
            yield self._edit(node, "constant", str(node.value + 1))
            if node.value > 0:
                yield self._edit(node, "constant", str(node.value - 1))

    def _parts(self, node: ast.BoolOp) -> Iterator[Mutant]:
        own, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        texts = [self._text(each, wrap=True) for each in node.values]
        yield self._edit(node, other, "(" + f" {other} ".join(texts) + ")")
        for number in range(len(texts)):
            kept = texts[:number] + texts[number + 1 :]
            yield self._edit(node, "part dropped", "(" + f" {own} ".join(kept) + ")")

    def _operator(self, node: ast.expr) -> Iterator[Mutant]:
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                for new in _COMPARISONS.get(type(op), ()):
                    yield self._edit(node, "compared", f"{self._text(left)} {new} {self._text(right)}")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield self._edit(node, "not dropped", self._text(operand, wrap=True))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC and self._counts(node):
                new = f"{self._text(left, wrap=True)} {_ARITHMETIC[type(op)]} {self._text(right, wrap=True)}"
                yield self._edit(node, "arithmetic", new)
            case _:
                pass

    def _counts(self, node: ast.BinOp) -> bool:
        """Return whether this may be arithmetic, rather than text put together or types named together."""
        sides = (node.left, node.right)
        if isinstance(node.op, ast.BitOr) and not self._functions:
            return False
        return not any(isinstance(s, ast.JoinedStr) or _is_text(s) or _is_none(s) for s in sides)

    def _call(self, node: ast.Call) -> Iterator[Mutant]:
        if isinstance(node.func, ast.Name) and node.func.id in _TWINS:
            yield self._edit(node.func, "twin", _TWINS[node.func.id])
        if len(node.args) >= 2 and not any(isinstance(each, ast.Starred) for each in node.args[:2]):
            first, second = (self._text(each) for each in node.args[:2])
            if first != second and not isinstance(node.args[0], ast.Constant):
                both = ast.expr()
                both.lineno, both.col_offset = node.args[0].lineno, node.args[0].col_offset
                both.end_lineno, both.end_col_offset = node.args[1].end_lineno, node.args[1].end_col_offset
                yield self._edit(both, "arguments swapped", f"{second}, {first}")

    # ------------------------------------------------------------ text

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def _text(self, node: ast.expr, *, wrap: bool = False) -> str:
        start, end = self._span(node)
        text = self._data[start:end].decode()
        return (
            f"({text})" if wrap and not isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Constant) else text
        )

    def _edit(self, node: ast.expr | ast.stmt, kind: str, new: str) -> Mutant:
        assert self._statement is not None
        assert node.end_lineno is not None
        start, end = self._span(node)
        before, after = self._starts[node.lineno - 1], self._starts[node.end_lineno]
        was = self._data[before:after].decode()
        now = (self._data[before:start] + new.encode() + self._data[end:after]).decode()
        return Mutant(
            self._file,
            node.lineno,
            kind.replace(" ", "-"),
            start,
            end,
            new,
            self._statement.lineno,
            node.end_lineno,
            was.strip(),
            now.strip(),
        )


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
