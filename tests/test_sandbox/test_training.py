"""Training takes its time and ends as its URL says, with the vendor's words."""

from datetime import timedelta

import pytest

from tests.sandbox import messages
from tests.sandbox.rules import CodeStyle, Rules
from tests.sandbox.server import Sandbox
from tests.test_sandbox.customer import Customer

DONE = timedelta(hours=6)
"""Past the slowest training that a seed is likely to draw."""


def test_training_starts_moves_in_jumps_and_completes_in_three_to_four_hours(customer: Customer) -> None:
    one = customer.train()
    assert (customer.look(one)["status"], customer.look(one)["training_progress"]) == ("started", "0/100")
    seen = []
    for _ in range(8):
        customer.tavus.advance(timedelta(minutes=15))
        seen.append(customer.look(one)["training_progress"])
    assert len(set(seen)) < len(seen)
    assert customer.look(one)["status"] == "started"
    customer.tavus.advance(DONE)
    row = customer.look(one)
    assert (row["status"], row["training_progress"], row["error_message"]) == ("completed", "100/100", None)


@pytest.mark.parametrize("code", sorted(messages.IMAGE))
def test_each_image_code_fails_early_with_the_code_before_the_sentence(customer: Customer, code: str) -> None:
    one = customer.train(f"sandbox_outcome={code}")
    assert customer.look(one)["status"] == "started"
    customer.tavus.advance(timedelta(minutes=30))
    row = customer.look(one)
    assert (row["status"], row["training_progress"]) == ("error", "0/100")
    assert row["error_message"] == f"{code}: {messages.IMAGE[code]}"


@pytest.mark.parametrize("code", sorted(messages.VIDEO))
def test_each_video_type_fails_with_its_sentence_and_no_type(customer: Customer, code: str) -> None:
    one = customer.film(f"sandbox_outcome={code}").json()["replica_id"]
    customer.tavus.advance(timedelta(minutes=30))
    row = customer.look(one)
    assert (row["status"], row["error_message"]) == ("error", messages.VIDEO[code])
    assert "error_code" not in row


def test_there_are_eleven_image_codes_and_two_ways_to_begin() -> None:
    file_codes = {code for code, text in messages.IMAGE.items() if text.startswith("There was an issue processing your training file:")}
    assert file_codes == {"CelebrityFoundError", "AppearsUnder18Error"}
    assert sum(text.startswith("There was an error processing your image.") for text in messages.IMAGE.values()) == 9


def test_the_code_may_stand_in_a_key_of_its_own_or_nowhere(customer: Customer) -> None:
    text = messages.IMAGE["HeadphonesError"]
    own = customer.train(f"sandbox_outcome=HeadphonesError&sandbox_code={CodeStyle.OWN_KEY}")
    absent = customer.train(f"sandbox_outcome=HeadphonesError&sandbox_code={CodeStyle.ABSENT}")
    customer.tavus.advance(DONE)
    assert (customer.look(own)["error_message"], customer.look(own)["error_code"]) == (text, "HeadphonesError")
    assert customer.look(absent)["error_message"] == text
    assert "error_code" not in customer.look(absent)


def test_unknown_fails_with_words_that_nobody_has_seen_and_never_trains_for_ever(customer: Customer) -> None:
    unknown, never = customer.train("sandbox_outcome=unknown"), customer.train("sandbox_outcome=never")
    customer.tavus.advance(timedelta(days=30))
    assert customer.look(unknown)["error_message"] == messages.UNHEARD_OF
    assert (customer.look(never)["status"], customer.look(never)["training_progress"]) == ("started", "62/100")


def test_once_fails_the_first_training_of_a_url_only(customer: Customer) -> None:
    query = "sandbox_outcome=ImageQualityError&sandbox_once=1"
    first, second = customer.train(query), customer.train(query)
    customer.tavus.advance(DONE)
    assert (customer.look(first)["status"], customer.look(second)["status"]) == ("error", "completed")


def test_the_image_fixer_mends_what_is_fixable_and_nothing_else(customer: Customer) -> None:
    fixable = "sandbox_outcome=ImageQualityError&sandbox_fixable=1"
    plain, fixed = customer.train(fixable), customer.train(fixable, auto_fix_training_image=True)
    hopeless = customer.train("sandbox_outcome=CelebrityFoundError", auto_fix_training_image=True)
    customer.tavus.advance(DONE)
    assert [customer.look(one)["status"] for one in (plain, fixed, hopeless)] == ["error", "completed", "error"]


def test_phoenix_45_is_completed_after_a_minute_and_tuned_after_hours(customer: Customer) -> None:
    one = customer.train(model_name="phoenix-4.5")
    assert (customer.look(one)["status"], customer.look(one)["finetune_status"]) == ("started", None)
    customer.tavus.advance(timedelta(seconds=70))
    assert (customer.look(one)["status"], customer.look(one)["finetune_status"]) == ("completed", "training")
    customer.tavus.advance(DONE)
    assert (customer.look(one)["status"], customer.look(one)["finetune_status"]) == ("completed", "completed")


def test_phoenix_45_may_fail_before_the_preview_or_in_its_tuning(customer: Customer) -> None:
    early = customer.train("sandbox_outcome=HeadphonesError", model_name="phoenix-4.5")
    late = customer.train("sandbox_outcome=tuning", model_name="phoenix-4.5")
    customer.tavus.advance(timedelta(seconds=61))
    assert customer.look(early)["status"] == "error"
    customer.tavus.advance(DONE)
    assert (customer.look(late)["status"], customer.look(late)["finetune_status"]) == ("completed", "errored")


def test_chance_hangs_on_the_seed_and_the_url_and_not_on_the_order() -> None:
    def outcomes(seed: int, names: range) -> dict[int, str]:
        with Sandbox(Rules(fail_rate=0.4, seed=seed), port=0) as tavus, Customer(tavus) as customer:
            body = {"voice_name": "anna", "replica_name": "mark"}
            urls = {name: f"https://pictures.example/{name}.jpg" for name in names}
            ids = {
                name: customer.http.post("/replicas", json=body | {"train_image_url": url}).json()["replica_id"]
                for name, url in urls.items()
            }
            tavus.advance(DONE)
            return {name: str(customer.look(one)["error_message"]) for name, one in ids.items()}

    first = outcomes(1, range(40))
    assert outcomes(1, range(39, -1, -1)) == first
    assert outcomes(2, range(40)) != first
    assert 5 < sum(text != "None" for text in first.values()) < 27
