from snippets.data.machines import machine
from snippets.data.models import model
from snippets.hardware.kv_cache import Context
from snippets.hardware.memory import fits, with_context
from snippets.hardware.placement import Device, device
from snippets.hardware.weights import weights
from snippets.hardware.what_fits import QUALITY, best_fit

CONTEXT = Context(context_tokens=8_192)


def test_the_best_file_is_the_first_that_fits() -> None:
    built = model("qwen3-32b")
    found = best_fit(built, (device(machine("rtx-4090")),), CONTEXT)
    assert found
    better = QUALITY[QUALITY.index(found.file_type) - 1]
    assert found.file_type != QUALITY[0]
    assert not fits(found.plan._replace(file=weights(built, better, imatrix=True)))


def test_its_context_is_the_longest() -> None:
    found = best_fit(model("llama-3.3-70b"), (device(machine("rtx-5090")),), CONTEXT)
    assert found
    assert fits(with_context(found.plan, context_tokens=found.context_tokens))
    assert not fits(with_context(found.plan, context_tokens=found.context_tokens + 256))


def test_nothing_fits_where_there_is_no_room() -> None:
    assert best_fit(model("llama-3.3-70b"), (Device(name="x", visible_gib=8),), CONTEXT) is None


def test_a_context_longer_than_trained_is_cut() -> None:
    built = model("gemma-2-9b")
    found = best_fit(built, (device(machine("h100-sxm")),), Context(context_tokens=100_000))
    assert found
    assert (found.file_type, found.context_tokens) == ("Q8_0", built.context_tokens)


def test_from_the_best_each_file_is_smaller() -> None:
    sizes = [weights(model("llama-3.1-8b"), name).bytes for name in QUALITY]
    assert sizes == sorted(sizes, reverse=True)


def test_other_files_can_be_asked_for() -> None:
    found = best_fit(model("gpt-oss-20b"), (device(machine("rtx-4090")),), CONTEXT, ("MXFP4_MOE",))
    assert found
    assert found.file_type == "MXFP4_MOE"
