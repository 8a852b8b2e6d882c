"""Read any CSV or Parquet table, from a path or an address."""
from __future__ import annotations

import pandas as pd


def read_table(source) -> pd.DataFrame:
    """Read a CSV or Parquet file."""
    return pd.read_parquet(source) if str(source).endswith(".parquet") else pd.read_csv(source)
