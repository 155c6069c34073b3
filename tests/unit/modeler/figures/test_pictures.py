"""Every picture draws whatever a training may end in, and is the same each time."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.unit.modeler.figures.outcomes import changed, classes, values
from workers.modeler.figures import CROSS_VALIDATION, PICTURES, TEST, Outcome, Picture, Unseen
from workers.modeler.figures.canvas import DPI, Sheet, elided, plain

pytestmark = pytest.mark.filterwarnings("error")

ROWS = [
    pytest.param(picture, task, id=f"{picture.code}-{task}")
    for picture in PICTURES
    for task in picture.tasks
]
OUTCOMES = {"classification": classes, "regression": values}


def drawn(picture: Picture, outcome: Outcome) -> np.ndarray:
    """The pixels; fails where the picture does not apply."""
    assert picture.applies(outcome)
    with Image.open(io.BytesIO(picture.draw(outcome))) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def degenerate(task: str) -> dict[str, Outcome]:
    whole = OUTCOMES[task]()
    constant = changed(whole, lambda part: replace(part, outputs=np.full_like(part.outputs, 0.5)))
    one_value = changed(whole, lambda part: replace(part, actual=part.actual * 0))
    alone = changed(whole, lambda part: replace(part.take(np.arange(1)), folds=None))
    gaps = changed(OUTCOMES[task](test=False), lambda part: poor_fold(with_gap(part)))
    return {
        "constant predictions": constant,
        "one class or value, and a test set alone": replace(
            one_value, subsets={TEST: one_value.subsets[TEST]}
        ),
        "one record in each subset, no folds known": alone,
        "no test set, a fold of one class or value, an output that is no number": gaps,
    }


def with_gap(part: Unseen) -> Unseen:
    outputs = part.outputs.copy()
    outputs[0] = np.nan
    return replace(part, outputs=outputs)


def poor_fold(part: Unseen) -> Unseen:
    assert part.folds is not None
    return replace(part, actual=np.where(part.folds == 0, part.actual[0], part.actual))


@pytest.mark.slow
@pytest.mark.parametrize(("picture", "task"), ROWS)
def test_a_picture_shows_more_than_an_empty_page_and_is_the_same_each_time(
    picture: Picture, task: str
) -> None:
    assert picture.applies(OUTCOMES[task]())
    png = picture.draw(OUTCOMES[task]())
    with Image.open(io.BytesIO(png)) as image:
        assert image.convert("RGB").getcolors(20) is None, "no more than 20 colours"
        assert max(image.size) <= 2000
    assert picture.draw(OUTCOMES[task]()) == png


@pytest.mark.parametrize(("picture", "task"), ROWS)
@pytest.mark.slow
def test_what_is_degenerate_is_drawn_all_the_same(picture: Picture, task: str) -> None:
    for outcome in degenerate(task).values():
        if picture.applies(outcome):
            drawn(picture, outcome)


def test_every_task_has_pictures_and_every_code_is_its_own() -> None:
    assert len({picture.code for picture in PICTURES}) == len(PICTURES)
    for task, outcome in OUTCOMES.items():
        assert all(picture.applies(outcome()) for picture in PICTURES if task in picture.tasks)


def test_a_picture_of_what_is_not_known_does_not_apply() -> None:
    bare = changed(values(), lambda part: replace(part, similarity=None))
    bare = replace(bare, importances=(), environments={})
    codes = {row.code for row in PICTURES if "regression" in row.tasks and row.applies(bare)}
    assert codes == {"predicted_vs_measured_plot", "residuals_plot"}


@pytest.mark.slow
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_each_fold_is_seen(task: str) -> None:
    """Moving the records of one fold to another changes every picture that shows folds."""
    whole = OUTCOMES[task](folds=4)
    part = whole.subsets[CROSS_VALIDATION]
    assert part.folds is not None
    merged = replace(part, folds=np.where(part.folds == 3, 2, part.folds))
    other = replace(whole, subsets={**whole.subsets, CROSS_VALIDATION: merged})
    for picture in PICTURES:
        if task in picture.tasks and not picture.code.startswith(("importance", "substructures")):
            assert picture.draw(whole) != picture.draw(other), picture.code


@pytest.mark.slow
def test_intervals_without_a_bound_and_far_predictions_are_drawn_at_the_edge() -> None:
    def astray(part: Unseen) -> Unseen:
        outputs = part.outputs.copy()
        outputs[0] = 1e9
        return replace(
            part, outputs=outputs, lower=np.full(len(part), -np.inf), upper=np.full(len(part), np.inf)
        )

    outcome = changed(values(), astray)
    for picture in PICTURES:
        if "regression" in picture.tasks:
            drawn(picture, outcome)


@pytest.mark.slow
def test_fifty_classes_with_names_in_any_script_are_drawn() -> None:
    labels = tuple(f"$класс_{number}$ {'很长' * 20}\n#{number}" for number in range(50))
    outcome = classes(50, 400, labels=labels, target="$x_1 \\frac{", model_name="\t模型\n" * 50)
    for picture in PICTURES:
        if "classification" in picture.tasks:
            drawn(picture, outcome)


@pytest.mark.parametrize("text", ["$a$", r"\$5 and $6", "价格", "a\nb", "🧪", "", "x" * 5000])
@pytest.mark.parametrize("ends", [False, True])
def test_a_text_is_cut_to_its_room_and_never_read_as_a_formula(text: str, ends: bool) -> None:
    shown = elided(text, 9, 80, ends=ends)
    sheet = Sheet(400, 60)
    drawn = sheet.figure.text(0, 0.5, shown, size=9)
    box = drawn.get_window_extent(sheet.figure.canvas.get_renderer())
    assert box.width <= 80 + 2
    assert "\n" not in shown
    assert drawn.get_figure().dpi == DPI


def test_short_text_is_left_alone_and_long_text_keeps_its_ends_when_asked() -> None:
    assert elided("logD", 9, 200) == "logD"
    cut = elided("class of compounds number 17", 9, 100, ends=True)
    assert cut.startswith("cl")
    assert cut.endswith("17")
    assert "…" in cut
    assert plain("50 $ → µ") == r"50 \$ → µ"


def test_a_score_that_is_given_is_told_and_one_that_is_not_is_calculated() -> None:
    outcome = values(scores={TEST: {"RMSE": 42.0}}, baselines={TEST: {"RMSE": 1.5}})
    assert outcome.score("RMSE", TEST) == 42.0
    part = outcome.subsets[CROSS_VALIDATION]
    expected = np.sqrt(np.mean((part.actual - part.outputs[:, 0]) ** 2))
    assert outcome.score("RMSE", CROSS_VALIDATION) == pytest.approx(expected)
    assert (outcome.baseline("RMSE", TEST), outcome.baseline("RMSE", CROSS_VALIDATION)) == (1.5, None)
