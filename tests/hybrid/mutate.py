"""Would the tests notice if the router's code were wrong? `python -m tests.hybrid.mutate [STEM …]`.

Every comparison, condition, constant, operator and statement of a file is changed, one at a time, every named
argument and every element of a collection is left out, in a copy of the package; the file's own tests and the
router's then have to fail. It prints the survivors.

Not changed, as no test could tell: annotations, but for what they call; names for types; `return None` and
`return False`, where a mutant would return nothing; a setting's `description`, which is for readers.
"""

from __future__ import annotations

import ast
import copy
import itertools
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tests.copies import Copy

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
STEMS = [
    *("policy", "surface", "gate", "endpoint", "transport", "prove", "client", "router"),
    *("fence", "bodies", "breaker", "retries", "budget"),
]
WORKERS = 2
COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
CALCULATED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What could stand in place of a node."""
    yield from changed_statement(node) if isinstance(node, ast.stmt) else shortened(node)
    if isinstance(node, ast.Compare):
        for at, op in enumerate(node.ops):
            ops = [*node.ops[:at], COMPARED[type(op)](), *node.ops[at + 1 :]]
            yield ast.Compare(node.left, ops, node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in CALCULATED:
        yield ast.BinOp(node.left, CALCULATED[type(node.op)](), node.right)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.If | ast.IfExp):
        for constant in (True, False):
            changed = copy.copy(node)
            changed.test = ast.Constant(constant)
            yield changed


def changed_statement(node: ast.stmt) -> Iterator[ast.stmt]:
    """Nothing, in place of a statement that does something and names nothing."""
    does = isinstance(node, ast.Raise | ast.AugAssign | ast.Break | ast.Continue)
    if isinstance(node, ast.Expr):
        does = isinstance(node.value, ast.Call | ast.Yield | ast.YieldFrom)
    if isinstance(node, ast.Assign):
        does = all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets)
    if does:
        yield ast.Pass()
    if isinstance(node, ast.Return) and ast.unparse(node) not in {"return", "return None", "return False"}:
        yield ast.Return(None)


def shortened(node: ast.AST) -> Iterator[ast.AST]:
    """One condition, element or named argument less."""
    if isinstance(node, ast.BoolOp):
        for rest in shorter(node.values):
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.Set):
        yield from map(ast.Set, shorter(node.elts))
    elif isinstance(node, ast.List | ast.Tuple) and isinstance(node.ctx, ast.Load):
        for rest in shorter(node.elts):
            yield type(node)(rest, node.ctx)
    elif isinstance(node, ast.Call):
        for keywords in shorter(node.keywords):
            left_out = next(one for one in node.keywords if one not in keywords)
            if left_out.arg != "description":
                yield ast.Call(node.func, node.args, keywords)


def shorter(values: list[T]) -> Iterator[list[T]]:
    """A list without one of its elements, for each."""
    return ([*values[:at], *values[at + 1 :]] for at in range(len(values)))


def typed(tree: ast.Module) -> set[int]:
    """Nodes of annotations and of names for types: but for calls in them, they do nothing at run time."""
    found: set[int] = set()
    for node in ast.walk(tree):
        roots: list[ast.AST] = []
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            roots.append(node.annotation)
        if isinstance(node, ast.FunctionDef) and node.returns:
            roots.append(node.returns)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp | ast.Subscript):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            roots += [node.value] * any(name[0].isupper() and not name.isupper() for name in names)
        while roots:
            inner = roots.pop()
            if not isinstance(inner, ast.Call):
                found.add(id(inner))
                roots += ast.iter_child_nodes(inner)
    return found


class Replace(ast.NodeTransformer):
    """Puts one node in place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old = old
        self.new = new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Where and what was changed, and the changed source."""
    count = len(list(ast.walk(ast.parse(source))))
    for number in range(count):
        for which in itertools.count():
            tree = ast.parse(source)
            node = list(ast.walk(tree))[number]
            if id(node) in typed(tree):
                break
            found = list(changes(node))
            if which >= len(found):
                break
            before = ast.unparse(node).splitlines()[0]
            after = ast.unparse(ast.fix_missing_locations(found[which])).splitlines()[0]
            changed = ast.fix_missing_locations(Replace(node, found[which]).visit(tree))
            yield f"{getattr(node, 'lineno', 0)}: {before}  ->  {after}", ast.unparse(changed)


def survives(stem: str, source: str, project: Copy) -> bool:
    """Whether all tests pass with the changed file."""
    tests = [f"tests/hybrid/test_{name}.py" for name in dict.fromkeys([stem, "router"])]
    return project.status(tests, Path("snippets", "hybrid", f"{stem}.py"), source) == 0


def main(stems: list[str]) -> int:
    """Judge all mutants of the files; print the survivors and the share that was noticed."""
    jobs = [
        (stem, where, source)
        for stem in stems or STEMS
        for where, source in mutants(
            (ROOT / "snippets" / "hybrid" / f"{stem}.py").read_text(encoding="utf-8")
        )
    ]
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(WORKERS) as pool:
        free = [Copy(Path(name, str(number))) for number in range(WORKERS)]

        def judge(job: tuple[str, str, str]) -> tuple[str, str, bool]:
            project = free.pop()
            try:
                return job[0], job[1], survives(job[0], job[2], project)
            finally:
                free.append(project)

        judged = []
        for stem, where, left in pool.map(judge, jobs):
            judged.append((stem, left))
            if left:
                print(f"{stem} survives, line {where}", flush=True)
    for stem in stems or STEMS:
        mine = [left for other, left in judged if other == stem]
        print(f"{stem}: {mine.count(False)} of {len(mine)} noticed")
    noticed = sum(not left for _, left in judged)
    print(f"{noticed} of {len(judged)}, {noticed / len(judged):.1%}")
    return 0 if noticed >= 0.95 * len(judged) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
