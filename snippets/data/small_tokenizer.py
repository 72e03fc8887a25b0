"""How does text become tokens, and tokens text?"""

# --8<-- [start:tokenizer]
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from snippets.data.small_model import read_text

MARK = "▁"  # stands for a space
BYTE = re.compile("<0x([0-9A-F]{2})>")
SPECIAL = ("<unk>", "<s>", "</s>")


class Tokenizer(NamedTuple):
    """Byte-pair encoding, as Llama 2 has it.

    pieces: the text of each token, by its number
    ranks: which two pieces merge, the lowest first
    """

    pieces: tuple[str, ...]
    numbers: Mapping[str, int]
    ranks: Mapping[tuple[str, str], int]

    def split(self, word: str) -> list[str]:
        """Merge characters of a word into pieces.

        The pair learned first merges first; of
        equal pairs, the left one.
        """
        parts = list(word)
        while True:
            pairs = [
                (self.ranks[pair], place)
                for place, pair in enumerate(
                    pairwise(parts)
                )
                if pair in self.ranks
            ]
            if not pairs:
                return parts
            _, place = min(pairs)
            joined = parts[place] + parts[place + 1]
            parts[place : place + 2] = [joined]

    def encode(self, text: str) -> list[int]:
        """Number the pieces of a text.

        A piece has a space at its start or none, so
        words split alone. A character without a
        piece becomes a token for each byte of its
        UTF-8. No token is put in front.
        """
        if not text:
            return []
        marked = MARK + text.replace(" ", MARK)
        words = re.findall(
            f"{MARK}[^{MARK}]*", marked
        )
        known: dict[str, list[int]] = {}
        tokens: list[int] = []
        for word in words:
            if word not in known:
                known[word] = [
                    number
                    for part in self.split(word)
                    for number in self._numbers(
                        part
                    )
                ]
            tokens += known[word]
        return tokens

    def _numbers(self, part: str) -> list[int]:
        if part in self.numbers:
            return [self.numbers[part]]
        return [
            self.numbers[f"<0x{byte:02X}>"]
            for byte in part.encode()
        ]

    def decode(self, tokens: Iterable[int]) -> str:
        """Join the pieces of tokens into text.

        <s>, </s> and <unk> have none. Bytes not
        in UTF-8 become a replacement character.
        """
        data = b""
        for token in tokens:
            piece = self.pieces[token]
            byte = BYTE.fullmatch(piece)
            if byte:
                data += bytes.fromhex(byte[1])
            elif piece not in SPECIAL:
                data += piece.encode()
        text = data.decode(errors="replace")
        return text.replace(MARK, " ").removeprefix(
            " "
        )


# --8<-- [end:tokenizer]


# --8<-- [start:read]
@cache
def read_tokenizer() -> Tokenizer:
    """Read the small model's tokenizer.json."""
    model = json.loads(read_text("tokenizer.json"))[
        "model"
    ]
    numbers = model["vocab"]
    pieces = sorted(
        numbers, key=numbers.__getitem__
    )
    ranks = {
        (first, second): rank
        for rank, (first, second) in enumerate(
            model["merges"]
        )
    }
    return Tokenizer(tuple(pieces), numbers, ranks)


# --8<-- [end:read]
