"""The eight revenue classes: quantiles of the training films' revenue."""

import numpy as np

CLASSES = (
    "Disaster",
    "Flop",
    "Successful",
    "Average",
    "Hit",
    "Outstanding",
    "Superhit",
    "Blockbuster",
)


def class_edges(revenue) -> np.ndarray:
    """Revenue at which one class ends and the next begins: float array of shape (7,), USD.

    Parameters
    ----------
    revenue : array of shape (n_training,)
        USD, of training films alone.

    Raises
    ------
    ValueError
        If so many films share a revenue that a class would be empty.
    """
    edges = np.quantile(np.asarray(revenue, dtype=float), np.arange(1, 8) / 8)
    if len(np.unique(edges)) < len(edges):
        raise ValueError(
            f"revenue of {len(revenue)} training films doesn't divide into {len(CLASSES)} classes: "
            f"edges {edges.tolist()} repeat; more films are needed"
        )
    return edges


def revenue_class(revenue, edges: np.ndarray) -> np.ndarray:
    """Place of each film's class in `CLASSES`: int64 array of shape (n,).

    A film on an edge belongs to the class above it.
    """
    return np.digitize(np.asarray(revenue, dtype=float), edges).astype(np.int64)
