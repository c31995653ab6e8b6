"""Trains an elastic net on scikit-learn's diabetes data and tracks everything.

    python train.py 0.05 0.05
    python train.py --alpha 0.01 --l1-ratio 1.0 --register diabetes --alias champion

The tracking server is the one that MLFLOW_TRACKING_URI names. The last line of the
output is the id of the run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from mlflow.models import infer_signature  # noqa: E402
from sklearn.datasets import load_diabetes  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.linear_model import ElasticNet, enet_path  # noqa: E402
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

TARGET = "progression"


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("positional", nargs="*", type=float, metavar="ALPHA L1_RATIO")
    parser.add_argument("--alpha", type=float, help="strength of the penalty (default 0.05)")
    parser.add_argument("--l1-ratio", type=float, help="0 is ridge, 1 is lasso (default 0.05)")
    parser.add_argument("--epochs", type=int, default=60, help="points of the loss curve at most (default 60)")
    parser.add_argument("--delay", type=float, default=0.0, metavar="SECONDS", help="pause after each point, to watch it grow")
    parser.add_argument("--register", metavar="NAME", help="register the model under this name")
    parser.add_argument("--alias", help="let this alias point at the new version")
    given = parser.parse_args(words)
    if len(given.positional) > 2:
        parser.error("at most two numbers: alpha and l1_ratio")
    if given.alias and not given.register:
        parser.error("--alias needs --register")
    first, second = (given.positional + [None, None])[:2]
    given.alpha = next(value for value in (given.alpha, first, 0.05) if value is not None)
    given.l1_ratio = next(value for value in (given.l1_ratio, second, 0.05) if value is not None)
    return given


def measurements() -> pd.DataFrame:
    """The ten measurements, centred and of unit length, with the target.

    scikit-learn's table (since 1.1) has two columns rounded: the blood pressure, a mean of
    up to three readings, to two decimals, and s5, the logarithm of a whole number, to four.
    That moves the figures in the sixth digit, so what was rounded off is put back.
    """
    bunch = load_diabetes(as_frame=True, scaled=False)
    raw = bunch.data
    raw = raw.assign(bp=np.round(raw["bp"] * 3) / 3, s5=np.log(np.round(np.exp(raw["s5"]))))
    centred = raw - raw.mean()
    return (centred / np.sqrt(np.square(centred).sum())).assign(**{TARGET: bunch.target})


def split() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """All rows, and the same three quarters for training every time."""
    data = measurements()
    np.random.seed(40)
    train, test = train_test_split(data)
    return data, train, test


def objective(model: ElasticNet, x: pd.DataFrame, y: pd.Series) -> float:
    """What coordinate descent makes smaller: half the mean squared error and the penalty."""
    residual = y - model.predict(x)
    ridge = 0.5 * (1 - model.l1_ratio) * np.square(model.coef_).sum()
    lasso = model.l1_ratio * np.abs(model.coef_).sum()
    return float(0.5 * np.mean(np.square(residual)) + model.alpha * (ridge + lasso))


def log_curve(options: argparse.Namespace, train: pd.DataFrame, test: pd.DataFrame) -> None:
    """Fits sweep by sweep, so that the loss can be watched while it falls."""
    x, y = train.drop(columns=TARGET), train[TARGET]
    model = ElasticNet(
        alpha=options.alpha, l1_ratio=options.l1_ratio, random_state=42, max_iter=1, tol=0, warm_start=True
    )
    last = float("inf")
    with warnings.catch_warnings():
        # One sweep at a time never converges within itself; that is the point here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for step in range(options.epochs):
            model.fit(x, y)
            loss = objective(model, x, y)
            predicted = model.predict(test.drop(columns=TARGET))
            points = {
                "train_loss": loss,
                "validation_rmse": float(np.sqrt(mean_squared_error(test[TARGET], predicted))),
                "coefficients/l1_norm": float(np.abs(model.coef_).sum()),
                "coefficients/nonzero": float(np.count_nonzero(model.coef_)),
            }
            mlflow.log_metrics(points, step=step)
            if step and last - loss <= 1e-9 * abs(loss):
                break
            last = loss
            time.sleep(options.delay)


def path_figure(data: pd.DataFrame, l1_ratio: float) -> plt.Figure:
    """How the coefficients grow as the penalty falls."""
    x, y = data.drop(columns=TARGET), data[TARGET]
    # A ratio of zero has no largest penalty to start the path from.
    alphas, coefficients, _ = enet_path((x / x.std()).to_numpy(), y.to_numpy(), eps=5e-3, l1_ratio=max(l1_ratio, 1e-3))
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for column, line in zip(x.columns, coefficients, strict=True):
        axes.plot(-np.log10(alphas), line, label=column)
    axes.set(xlabel="−log₁₀ alpha", ylabel="coefficient", title=f"Elastic net path, l1_ratio {l1_ratio:g}")
    axes.legend(ncols=2, fontsize="small")
    return figure


def log_files(data: pd.DataFrame, l1_ratio: float) -> None:
    figure = path_figure(data, l1_ratio)
    mlflow.log_figure(figure, "ElasticNet-paths.png")
    plt.close(figure)
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "diabetes.txt"
        data.to_csv(table, sep=" ", index=False)
        mlflow.log_artifact(str(table))


def log_model(model: ElasticNet, train: pd.DataFrame, options: argparse.Namespace) -> None:
    x = train.drop(columns=TARGET)
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(x, model.predict(x)),
        input_example=x.head(3),
        pip_requirements=str(Path(__file__).with_name("requirements.txt")),
        registered_model_name=options.register,
    )
    if options.alias:
        client = mlflow.MlflowClient()
        run = mlflow.active_run().info.run_id
        versions = client.search_model_versions(f"name = '{options.register}' AND run_id = '{run}'")
        newest = max(versions, key=lambda version: int(version.version))
        client.set_registered_model_alias(options.register, options.alias, newest.version)


def train_and_log(options: argparse.Namespace) -> str:
    """Trains with what was asked for; answers the id of the run."""
    data, train, test = split()
    with mlflow.start_run() as run:
        mlflow.log_params({"alpha": options.alpha, "l1_ratio": options.l1_ratio})
        for part, context in ((train, "training"), (test, "validation")):
            source = "https://scikit-learn.org/stable/modules/generated/sklearn.datasets.load_diabetes.html"
            mlflow.log_input(mlflow.data.from_pandas(part, source=source, name="diabetes", targets=TARGET), context)
        log_curve(options, train, test)
        model = ElasticNet(alpha=options.alpha, l1_ratio=options.l1_ratio, random_state=42)
        model.fit(train.drop(columns=TARGET), train[TARGET])
        predicted = model.predict(test.drop(columns=TARGET))
        mlflow.log_metrics({
            "rmse": float(np.sqrt(mean_squared_error(test[TARGET], predicted))),
            "mae": float(mean_absolute_error(test[TARGET], predicted)),
            "r2": float(r2_score(test[TARGET], predicted)),
        })
        log_files(data, options.l1_ratio)
        log_model(model, train, options)
    return run.info.run_id


def main() -> None:
    print(train_and_log(arguments()))


if __name__ == "__main__":
    main()
