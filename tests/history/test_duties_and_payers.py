"""When duties were done, and what payers have, by network."""

from pathlib import Path

from quri_console.history import History
from quri_console.history.duties import Duty
from quri_console.history.payers import PayerBalance
from quri_console.history.retention import Periods

SECOND = 1_000_000_000


async def test_a_duty_remembers_its_last_begin_and_both_ends(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        await history.duties.started("ic", "poll", 1)
        await history.duties.succeeded("ic", "poll", 2)
        await history.duties.failed("ic", "poll", 3, "no answer")
        await history.duties.started("ic", "poll", 4)
        duty = await history.duties.get("ic", "poll")
        assert duty == Duty("ic", "poll", 4, 2, 3, "no answer")
        assert duty.failing
        await history.duties.succeeded("ic", "poll", 5)
        assert not (await history.duties.get("ic", "poll")).failing
        await history.duties.started("local", "notify", 6)
        assert list(await history.duties.all("ic")) == ["poll"]
        assert await history.duties.get("local", "poll") == Duty("local", "poll")


async def test_payers_have_a_newest_look_a_newest_balance_and_a_series(tmp_path: Path) -> None:
    ledger = [PayerBalance("ops", 1, 1 << 70), PayerBalance("ops", 2, 5), PayerBalance("ops", 3, None, "no answer")]
    async with await History.open(tmp_path / "h.sqlite") as history:
        await history.payers.add("ic", [*ledger, PayerBalance("dev", 1, 7)])
        await history.payers.add("local", [PayerBalance("ops", 9, 9)])
        assert await history.payers.newest("ic") == {"ops": ledger[2], "dev": PayerBalance("dev", 1, 7)}
        assert (await history.payers.newest_balances("ic"))["ops"] == ledger[1]
        assert (await history.payers.newest("ic", until_ns=1))["ops"] == ledger[0]
        assert await history.payers.series("ic", "ops", 0) == ((1, 1 << 70), (2, 5))
        pruned = await history.retention.prune("ic", 100 * SECOND, Periods(payers=10))
        # the newest balance stays however old it is, and so does what came after it
        assert pruned.payers == 1
        assert (await history.payers.newest_balances("ic"))["dev"].cycles == 7
        assert await history.payers.newest("ic") == {"ops": ledger[2], "dev": PayerBalance("dev", 1, 7)}
