"""What the shop configures wrongly is a clear error at start, naming the key and the fix."""

from __future__ import annotations

import copy
import pickle
import traceback
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from topmail_flask.model.errors import ConfigurationError
from topmail_flask.model.settings import Secret, Settings

KEY = "tm_live_" + "S3cretS3cret" + "abcd"


def test_defaults_are_sane_and_nothing_has_to_be_set() -> None:
    settings = Settings()
    assert settings.api_key is None
    assert settings.base_url == "https://api.topmail.so/api/v1"
    assert (settings.senders, settings.rate, settings.timeout) == (4, 50.0, (3.05, 5.0))


@pytest.mark.parametrize(
    ("key", "guess"),
    [
        ("TOPMAIL_APIKEY", "TOPMAIL_API_KEY"),
        ("TOPMAIL_CURENCY", "TOPMAIL_CURRENCY"),
        ("TOPMAIL_SENDER", "TOPMAIL_SENDERS"),
    ],
)
def test_an_unknown_key_is_an_error_with_a_guess(key: str, guess: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{key} .*Did you mean {guess}"):
        Settings.from_config({key: "x"})


def test_the_former_way_to_send_from_a_process_names_what_took_its_place() -> None:
    with pytest.raises(ConfigurationError, match=r"TOPMAIL_DELIVERY .*'worker'.* drain --follow"):
        Settings.from_config({"TOPMAIL_DELIVERY": "process"})


@pytest.mark.parametrize("wrong", ["cart=1", 5, [1], {"cart": "a b"}, {1: "flow"}])
def test_automations_that_are_none_are_refused_with_an_example(wrong: object) -> None:
    with pytest.raises(ConfigurationError, match=r'AUTOMATIONS must be .*\{"cart": "<id>"\}'):
        Settings.from_config({"TOPMAIL_AUTOMATIONS": wrong})


def test_other_extensions_keys_are_none_of_our_business() -> None:
    assert Settings.from_config({"MAIL_SERVER": "x", "topmail_x": 1}) == Settings()


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("API_KEY", "sk_live_1234567890"),
        ("API_KEY", KEY + "\r\nX: y"),
        ("API_KEY", KEY + " "),
        ("API_KEY", "tm_live_schlüssel"),
        ("URL_PREFIX", ""),
        ("URL_PREFIX", "/"),
        ("URL_PREFIX", "shopfront"),
        ("URL_PREFIX", "//evil.example"),
        ("URL_PREFIX", "/a/../b"),
        ("URL_PREFIX", "/<name>"),
        ("URL_PREFIX", "/a b?c"),
        ("BASE_URL", "http://api.topmail.so/api/v1"),
        ("BASE_URL", "http://169.254.169.254/latest"),
        ("BASE_URL", "http://2852039166/latest"),  # the same as a number
        ("BASE_URL", "http://172.32.0.1:8025"),
        ("BASE_URL", "http://[2001:db8::1]:8025"),
        ("BASE_URL", "http://sandbox.shop.example:8025"),
        ("BASE_URL", "http://internal.evil.example"),
        ("BASE_URL", "file:///etc/passwd"),
        ("BASE_URL", "https://me:pw@api.topmail.so"),
        ("BASE_URL", "api.topmail.so"),
        ("SITE_URL", "shop.example"),
        ("CURRENCY", "Euro"),
        ("SENDERS", 0),
        ("SENDERS", True),
        ("RATE", "fast"),
        ("TIMEOUT", (1, 2, 3)),
        ("MAX_AGE", 60),
        ("MAX_AGE", timedelta(days=30)),
        ("UNKNOWN_CONTACTS", "maybe"),
        ("OUTBOX", 5),
        ("ENABLED", "perhaps"),
        ("SAMPLE_RATE", 1.5),
        ("ID_FROM", ["colour"]),
        ("ROBOTS", ["vacuum cleaner"]),
        ("CA", "/no/such/file.pem"),
        ("TEMPLATE_VARIABLES", 7),
    ],
)
def test_a_wrong_value_names_its_key_and_never_repeats_a_secret(key: str, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"TOPMAIL_{key} must ") as caught:  # F166-F168
        Settings.from_config({f"TOPMAIL_{key}": wrong})
    assert "S3cret" not in str(caught.value)
    assert caught.value.__context__ is None
    frames = list(traceback.walk_tb(caught.value.__traceback__))[1:]
    assert "S3cret" not in repr([frame.f_locals for frame, _ in frames])


@pytest.mark.parametrize(
    ("key", "written", "meant"),
    [
        ("BASE_URL", "http://127.0.0.1:8025/api/v1/", "http://127.0.0.1:8025/api/v1"),
        ("BASE_URL", "http://localhost:8025", "http://localhost:8025"),
        ("CURRENCY", "eur", "EUR"),
        ("TIMEOUT", 4, (4.0, 4.0)),
        ("MAX_AGE", timedelta(hours=2), 7200.0),
        ("SENDERS", "8", 8),
        ("ENABLED", "no", False),
        ("TEMPLATE_VARIABLES", "shoe, hat", ("shoe", "hat")),
        ("OUTBOX", Path("/var/lib/shop"), "/var/lib/shop"),
        ("IMAGE_BASE", "/static/images/", "/static/images/"),
    ],
)
def test_a_value_is_read_the_way_shops_write_it(key: str, written: Any, meant: Any) -> None:
    settings = Settings.from_config({f"TOPMAIL_{key}": written})
    assert getattr(settings, key.lower()) == meant


PRIVATE = [
    *("sandbox", "topmail_sandbox", "host.docker.internal", "sandbox.shop.svc.cluster.local"),
    *("10.1.2.3", "172.17.0.1", "192.168.0.7", "[fd00::7]"),
]


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_host_may_be_called_without_tls_with_a_test_key_and_never_with_a_live_one(
    host: str,
) -> None:
    address = f"http://{host}:8025/api/v1"
    config = {"TOPMAIL_BASE_URL": address, "TOPMAIL_API_KEY": "tm_test_" + "x" * 24}
    assert Settings.from_config(config).base_url == address
    with pytest.raises(ConfigurationError, match="TOPMAIL_BASE_URL must begin with https"):
        Settings.from_config(config | {"TOPMAIL_API_KEY": KEY})
    Settings.from_config(config | {"TOPMAIL_API_KEY": ""})
    Settings.from_config({"TOPMAIL_BASE_URL": "http://127.0.0.1:8025", "TOPMAIL_API_KEY": KEY})


@pytest.mark.parametrize("nothing", ["", " ", "\n"])
def test_an_empty_key_is_none_as_an_unset_variable_of_a_container_gives_it(
    nothing: str,
) -> None:
    assert Settings.from_config({"TOPMAIL_API_KEY": nothing}) == Settings()


def test_the_key_never_shows_whole() -> None:  # F163
    settings = Settings.from_config({"TOPMAIL_API_KEY": KEY})
    key = settings.api_key
    assert isinstance(key, Secret)
    shown = [repr(settings), str(key), repr(key), f"{key}", f"{key!r}", "%s" % key, str([key])]  # noqa: UP031
    shown += [
        repr(copy.deepcopy(settings)),
        repr({setting.name: 0 for setting in fields(settings)}),
    ]
    shown += [str(getattr(key, name)) for name in dir(key) if not name.endswith("reveal")]
    assert not any("S3cret" in text for text in shown)
    assert repr(key) == "<Secret tm_live_****abcd>"
    assert key.reveal() == KEY
    with pytest.raises(TypeError):
        pickle.dumps(settings)


def test_every_setting_has_a_sentence() -> None:
    for setting in fields(Settings):
        assert setting.metadata["sentence"].endswith("."), setting.name
