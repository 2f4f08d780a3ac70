"""Who speaks in clear text where TLS is spoken is on record once a minute, by name where one alone is there."""

import time
from typing import Any

import pytest

from ringwall.core.errors import EdgeRefused, EdgeUnavailable
from ringwall.core.registrar.bindings import Binding, Bindings
from ringwall.core.registrar.clear_text import ClearTextWatch
from ringwall.core.registrar.flows import Flow


class House:
    def __init__(self) -> None:
        self.told: Any = {"sources": [], "more": 0}
        self.records: list[tuple[str, dict[str, Any]]] = []
        self.bindings = Bindings()
        self.time = 100.0
        self.watch = ClearTextWatch(
            self,
            self.bindings,
            lambda event: self.records.append((event.kind, event.to_body())),
            lambda: self.time,
        )

    async def call(self, op: dict[str, Any]) -> dict[str, Any]:
        assert op == {"op": "plain-text"}
        if isinstance(self.told, Exception):
            raise self.told
        return self.told

    def signed_in(self, device: str, source: str) -> None:
        number = len(self.bindings) + 1
        flow = Flow(f"{source}:4000{number}", "tls", str(number), "9f2c")
        self.bindings.put(
            Binding(
                device_id=number, username=device, user_id=1, extension="201", contact=f"sip:{device}@x", path=(),
                flow=flow, instance="", reg_id=0, call_id="c", cseq=1, expires_at=time.time() + 60, user_agent="",
            )
        )  # fmt: skip


def spoke(source: str, door: str = "sips", times: int = 1) -> dict[str, Any]:
    return {"sources": [{"source": source, "door": door, "times": times}], "more": 0}


@pytest.mark.req("N4")
async def test_one_record_for_a_source_and_minute() -> None:
    house = House()
    for _ in range(5):
        house.told = spoke("192.0.2.7", times=10)
        await house.watch.look()
    assert house.records == [("security.clear_text", {"source": "192.0.2.7", "door": "sips"})]
    house.told, house.time = spoke("192.0.2.8", "https"), 170.0
    await house.watch.look()
    assert [body for _, body in house.records[1:]] == [
        {"source": "192.0.2.8", "door": "https"},
        {"source": "192.0.2.7", "door": "sips", "repeated": 49},
    ]


@pytest.mark.req("T1", "N4")
async def test_the_device_is_named_where_one_alone_has_signed_in() -> None:
    house = House()
    house.signed_in("d1", "192.0.2.7")
    house.signed_in("d2", "192.0.2.8")
    house.signed_in("d3", "192.0.2.8")
    house.signed_in("d4", "192.0.2.9")
    house.signed_in("d4", "192.0.2.9")
    for source in ("192.0.2.7", "192.0.2.8", "192.0.2.9", "192.0.2.10"):
        house.told = spoke(source)
        await house.watch.look()
    assert [body.get("device") for _, body in house.records] == ["d1", None, "d4", None]


@pytest.mark.parametrize(
    "told",
    [
        EdgeUnavailable("away"),
        EdgeRefused("no"),
        {},
        {"sources": "x"},
        {
            "sources": [
                1,
                {},
                spoke("x", "elsewhere")["sources"][0],
                {"source": 1, "door": "sips", "times": 1},
            ]
        },
        {"sources": [{"source": "192.0.2.7", "door": "sips", "times": 0}]},
        {"sources": [{"source": "192.0.2.7", "door": ["sips"], "times": 1}]},
    ],
)
async def test_an_edge_that_is_away_or_talks_nonsense_does_no_harm(told: Any) -> None:
    house = House()
    house.told = told
    await house.watch.look()
    assert not house.records
