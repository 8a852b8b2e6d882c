"""``python -m tests.benchmarks.peers.attack_anonymeter FOLDER``: anonymeter's attacks."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from anonymeter.evaluators import InferenceEvaluator, LinkabilityEvaluator, SinglingOutEvaluator

from tests.benchmarks.process import answer

ATTEMPTS = 100_000  # at a sentence of several columns; its own 10,000,000 take hours where few fit


def attacked(
    request: dict, train: pd.DataFrame, synthetic: pd.DataFrame, control: pd.DataFrame
) -> dict:
    """{attack: (successes, of how many), the same of the control, risk, its interval}.

    request : ``guesses`` {attack: (secret, known columns, whether it is a number)}, ``halves``,
    ``claims`` {attack: mode of singling out}, ``most`` claims, ``seed``.  Every row is attacked, so
    that no draw of targets parts the two libraries; each evaluator is otherwise as it comes.
    """
    tables, rows = {"ori": train, "syn": synthetic, "control": control}, len(train)
    np.random.seed(request["seed"])  # two of the evaluators draw from the global generator
    found = {}
    for attack, (secret, known, is_number) in request["guesses"].items():
        evaluator = InferenceEvaluator(
            **tables, aux_cols=known, secret=secret, regression=is_number, n_attacks=rows
        )
        found[attack] = _told(evaluator.evaluate(n_jobs=1).results(), rows)
    for attack, halves in request["halves"].items():
        evaluator = LinkabilityEvaluator(**tables, aux_cols=tuple(halves), n_attacks=rows)
        found[attack] = _told(evaluator.evaluate(n_jobs=1).results(), rows)
    for attack, mode in request["claims"].items():
        evaluator = SinglingOutEvaluator(
            **tables, n_attacks=request["most"], max_attempts=ATTEMPTS, seed=request["seed"]
        )
        found[attack] = _told(evaluator.evaluate(mode=mode).results(), request["most"])
    return found


def _told(results, guesses: int) -> list:
    risk = results.risk()
    numbers = results.n_success / guesses, results.n_control / guesses, risk.value, *risk.ci
    return [float(number) for number in numbers]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    answer(attacked)
