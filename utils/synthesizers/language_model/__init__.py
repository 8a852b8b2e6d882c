"""Rows written by a language model that sees a few rows of the table: nothing is trained.

In goes a table of which a few rows are shown in the prompt; out come rows whose form a grammar or a
JSON schema enforces, each of them read and checked, with copies and repetitions dropped. What code
draws better (identifiers, dates, categories by their shares) code draws, and the model writes the
other cells after them. It learns no joint distribution: what binds columns together comes from what
it has read elsewhere, and from the rows shown.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from typing import Annotated

import numpy as np

from utils.encoding import TableCodes, array_dtype, float_range, is_absent
from utils.expressions import columns_of
from utils.language_model import LanguageModel, LanguageModelError, open_language_model
from utils.saving import expect
from utils.schema import Schema
from utils.synthesizers.base import Synthesizer
from utils.synthesizers.language_model.cells import from_text, to_texts
from utils.synthesizers.language_model.journal import Journal, WritingReport
from utils.synthesizers.language_model.prompts import Question
from utils.synthesizers.language_model.replies import cells_of_csv, cells_of_json, read_cells

__all__ = ["LanguageModelSynthesizer", "WritingReport"]

FORMS = ("auto", "grammar", "schema")
MOST_SEED_ROWS = 100  # kept with the fit
MOST_CATEGORIES = 200  # that a model is asked to choose from
FRUITLESS = 10  # requests in a row without a new row, until it gives up


class LanguageModelSynthesizer(Synthesizer):
    """A language model that writes rows like those it is shown.

    rows_per_request : rows asked for at once.  shown : training rows in each prompt, drawn anew for
        each.  temperature : 1 takes the model's own chances, 0 always the likeliest text.
    by_code : names of the columns that are drawn by code, each by its own distribution in training;
        None draws all but numbers so, or, where there are only such, identifiers and dates. The
        model sees them before it writes the rest.
    identifiers : whole numbers that number the rows: drawn by code, which does not show them to the
        model (unless a rule of the schema asks for them), none twice as long as the
        schema has room (give it a larger maximum), those of training last. None takes columns whose
        values all differ and leave no gap.
    form : "grammar" has a llama.cpp server continue CSV by a GBNF grammar, "schema" asks for JSON
        by a JSON schema, as all services know it; "auto" takes the first where it can.
    about : a sentence that tells the model what the table is.
    unique : whether rows that came before, and copies of a training row, are dropped.
    checkpoint : a file that keeps each reply; a draw that was interrupted goes on from there.

    Which cells are missing is drawn by code as well, at the column's own rate.

    Rows of a reply are told by their keys; CSV, and JSON without the keys asked for, by their order
    alone, so that a row left out there costs those after it. A llama.cpp server keeps the range of
    whole numbers in a JSON schema, of others not: what is out of range is refused when it is read.
    Numbers are asked for without exponents. Identifiers that are text ("U0017") must be named in
    ``by_code``, which draws those of training: number the rows yourself instead.

    The model is the one of :func:`utils.language_model.open_language_model`. Prompts hold training
    rows, which a service then sees, and the model may repeat: rows equal to one of the up to 100
    that are kept with the fit are dropped, near copies are not. A saved model holds these rows.
    ``report`` says what the last draw asked for, got, refused and paid. LanguageModelError where
    the service fails for good; with a checkpoint nothing is lost by it.
    """

    method = "language_model"
    chunk_rows = 2**31  # identifiers are unique in a whole draw
    trial_rows = 0  # loading a model asks nobody
    quick = False
    not_saved = ("checkpoint",)
    how_to_sample = (
        "random_state",
        "rows_per_request",
        "shown",
        "temperature",
        "form",
        "about",
        "unique",
    )
    seed_rows_: list[list[str]]  # as text, in the order of the schema
    by_code_: list[str]
    identifiers_: list[str]
    codes_: TableCodes  # of the columns drawn by code
    shares_: dict[str, Annotated[np.ndarray, "share _"]]
    missing_: dict[str, float]  # share of missing cells of the other columns

    def __init__(
        self,
        rows_per_request: int = 20,
        shown: int = 5,
        temperature: float = 1.0,
        by_code: list[str] | None = None,
        identifiers: list[str] | None = None,
        form: str = "auto",
        about: str = "",
        unique: bool = True,
        checkpoint: str | None = None,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.rows_per_request, self.shown = rows_per_request, shown
        self.temperature, self.form, self.about = temperature, form, about
        self.by_code, self.identifiers, self.unique = by_code, identifiers, unique
        self.checkpoint = checkpoint

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_counts("rows_per_request")
        self._check_counts("shown", least=0)
        self._check_not_negative("temperature")
        self._check_column_names("by_code")
        self._check_column_names("identifiers")
        if self.form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}, not {self.form!r}.")
        if not isinstance(self.about, str):
            raise ValueError(f"about must be a text, not {self.about!r}.")
        if not isinstance(self.unique, bool):
            raise ValueError(f"unique must be True or False, not {self.unique!r}.")
        if not isinstance(self.checkpoint, (str, os.PathLike, type(None))):
            raise ValueError(f"checkpoint must name a file, or be None, not {self.checkpoint!r}.")

    # --- what is kept of the table ---

    def _fit(self, columns, rng):
        schema, rows = self.schema_, len(next(iter(columns.values())))
        self.identifiers_ = self._named("identifiers", _identifiers(columns, schema))
        self._refuse_other_identifiers()
        drawn = self._named("by_code", _by_code(schema, self.identifiers_))
        self.by_code_ = [name for name in schema.names if name in {*drawn, *self.identifiers_}]
        self._refuse_long_choices()
        counted = [name for name in self.by_code_ if name not in self.identifiers_]
        self.codes_ = TableCodes.fit(columns, schema.select(counted))
        codes = self.codes_.encode({name: columns[name] for name in counted} or columns)
        self.shares_ = {
            name: np.bincount(column, minlength=size) / rows
            for name, column, size in zip(counted, codes.T, self.codes_.sizes)
        }
        self.missing_ = {
            column.name: float(is_absent(columns[column.name]).mean())
            for column in schema.columns
            if column.name not in self.by_code_
        }
        kept = np.sort(rng.permutation(rows)[:MOST_SEED_ROWS])
        texts = [to_texts(columns[name][kept], schema[name]) for name in schema.names]
        self.seed_rows_ = [list(cells) for cells in zip(*texts)]

    def _named(self, parameter: str, found: list[str]) -> list[str]:
        """The columns that a parameter names, or those found where it is None."""
        named = self.parameters_[parameter]
        return found if named is None else [self.schema_[name].name for name in named]

    def _refuse_other_identifiers(self) -> None:
        for name in self.identifiers_:
            if (kind := self.schema_[name].kind) != "integer":
                raise ValueError(
                    f"Column {name!r} holds {kind} values; only whole numbers can be identifiers. "
                    "Name it in by_code."
                )

    def _refuse_long_choices(self) -> None:
        for column in self.schema_.columns:
            choices = len(column.categories)
            if column.name not in self.by_code_ and choices > MOST_CATEGORIES:
                raise ValueError(
                    f"Column {column.name!r} has {choices} categories, more than a prompt can "
                    f"offer ({MOST_CATEGORIES}). Name it in by_code."
                )

    def _check_fitted(self) -> None:
        super()._check_fitted()
        names = set(self.schema_.names)
        expect("by_code_", set(self.by_code_) <= names)
        expect("identifiers_", set(self.identifiers_) <= set(self.by_code_))
        counted = [name for name in self.by_code_ if name not in self.identifiers_]
        expect("codes_", self.codes_.fits(self.schema_.select(counted)))
        expect("shares_", list(self.shares_) == counted)
        for name, size in zip(counted, self.codes_.sizes):
            shares = self.shares_[name]
            expect("shares_", len(shares) == size and abs(shares.sum() - 1) < 1e-9)
            if self.schema_[name].discrete:
                drawn = np.flatnonzero(shares).astype(np.int32)
                absent = self.codes_.missing[self.codes_.names.index(name)] & (drawn == size - 1)
                expect("shares_", self._holds(name, np.where(absent, -1, drawn).astype(np.int32)))
        expect("missing_", set(self.missing_) == names - set(self.by_code_))
        for name, share in self.missing_.items():
            expect("missing_", 0 <= share <= 1 and (share == 0 or self.schema_[name].missing > 0))
        for cells in self.seed_rows_:
            expect("seed_rows_", len(cells) == len(names))
            for column, text in zip(self.schema_.columns, cells):
                from_text(text, column)

    # --- how rows are drawn ---

    @property
    def report(self) -> WritingReport:
        """What came of the last draw, also of one that broke off; nothing before the first."""
        return vars(self).get("_report") or WritingReport()

    def sample_chunks(self, n, given=None, random_state=None):
        """As of each generator; ValueError for a checkpoint without a seed to know it again by."""
        if self.checkpoint is not None and random_state is None and self.random_state is None:
            raise ValueError(
                "A draw with a checkpoint needs a random_state: without one it cannot be told "
                "apart from another."
            )
        return super().sample_chunks(n, given, random_state)

    def _sample(self, n, given, rng):
        self._report = WritingReport()
        known = self._known(n, given, rng)
        written = [name for name in self.schema_.names if name not in known]
        if not written:
            return {name: known[name][:n] for name in self.schema_.names}
        absent = {name: rng.random(n) < self.missing_[name] for name in written}
        shown = {name: values for name, values in known.items() if name in self._shown.names}
        rows = self._written(n, given, shown, absent, int(rng.integers(2**31)))
        return {
            column.name: np.array([row[column.name] for row in rows], dtype=array_dtype(column))
            if column.name in self._shown.names
            else known[column.name]
            for column in self.schema_.columns
        }

    @property
    def _shown(self) -> Schema:
        """What the model sees: all but numbers of rows, which tell it nothing, unless a rule asks
        for them."""
        ruled = set().union(*map(columns_of, self.schema_.rules.values()))
        unseen = set(self.identifiers_) - ruled
        return self.schema_.select([name for name in self.schema_.names if name not in unseen])

    def _known(self, n, given, rng, numbered=True) -> dict[str, np.ndarray]:
        """The columns that are set or drawn by code, of as many rows as may be asked for."""
        codes = np.column_stack(
            [np.zeros((n, 0), int)]
            + [rng.choice(len(shares), size=n, p=shares) for shares in self.shares_.values()]
        )
        counted = self.schema_.select(list(self.shares_))
        drawn = self.codes_.decode(codes, counted, {}, rng)
        if numbered:
            drawn |= {name: self._numbers(name, n, rng) for name in self.identifiers_}
        set_by_hand = {
            name: np.full(n, value, dtype=array_dtype(self.schema_[name]))
            for name, value in given.items()
        }
        return drawn | set_by_hand

    def _numbers(self, name, n, rng) -> np.ndarray:
        """Identifiers, each once: those of training come last, when all others are used up.

        Training is taken to fill the span from its first to its last; no span is written out.
        """
        low, high = float_range(self.schema_[name])
        first, last = self.seen_[name][:2]
        low = low if np.isfinite(low) else min(first, 0.0)
        high = high if np.isfinite(high) else last + n
        before, inside, after = int(first - low), int(last - first) + 1, int(high - last)
        numbers = np.zeros(0)
        while len(numbers) < n:
            outside = _each_once(before + after, n - len(numbers), rng)
            others = np.where(outside < before, low, last + 1 - before) + outside
            known = first + _each_once(inside, n - len(numbers) - len(others), rng)
            numbers = np.concatenate([numbers, others, known])
        return numbers

    def _written(self, n, given, known, absent, seed) -> list[dict]:
        """Rows as name -> code or float; each request is kept before its rows are used."""
        model = open_language_model()
        texts = {name: to_texts(values, self.schema_[name]) for name, values in known.items()}
        set_cells = [
            {name: cells[place] for name, cells in texts.items()}
            | {name: "" for name in absent if absent[name][place]}
            for place in range(n)
        ]
        journal = Journal(self.checkpoint, self._draw_name(model.name, set_cells, seed))
        collected = _Collected(self, self._report)
        waiting, fruitless = list(range(n)), 0
        while waiting:
            asked = waiting[: self.rows_per_request]
            known = [set_cells[place] for place in asked]
            question = self._question(known, list(texts), seed)
            if fresh := self._report.requests == len(journal.replies):
                journal.add(self._reply(model, question, seed + self._report.requests))
            reply = journal.replies[self._report.requests]
            done = collected.add(reply, known, asked)
            waiting = [place for place in waiting if place not in done]
            fruitless = fruitless + 1 if fresh and not done else 0
            for place in set(asked) - done:
                draw = [seed, self._report.requests, place]
                set_cells[place] = self._drawn_anew(set_cells[place], given, draw)
            if fruitless == FRUITLESS:
                raise LanguageModelError(self._in_vain(n))
        return [collected.rows[place] for place in range(n)]

    def _drawn_anew(self, cells, given, seed) -> dict[str, str]:
        """Other known cells of a row, whose first may leave none that is new and keeps the rules;
        its numbers stay."""
        rng = np.random.default_rng(seed)
        drawn = self._known(1, given, rng, numbered=False)
        absent = [name for name, share in self.missing_.items() if rng.random() < share]
        return (
            {name: "" for name in absent if name not in drawn}
            | {name: to_texts(value, self.schema_[name])[0] for name, value in drawn.items()}
            | {name: cells[name] for name in self.identifiers_ if name in cells}
        )

    def _question(self, known, first, seed) -> Question:
        """Examples and the known cells of the rows asked for; the same for the same request."""
        rng = np.random.default_rng([seed, self._report.requests])
        names = first + [name for name in self._shown.names if name not in first]
        order = [self.schema_.names.index(name) for name in names]
        places = rng.permutation(len(self.seed_rows_))[: self.shown]
        examples = [[self.seed_rows_[place][k] for k in order] for place in places]
        return Question(self._offered, names, examples, known, self.about)

    @property
    def _offered(self) -> Schema:
        """The schema with those categories only that training held."""
        columns = [
            replace(column, categories=_of_codes(column.categories, self.seen_[column.name]))
            if column.discrete
            else column
            for column in self._shown.columns
        ]
        return replace(self._shown, columns=tuple(columns))

    def _reply(self, model: LanguageModel, question: Question, seed: int) -> dict:
        """What the model answers, as data for the journal."""
        settings = {
            "most_tokens": question.most_tokens,
            "temperature": self.temperature,
            "seed": seed,
        }
        if self.form == "grammar" or (self.form == "auto" and model.takes_grammar):
            prompt = question.prompt()
            reply = model.continue_text(prompt, question.grammar(), **settings)
            rows, repaired = cells_of_csv(reply.text, reply.whole, question)
        else:
            messages = question.messages()
            prompt = json.dumps(messages, ensure_ascii=False)
            reply = model.answer(messages, question.answer_schema(), **settings)
            rows, repaired = cells_of_json(reply.text, question)
        cost = {"read": reply.read, "written": reply.written, "tries": reply.tries}
        return cost | {"prompt": prompt, "rows": rows, "repaired": repaired}

    def _draw_name(self, model: str, set_cells, seed) -> str:
        """A hash of all that the replies depend on, but for the service's address."""
        settings = {name: getattr(self, name) for name in self.how_to_sample}
        content = [model, settings, self.seed_rows_, repr(self.schema_), set_cells, seed]
        text = json.dumps(content, default=lambda number: number.item())
        return hashlib.sha256(text.encode()).hexdigest()

    def _in_vain(self, n) -> str:
        report = self._report
        reasons = dict(report.refused) | {"copies": report.copies, "duplicates": report.duplicates}
        told = ", ".join(f"{reason}: {count}" for reason, count in reasons.items() if count)
        return (
            f"{FRUITLESS} requests in a row brought no new row; {report.rows} of {n} are there. "
            f"What came was dropped ({told or 'no rows'}). Show other rows (shown=), raise the "
            "temperature, ask for fewer rows, or allow repetitions with unique=False."
        )


class _Collected:
    """Rows that are fine, by their place in the draw; counts what is not."""

    def __init__(self, model: LanguageModelSynthesizer, report: WritingReport):
        self.rows: dict[int, dict] = {}
        self._report, self._unique = report, model.unique
        self._schema, self._seen = model._shown, model.seen_
        self._free = [name for name in model.schema_.names if name not in model.identifiers_]
        self._seeds = {self._key(_values(cells, model.schema_)) for cells in model.seed_rows_}
        self._before: set[tuple] = set()

    def add(self, reply: dict, known: list[dict[str, str]], asked: list[int]) -> set[int]:
        """Take in a reply; returns the places for which it brought a row."""
        report = self._report
        report.requests += 1
        for cost in ("tries", "read", "written"):
            setattr(report, cost, getattr(report, cost) + reply[cost])
        report.repaired += reply["repaired"]
        report.prompts.append(reply["prompt"])
        read, refused = read_cells(reply["rows"], known, self._schema, self._seen)
        report.refused += refused
        done = {
            place for place, row in zip(asked, read) if row is not None and self._takes(place, row)
        }
        report.rows += len(done)
        return done

    def _key(self, row: dict) -> tuple:
        """What makes a row the same as another: its values, not how they are written."""
        return tuple(None if row[name] != row[name] else row[name] for name in self._free)

    def _takes(self, place: int, row: dict) -> bool:
        """Keep a row unless it is a copy or came before."""
        key = self._key(row)
        copied, repeated = key in self._seeds, key in self._before
        self._before.add(key)
        self._report.copies += copied
        self._report.duplicates += repeated and not copied
        if self._unique and (copied or repeated):
            return False
        self.rows[place] = row
        return True


def _values(cells: list[str], schema: Schema) -> dict:
    return {column.name: from_text(text, column) for column, text in zip(schema.columns, cells)}


def _each_once(room: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Up to n of the whole numbers below room in random order, int64."""
    return rng.choice(room, size=min(n, room), replace=False)


def _of_codes(categories: tuple, codes: np.ndarray) -> tuple:
    return tuple(categories[code] for code in codes if code >= 0)


def _identifiers(columns: dict, schema: Schema) -> list[str]:
    """Whole numbers of which each row has another, without a gap."""
    found = []
    for column in schema.columns:
        values = columns[column.name]
        several = column.kind == "integer" and len(values) > 1
        if several and np.array_equal(np.sort(values), values.min() + np.arange(len(values))):
            found.append(column.name)
    return found


def _by_code(schema: Schema, identifiers: list[str]) -> list[str]:
    """Columns that code draws better: all but numbers, if there are any."""
    others = [
        column.name
        for column in schema.columns
        if column.kind not in ("number", "integer") or column.empty
    ]
    if len({*others, *identifiers}) < len(schema.columns):
        return others
    return [
        column.name
        for column in schema.columns
        if column.kind == "date" or column.empty or len(column.categories) > MOST_CATEGORIES
    ]
