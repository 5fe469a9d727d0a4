"""A callback's token says which attempt it is for, and nobody else can make one."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.worker.tavus.made import MARK
from worker.core.job import Mark
from worker.tavus.callbacks import PATH, About, Callbacks

SECRET = SecretStr("a secret of ours")
CALLBACKS = Callbacks("https://replicas.example/", SECRET)


def token_of(mark: Mark, callbacks: Callbacks = CALLBACKS) -> str:
    url = callbacks.url_for(mark)
    assert url is not None
    base, _, token = url.rpartition("/")
    assert base == f"https://replicas.example{PATH}"
    return token


def test_a_token_leads_back_to_its_attempt() -> None:
    assert CALLBACKS.about(token_of(MARK)) == About(MARK)


def test_each_attempt_has_a_token_of_its_own_and_always_the_same() -> None:
    other = Mark(f"{MARK}1")
    assert token_of(MARK) == token_of(MARK, Callbacks("https://replicas.example", SECRET))
    assert token_of(MARK).rpartition(".")[2] != token_of(other).rpartition(".")[2]


@pytest.mark.parametrize(
    "forge",
    [
        lambda _: "",
        lambda _: ".",
        lambda _: MARK,
        lambda _: f"{MARK}.",
        lambda token: token[:-1],
        lambda token: token[1:],
        lambda token: token + "0",
        lambda token: token.upper(),
        lambda token: token + "\n",
        lambda token: token.replace("-1.", "-2."),
        lambda token: f"{token}.{token}",
        lambda _: f"{MARK}." + "\N{ARABIC-INDIC DIGIT ONE}" * 32,
        lambda token: token + "\ud800",
        lambda token: "\ud800" + token,
        lambda _: f"{MARK}." + "\x00" * 32,
        lambda _: token_of(MARK, Callbacks("https://replicas.example", SecretStr("another secret"))),
    ],
)
def test_a_forged_token_is_nobodys(forge: Callable[[str], str]) -> None:
    assert CALLBACKS.about(forge(token_of(MARK))) is None


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_no_text_is_a_token_by_chance_and_none_raises(token: str) -> None:
    assert CALLBACKS.about(token) is None


@pytest.mark.parametrize(
    ("public_url", "secret"),
    [(None, SECRET), ("", SECRET), ("https://replicas.example", None), ("https://replicas.example", SecretStr("")), (None, None)],
)
def test_without_an_address_or_a_secret_there_are_no_callbacks(public_url: str | None, secret: SecretStr | None) -> None:
    assert Callbacks(public_url, secret).url_for(MARK) is None


@pytest.mark.parametrize("secret", [None, SecretStr("")])
def test_without_a_secret_no_token_is_believed_not_even_one_signed_with_nothing(secret: SecretStr | None) -> None:
    nothing = Callbacks("https://replicas.example", None)
    assert Callbacks("https://replicas.example", secret).about(f"{MARK}.{nothing._sign(MARK)}") is None


def test_a_token_shows_neither_the_secret_nor_itself_in_a_repr() -> None:
    assert SECRET.get_secret_value() not in f"{CALLBACKS!r} {token_of(MARK)}"
