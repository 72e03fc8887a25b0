import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.machines import machine, read_machines
from snippets.data.models import model, read_models
from snippets.data.prices import read_purchases
from snippets.data.speeds import read_speeds
from snippets.hardware.choosing import (
    Learned,
    Owning,
    Setup,
    file_weights,
    learned,
    price_usd,
    run,
    usd_per_million,
    usd_per_million_range,
)
from snippets.hardware.kv_cache import Context
from snippets.hardware.speed import Range
from snippets.hardware.weights import tensor_bytes, weights

ONE = Context(context_tokens=8_192)
CARD = Owning(price_usd=3_600, years=3, watts=500, usd_per_kwh=0.2, used_share=0.5)


@pytest.fixture(scope="module")
def known() -> Learned:
    return learned(read_speeds().values(), read_models(), read_machines())


def test_a_cost_by_hand() -> None:
    """$100 a month for the card and 365 hours at half a kilowatt, $36.50; 131.4M tokens at 100 a second."""
    assert usd_per_million(CARD, 100) == pytest.approx(136.5 / 131.4)


def test_a_machine_that_is_given_and_powered_for_free_costs_nothing() -> None:
    assert usd_per_million(CARD.model_copy(update={"price_usd": 0, "usd_per_kwh": 0}), 10) == 0


@given(speed=st.floats(0.1, 1e5), share=st.floats(0.01, 0.5))
def test_twice_the_use_halves_the_price_and_not_the_power(speed: float, share: float) -> None:
    def cost(price: float, used: float) -> float:
        return usd_per_million(CARD.model_copy(update={"price_usd": price, "used_share": used}), speed)

    power = cost(0, share)
    assert cost(0, 2 * share) == pytest.approx(power)
    assert cost(3_600, 2 * share) - power == pytest.approx((cost(3_600, share) - power) / 2)


@given(speed=st.floats(0.1, 1e5))
def test_twice_the_speed_costs_half(speed: float) -> None:
    assert usd_per_million(CARD, 2 * speed) == pytest.approx(usd_per_million(CARD, speed) / 2)


def test_the_lowest_cost_is_of_the_lowest_price_at_the_highest_speed() -> None:
    dear = CARD.model_copy(update={"price_usd": 5_000})
    assert usd_per_million_range(CARD, 5_000, Range(50, 100, 120)) == (
        usd_per_million(CARD, 120),
        usd_per_million(dear, 50),
    )


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_no_speed_has_no_cost(speed: float) -> None:
    with pytest.raises(ValueError, match=f"tokens_per_s is {speed}; it has to be above 0"):
        usd_per_million(CARD, speed)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("used_share", 0),
        ("used_share", 1.01),
        ("years", 0),
        ("years", 20.1),
        ("watts", -1),
        ("watts", 1_000_001),
        ("price_usd", -1),
        ("price_usd", 1_000_000_001),
        ("usd_per_kwh", -0.1),
        ("usd_per_kwh", 10.1),
    ],
)
def test_what_no_machine_costs_is_refused_by_its_field(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=field):
        Owning.model_validate(CARD.model_dump() | {field: value})


@pytest.mark.parametrize(
    "owned",
    [
        {"price_usd": 0, "watts": 0, "usd_per_kwh": 0, "used_share": 1, "years": 20},
        {"price_usd": 1e9, "watts": 1e6, "usd_per_kwh": 10, "used_share": 0.001, "years": 0.1},
    ],
)
def test_the_ends_are_allowed(owned: dict[str, float]) -> None:
    assert Owning.model_validate(owned)


@pytest.mark.parametrize(
    ("field", "value"), [("count", 0), ("count", 1_025), ("labeled_gb", 0), ("labeled_gb", 20_001)]
)
def test_a_setup_out_of_bounds_is_refused_by_its_field(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=field):
        Setup.model_validate({"machine": machine("rtx-4090"), field: value})


def test_a_setup_at_its_bounds_is_allowed() -> None:
    assert Setup(machine=machine("rtx-4090"), count=1_024, labeled_gb=20_000).count == 1_024


def test_a_setup_is_one_machine_that_splits_by_layer_unless_told() -> None:
    alone = Setup(machine=machine("rtx-4090"))
    assert (alone.count, alone.split, len(alone.devices), alone.watts) == (1, "layer", 1, 450)


def test_the_smallest_memory_is_allowed() -> None:
    assert Setup(machine=machine("rtx-4090"), labeled_gb=0.5).labeled_gb == 0.5


def test_devices_and_watts_are_of_all_machines() -> None:
    two = Setup(machine=machine("rtx-3090"), count=2)
    assert [each.name for each in two.devices] == ["RTX 3090", "RTX 3090"]
    assert two.watts == 700


def test_watts_that_nobody_published_stay_unknown() -> None:
    assert Setup(machine=machine("m4-max")).watts is None


def test_the_size_asked_for_is_the_size_of_the_device() -> None:
    assert [
        Setup(machine=machine("m4-max"), labeled_gb=size).devices[0].visible_gib for size in (64, 128)
    ] == [48, 96]


def test_the_price_is_of_all_machines() -> None:
    record = read_purchases()["buy-rtx-3090-used"]
    assert price_usd(record, Setup(machine=machine("rtx-3090"), count=2)) == (
        2 * record.low_usd,
        2 * record.high_usd,
    )


@pytest.mark.parametrize(("name", "size"), [("rtx-4090", None), ("m4-max", 64)])
def test_the_price_of_another_machine_or_size_is_refused(name: str, size: float | None) -> None:
    record = read_purchases()["buy-m4-max-128gb-new"]
    with pytest.raises(ValueError, match="buy-m4-max-128gb-new is a m4-max with 128 GB, not a"):
        price_usd(record, Setup(machine=machine(name), labeled_gb=size))


def test_experts_take_the_bytes_that_they_have_in_the_file() -> None:
    """MXFP4 for what they multiply with, and their biases in full precision."""
    file = weights(model("gpt-oss-120b"), "MXFP4_MOE")
    experts = [(tensor, kind) for tensor, kind in file.types if "_exps." in tensor.name]
    assert {kind for _, kind in experts} == {"MXFP4", "F32"}
    split = file_weights(model("gpt-oss-120b"), "MXFP4_MOE")
    assert split.expert_bytes == pytest.approx(sum(tensor_bytes(tensor, kind) for tensor, kind in experts))


def test_a_model_without_experts_reads_all_but_its_table() -> None:
    split = file_weights(model("llama-3.1-8b"), "Q8_0")
    assert split.expert_bytes == 0
    assert split.shared_bytes < weights(model("llama-3.1-8b"), "Q8_0").bytes


def test_the_best_file_runs_within_a_published_measurement(known: Learned) -> None:
    """llama.cpp's own table: gpt-oss-120b on a DGX Spark, 59.02 tokens/s."""
    found = run(model("gpt-oss-120b"), Setup(machine=machine("gb10")), known, ONE)
    assert found
    assert found.best.file_type == "MXFP4_MOE"
    assert found.decode.low < 59.02 < found.decode.high


def test_what_does_not_fit_does_not_run(known: Learned) -> None:
    assert run(model("llama-3.3-70b"), Setup(machine=machine("rtx-4090")), known, ONE) is None


def test_two_cards_by_layer_hold_more_and_are_no_faster(known: Learned) -> None:
    built = model("qwen3-8b")
    one = run(built, Setup(machine=machine("rtx-3090")), known, ONE)
    two = run(built, Setup(machine=machine("rtx-3090"), count=2), known, ONE)
    assert one
    assert two
    assert two.best.file_type == one.best.file_type
    assert two.decode.expected == pytest.approx(one.decode.expected, rel=0.01)


def test_two_cards_by_tensor_are_faster(known: Learned) -> None:
    built = model("llama-3.3-70b")
    layer = run(built, Setup(machine=machine("h100-sxm"), count=8), known, ONE)
    tensor = run(built, Setup(machine=machine("h100-sxm"), count=8, split="tensor"), known, ONE)
    assert layer
    assert tensor
    assert tensor.decode.expected > 2 * layer.decode.expected


def test_a_batch_gets_more_together_and_each_less(known: Learned) -> None:
    setup = Setup(machine=machine("rtx-pro-6000"))
    one = run(model("qwen3-32b"), setup, known, ONE)
    eight = run(model("qwen3-32b"), setup, known, Context(context_tokens=8 * 8_192, sequences=8))
    assert one
    assert eight
    assert one.decode.expected < eight.decode.expected < 8 * one.decode.expected


def test_each_of_a_batch_has_its_part_of_the_context(known: Learned) -> None:
    setup = Setup(machine=machine("h100-sxm"))
    few, many = (
        run(model("qwen3-8b"), setup, known, Context(context_tokens=tokens, sequences=4))
        for tokens in (8_192, 32_768)
    )
    assert few
    assert many
    assert few.decode.expected > many.decode.expected


def test_a_context_beyond_training_is_cut(known: Learned) -> None:
    built = model("gemma-2-9b")
    setup = Setup(machine=machine("h100-sxm"))
    cut = run(built, setup, known, Context(context_tokens=100_000))
    most = run(built, setup, known, Context(context_tokens=built.context_tokens))
    assert cut
    assert most
    assert cut.decode == most.decode


def test_the_range_is_of_four_in_five_unless_asked(known: Learned) -> None:
    wider = learned(read_speeds().values(), read_models(), read_machines(), coverage=0.9)
    again = learned(read_speeds().values(), read_models(), read_machines(), coverage=0.8)
    assert known == again
    assert wider.spread.low < known.spread.low < 1 < known.spread.high < wider.spread.high
