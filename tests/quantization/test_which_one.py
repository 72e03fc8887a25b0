import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.quality import quality
from snippets.quantization.which_one import Option, best, frontier, options

RUNS = [quality("quality-llama-7b"), quality("quality-llama-13b")]
OPTIONS = st.lists(
    st.builds(
        Option,
        model=st.just("m"),
        file_type=st.just("t"),
        size_gib=st.integers(1, 20).map(float),
        perplexity=st.integers(2, 20).map(float),
    )
)


def test_options_are_all_files_with_a_size_smallest_first() -> None:
    found = options(RUNS)
    assert len(found) == 16  # four of the 13B have no size
    assert [one.size_gib for one in found] == sorted(one.size_gib for one in found)
    assert found[0] == Option("LLaMA 7B", "Q2_K", 2.67, 6.7764)


def test_runs_on_different_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="text: one is needed, not"):
        options([quality("quality-llama-7b"), quality("quality-llama-7b-gptq")])


def test_from_five_gib_on_the_larger_model_is_better() -> None:
    found = options(RUNS)
    at_five, at_six = best(found, 5), best(found, 5.13)
    assert at_five == Option("LLaMA 7B", "Q5_K_M", 4.45, 5.9208)
    assert at_six == Option("LLaMA 13B", "Q2_K", 5.13, 5.8545)


def test_nothing_fits_in_nothing() -> None:
    assert best(options(RUNS), 1) is None


@given(OPTIONS, st.integers(0, 20))
def test_the_best_that_fits_is_on_the_frontier(choice: list[Option], memory_gib: int) -> None:
    one = best(choice, memory_gib)
    line = frontier([o for o in choice if o.size_gib <= memory_gib])
    assert (one is None) == (not line)
    if one:
        assert line[-1].perplexity == one.perplexity


@given(OPTIONS)
def test_along_the_frontier_more_memory_buys_a_lower_perplexity(choice: list[Option]) -> None:
    line = frontier(choice)
    for small, large in itertools.pairwise(line):
        assert small.size_gib < large.size_gib
        assert small.perplexity > large.perplexity
    for one in choice:
        assert any(o.size_gib <= one.size_gib and o.perplexity <= one.perplexity for o in line)
