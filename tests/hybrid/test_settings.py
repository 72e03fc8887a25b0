"""A wrong setting stops the start."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from snippets.hybrid.breaker import BreakerSettings
from snippets.hybrid.budget import BudgetSettings
from snippets.hybrid.endpoint import LOOPBACK, Endpoint
from snippets.hybrid.policy import Route
from snippets.hybrid.retries import RetrySettings
from snippets.hybrid.settings import Settings
from tests.hybrid.fakes import BUDGET, CLOUD, LOCAL

MODELS = (Settings, Endpoint, BudgetSettings, BreakerSettings, RetrySettings)
WHOLE: dict[str, Any] = {
    "local": {"url": "http://127.0.0.1:1/v1", "model": "m"},
    "cloud": {"url": "https://cloud.example/v1", "model": "m", "key": "k"},
    "budget": {"input_usd_per_million": 1, "output_usd_per_million": 2},
    "breaker": {"failures": 2},
    "retries": {"tries": 2},
}


def refuses(words: str, **changes: Any) -> None:
    with pytest.raises(ValidationError, match=words):
        Settings.model_validate({**WHOLE, **changes})


def test_the_whole_is_accepted() -> None:
    settings = Settings.model_validate(WHOLE)
    assert settings.cloud
    assert settings.breaker.failures == 2


EVERY_KEY = [(model.__name__, name) for model in MODELS for name in model.model_fields]


@pytest.mark.parametrize(("model", "name"), EVERY_KEY, ids=".".join)
@pytest.mark.parametrize("misspelled", ["{}s", "_{}", "{}_", "X{}"])
def test_every_key_misspelled_stops_the_start(model: str, name: str, misspelled: str) -> None:
    place = {"Endpoint": "cloud", "BudgetSettings": "budget", "BreakerSettings": "breaker"}
    wrong = misspelled.format(name)
    within = place.get(model, "retries" if model == "RetrySettings" else None)
    if within:
        refuses(wrong, **{within: {**WHOLE[within], wrong: 1}})
    else:
        refuses(wrong, **{wrong: 1})


def test_unless_told() -> None:
    settings = Settings(local=LOCAL)
    assert (settings.cloud, settings.budget, settings.overflow) == (None, None, False)
    assert settings.default_route is Route.LOCAL
    assert settings.local_networks == LOOPBACK
    assert (settings.seconds, settings.most_output_tokens) == (60, 1_024)
    assert settings.most_body_bytes == 1_048_576
    assert settings.most_answer_bytes == 8_388_608


def test_a_local_model_that_is_the_cloud() -> None:
    same = "https://cloud.example/v1"
    refuses("the same address", local={"url": same, "model": "m"})
    refuses("the same address", local={"url": "https://cloud.example:443/other", "model": "m"})
    for host in ("127.0.0.1", "localhost", "[::1]", "127.0.0.2"):
        here = {"url": f"http://{host}:1/v2", "model": "other"}
        refuses("the same address", cloud=here)
    assert Settings.model_validate(WHOLE | {"cloud": {"url": "http://127.0.0.1:2/v1", "model": "m"}})


def test_a_cloud_needs_a_budget() -> None:
    refuses("budget: needed", budget=None)


@pytest.mark.parametrize("url", ["http://10.0.0.1/v1", "http://model.internal/v1"])
def test_plain_http_is_for_loopback(url: str) -> None:
    refuses("local.url: HTTPS", local={"url": url, "model": "m"})
    refuses("cloud.url: HTTPS", cloud={"url": url, "model": "m"})
    safe = url.replace("http:", "https:")
    assert Settings.model_validate({**WHOLE, "local": {"url": safe, "model": "m"}}).local.encrypted


def test_a_cloud_on_loopback_is_for_tests() -> None:
    assert Settings.model_validate({**WHOLE, "cloud": {"url": "http://127.0.0.1:2/v1", "model": "m"}}).cloud


def test_to_refuse_is_no_default() -> None:
    refuses("default_route", default_route="refuse")
    assert Settings.model_validate({**WHOLE, "default_route": "cloud"}).default_route is Route.CLOUD


@pytest.mark.parametrize(
    "wrong",
    [
        *({"seconds": 0}, {"seconds": 3_601}, {"most_body_bytes": 0}, {"most_answer_bytes": 0}),
        *({"most_output_tokens": 0}, {"local_networks": ["loopback"]}, {"local_networks": ["10.0.0.1/8"]}),
    ],
)
def test_bounds(wrong: dict[str, Any]) -> None:
    refuses(next(iter(wrong)), **wrong)
    assert Settings.model_validate({**WHOLE, "seconds": 3_600, "most_body_bytes": 1, "most_answer_bytes": 1})
    assert Settings.model_validate({**WHOLE, "most_output_tokens": 1}).most_output_tokens == 1
    assert Settings.model_validate({**WHOLE, "seconds": 0.001}).seconds == 0.001


def test_a_secret_in_a_setting_is_not_in_the_error() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({**WHOLE, "cloud": {**WHOLE["cloud"], "key": "sk-canary canary"}})
    assert "canary" not in str(caught.value)


def test_settings_do_not_change() -> None:
    settings = Settings(local=LOCAL, cloud=CLOUD, budget=BUDGET)
    with pytest.raises(ValidationError, match="frozen"):
        settings.overflow = True  # type: ignore[misc]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_setting_is_not_changed_later(model: type[BaseModel]) -> None:
    given = {"BudgetSettings": WHOLE["budget"], "Endpoint": WHOLE["local"], "Settings": WHOLE}
    one = model.model_validate(given.get(model.__name__, {}))
    name = next(iter(model.model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(one, name, getattr(one, name))
