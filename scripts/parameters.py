"""The values that the parameters of params.yaml take, section by section."""

import re
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, field_validator
from pydantic import ValidationInfo as Info

from boxoffice.core import paths

T = TypeVar("T")
Grid = Annotated[  # a list to search, or one value
    list[T],
    BeforeValidator(lambda value: value if isinstance(value, list) else [value]),
    Field(min_length=1),
]
Inner = Annotated[float, Field(gt=0, lt=1)]  # a share that leaves some on either side
Share = Annotated[float, Field(ge=0, le=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
TwoOrMore = Annotated[int, Field(ge=2)]
Depth = Count | None
ImageEncoder = Literal["efficientnet_lite0", "resnet50"]
Modality = Literal["text", "video", "audio"]
Name = Annotated[str, Field(min_length=1)]


def _source(name: str) -> str:
    known = sorted(path.parent.name for path in paths.RAW.glob("*/credits.csv"))
    if name not in known:
        raise ValueError(
            f"data/raw has {', '.join(known) or 'none'}; `python scripts/fetch.py` brings others"
        )
    return name


def _split(shares: str) -> str:
    whole = re.fullmatch(r"[1-9]\d*/[1-9]\d*/[1-9]\d*", shares)
    if not whole or sum(map(int, shares.split("/"))) != 100:
        raise ValueError("it should be training/validation/test in per cent, such as 70/20/10")
    return shares


def _once_each(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("it should name each once")
    return names


def _more_than(other: str) -> AfterValidator:
    def check(value: int, section: Info) -> int:
        if other in section.data and value <= section.data[other]:
            raise ValueError(f"it should be greater than {other}, {section.data[other]}")
        return value

    return AfterValidator(check)


class Section(BaseModel):
    """What any notebook may ask for."""

    seed: int = Field(0, ge=0, lt=2**32)
    source: Annotated[str, AfterValidator(_source)] = "open_films"


class Preprocess(Section):
    test_size: Inner
    millions_up_to: NotNegative


class Synthesize(Section):
    rows: TwoOrMore
    hit_rate: Inner
    noise: Share
    overlap: Share
    posters: Whole
    trailers: Whole

    @field_validator("trailers")
    def _are_of_films_with_a_poster(cls, trailers: int, section: Info) -> int:
        if trailers > section.data.get("posters", trailers):
            raise ValueError(f"it should be at most posters, {section.data['posters']}")
        return trailers


class Segment(Section):
    k_original: TwoOrMore
    k_min: TwoOrMore
    k_max: Annotated[int, _more_than("k_min")]
    bootstraps: Count


class Regress(Section):
    folds: TwoOrMore
    linear_alpha: Grid[Positive]
    n_estimators: Grid[Count]
    max_depth: Grid[Depth]
    min_samples_split: Grid[TwoOrMore]
    gb_learning_rate: Grid[Rate]
    gb_n_estimators: Grid[Count]
    gb_max_depth: Grid[Depth]
    xgb_learning_rate: Grid[Rate]
    xgb_n_estimators: Grid[Count]
    xgb_max_depth: Grid[Count]
    backtest_from: int = Field(ge=1888, le=2100)
    coverage: Inner


class Classify(Section):
    folds: TwoOrMore
    logistic_c: Grid[Positive]
    tree_max_depth: Grid[Depth]
    tree_min_samples_leaf: Grid[Count]
    xgb_learning_rate: Grid[Rate]
    xgb_n_estimators: Grid[Count]
    xgb_max_depth: Grid[Count]
    hit_test_size: Inner
    hit_folds: TwoOrMore
    hit_logistic_c: Grid[Positive]
    hit_max_depth: Grid[Count]
    hit_k_min: TwoOrMore
    hit_k_max: Annotated[int, _more_than("hit_k_min")]


class Network(Section):
    exact: bool
    weights: Name | None
    random_weights: bool
    folds: TwoOrMore
    batch_size: Count
    epochs: Count
    learning_rate: Positive
    weight_decay: NotNegative
    patience: Count


class Poster(Network):
    dir: Name
    threshold: NotNegative
    encoder: ImageEncoder
    finetune: bool
    views: Whole
    validation_size: Inner
    test_size: Inner
    coverage: Inner

    @field_validator("test_size")
    def _leaves_training_films(cls, share: float, section: Info) -> float:
        if share + section.data.get("validation_size", 0) >= 1:
            raise ValueError("it should leave training films beside validation_size")
        return share


class Multimodal(Network):
    trailer_dir: Name
    modalities: Annotated[Grid[Modality], AfterValidator(_once_each)]
    text_encoder: Name
    image_encoder: ImageEncoder
    fusion: Literal["concatenation", "attention"]
    dropout: Dropout
    modality_dropout: Dropout
    label_spread: NotNegative
    splits: Annotated[Grid[Annotated[str, AfterValidator(_split)]], AfterValidator(_once_each)]
    n_estimators: Count
    all_films_batch_size: Count
    all_films_learning_rate: Positive


SECTIONS: dict[str, type[Section]] = {
    section.__name__.lower(): section
    for section in (Preprocess, Synthesize, Segment, Regress, Classify, Poster, Multimodal)
}
