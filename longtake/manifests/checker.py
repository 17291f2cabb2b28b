"""Holds a manifest against its columns' rules: every problem of every row in one pass, and the rows for those to come.

What a vendor or model takes is not known here (`longtake.vendors.limits`), and nothing is fetched.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from longtake._speed import uncollected
from longtake.domain.addresses import shown
from longtake.domain.identity import ContentDigest, Identities, WrittenRow
from longtake.domain.request import DEFAULT_MODEL, OPTIONS, Reference, Role, ShotRequest
from longtake.domain.violations import Violation
from longtake.files.sources import KnownDigests, content_digest
from longtake.manifests import cells
from longtake.manifests.cells import CellError, formula_error
from longtake.manifests.clashes import clashes
from longtake.manifests.explained import explained, explained_reference
from longtake.manifests.headers import nearly_column, reads_as
from longtake.manifests.references import KnownReferences, Roots
from longtake.manifests.schema import (
    COLUMNS,
    LONE_SHOT,
    Cell,
    Manifest,
    ManifestRow,
    joined,
    nameless_reel,
    natural_key,
)
from longtake.manifests.signs import cautions, invisible
from longtake.manifests.templates import TemplateError, fill_in

_NOT_TEXT = CellError("its bytes are not UTF-8", "write the column as text in UTF-8")
_ONE_ONLY = frozenset({Role.FIRST_FRAME, Role.LAST_FRAME})


@dataclass
class CheckedManifest:
    """A manifest held against its columns' rules.

    Attributes:
        rows: Every row of the manifest in its order, so `rows[i].row == i + 1`. A row with a violation is there too, as
            far as it could be read (bad cells count as not given): it keeps its place in its reel, and must not be
            bought.
        violations: All problems, sorted by row; warnings among them. Row 0 is the manifest as a whole.
        refused: Numbers of the rows that have a violation, warnings left aside.
        digest: Hashes references by their bytes as of this check: each one is read at most once.
    """

    rows: list[ManifestRow]
    violations: list[Violation]
    refused: frozenset[int]
    digest: ContentDigest = field(repr=False)

    def reels(self) -> dict[str, list[ManifestRow]]:
        """Every reel's rows, reels in order of first appearance, shots in natural order; refused rows among them."""
        reels: defaultdict[str, list[ManifestRow]] = defaultdict(list)
        for row in self.rows:
            reels[row.reel].append(row)
        key = cache(natural_key)
        return {reel: sorted(rows, key=lambda row: key(row.shot)) for reel, rows in reels.items()}

    @property
    def refused_reels(self) -> frozenset[str]:
        """Reels with at least one refused row."""
        return frozenset(self.rows[row - 1].reel for row in self.refused)


def check_manifest(
    manifest: Manifest,
    *,
    reference_roots: Sequence[str] = (),
    known: KnownReferences | None = None,
    digest: ContentDigest = content_digest,
) -> CheckedManifest:
    """Checks every cell of every row.

    Args:
        manifest: The manifest as read.
        reference_roots: Folders and `s3://bucket[/prefix]`, beside the manifest's own, that references may come from.
        known: References of earlier manifests that this one may name again.
        digest: Hashes local and `s3://` references, asked only for rows that are named by their hash.
    """
    with uncollected():
        return _Check(manifest, Roots(manifest.base, reference_roots, known), digest).run()


class _Check:
    """One pass over one manifest, column by column; distinct cells are parsed once."""

    def __init__(self, manifest: Manifest, roots: Roots, digest: ContentDigest) -> None:
        self.manifest = manifest
        self.size = len(manifest)
        self.cells = dict(manifest.cells)
        self.roots = roots
        self.digest = KnownDigests(digest)
        self.identities = Identities(self.digest)
        self.found: list[Violation] = []
        self.refused: set[int] = set()

    def run(self) -> CheckedManifest:
        self._check_columns()
        written = self._written_rows()
        takes = self._parsed("take", 1)
        variants, reviews = self._parsed("variants", 1), self._parsed("review", None)
        reels, shots, lone = self._names(written)
        rows = [
            ManifestRow(row, reel, shot, alone, request, take, count, review)
            for row, (reel, shot, take, count, alone, request, review) in enumerate(
                zip(reels, shots, takes, variants, lone, written, reviews, strict=True), 1
            )
        ]
        checked = CheckedManifest(rows, [], frozenset(), self.digest)
        for row, column, value, rule, fix in clashes(checked.reels()):
            self._refuse(row, column, value, rule, fix)
        place = {column: number for number, column in enumerate(COLUMNS)}
        self.found.sort(key=lambda violation: (violation.row, place.get(violation.column, len(place))))
        checked.violations = [
            violation.model_copy(update={"shot_id": rows[violation.row - 1].shot_id}) if violation.row else violation
            for violation in self.found
        ]
        checked.refused = frozenset(self.refused)
        return checked

    def _refuse(self, row: int, column: str, value: str, rule: str, fix: str) -> None:
        self.found.append(Violation(row=row, column=column, value=value, rule=rule, fix=fix))
        self.refused.update([row] if row else range(1, self.size + 1))

    def _warn(self, row: int, column: str, value: str, rule: str, fix: str) -> None:
        self.found.append(Violation(row=row, column=column, value=value, rule=rule, fix=fix, warning=True))

    def _check_columns(self) -> None:
        columns = self.cells.keys()
        if not any(map(reads_as, columns)):
            rule = f"no column is known; known are: {', '.join(COLUMNS)}"
            self._refuse(0, "prompt", ", ".join(columns), rule, "name the columns in the first line")
        for column in columns:
            if near := nearly_column(column, columns):
                differs = "blanks, case or marks" if near.same else "a letter or word"
                rule = f"this header is nearly {near.column}, but for {differs}, and would be ignored"
                fix = f"name it {near.column}; rename a column of your own, such as my_{near.column}"
                self._refuse(0, near.column, column, rule, fix)
        for column, rows in self.manifest.undecoded.items():
            for row in rows if column in COLUMNS else ():
                text = shown(joined(self.cells[column][row - 1]))
                self._refuse(row, column, text, _NOT_TEXT.rule, _NOT_TEXT.fix)
        for column, rows in self.manifest.failed.items():
            if column in COLUMNS:
                self._take_out_failed(column, rows)

    def _take_out_failed(self, column: str, rows: Collection[int]) -> None:
        """Reports cells whose formula has no value; they count as not given."""
        cells = list(self.cells[column])
        for row in rows:
            error = formula_error(word := joined(cells[row - 1]))
            self._refuse(row, column, word, error.rule, error.fix)
            cells[row - 1] = ""
        self.cells[column] = cells

    def _texts(self, column: str) -> list[str]:
        found = self.cells.get(column)
        return [""] * self.size if found is None else [joined(cell) for cell in found]

    def _parsed(self, column: str, empty: Any) -> list[Any]:
        """A column's values; a bad cell is reported and counts as empty."""
        texts, parse = self._texts(column), COLUMNS[column].parse
        known: dict[str, Any] = {}
        bad: dict[str, CellError] = {}
        for text in set(texts):
            plain = text.strip()
            try:
                known[text] = parse(plain) if plain else empty
            except CellError as error:
                known[text], bad[text] = empty, explained(plain, error)
        for row, text in enumerate(texts, 1) if bad else ():
            if error := bad.get(text):
                self._refuse(row, column, shown(text), error.rule, error.fix)
        return [known[text] for text in texts]

    def _written_rows(self) -> list[WrittenRow]:
        vendors = self._parsed("vendor", None)
        models = self._parsed("model", None)
        continuations = self._parsed("continue_from", None)
        tails = self._parsed("reference_tail_seconds", None)
        for row, (tail, continuation) in enumerate(zip(tails, continuations, strict=True), 1):
            if tail is not None and continuation != "clip":
                rule = "reference_tail_seconds needs continue_from = clip"
                self._refuse(row, "reference_tail_seconds", f"{tail:g}", rule, "write clip, or leave it empty")
        given = {name: self._parsed(name, None) for name in OPTIONS if name in self.cells}

        @cache
        def with_settings(model: str, *options: Any) -> ShotRequest:
            return ShotRequest(prompt="", model=model, references=(), **dict(zip(given, options, strict=True)))

        requests = [
            with_settings(model or DEFAULT_MODEL, *options).with_changes(prompt=prompt, references=references)
            for prompt, references, model, *options in zip(
                self._prompts(), self._references(), models, *given.values(), strict=True
            )
        ]
        return [
            WrittenRow(vendor=vendor, model=model, request=request, continue_from=source, reference_tail_seconds=tail)
            for vendor, model, request, source, tail in zip(
                vendors, models, requests, continuations, tails, strict=True
            )
        ]

    def _prompts(self) -> list[str]:
        """Every row's prompt, filled in; one that cannot be is reported and stays as written."""
        cells = self.cells
        prompts = [joined(cell, ", ") for cell in cells["prompt"]] if "prompt" in cells else [""] * self.size
        names, undecoded = cells.keys() - {"prompt"}, self.manifest.undecoded.get("prompt", ())

        def text_of(name: str, place: int) -> str:
            if place + 1 in self.manifest.undecoded.get(name, ()):
                raise TemplateError(f"column {name}: {_NOT_TEXT.rule}", _NOT_TEXT.fix)
            return joined(cells[name][place], ", ")

        for place, prompt in enumerate(prompts):
            try:
                prompts[place] = fill_in(prompt, names, lambda name, place=place: text_of(name, place))
            except TemplateError as error:
                self._refuse(place + 1, "prompt", prompt, error.rule, error.fix)
            if place + 1 not in undecoded:
                for found, rule, fix in cautions(prompts[place]):
                    self._warn(place + 1, "prompt", found, rule, fix)
        return prompts

    def _references(self) -> list[tuple[Reference, ...]]:
        references: list[tuple[Reference, ...]] = [()] * self.size
        for role in Role:
            column = self.cells.get(role.column)
            if column is None:
                continue
            known: dict[str | tuple[str, ...], tuple[tuple[Reference, ...], list[tuple[str, CellError]]]] = {}
            for place, cell in enumerate(column):
                if not cell:
                    continue
                key = cell if isinstance(cell, str) else tuple(cell)
                if key not in known:
                    known[key] = self._resolved(cell, role)
                resolved, bad = known[key]
                references[place] += resolved
                for value, error in bad:
                    self._refuse(place + 1, role.column, shown(value), error.rule, error.fix)
        return references

    def _resolved(self, cell: Cell, role: Role) -> tuple[tuple[Reference, ...], list[tuple[str, CellError]]]:
        values = [value for part in (cell.split("|") if isinstance(cell, str) else cell) if (value := part.strip())]
        resolved: list[Reference] = []
        bad: list[tuple[str, CellError]] = []
        if role in _ONE_ONLY and len(values) > 1:
            bad.append((f"{len(values)} values", CellError(f"{role.column} takes one value", "give one")))
        for value in values:
            try:
                resolved.append(Reference(role=role, source=self.roots.resolve(value, role)))
            except CellError as error:
                bad.append((value, explained_reference(value, error, lambda part: self._is_reference(part, role))))
        return tuple(resolved), bad

    def _is_reference(self, value: str, role: Role) -> bool:
        try:
            self.roots.resolve(value, role)
        except CellError:
            return False
        return True

    def _names(self, written: Sequence[WrittenRow]) -> tuple[list[str], list[str], list[bool]]:
        """Every row's reel and shot, and whether it named no reel."""
        reels = self._name_column("reel")
        shots = self._name_column("shot")
        ids = self._name_column("id")
        lone = [not reel for reel in reels]
        repeated: Counter[str] = Counter()
        for place, alone in enumerate(lone):
            if not alone:
                if not shots[place]:
                    self._refuse(place + 1, "shot", "", "a row with a reel needs a shot", "name the shot, such as 1")
                continue
            shots[place] = shots[place] or LONE_SHOT
            reels[place] = ids[place]
            if not ids[place]:
                name = self._hashed_name(place, written[place])
                repeated[name] += 1
                reels[place] = name if repeated[name] == 1 else f"{name}-{repeated[name]}"
        return reels, shots, lone

    def _name_column(self, column: str) -> list[str]:
        """A column of names. A bad one is reported and made harmless, so that it can be printed."""
        before = len(self.found)
        names = self._parsed(column, "")
        for violation in self.found[before:]:
            text = joined(self.cells[column][violation.row - 1]).strip()
            names[violation.row - 1] = cells.CONTROL.sub("\ufffd", text)[: cells.NAME_MAX_CHARACTERS]
        hidden = {name: sign for name in set(names) if (sign := invisible(name))}
        for row, name in enumerate(names, 1) if hidden else ():
            if name in hidden:
                rule = f"the name holds an invisible character, {hidden[name]}, and is another name than without it"
                self._warn(row, column, name, rule, "take that character out, unless it is meant")
        return names

    def _hashed_name(self, place: int, written: WrittenRow) -> str:
        if place + 1 not in self.refused:
            try:
                return nameless_reel(self.identities.of_request(written))
            except OSError as error:
                column = written.request.references[0].role.column
                fix = "mend the address or its permissions"
                self._refuse(place + 1, column, "", f"a reference cannot be read: {error}", fix)
        # A refused row stays out of the count of identical rows, else mending it would rename the others.
        written_cells = {
            name: self.manifest.cells[name][place] for name in sorted(self.manifest.cells.keys() & COLUMNS)
        }
        return f"refused-{hashlib.sha256(json.dumps(written_cells).encode()).hexdigest()[:12]}"
