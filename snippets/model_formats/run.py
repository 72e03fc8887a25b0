"""Does a file run, and say what NumPy says?"""

# --8<-- [start:imports]
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from snippets.data.small_forward import (
    forward,
    losses,
)
from snippets.data.small_model import SmallModel

# --8<-- [end:imports]


# --8<-- [start:engine]
def engine(path: str) -> Any:
    """Load a GGUF file into llama.cpp, quietly.

    Attention is as exact as NumPy's: keys, values
    in F32, no flash attention. One thread: with a
    model this small, two wait for each other.
    """
    library: Any = import_module("xllamacpp")
    f32 = library.ggml_type.GGML_TYPE_F32
    flash = library.llama_flash_attn_type
    asked = library.CommonParams()
    asked.model.path = path
    asked.cache_type_k = f32
    asked.cache_type_v = f32
    asked.flash_attn_type = (
        flash.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    asked.cpuparams.n_threads = 1
    asked.verbosity = 0
    asked.warmup = False
    asked.port = 0
    return library.Server(asked)


# --8<-- [end:engine]


# --8<-- [start:complete]
class Completion(NamedTuple):
    """What an engine said.

    log_p: ln of the probability of each token
    """

    text: str
    tokens: tuple[int, ...]
    log_p: tuple[float, ...]


def complete(
    server: Any,
    prompt: str | Sequence[int],
    count: int,
) -> Completion:
    """Continue a text, or the tokens of one.

    With the likeliest token each time. A text gets
    the token for the beginning; tokens do not.
    """
    if not isinstance(prompt, str):
        prompt = list(prompt)
    said = server.handle_completions(
        {
            "prompt": prompt,
            "max_tokens": count,
            "temperature": 0,
            "logprobs": 1,
        }
    )
    choice = said["choices"][0]
    each = choice["logprobs"]["content"]
    return Completion(
        choice["text"],
        tuple(one["id"] for one in each),
        tuple(one["logprob"] for one in each),
    )


# --8<-- [end:complete]


# --8<-- [start:apart]
def apart(
    model: SmallModel,
    prompt: Sequence[int],
    said: Completion,
) -> float:
    """Say how far log probabilities differ at most.

    Between an engine's and NumPy's, in nats, over
    the tokens that the engine chose.
    """
    tokens = [*prompt, *said.tokens]
    logits = forward(model, tokens)
    ours = -losses(logits, tokens)
    ours = ours[len(prompt) - 1 :]
    return float(np.abs(ours - said.log_p).max())


# --8<-- [end:apart]
