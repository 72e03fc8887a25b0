"""Each client as its own documentation has it, told to send a chat to the local server.

An adapter takes a `Case` and gives back a function that sends one request; it imports its library itself,
because each runs in an environment and a process of its own. `NotOfferedError` is for what it cannot say.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

Body = dict[str, Any]
Send = Callable[[Body, bool], None]
KEY = "not-a-key"
OPTIONS = {"tools", "response_format", "metadata"}
CLOUD = "http://cloud.example"


class NotOfferedError(Exception):
    """The client has no such field, setting or part."""


class Case(NamedTuple):
    """One fault, as the client meets it."""

    fault: str
    local: str  # origin of the server that is meant to be local
    seconds: float  # what the client is told to wait at most
    folder: Path  # for what it keeps
    authority: str  # file of who vouches for the cloud


def only(*faults: str) -> Callable[[Callable[[Case], Send]], Callable[[Case], Send]]:
    """Say that a client has nothing that these faults could befall."""

    def wrap(make: Callable[[Case], Send]) -> Callable[[Case], Send]:
        def made(case: Case) -> Send:
            if case.fault in faults:
                raise NotOfferedError(case.fault)
            return make(case)

        return made

    return wrap


PUBLIC = {"scanner failure", "marked public", "control"}  # what the cloud may have, by its label
SCANS = ("scanner failure", "marked public", "control")  # only for what scans, or has a cloud


@only(*SCANS)
def requests_default(case: Case) -> Send:
    requests = import_module("requests")

    def send(body: Body, stream: bool) -> None:
        more = {"allow_redirect": False} if case.fault == "misspelled" else {}
        url = f"{case.local}/v1/chat/completions"
        answer = requests.post(url, json=body, stream=stream, timeout=case.seconds, **more)
        answer.raise_for_status()
        list(answer.iter_lines())

    return send


def httpx_with(case: Case, **settings: Any) -> Send:
    httpx = import_module("httpx")
    if case.fault == "misspelled":
        settings = {"trust_evn": False}

    def send(body: Body, stream: bool) -> None:
        with httpx.Client(timeout=case.seconds, **settings) as client:
            url = f"{case.local}/v1/chat/completions"
            with client.stream("POST", url, json=body | {"stream": stream}) as answer:
                answer.raise_for_status()
                list(answer.iter_lines())

    return send


@only(*SCANS)
def httpx_default(case: Case) -> Send:
    return httpx_with(case)


@only(*SCANS)
def httpx_closed(case: Case) -> Send:
    return httpx_with(case, trust_env=False)


def openai_with(case: Case, client: Callable[[], Any] | None = None) -> Send:
    openai = import_module("openai")
    name = "OPENAI_BASE_ULR" if case.fault == "misspelled" else "OPENAI_BASE_URL"

    def send(body: Body, stream: bool) -> None:
        os.environ[name] = f"{case.local}/v1"
        more = {"http_client": client()} if client else {}
        with openai.OpenAI(api_key=KEY, timeout=case.seconds, **more) as made:
            answer = made.chat.completions.create(**body, stream=stream)
            if stream:
                list(answer)

    return send


@only(*SCANS)
def openai_default(case: Case) -> Send:
    return openai_with(case)


@only(*SCANS)
def openai_closed(case: Case) -> Send:
    httpx = import_module("httpx")
    return openai_with(case, lambda: httpx.Client(trust_env=False, follow_redirects=False))


def for_ollama(body: Body) -> Body:
    """Say a request of the OpenAI form in that of Ollama."""
    if "metadata" in body:
        raise NotOfferedError("metadata")
    messages = []
    for message in body["messages"]:
        one = dict(message)
        if "name" in one:
            raise NotOfferedError("name")
        if isinstance(one.get("content"), list):
            kinds = [part["type"] for part in one["content"]]
            if "file" not in kinds:
                raise NotOfferedError("parts")
            file = one["content"][1]["file"]["file_data"]
            one = {"role": "user", "content": "Read this.", "images": [file.split(",")[1]]}
        if "tool_calls" in one:
            calls = [call["function"] for call in one["tool_calls"]]
            one["tool_calls"] = [
                {"function": {**call, "arguments": json.loads(call["arguments"])}} for call in calls
            ]
        one.pop("tool_call_id", None)
        messages.append(one)
    request = {"model": body["model"], "messages": messages, "tools": body.get("tools")}
    if "response_format" in body:
        request["format"] = body["response_format"]["json_schema"]["schema"]
    return request


def ollama_with(case: Case, **settings: Any) -> Send:
    ollama = import_module("ollama")
    name = "OLLAMA_HSOT" if case.fault == "misspelled" else "OLLAMA_HOST"

    def send(body: Body, stream: bool) -> None:
        os.environ[name] = case.local
        request = for_ollama(body)
        answer = ollama.Client(timeout=case.seconds, **settings).chat(**request, stream=stream)
        if stream:
            list(answer)

    return send


@only(*SCANS)
def ollama_default(case: Case) -> Send:
    return ollama_with(case)


@only(*SCANS)
def ollama_closed(case: Case) -> Send:
    return ollama_with(case, trust_env=False, follow_redirects=False)


def litellm_router(case: Case, **settings: Any) -> Send:
    litellm = import_module("litellm")
    base = "api_bsae" if case.fault == "misspelled" else "api_base"
    wait = {"api_key": KEY, "timeout": case.seconds}
    local = {"model": "openai/local-model", base: f"{case.local}/v1", **wait}
    cloud = {"model": "openai/cloud-model", "api_base": f"{CLOUD}/v1", **wait}
    models = [{"model_name": "local", "litellm_params": local}]
    models.append({"model_name": "cloud", "litellm_params": cloud})
    named = "cloud" if case.fault == "control" else "local"

    def send(body: Body, stream: bool) -> None:
        router = litellm.Router(model_list=models, **settings)
        answer = router.completion(**body | {"model": named, "stream": stream})
        if stream:
            list(answer)

    return send


@only("scanner failure", "marked public")
def litellm_fallbacks(case: Case) -> Send:
    return litellm_router(case, fallbacks=[{"local": ["cloud"]}])


@only("scanner failure", "marked public")
def litellm_alone(case: Case) -> Send:
    return litellm_router(case)


def litellm_filter(case: Case) -> Send:
    """Its proxy, with the content filter set to block social security numbers, before a cloud."""
    if case.fault not in PUBLIC | {"none", "misspelled"}:
        raise NotOfferedError(case.fault)
    yaml = import_module("yaml")
    upstream = f"{case.local}/v1" if case.fault == "none" else f"{CLOUD}/v1"
    model = {"model": "openai/m", "api_base": upstream, "api_key": KEY}
    pattern = {"pattern_type": "prebuilt", "pattern_name": "us_ssn", "action": "BLOCK"}
    guardrail = "litellm_content_fitler" if case.fault == "misspelled" else "litellm_content_filter"
    guard = {"guardrail": guardrail, "mode": "pre_call", "default_on": True, "patterns": [pattern]}
    config = {
        "model_list": [{"model_name": "local-model", "litellm_params": model}],
        "guardrails": [{"guardrail_name": "ssn", "litellm_params": guard}],
    }
    if case.fault == "none":
        config.pop("guardrails")  # to see which surfaces it passes on at all
    path = case.folder / "litellm.yaml"
    path.write_text(yaml.safe_dump(config))
    proxy = import_module("litellm.proxy.proxy_server")
    testclient = import_module("fastapi.testclient")
    os.environ.pop("DATABASE_URL", None)
    asyncio.run(proxy.initialize(config=str(path)))
    if case.fault == "scanner failure":
        hooks = "litellm.proxy.guardrails.guardrail_hooks.litellm_content_filter.content_filter"
        import_module(hooks).ContentFilterGuardrail.apply_guardrail = broken
    client = testclient.TestClient(proxy.app)

    def send(body: Body, stream: bool) -> None:
        answer = client.post("/v1/chat/completions", json=body | {"stream": stream})
        answer.raise_for_status()

    return send


async def broken(*_: Any, **__: Any) -> Any:
    """A scanner that fails."""
    raise RuntimeError("the scanner failed")


def localfirst(case: Case) -> Send:
    """Every call marked sensitive."""
    if case.fault in {"scanner failure", "marked public"}:
        raise NotOfferedError(case.fault)
    library = import_module("llm_localfirst")
    name = "LF_LOCAL_BASE_ULR" if case.fault == "misspelled" else "LF_LOCAL_BASE_URL"
    more = {"model": "gpt"} if case.fault == "control" else {"sensitive": True}

    def send(body: Body, stream: bool) -> None:
        os.environ[name] = f"{case.local}/v1"
        os.environ |= {"LF_OPENAI_BASE_URL": f"{CLOUD}/v1", "OPENAI_API_KEY": KEY}
        os.environ |= {"LF_FALLBACK_MODEL": "gpt", "LF_REASON_MODEL": "gpt"}
        first, last = body["messages"][0], body["messages"][-1]
        said = {"system": first["content"]} if first["role"] == "system" else {}
        plain = len(body["messages"]) == 1 + len(said) and set(last) == {"role", "content"}
        if not plain or not isinstance(last["content"], str):
            raise NotOfferedError("messages")
        options = {key: one for key, one in body.items() if key in OPTIONS}
        options["timeout"] = case.seconds
        if stream:
            options["extra_body"] = {"stream": True}  # it has no streams; what the server does is the same
        library.Router.from_env().complete(last["content"], **said, **more, **options)

    return send


def endorouter(case: Case) -> Send:
    """In its strict mode, which is the default, without a label unless the fault says so."""
    config, router = import_module("endorouter.config"), import_module("endorouter.router")
    public = case.fault in PUBLIC
    label = import_module("endorouter.labels").Label.PUBLIC if public else None
    url = "ulr" if case.fault == "misspelled" else "url"
    local = {url: f"{case.local}/v1", "model": "m", "location": "local", "timeout_s": case.seconds}
    cloud = {"url": f"{CLOUD}/v1", "model": "m", "location": "cloud", "timeout_s": case.seconds}
    if case.fault == "scanner failure":
        setattr(router, "scan_request", scanner_fails)  # noqa: B010
    if case.fault == "hosted model":
        local["ollama_api"] = True  # its discovery sets this for a server that is Ollama

    async def ask(body: Body) -> None:
        log = str(case.folder / "endorouter.jsonl")
        raw = {"version": 1, "audit_log": log, "targets": {"local": local, "cloud": cloud}}
        made = router.Router(config.parse_config(raw))
        try:
            routed = await made.route(body, declared=label)
            async for _ in router.iter_stream(routed.response):
                pass
        finally:
            await made.aclose()

    def send(body: Body, stream: bool) -> None:
        asyncio.run(ask(body | {"model": "cloud" if public else "auto", "stream": stream}))

    return send


def scanner_fails(*_: Any, **__: Any) -> Any:
    """A scanner that fails."""
    raise RuntimeError("the scanner failed")


def hybridinfer(case: Case) -> Send:
    """Its written configuration, with a llama.cpp server as the local tier."""
    if case.fault in {"scanner failure", "marked public"}:
        raise NotOfferedError(case.fault)
    config, router = import_module("hybridinfer.config"), import_module("hybridinfer.router")
    url = "base_ulr" if case.fault == "misspelled" else "base_url"
    written = import_module("yaml").safe_load(config.DEFAULT_CONFIG_YAML)
    written["local"] = {"backend": "openai", "model": "m", url: f"{case.local}/v1"}
    written["remote"] = {"backend": "openai", "model": "m", "base_url": f"{CLOUD}/v1"}
    written["routing"] |= {"local_timeout_s": case.seconds, "local_stall_timeout_s": case.seconds}
    written["routing"]["force_remote"] = case.fault == "control"

    def send(body: Body, stream: bool) -> None:
        written["risk_profile_path"] = written["latency_profile_path"] = None
        made = router.HybridRouter(config.settings_from_dict(written))
        more = {key: one for key, one in body.items() if key in OPTIONS}
        if stream:
            for piece in made.stream(body["messages"], params=more):
                failed = piece.error
        else:
            failed = made.complete(body["messages"], params=more).error
        if failed:
            raise RuntimeError(failed)

    return send


def ours(case: Case) -> Send:
    """The router of this guide, with all that it can be allowed: overflow, and the cloud by default."""
    import_ = import_module
    router, settings = import_("snippets.hybrid.router"), import_("snippets.hybrid.settings")
    endpoint, policy = import_("snippets.hybrid.endpoint"), import_("snippets.hybrid.policy")
    budget, detect = import_("snippets.hybrid.budget"), import_("snippets.hybrid.detect")
    public = case.fault in PUBLIC
    url = "ulr" if case.fault == "misspelled" else "url"
    prices = {"input_usd_per_million": 1, "output_usd_per_million": 1}
    secure = CLOUD.replace("http:", "https:")

    def make() -> Any:
        return router.HybridLLMRouter(
            settings.Settings(
                local=endpoint.Endpoint(**{url: f"{case.local}/v1", "model": "m"}),
                cloud=endpoint.Endpoint(url=f"{secure}/v1", model="m", key=KEY, ca_file=case.authority),
                budget=budget.BudgetSettings(**prices),
                default_route=policy.Route.CLOUD,
                overflow=True,
                seconds=case.seconds,
            ),
            scan=scanner_fails if case.fault == "scanner failure" else detect.scan,
        )

    said = {"label": policy.Label.PUBLIC, "task": policy.Task.COMPLEX} if public else {}

    def send(body: Body, stream: bool) -> None:
        asked = {key: one for key, one in body.items() if key != "model"}
        if stream:
            list(make().stream(asked, **said))
        else:
            make().chat(asked, **said)

    return send


class Client(NamedTuple):
    """A row of the matrix."""

    name: str
    package: str  # whose version is shown
    make: Callable[[Case], Send]
    about: str  # how it is configured, for readers
    apart: tuple[str, ...] = ()  # faults that need a process of their own, for what it keeps
    quick: bool = False  # in `make test` too


PROXIES = ("HTTP_PROXY", "ALL_PROXY")
PLAIN = "`post` of the local URL; no other setting"
CLIENTS = (
    Client(
        "this guide's router",
        "",
        ours,
        "overflow on, the cloud as default route; no label, or `public` where the case says so",
        quick=True,
    ),
    Client("requests", "requests", requests_default, PLAIN, quick=True),
    Client("httpx", "httpx", httpx_default, PLAIN, quick=True),
    Client("httpx, closed", "httpx", httpx_closed, "`Client(trust_env=False)`", quick=True),
    Client("openai", "openai", openai_default, "`OPENAI_BASE_URL` is the local URL", quick=True),
    Client(
        "openai, closed",
        "openai",
        openai_closed,
        "and `http_client=httpx.Client(trust_env=False, follow_redirects=False)`",
        quick=True,
    ),
    Client("ollama", "ollama", ollama_default, "`OLLAMA_HOST` is the local URL", quick=True),
    Client(
        "ollama, closed",
        "ollama",
        ollama_closed,
        "and `Client(trust_env=False, follow_redirects=False)`",
        quick=True,
    ),
    Client(
        "litellm Router",
        "litellm",
        litellm_alone,
        "two deployments, local and cloud; the local one is asked",
        apart=PROXIES,
    ),
    Client(
        "litellm Router, fallbacks",
        "litellm",
        litellm_fallbacks,
        'and `fallbacks=[{"local": ["cloud"]}]`',
        apart=PROXIES,
    ),
    Client(
        "litellm proxy, filter",
        "litellm",
        litellm_filter,
        "a cloud behind `litellm_content_filter`, set to block `us_ssn`",
        apart=("none", "misspelled", "scanner failure", "marked public", "control"),
    ),
    Client("llm-localfirst", "llm-localfirst", localfirst, "every call `sensitive=True`", apart=PROXIES),
    Client("hybridinfer", "hybridinfer", hybridinfer, "its written configuration, llama.cpp as local"),
    Client(
        "endorouter",
        "endorouter",
        endorouter,
        "strict, as it comes; no label, or `public` where the case says so",
        apart=("scanner failure",),
    ),
)
BY_NAME = {client.name: client for client in CLIENTS}
