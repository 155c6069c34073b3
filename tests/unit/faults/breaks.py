"""One function for each way to break a promise in the good history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from molfleet.messages.generated import (
    ModelThumbnailGenerated,
    ModelTrained,
    SingleStructurePredict,
    TrainModel,
)
from tests import builders
from tests.unit.faults.good import SINGLE, TRAINING, answered, failed, trained
from tests.unit.faults.story import Story

Break = Callable[[Story], None]


def _event(story: Story, kind: str) -> int:
    return next(n for n, event in enumerate(story.events) if type(event.message).__name__ == kind)


def loses_the_terminal_event(story: Story) -> None:
    story.events = [event for event in story.events if not isinstance(event.message, ModelTrained)]
    story.commits.clear()
    story.receipts.clear()
    story.letters = [letter for letter in story.letters if letter.offset == 3]


def ends_twice(story: Story) -> None:
    command = story.commands[0]
    assert isinstance(command.identity, TrainModel)
    story.publishes(command, failed(command.identity))


def ends_under_an_id_of_its_own(story: Story) -> None:
    n = _event(story, "ModelTrained")
    story.events.append(replace(story.events[n], event_id="4f6c"))


def answers_what_nobody_sent(story: Story) -> None:
    other = builders.train_model()
    stranger = Story().sends(other, TRAINING)
    story.publishes(stranger, trained(other))


def forgets_the_correlation_id(story: Story) -> None:
    n = _event(story, "SingleStructurePredicted")
    message = story.events[n].message
    story.events[n] = replace(
        story.events[n], message=message.model_copy(update={"correlation_id": message.id})
    )


def drops_rubbish(story: Story) -> None:
    story.letters = [letter for letter in story.letters if letter.offset != 3]
    story.commits.clear()


def drops_the_dead_letter_of_a_crash(story: Story) -> None:
    story.letters = [letter for letter in story.letters if letter.offset != 4]
    story.commits.clear()


def buries_a_good_command(story: Story) -> None:
    story.buries(story.commands[0])


def buries_a_light_command_that_was_answered(story: Story) -> None:
    story.buries(next(command for command in story.commands if command.record.topic == SINGLE))


def changes_a_dead_letter(story: Story) -> None:
    letter = story.letters[0]
    story.letters[0] = replace(letter, record=replace(letter.record, value=b"other"))


def drops_a_header_of_a_dead_letter(story: Story) -> None:
    n = next(n for n, letter in enumerate(story.letters) if letter.record.value == b"rubbish")
    letter = story.letters[n]
    headers = tuple(header for header in letter.record.headers if header[0] != "who")
    story.letters[n] = replace(letter, record=replace(letter.record, headers=headers))


def buries_what_is_not_there(story: Story) -> None:
    story.letters.append(replace(story.letters[0], offset=99))


def commits_before_the_end(story: Story) -> None:
    commit = story.commits[0]
    assert commit.ends
    ends = {partition: 0 if "events" in partition.topic else end for partition, end in commit.ends.items()}
    story.commits[0] = replace(commit, ends=ends)


def commits_before_the_dead_letter(story: Story) -> None:
    commit = story.commits[0]
    assert commit.ends
    ends = {p: 0 if "dead" in p.topic else end for p, end in commit.ends.items()}
    story.commits[0] = replace(commit, ends=ends)


def commits_an_unanswered_light_command(story: Story) -> None:
    story.sends(builders.single_structure_predict(), SINGLE)
    story.commits_all(SINGLE)


def loses_a_receipt(story: Story) -> None:
    story.receipts.pop()


def keeps_two_receipts(story: Story) -> None:
    story.receipts.append(story.receipts[0])


def keeps_a_receipt_of_a_light_command(story: Story) -> None:
    light = next(command for command in story.commands if command.record.topic == SINGLE)
    assert isinstance(light.identity, SingleStructurePredict)
    story.receipts_for(light, [answered(light.identity, 1.0)])


def keeps_a_receipt_of_another_content(story: Story) -> None:
    story.receipts[0] = replace(story.receipts[0], content="something that nobody sent")


def keeps_a_receipt_of_nothing(story: Story) -> None:
    other = builders.train_model()
    story.receipts_for(Story().sends(other, TRAINING), [trained(other)])


def keeps_a_receipt_without_an_end(story: Story) -> None:
    receipt = story.receipts[0].receipt
    cut = replace(receipt, events=receipt.events[:1])
    story.receipts[0] = replace(story.receipts[0], receipt=cut)


def loses_an_output(story: Story) -> None:
    del story.blobs["out", "300.png"]


def changes_an_output(story: Story) -> None:
    story.writes("out", "model.molmodel", b"another model")


def repeats_in_other_bytes(story: Story) -> None:
    n = _event(story, "ModelTrained")
    event = story.events[n]
    story.events.append(replace(event, record=replace(event.record, value=b"{}")))


def repeats_with_other_headers(story: Story) -> None:
    n = _event(story, "ModelThumbnailGenerated")
    event = story.events[n]
    headers = (*event.record.headers, ("extra", b"1"))
    story.events.append(replace(event, record=replace(event.record, headers=headers)))


def publishes_what_the_receipt_does_not_hold(story: Story) -> None:
    held = story.receipts[0].receipt
    other = replace(held.events[-1], value=b"{}")
    story.receipts[0] = replace(story.receipts[0], receipt=replace(held, events=(*held.events[:-1], other)))


def predicts_differently(story: Story) -> None:
    light = next(command for command in story.commands if command.record.topic == SINGLE)
    assert isinstance(light.identity, SingleStructurePredict)
    story.publishes(light, answered(light.identity, 1.001))


def ends_before_its_pictures(story: Story) -> None:
    first, last = _event(story, "ModelThumbnailGenerated"), _event(story, "ModelTrained")
    story.events[first], story.events[last] = story.events[last], story.events[first]


def starts_late(story: Story) -> None:
    story.events.append(story.events.pop(_event(story, "ModelTrainingStarted")))


def forgets_a_picture(story: Story) -> None:
    story.events = [e for e in story.events if not isinstance(e.message, ModelThumbnailGenerated)]


def scatters_events_over_partitions(story: Story) -> None:
    n = _event(story, "ModelTrainingStarted")
    event = story.events[n]
    story.events[n] = replace(event, record=replace(event.record, key=b"any"))


BREAKS: list[tuple[Break, str, str]] = [
    (loses_the_terminal_event, "G1: TrainModel", "no terminal event"),
    (ends_twice, "G1: TrainModel", "molfleet.events.ModelTrained and in molfleet.events.TrainingFailed"),
    (ends_under_an_id_of_its_own, "G1: molfleet.events.ModelTrained", "foreign id 4f6c"),
    (answers_what_nobody_sent, "G1: molfleet.events.ModelTrained", "nobody sent"),
    (forgets_the_correlation_id, "G1: SingleStructurePredict", "does not echo its correlation_id"),
    (drops_rubbish, "G1: unreadable at training.commands/0@3", "it was refused"),
    (drops_the_dead_letter_of_a_crash, "G1: TrainModel", "given up after too many crashes"),
    (buries_a_good_command, "G1: TrainModel", "it was accepted"),
    (buries_a_light_command_that_was_answered, "G1: SingleStructurePredict", "it was accepted"),
    (changes_a_dead_letter, "G1: TrainModel", "another value"),
    (drops_a_header_of_a_dead_letter, "G1: unreadable", "other headers"),
    (buries_what_is_not_there, "G1: record training.commands/0@99", "does not exist"),
    (commits_before_the_end, "G2: TrainModel", "6 was committed before its terminal event"),
    (commits_before_the_dead_letter, "G2: unreadable", "committed before its dead letter"),
    (commits_an_unanswered_light_command, "G2: SingleStructurePredict", "before its terminal event"),
    (loses_a_receipt, "G3: TrainModel", "without a receipt"),
    (keeps_two_receipts, "G3: TrainModel", "2 receipts"),
    (keeps_a_receipt_of_a_light_command, "G3: SingleStructurePredict", "keeps a receipt"),
    (keeps_a_receipt_of_another_content, "G3: TrainModel", "never sent"),
    (keeps_a_receipt_of_nothing, "G3: TrainModel", "nobody sent"),
    (keeps_a_receipt_without_an_end, "G3: TrainModel", "does not end in its one terminal event"),
    (loses_an_output, "G3: TrainModel", "out/300.png of its receipt does not exist"),
    (changes_an_output, "G3: TrainModel", "out/model.molmodel of its receipt has the digest"),
    (repeats_in_other_bytes, "G4: TrainModel", "in different bytes"),
    (repeats_with_other_headers, "G4: TrainModel", "in different bytes"),
    (publishes_what_the_receipt_does_not_hold, "G4: TrainModel", "differs from the receipt's"),
    (predicts_differently, "G4: SingleStructurePredict", "predict differently"),
    (ends_before_its_pictures, "G5: TrainModel", "the order ModelTrainingStarted, ModelTrained"),
    (
        starts_late,
        "G5: TrainModel",
        "the order ModelThumbnailGenerated, ModelTrained, ModelTrainingStarted",
    ),
    (forgets_a_picture, "G5: TrainModel", "it ended without event"),
    (scatters_events_over_partitions, "G5: TrainModel", "key is not its correlation id"),
]
