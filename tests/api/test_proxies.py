"""What proxies say of a request is believed of trusted ones only; links and files work under a prefix and on IPv6."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import NOW, Client, InProcess, Make, records, store_of
from twin.api.app import create_app
from twin.api.proxies import Proxies, is_host, network_of
from twin.engine import Twin
from twin.errors import BadParameter
from twin.readers.plan_file import read_plan
from twin.settings import Settings

PEER = ("10.0.0.9", 4000)


def settled(
    headers: dict[str, str], *, trusted: str = "10.0.0.0/8", peer: Any = PEER, root_path: str = "", **more: Any
) -> dict[str, Any]:
    """The scope after the proxies have been heard."""
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    if not any(name == b"host" for name, _ in raw):
        raw.append((b"host", b"inner:8000"))
    scope = {
        "type": "http",
        "client": peer,
        "scheme": "http",
        "path": "/map",
        "raw_path": b"/map",
        "root_path": "",
        "headers": raw,
        **more,
    }
    scope["known"] = Proxies(trusted, root_path).settle(scope)
    scope["host"] = next(value.decode() for name, value in scope["headers"] if name == b"host")
    return scope


SPOOFED = {
    "x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https", "x-forwarded-host": "evil.example", "x-forwarded-port": "444",
    "x-forwarded-prefix": "/evil", "forwarded": "for=203.0.113.8;proto=https;host=evil.example", "x-request-id": "chosen",
}  # fmt: skip


@pytest.mark.parametrize("trusted", ["", "192.0.2.1", "2001:db8::/32"])
@pytest.mark.parametrize("peer", [PEER, ("::1", 9), None], ids=str)
def test_what_a_peer_says_that_is_not_trusted_is_ignored(trusted: str, peer: Any) -> None:
    plain, spoofed = settled({}, trusted=trusted, peer=peer), settled(SPOOFED, trusted=trusted, peer=peer)
    for name in ("client", "scheme", "host", "path", "root_path", "known"):
        assert spoofed[name] == plain[name], name
    assert "request_id" not in spoofed


def test_a_trusted_proxy_settles_client_scheme_host_and_prefix() -> None:
    scope = settled({
        "x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https", "x-forwarded-host": "twin.example.cn",
        "x-forwarded-port": "8443", "x-forwarded-prefix": "/twin/", "x-request-id": "front-77",
    })  # fmt: skip
    assert (scope["client"][0], scope["scheme"], scope["host"]) == ("203.0.113.7", "https", "twin.example.cn:8443")
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/twin", "/twin/map", b"/twin/map")
    assert scope["request_id"] == "front-77"


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7, 10.1.1.1, 10.2.2.2", "203.0.113.7"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("203.0.113.7:5123", "203.0.113.7"),
        ("[2001:db8::7]:5123", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", "10.0.0.9"),
        ("203.0.113.7, _hidden", "10.0.0.9"),
        ("203.0.113.7, <script>", "10.0.0.9"),
        ("", "10.0.0.9"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy_of_ours(header: str, client: str) -> None:
    assert settled({"x-forwarded-for": header})["client"][0] == client


def test_a_value_that_the_client_itself_sent_ahead_is_not_taken() -> None:
    one = settled(
        {
            "x-forwarded-for": "6.6.6.6, 203.0.113.7",
            "x-forwarded-proto": "https, http",
            "x-forwarded-host": "evil, good",
        }
    )
    assert (one["scheme"], one["host"]) == ("http", "good")
    two = settled(
        {
            "x-forwarded-for": "203.0.113.7, 10.1.1.1",
            "x-forwarded-proto": "http, https, http",
            "x-forwarded-host": "evil, good, mid",
        }
    )
    assert (two["scheme"], two["host"]) == ("https", "good")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("for=203.0.113.7;proto=https;host=a.example", ("203.0.113.7", "https", "a.example")),
        ('For="[2001:db8::7]:99"; Proto=HTTPS; host="a.example:8443"', ("2001:db8::7", "https", "a.example:8443")),
        ("for=6.6.6.6;host=evil, for=203.0.113.7;host=a.example, for=10.1.1.1;host=inner", ("203.0.113.7", "http", "a.example")),
        ("for=unknown;proto=https", ("10.0.0.9", "https", "inner:8000")),
        ('for="a,b;c";proto=https', ("10.0.0.9", "https", "inner:8000")),
        (",;,=,", ("10.0.0.9", "http", "inner:8000")),
        ('for="', ("10.0.0.9", "http", "inner:8000")),
        ("for=203.0.113.7;proto=gopher", ("203.0.113.7", "http", "inner:8000")),
    ],
)  # fmt: skip
def test_the_standard_header_says_the_same(header: str, expected: tuple[str, str, str]) -> None:
    scope = settled({"forwarded": header})
    assert (scope["client"][0], scope["scheme"], scope["host"]) == expected


def test_the_standard_header_that_a_client_slips_past_another_kind_of_proxy_is_not_heard() -> None:
    scope = settled({"x-forwarded-for": "203.0.113.7", "forwarded": "for=6.6.6.6;host=evil.example"})
    assert (scope["client"][0], scope["host"]) == ("203.0.113.7", "inner:8000")


@given(st.text(alphabet='for=;," \\[]:10.2abc', max_size=200))
def test_no_forwarded_header_breaks_it(text: str) -> None:
    for name in ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix"):
        assert settled({name: text})["known"] in (True, False)


@pytest.mark.parametrize("number", ["", "a b", "a\tb", "x" * 65, "<b>", "é"])
def test_an_odd_request_id_is_not_taken(number: str) -> None:
    assert "request_id" not in settled({"x-request-id": number})


@pytest.mark.parametrize(
    "host", ["a.example", "a.example:80", "127.0.0.1:8000", "[::1]:8000", "[2001:db8::1]", "xn--fiq228c.cn", "a_b"]
)
def test_a_host_is_a_name_or_an_address_with_a_port_or_without(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a b",
        "a/b",
        "a@b",
        "a:b",
        "a:99999",
        "::1",
        "[::1",
        "a,b",
        "a\x00",
        "é.cn",
        "a'b",
        "<x>",
        "a:80:80",
        "a\\b",
        "٣.cn:٣",
    ],
)
def test_an_odd_host_is_a_400(client: Client, host: str) -> None:
    assert not is_host(host)
    raw = host.encode("utf-8")
    answer = client.send(httpx.Request("GET", "http://twin.test/healthz", headers=[(b"host", raw)]))
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:twin:problem:bad-host")
    assert answer.headers["x-request-id"]
    assert host not in answer.text or not host


def test_two_hosts_are_a_400(client: Client) -> None:
    answer = client.send(
        httpx.Request("GET", "http://twin.test/healthz", headers=[("host", "a.example"), ("host", "b.example")])
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/map", "/twin/map"),
        ("/twin/map", "/twin/map"),
        ("/twin", "/twin/"),
        ("/twine", "/twin/twine"),
        ("/", "/twin/"),
    ],
)
def test_a_fixed_prefix_holds_whether_the_proxy_takes_it_off_or_not(path: str, expected: str) -> None:
    scope = settled({}, trusted="", root_path="/twin/", path=path, raw_path=path.encode())
    assert (scope["root_path"], scope["path"]) == ("/twin", expected)


@pytest.mark.parametrize("wrong", ["10.0.0.0/33", "localhost", "10.0.0.1;10.0.0.2"])
def test_what_is_no_network_is_named(wrong: str) -> None:
    with pytest.raises(BadParameter, match=re.escape(wrong)):
        Proxies(f"::1, {wrong}")


@pytest.mark.parametrize("wrong", ["twin", "/a b", "/a//b", "https://a"])
def test_what_is_no_prefix_is_named(wrong: str) -> None:
    with pytest.raises(BadParameter, match="TWIN_ROOT_PATH"):
        Proxies("", wrong)


def test_ipv4_on_a_socket_for_both_is_the_same_caller() -> None:
    scope = settled({"x-forwarded-for": "203.0.113.7"}, peer=("::ffff:10.0.0.9", 1))
    assert scope["client"][0] == "203.0.113.7"
    assert settled({}, trusted="", peer=("::ffff:127.0.0.1", 1))["client"] == ("127.0.0.1", 1)


def test_one_subscriber_of_ipv6_is_one_caller() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of("203.0.113.7") == "203.0.113.7"


# --- the whole app


def links_of(value: Any) -> list[str]:
    """Every address in a document."""
    if isinstance(value, dict):
        own = [v for k, v in value.items() if k in ("href", "$id") and isinstance(v, str)]
        return own + [found for v in value.values() for found in links_of(v)]
    return [found for v in value for found in links_of(v)] if isinstance(value, list) else []


LINKED = ["/", "/collections", "/collections/cameras", "/collections/cameras/items?limit=3", "/collections/cameras/items/cam-00",
          "/collections/cameras/queryables", "/tiles/cameras/tilejson.json"]  # fmt: skip


@pytest.fixture(scope="module")
def behind(make: Make) -> Client:
    """An app behind a proxy on this machine, under whatever prefix that says."""
    return make(store_of(records()), trusted_proxies="127.0.0.1")


@pytest.mark.parametrize("path", LINKED)
def test_links_have_the_host_scheme_and_prefix_that_the_browser_knows(behind: Client, path: str) -> None:
    headers = {"x-forwarded-proto": "https", "x-forwarded-host": "gis.example.cn", "x-forwarded-prefix": "/twin"}
    answer = behind.get(path, headers=headers)
    found = links_of(answer.json()) + answer.json().get("tiles", [])
    assert found
    ours = [link for link in found if "gis.example.cn" in link or "twin.test" in link]
    assert ours
    assert [link for link in ours if not link.startswith("https://gis.example.cn/twin/")] == []


@pytest.mark.parametrize("host", ["[::1]:8000", "127.0.0.1:8000", "gis.example.cn", "[2001:db8::1]"])
def test_links_follow_the_host_that_was_asked(client: Client, host: str) -> None:
    links = links_of(client.get("/collections", headers={"host": host}).json())
    assert [link for link in links if "/collections/" in link and not link.startswith(f"http://{host}/")] == []


def test_a_write_is_checked_against_the_host_that_the_browser_knows(behind: Client) -> None:
    def code(origin: str, **headers: str) -> int:
        sent = {"origin": origin, "x-forwarded-host": "gis.example.cn", "x-forwarded-proto": "https", **headers}
        return behind.post("/coverage/charger-service", json={}, headers=sent).status_code

    assert code("https://gis.example.cn") == 200
    assert code("https://gis.example.cn", **{"x-forwarded-host": "gis.example.cn:443"}) == 200
    assert code("http://twin.test") == 403
    assert code("https://evil.example") == 403
    assert code("null") == 403


def test_methods_and_problems_under_a_prefix_are_those_of_the_route(behind: Client) -> None:
    answer = behind.delete("/collections", headers={"x-forwarded-prefix": "/twin"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert answer.json()["instance"] == "/twin/collections"


@pytest.mark.parametrize("page", ["/map", "/docs"])
def test_every_address_in_a_page_is_relative(client: Client, page: str) -> None:
    text = client.get(page, headers={"accept": "text/html"}).text
    found = re.findall(r'(?:src|href)="([^"#]+)"', text)
    assert found
    assert [address for address in found if address.startswith(("/", "http"))] == []
    for address in found:
        assert client.get(f"/{address}").status_code == 200


def test_the_page_s_own_scripts_ask_relative_addresses(client: Client) -> None:
    page = client.get("/map").text
    release = re.findall(r"map/files/([0-9a-f]+)/main.js", page)[0]
    seen, todo = set(), {"main.js"}
    while todo:
        name = todo.pop()
        seen.add(name)
        text = client.get(f"/map/files/{release}/{name}").text
        todo |= set(re.findall(r"from '\./([\w.]+)'", text)) - seen
        absolute = re.findall(r"""(?:ask|fetch|EventSource)\(\s*['"`]/[^'"`]*|=>?\s*[`'"]/[a-z]+/[^'"`]*""", text)
        assert absolute == [], name
    assert {"api.js", "map.js", "import_api.js"} <= seen


def test_a_served_twin_under_a_fixed_prefix_answers_and_links_with_it() -> None:
    settings = Settings(store="memory:", root_path="/twin")
    app = create_app(Twin(store_of(records()), read_plan(settings.plan), pytest.fail, lambda: NOW), settings)
    with (
        start_blocking_portal() as portal,
        httpx.Client(transport=InProcess(app, portal), base_url="http://a.example") as asked,
    ):
        for prefix in ("", "/twin"):
            document = asked.get(f"{prefix}/collections").json()
            assert [
                link
                for link in links_of(document)
                if link.startswith("http://a.example") and not link.startswith("http://a.example/twin/")
            ] == []
            assert json.dumps(document).count("/twin/twin") == 0
