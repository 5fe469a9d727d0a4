"""No verdict shows what an address hides."""

from tests.worker.preflight.hostile import resolve
from tests.worker.preflight.served import HTML, NOW, STRICT, Put, Server, answer, check, detail, picture, redirect, rejection
from worker.core.events import InputRejected, InputUnread
from worker.core.failures import Failure
from worker.core.request import Request
from worker.preflight import Preflight


def test_no_verdict_shows_a_query_a_password_or_an_address_inside(server: Server, serve: Put) -> None:
    signed = f"?Expires={int(NOW.timestamp()) + 10**6}&Signature=s3cr3t"
    gone = serve(answer(status=404))
    fresh = [answer(status=503), answer(HTML), answer(picture(size=(9, 9))), answer(picture()[:999]), redirect(f"{gone}{signed}")]
    fresh += [
        redirect(f"http://ann:s3cr3t@a.example/{signed}"),
        redirect(f"gopher://a.example/{signed}"),
        redirect(f"http://[::1/{signed}"),
    ]
    urls = [serve(what) + signed for what in fresh]
    urls += [f"http://ann:s3cr3t@pictures.example/{signed}", f"http://ann:s3/cr3t@{server.url}/{signed}", f"http://[::1/{signed}"]
    urls += [f"http://127.0.0.1:1/{signed}", f"{gone}?Expires=s3cr3t&Signature=s3cr3t", f"{gone}%3FSignature=s3cr3t"]
    urls += [f"{gone}?X-Amz-Expires=s3cr3t&X-Amz-Date=s3cr3t"]
    for url in urls:
        verdict = check(url)
        assert isinstance(verdict, InputRejected | InputUnread), url
        assert "s3cr3t" not in verdict.detail
        assert "cr3t" not in verdict.detail
    inside = Preflight(STRICT, resolve=resolve).check(Request(replica={"train_image_url": f"http://kubernetes.default.svc/{signed}"}), NOW)
    assert rejection(inside) is Failure.ADDRESS_NOT_ALLOWED
    assert "10.96" not in detail(inside)
