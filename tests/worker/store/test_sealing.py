"""What is sealed shows nothing and comes back whole; keys rotate, and without one nothing changes."""

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from worker.store.sealing import SEALED, UNSEALED, Sealer, UnsealableError

OLD, NEW, STRANGE = (Fernet.generate_key().decode() for _ in range(3))
ADDRESS = "https://pictures.example/head.jpg?X-Amz-Signature=abc"


@given(st.text(st.characters()))
def test_what_is_sealed_comes_back_and_does_not_show(text: str) -> None:
    sealer = Sealer([NEW])
    sealed = sealer.seal(text)
    assert sealer.open(sealed) == text
    assert sealed.startswith(SEALED)
    assert sealed.isascii()
    assert len(text) < 4 or text not in sealed


@given(st.text(st.characters()))
def test_without_a_key_a_text_stays_as_it_is(text: str) -> None:
    assert UNSEALED.seal(text) == UNSEALED.open(text) == text


def test_a_text_that_looks_sealed_is_sealed_with_a_key_and_refused_without_one() -> None:
    odd = f"{SEALED}of somebody else"
    assert Sealer([NEW]).open(Sealer([NEW]).seal(odd)) == odd
    with pytest.raises(UnsealableError, match="taken for"):
        UNSEALED.seal(odd)


def test_the_first_key_seals_and_every_key_opens() -> None:
    rotated = Sealer([NEW, OLD])
    assert rotated.open(Sealer([OLD]).seal(ADDRESS)) == ADDRESS
    assert Sealer([NEW]).open(rotated.seal(ADDRESS)) == ADDRESS
    assert rotated.open(ADDRESS) == ADDRESS


@pytest.mark.parametrize("keys", [[], [STRANGE]], ids=["no key", "another key"])
def test_who_has_not_the_key_is_told_which_setting_lacks_it_and_sees_nothing(keys: list[str]) -> None:
    sealed = Sealer([OLD]).seal(ADDRESS)
    with pytest.raises(UnsealableError, match="REPLICAS_ENCRYPTION_KEY") as told:
        Sealer(keys).open(sealed)
    assert sealed not in str(told.value)


def test_a_sealed_text_that_was_changed_is_not_opened() -> None:
    sealed = Sealer([OLD]).seal(ADDRESS)
    for changed in (sealed[:-8], sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:], SEALED, f"{SEALED}\N{SNOWMAN}"):
        with pytest.raises(UnsealableError):
            Sealer([OLD]).open(changed)


def test_only_what_the_first_key_sealed_is_not_sealed_anew() -> None:
    rotated = Sealer([NEW, OLD])
    assert rotated.resealed(rotated.seal(ADDRESS)) is None
    for text in (ADDRESS, Sealer([OLD]).seal(ADDRESS)):
        assert Sealer([NEW]).open(str(rotated.resealed(text))) == ADDRESS
    with pytest.raises(UnsealableError):
        rotated.resealed(Sealer([STRANGE]).seal(ADDRESS))


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.floats(allow_nan=False, allow_infinity=False))))
def test_a_document_is_sealed_as_a_whole_and_comes_back(document: dict[str, object]) -> None:
    sealer = Sealer([NEW])
    sealed = sealer.seal_document(document)
    assert list(sealed) == ["sealed"]
    assert sealer.open_document(sealed) == document
    assert UNSEALED.seal_document(document) is document


def test_neither_keys_nor_texts_show_in_its_repr() -> None:
    assert NEW not in repr(Sealer([NEW]))
    with pytest.raises(ValueError, match="Fernet key") as wrong:
        Sealer(["my-key"])
    assert "my-key" not in str(wrong.value)
