"""Would this page's engines start so? Commands of bash blocks are held against the engines' parsers.

A block whose title says "behind a proxy" may listen on other addresses; so may a container whose ports are
all published on the loopback address. A variable that the block sets, exports, reads or demands as
`${NAME:?}` is set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from snippets.operate.engine_flags import complaints, words_of_image

KEYWORDS = {"if", "then", "else", "elif", "do", "while", "until", "!", "{", "}", "fi", "done", "time"}
HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1[^\n]*\n.*?\n\s*\2(?=\n|$)", re.DOTALL)
LOOPBACK = re.compile(r"(127\.\d+\.\d+\.\d+|\[::1\]):")
VALUED = re.compile(
    r"-[epvuw]|--(env|env-file|publish|volume|name|gpus|network|user|memory|cpus|shm-size|ipc|mount)"
)


def commands(source: str) -> Iterator[list[str]]:
    """Split shell into commands and words: quotes removed, redirections and comments left out."""
    text = HEREDOC.sub("", source.replace("\\\n", " ")) + "\n"
    words: list[str] = []
    word: str | None = None
    at = 0
    while at < len(text):
        char = text[at]
        if char in "'\"":
            end = _closing(text, at)
            word = (word or "") + text[at + 1 : end].replace('\\"', '"')
            at = end
        elif text.startswith("$(", at):
            end = _balanced(text, at + 1)
            word = (word or "") + text[at : end + 1]
            at = end
        elif char == "\\":
            at += 1
            word = (word or "") + text[at : at + 1]
        elif char == "#" and word is None:
            at = text.index("\n", at) - 1
        elif char in " \t":
            words, word = _push(words, word)
        elif char in "\n;&|()":
            words, word = _push(words, word)
            if words:
                yield words
            words = []
        elif char in "<>":
            # The file descriptor before it and the file behind it are no words of the command.
            word = None if word and word.isdigit() else word
            words, word = _push(words, word)
            at = re.compile(r"[<>&|]*\s*[^\s;&|()<>]*").match(text, at).end() - 1  # type: ignore[union-attr]
        else:
            word = (word or "") + char
        at += 1


def _push(words: list[str], word: str | None) -> tuple[list[str], None]:
    if word is not None and (words or word not in KEYWORDS):
        words.append(word)
    return words, None


def _closing(text: str, at: int) -> int:
    quote = text[at]
    end = at + 1
    while end < len(text) and text[end] != quote:
        end += 2 if quote == '"' and text[end] == "\\" else 1
    return min(end, len(text) - 1)


def _balanced(text: str, at: int) -> int:
    depth = 0
    for end in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            return end
    return len(text) - 1


def check_commands(source: str, title: str) -> list[str]:
    """What the engines' parsers, and our policy, have against a block of shell."""
    proxied = "behind a proxy" in title
    variables = dict.fromkeys(re.findall(r"\$\{(\w+):\?", source), "")
    found: list[str] = []
    for words in commands(source):
        if words[0] in {"export", "declare", "local"} or all(re.match(r"\w+=", word) for word in words):
            for word in words:
                name, has, value = word.partition("=")
                if has or name.isidentifier():
                    variables[name] = value if has else variables.get(name, "")
        elif words[0] == "read":
            variables |= dict.fromkeys(words[-1:], "")
        elif words[0] in {"docker", "podman"} and "run" in words[1:3]:
            found += _container(words, variables)
        else:
            found += complaints(words, variables, proxied=proxied)
    return found


def _container(words: list[str], variables: Mapping[str, str]) -> list[str]:
    """A container of a known image runs an engine; what it publishes decides who reaches it."""
    inner: dict[str, str] = {}
    ports: list[str] = []
    left = words[words.index("run") + 1 :]
    while left and left[0].startswith("-"):
        name, has, value = left.pop(0).partition("=")
        if not has and VALUED.fullmatch(name):
            value = left.pop(0) if left else ""
        if name in {"-e", "--env"}:
            key, has, given = value.partition("=")
            inner[key] = given if has else variables.get(key, "")
        elif name == "--env-file":
            inner |= dict.fromkeys(("LLAMA_API_KEY", "VLLM_API_KEY"), "")
        elif name in {"-p", "--publish"}:
            ports.append(value)
    if not left:
        return []
    runs = words_of_image(left[0], left[1:])
    if not runs:
        return []
    return [
        f"docker run: -p {port}: publishes on every address; write 127.0.0.1:{port}"
        for port in ports
        if not LOOPBACK.match(port)
    ] + complaints(runs, inner, proxied=True)
