"""The benchmark of the ledger looks at what is due: all of it, and nothing twice."""

from tests.benchmarks.ledger_looks import look, look_together
from tests.benchmarks.ledger_rows import filled, make_due_again
from tests.postgres import Postgres

_ROWS = 240


def test_every_due_training_is_looked_at_once_by_one_process_and_by_several_together(postgres: Postgres) -> None:
    url = postgres.fresh()
    with filled(url, _ROWS) as ledger:
        assert look(ledger).made == _ROWS
        assert look(ledger).made == 0
        make_due_again(url)
        together = look_together(url, 2)
        assert (together.made, look(ledger).made) == (_ROWS, 0)
        assert together.began < together.ended
    postgres.drop(url)
