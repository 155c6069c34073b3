from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from molfleet.telemetry.metrics import Metrics


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Read back what a scraper would see, through Prometheus' own text parser."""
    page = metrics.render()[0].decode()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


def test_the_age_of_the_oldest_command_in_flight_grows_while_nobody_touches_it() -> None:
    clock = Clock()
    metrics = Metrics(clock=clock)
    metrics.began("TrainModel", "a")
    clock.now += 30
    metrics.began("TrainModel", "b")
    clock.now += 12
    assert value(metrics, "molfleet_in_flight", command="TrainModel") == 2
    assert value(metrics, "molfleet_oldest_in_flight_seconds", command="TrainModel") == 42
    metrics.ended("TrainModel", "a")
    assert value(metrics, "molfleet_oldest_in_flight_seconds", command="TrainModel") == 12
    metrics.ended("TrainModel", "b")
    assert value(metrics, "molfleet_in_flight", command="TrainModel") == 0
    assert value(metrics, "molfleet_oldest_in_flight_seconds", command="TrainModel") == 0


def test_a_second_delivery_of_a_command_in_flight_does_not_make_it_younger() -> None:
    clock = Clock()
    metrics = Metrics(clock=clock)
    metrics.began("TrainModel", "a")
    clock.now += 5
    metrics.began("TrainModel", "a")
    assert value(metrics, "molfleet_oldest_in_flight_seconds", command="TrainModel") == 5
    assert value(metrics, "molfleet_in_flight", command="TrainModel") == 1


def test_outcomes_are_counted_by_command_and_code_with_their_durations() -> None:
    clock = Clock()
    metrics = Metrics(clock=clock)
    for number, code in enumerate(("DONE", "DONE", "BLOB_NOT_FOUND")):
        metrics.began("TrainModel", number)
        clock.now += 2
        metrics.ended("TrainModel", number, code)
    labels = {"command": "TrainModel"}
    assert value(metrics, "molfleet_commands_total", **labels, code="DONE") == 2
    assert value(metrics, "molfleet_commands_total", **labels, code="BLOB_NOT_FOUND") == 1
    assert value(metrics, "molfleet_command_duration_seconds_sum", **labels) == 6
    assert value(metrics, "molfleet_command_duration_seconds_bucket", **labels, le="1.0") == 0
    assert value(metrics, "molfleet_command_duration_seconds_bucket", **labels, le="2.5") == 3


def test_a_command_handed_back_has_no_outcome_and_is_no_longer_in_flight() -> None:
    metrics = Metrics()
    metrics.began("TrainModel", "a")
    metrics.handed_back("TrainModel", "a")
    assert value(metrics, "molfleet_handed_back_total", command="TrainModel") == 1
    assert value(metrics, "molfleet_in_flight", command="TrainModel") == 0
    assert value(metrics, "molfleet_commands_total", command="TrainModel") is None


def test_an_outcome_republished_from_its_receipt_counts_without_a_duration() -> None:
    metrics = Metrics()
    metrics.ended("TrainModel", "never begun here")
    assert value(metrics, "molfleet_commands_total", command="TrainModel", code="DONE") == 1
    assert value(metrics, "molfleet_command_duration_seconds_count", command="TrainModel") is None


def test_the_lag_of_a_partition_that_went_to_another_worker_vanishes() -> None:
    metrics = Metrics()
    metrics.lag_measured({("t", 0): 7, ("t", 1): 1})
    metrics.lag_measured({("t", 1): 3})
    assert value(metrics, "molfleet_lag_records", topic="t", partition="0") is None
    assert value(metrics, "molfleet_lag_records", topic="t", partition="1") == 3


def test_all_other_happenings_have_their_series() -> None:
    metrics = Metrics(worker="predictor", version="1.2")
    metrics.attempted("TrainModel")
    metrics.batch_ran("SingleStructurePredict", 60)
    metrics.dead_lettered("training.commands", "UNDECODABLE")
    metrics.lane_paused("training.commands")
    metrics.readiness_changed(True)
    assert value(metrics, "molfleet_worker_info", worker="predictor", version="1.2") == 1
    assert value(metrics, "molfleet_attempts_total", command="TrainModel") == 1
    assert value(metrics, "molfleet_light_batch_size_sum", command="SingleStructurePredict") == 60
    assert value(metrics, "molfleet_dead_letters_total", reason="UNDECODABLE") == 1
    assert value(metrics, "molfleet_lane_paused", lane="training.commands") == 1
    assert value(metrics, "molfleet_ready") == 1
    metrics.lane_resumed("training.commands")
    assert value(metrics, "molfleet_lane_paused", lane="training.commands") == 0


def test_two_workers_in_one_process_do_not_share_their_counts() -> None:
    first, second = Metrics(), Metrics()
    first.attempted("TrainModel")
    assert value(second, "molfleet_attempts_total", command="TrainModel") is None
