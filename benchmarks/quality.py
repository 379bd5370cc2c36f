"""Quality of both variants at 1000 steps, beside scikit-learn's gradient boosting and the rule "paid by card".

Run with: python -m benchmarks.quality [tfx-1.21.0-py3-none-any.whl]

Without an argument it judges on the eval split that a hash of the key makes. With the wheel that the bundled trips come
from, it trains on the 10,000 trips of the wheel's first file and judges on the 5,000 of its second.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier

from components.lib.stats.scores import accuracy, auc, log_losses
from taxi_pipeline.data import TRIPS, derive
from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, LABEL_KEY, RULE_COLUMN, RULE_VALUE, TIME_COLUMN, label


def handles(wheel: Path | None, directory: Path) -> tuple[str, str]:
    """Give the handles of train and eval trips."""
    if wheel is None:
        return str(TRIPS), str(TRIPS)
    trips = pq.read_table(TRIPS)
    names = []
    for number, member in enumerate(derive.MEMBERS):
        keys = [trip["unique_key"] for trip in derive.read_wheel(wheel, (member,))]
        path = directory / f"part{number}.parquet"
        pq.write_table(trips.filter(pc.is_in(trips["unique_key"], pa.array(keys))), path)
        names.append(str(path))
    return names[0], names[1]


def boosted(examples: Path) -> tuple[object, object]:
    """Train scikit-learn's gradient boosting, with its defaults, on the raw columns."""
    frames = {split: pd.read_parquet(examples / split).drop(columns=["example_key"]) for split in ("train", "eval")}
    labels = {
        split: label({name: frame[name].to_numpy() for name in ("tips", "fare")}).numpy()
        for split, frame in frames.items()
    }
    for split, frame in frames.items():
        for name in ("payment_type", "company"):
            kinds = frames["train"][name].astype("category").cat.categories
            frame[name] = pd.Categorical(frame[name], categories=kinds)
        # One trip in 15,000 has a pickup tract, too few for the booster to bin.
        frames[split] = frame.drop(columns=["tips", "pickup_census_tract"])
    model = HistGradientBoostingClassifier(random_state=0).fit(frames["train"], labels["train"])
    return labels["eval"], model.predict_proba(frames["eval"])[:, 1]


def main() -> None:
    """Train, judge and print a table."""
    from components.example_generation.read import read_examples
    from components.example_generation.request import ReadParameters
    from components.training.fit import fit
    from components.training.request import Request
    from components.transform.preprocess import preprocess

    wheel = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    lines = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        train, evaluated = handles(wheel, root)
        parameters = ReadParameters(
            input_handle_train=train,
            input_handle_eval=evaluated,
            schema="taxi_pipeline.schema",
            key_column=KEY_COLUMN,
            derived_columns=DERIVED_COLUMNS,
            time_column=TIME_COLUMN,
        )
        read_examples(parameters, examples=root / "examples", statistics=root / "s", anomalies=root / "a")
        for variant in ("preprocessing", "preprocessing2"):
            graph, transformed, model = (str(root / f"{variant}-{part}") for part in ("graph", "examples", "model"))
            preprocess(
                str(root / "examples"),
                f"taxi_pipeline.{variant}",
                transform_graph=graph,
                transformed_examples=transformed,
            )
            found = fit(Request(str(root / "examples"), transformed, graph, "taxi_pipeline.model", LABEL_KEY), model)
            lines.append((variant, found["eval_auc"], found["eval_accuracy"], found["eval_log_loss"]))
        labels, scores = boosted(root / "examples")
        lines.append(
            ("gradient boosting", auc(labels, scores), accuracy(labels, scores), log_losses(labels, scores).mean())
        )
        table = pd.read_parquet(root / "examples" / "eval")
        rule = (table[RULE_COLUMN] == RULE_VALUE).to_numpy().astype(float)
        lines.append((f"{RULE_COLUMN} is {RULE_VALUE}", auc(labels, rule), accuracy(labels, rule), float("nan")))
    print(f"{len(labels):,} eval trips")
    for line in lines:
        print("{:32} AUC {:.4f}  accuracy {:.4f}  log loss {:.4f}".format(*line))
    sys.stdout.flush()
    os._exit(0)  # TensorFlow Transform may crash while the interpreter ends


if __name__ == "__main__":
    main()
