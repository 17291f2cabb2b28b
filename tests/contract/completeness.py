"""What a vendor consists of, and which pieces of one are missing in a source tree."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

HOW_TO = "longtake/vendors/ADDING_A_VENDOR.md"
GOLDEN_PARTS = ("submits", "looks", "accepted", "snapshots", "failures")


def missing_pieces(root: Path, vendor: str) -> list[str]:
    """A sentence for each piece of a vendor that the tree lacks, beginning with the file it belongs into."""
    return list(_missing(root, vendor))


def _missing(root: Path, vendor: str) -> Iterator[str]:
    adapter = f"longtake/vendors/{vendor}.py"
    title = _title(root / adapter)
    if title is None:
        yield f"{adapter}: the adapter, with `title` and `ADAPTER`"
    registry = "longtake/vendors/__init__.py"
    if not _uses_import(root / registry, f"longtake.vendors.{vendor}", within="VENDORS"):
        yield f"{registry}: the line of {vendor} in VENDORS"
    block = f"{title or vendor.title()}Credentials"
    if not _has_class(root / "blocks/credentials.py", block, within="CREDENTIALS"):
        yield f"blocks/credentials.py: the class {block}, named in CREDENTIALS"
    if not _has_name(root / "blocks/__init__.py", block):
        yield f"blocks/__init__.py: the export of {block}"
    dialect = f"longtake/sandbox/vendors/{vendor}.py"
    if not (root / dialect).is_file():
        yield f"{dialect}: the sandbox's side of the wire"
    dialects = "longtake/sandbox/vendors/__init__.py"
    if not _uses_import(root / dialects, f"longtake.sandbox.vendors.{vendor}", within="DIALECTS"):
        yield f"{dialects}: the line of {vendor} in DIALECTS"
    prices = "longtake/sandbox/vendors/prices.py"
    if f'"{vendor}"' not in _text(root / prices):
        yield f"{prices}: fictitious prices for {vendor}"
    if not list((root / "tests/contract/schemas").glob(f"{vendor}-*.json")):
        yield f"tests/contract/schemas/{vendor}-….json: the documents' request schemas"
    golden = f"tests/contract/golden/{vendor}.json"
    recorded = json.loads(_text(root / golden) or "{}")
    if lacking := [part for part in GOLDEN_PARTS if not recorded.get(part)]:
        yield f"{golden}: golden exchanges ({', '.join(lacking)})"
    rules = "tests/contract/rules.py"
    if f'"{vendor}"' not in _text(root / rules):
        yield f"{rules}: what the document of {vendor} says, field by field"
    page = f"docs/vendors/{vendor}.md"
    if not (root / page).is_file():
        yield f"{page}: the vendor's page"
    if _text(root / "pyproject.toml").count(f'"longtake.vendors.{vendor}"') < 2:
        yield f"pyproject.toml: {vendor} in both import rules of the vendors"


def named_files(root: Path, vendor: str) -> set[str]:
    """The files that the how-to names in its table, for this vendor; `….json` stands for any ending."""
    rows = [line for line in _text(root / HOW_TO).splitlines() if line.startswith("| `")]
    return {row.split("`")[1].replace("NAME", vendor) for row in rows}


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""


def _tree(path: Path) -> ast.Module:
    return ast.parse(_text(path))


def _assigned(tree: ast.Module, name: str) -> set[str]:
    """The names used in what is assigned to a module's variable."""
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return set()


def _title(path: Path) -> str | None:
    tree = _tree(path)
    titles = [
        each.value.value
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        for each in node.body
        if isinstance(each, ast.Assign)
        and [target.id for target in each.targets if isinstance(target, ast.Name)] == ["title"]
        and isinstance(each.value, ast.Constant)
    ]
    return str(titles[0]) if titles and _assigned(tree, "ADAPTER") else None


def _uses_import(path: Path, module: str, *, within: str) -> bool:
    tree = _tree(path)
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == module]
    names = {alias.asname or alias.name for node in imports for alias in node.names}
    return bool(names & _assigned(tree, within))


def _has_class(path: Path, name: str, *, within: str) -> bool:
    tree = _tree(path)
    is_there = any(isinstance(node, ast.ClassDef) and node.name == name for node in tree.body)
    return is_there and name in _assigned(tree, within)


def _has_name(path: Path, name: str) -> bool:
    strings = [node.value for node in ast.walk(_tree(path)) if isinstance(node, ast.Constant)]
    return name in strings
