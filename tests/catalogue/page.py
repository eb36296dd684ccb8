"""The page of failures: `python -m tests.catalogue.page` writes which tests show each of them, a test compares."""

from __future__ import annotations

import ast
import collections
import functools
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "failures.md"
ROW = re.compile(r"^\| (\d+) \| (.*) \|$", re.MULTILINE)


@functools.cache
def marked():
    """The tests that bear the number of a fault, by the number."""
    found = collections.defaultdict(list)
    for file in sorted([*ROOT.glob("tests/*/test_*.py"), *ROOT.glob("plugins/*/tests/test_*.py")]):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for number in numbers(node):
                    found[number].append(f"`{file.stem}`: `{node.name}`")
    return found


def numbers(function):
    """The numbers that a test bears."""
    calls = [one for one in function.decorator_list if isinstance(one, ast.Call)]
    marks = [one for one in calls if ast.unparse(one.func) == "pytest.mark.fault"]
    return [ast.literal_eval(argument) for mark in marks for argument in mark.args]


def rows(text):
    """What the page says of each number, by the cells behind it: where it is shown, and where it is left out."""
    shown, _, left_out = text.partition("## Left out")
    return [{int(number): cells.split(" | ") for number, cells in ROW.findall(part)} for part in (shown, left_out)]


def rewritten(text):
    """The page with the tests that there are."""
    tests = marked()
    shown, heading, left_out = text.partition("## Left out")

    def row(match):
        fault, happens = match[2].split(" | ")[:2]
        return f"| {match[1]} | {fault} | {happens.removesuffix(' |')} | {'<br>'.join(tests[int(match[1])])} |"

    return ROW.sub(row, shown) + heading + left_out


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text("utf-8")), "utf-8")
