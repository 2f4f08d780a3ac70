"""Grouping changes how many statements are run, never what they do."""

import asyncio

from sqlalchemy import insert, text

from ringwall.core.store import schema
from ringwall.core.store.grouping import Batch, Entry, Transaction, plan

PLAIN = insert(schema.users)
LEDGER = insert(schema.ledger).execution_options(ringwall_lane="ledger")


def _call(call_id, **body):
    return Entry(*schema.live_call_upsert(call_id=call_id, started=1.0, body=body, sealed=b""))


def _gone(call_id):
    return Entry(*schema.live_call_delete(call_id=call_id))


def _shape(steps):
    return [(step.statement, step.rows) if isinstance(step, Batch) else step for step in steps]


def test_equal_statements_become_one_batch_in_order():
    steps = plan([Entry(LEDGER, {"n": 1}), Entry(LEDGER, {"n": 2}), Entry(LEDGER, {"n": 3})])
    assert _shape(steps) == [(LEDGER, [{"n": 1}, {"n": 2}, {"n": 3}])]


def test_the_last_write_to_a_row_wins():
    steps = plan([_call("a", n=1), _call("b", n=1), _call("a", n=2), _gone("b"), _call("c", n=1)])
    rows = {row["call_id"]: row.get("body") for step in steps for row in step.rows}
    assert rows == {"a": '{"n":2}', "b": None, "c": '{"n":1}'}
    assert len(steps) == 2


def test_a_row_that_comes_back_stays():
    steps = plan([_call("a", n=1), _gone("a"), _call("a", n=3)])
    assert [row["body"] for step in steps for row in step.rows] == ['{"n":3}']


def test_records_are_joined_across_writes_of_other_tables():
    steps = plan([Entry(LEDGER, {"n": 1}), _call("a"), Entry(LEDGER, {"n": 2}), _call("b")])
    assert [len(step.rows) for step in steps] == [2, 2]


def test_nothing_is_moved_across_a_transaction():
    async def run():
        transaction = Transaction([Entry(PLAIN, {"n": 0})], asyncio.get_running_loop().create_future())
        steps = plan([Entry(LEDGER, {"n": 1}), _call("a"), transaction, Entry(LEDGER, {"n": 2}), _gone("a")])
        place = steps.index(transaction)
        assert [len(step.rows) for step in steps[:place]] == [1, 1]
        assert [len(step.rows) for step in steps[place + 1 :]] == [1, 1]

    asyncio.run(run())


def test_statements_without_a_lane_keep_their_order():
    other = text("DELETE FROM users")
    steps = plan([Entry(PLAIN, {"n": 1}), Entry(PLAIN, {"n": 2}), Entry(other, {}), Entry(PLAIN, {"n": 3})])
    assert _shape(steps) == [(PLAIN, [{"n": 1}, {"n": 2}]), (other, [{}]), (PLAIN, [{"n": 3}])]
