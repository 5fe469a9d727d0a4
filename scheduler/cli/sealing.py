"""The command that seals the ledger's secrets with the newest key. It may not make a key, nor show one."""

from scheduler.cli.shown import AsJson, cli, example, print_document
from scheduler.opened import opened


@cli.command(epilog=example("reseal"))
def reseal(*, as_json: AsJson = False) -> None:
    """Seal with the first key of REPLICAS_ENCRYPTION_KEY what an older key or none has sealed; when it is through, the older ones can go.

    It may be interrupted and begun again, and nothing has to stop for it.
    """
    with opened() as parts:
        if not parts.settings.encryption_keys:
            raise ValueError("there is no key to seal with. Set REPLICAS_ENCRYPTION_KEY, the newest key first, and begin again")
        changed = sum(parts.ledger.reseal())
    sentence = f"{changed} rows sealed anew; everything that is kept secret is sealed with the first key"
    print_document({"rows": changed}, as_json=as_json, otherwise=lambda: sentence)
