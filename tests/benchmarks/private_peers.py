"""Other libraries of differential privacy: same rows, same known domain, same epsilon and delta."""

from __future__ import annotations

import pandas as pd

from tests.benchmarks.methods import pins
from tests.benchmarks.private_plan import PEERS
from tests.benchmarks.process import fit_elsewhere
from tests.benchmarks.side_by_side import THREADS
from utils.privacy.accounting import rho_of
from utils.schema import Schema


def code_of(method: str) -> list[str]:
    """The modules whose code makes the rows of a peer."""
    return [__name__, f"tests.benchmarks.peers.fit_{PEERS[method].library}"]


def pins_of(method: str) -> list[str]:
    """The line that pins a peer's library."""
    library = PEERS[method].library
    return pins([library], f"requirements_{library}.txt")


def made_by_peer(
    method: str, train: pd.DataFrame, schema: Schema, epsilon: float, delta: float, seed: int
) -> tuple[pd.DataFrame, dict]:
    """As many rows as in training, and what the fit cost in CPU seconds; what it spent of the
    budget is left to the library.

    schema : what is known of the columns without the rows.
    """
    peer = PEERS[method]
    request = {
        "method": peer.name,
        "seed": seed,
        "threads": THREADS,
        "speed": False,
        "epsilon": epsilon,
        "delta": delta,
        "rho": rho_of(epsilon, delta),
        "ranges": {
            column.name: [column.minimum, column.maximum]
            for column in schema.columns
            if not column.discrete
        },
        "categories": {
            column.name: list(column.categories) for column in schema.columns if column.discrete
        },
    }
    result, rows = fit_elsewhere(
        peer.python, f"tests.benchmarks.peers.fit_{peer.library}", request, train
    )
    return rows, {"delta": delta, "fit_seconds": round(result["fit_cpu_seconds"], 3)}
