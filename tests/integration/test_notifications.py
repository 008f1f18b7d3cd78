"""People are told once, by the channels they chose, whatever fails on the way."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook
from tests.integration.notifications_support import (
    QUIET,
    SENDER,
    assigned,
    hook,
    mail_server,
    office,
    worker_process,
)

from yunnao.infra.embedded.processes import pick_port
from yunnao.kernel.errors import InvalidInput
from yunnao.modules.notifications import delivering
from yunnao.modules.notifications.contracts import Address, Recipients
from yunnao.modules.notifications.domain import address_key
from yunnao.modules.notifications.sms import HttpSms
from yunnao.modules.notifications.smtp import Smtp

NIGHT = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)  # 23:30 in Qingdao


async def test_the_staff_of_a_department_find_it_in_their_inbox_once(database_url: str) -> None:
    async with office(database_url) as city:
        await city.send(assigned(), assigned())
        await city.send(assigned())
        await city.work()
        assert await city.inbox("lin") == ["新案件 QD-case:1:assigned:1：路灯"]
        assert await city.inbox("mei") == await city.inbox("lin")
        assert await city.inbox("fang") == await city.inbox("desk") == []


async def test_nobody_is_told_of_what_was_rolled_back(database_url: str) -> None:
    async with office(database_url) as city:
        with suppress(RuntimeError):
            async with city.database.transaction() as tx:
                await city.notifications.send(tx, assigned())
                raise RuntimeError
        await city.work()
        assert await city.inbox("lin") == []


async def test_two_workers_at_once_tell_everything_once(database_url: str) -> None:
    with mail_server() as mail:
        async with office(database_url, Smtp(mail.url, SENDER)) as city:
            await city.prefer("lin", email="lin@city.example")
            await city.send(*[assigned(f"case:{n}") for n in range(60)])
            workers = [city.notifications.deliverer(city.database) for _ in range(3)]
            for _ in range(12):
                await asyncio.gather(*(worker.step() for worker in workers))
            ids = [message["Message-ID"] for message in mail.taken]
            assert len(ids) == len(set(ids)) == 60
            assert len(await city.inbox("lin")) == 50  # a page


async def test_an_email_names_its_sender_its_id_and_the_case(database_url: str) -> None:
    with mail_server() as mail:
        async with office(database_url, Smtp(mail.url, SENDER)) as city:
            await city.prefer("lin", email="lin@city.example", language="en")
            await city.send(assigned())
            await city.work()
            [message] = mail.taken
            assert message["Subject"] == "New case QD-case:1:assigned:1: 路灯"
            assert message["To"] == "lin@city.example"
            [row] = await city.rows("SELECT id FROM notifications.message WHERE channel = 'email'")
            assert message["Message-ID"] == f"<{row['id']}@yunnao.example>"
            text = message.get_content()
            assert "2026-11-23 10:00 (Asia/Shanghai)" in text
            assert "https://city.example/cases/0192f0c0-0000-7000-8000-000000000001" in text


async def test_mail_waits_while_the_server_is_down_and_then_goes_once(database_url: str) -> None:
    port = pick_port()
    async with office(database_url, Smtp(f"smtp://127.0.0.1:{port}?tls=never", SENDER)) as city:
        await city.prefer("lin", email="lin@city.example")
        await city.send(assigned())
        for _ in range(8):
            await city.work()
            city.clock.forward(minutes=10)
        assert await city.states("email") == ["waiting"]
        with mail_server(port) as mail:
            city.clock.forward(hours=1)
            await city.work()
            assert len(mail.taken) == 1
        assert await city.states("email") == ["sent"]


async def test_an_address_that_does_not_exist_is_given_up_and_can_be_sent_again(database_url: str) -> None:
    with mail_server() as mail:
        async with office(database_url, Smtp(mail.url, SENDER)) as city:
            await city.prefer("lin", email="lin@city.example")
            mail.refusal = "550 no such mailbox"
            await city.send(assigned())
            await city.work()
            listed = (await city.call("admin", "GET", "/notifications/undelivered")).json()["items"]
            assert [(each["channel"], each["account_name"]["zh"]) for each in listed] == [("email", "lin")]
            assert "550" in listed[0]["error"]
            assert (await city.call("desk", "GET", "/notifications/undelivered")).status_code == 403
            mail.refusal = None
            path = f"/notifications/undelivered/{listed[0]['id']}/resend"
            assert (await city.call("admin", "POST", path)).status_code == 204
            assert (await city.call("admin", "POST", path)).status_code == 404
            await city.work()
            assert mail.taken[0]["Message-ID"].startswith(f"<{listed[0]['id']}@")


async def test_a_temporary_refusal_is_tried_again_until_patience_ends(database_url: str) -> None:
    with mail_server() as mail:
        async with office(database_url, Smtp(mail.url, SENDER)) as city:
            await city.prefer("lin", email="lin@city.example")
            mail.refusal = "451 greylisted"
            await city.send(assigned())
            await city.work()
            assert await city.states("email") == ["waiting"]
            city.clock.forward(hours=49)
            await city.work()
            assert await city.states("email") == ["dead"]


async def test_without_a_gateway_an_sms_is_not_said_to_be_sent(database_url: str) -> None:
    async with office(database_url) as city:
        await city.send(assigned(to=Recipients(address=Address(phone="+86 138 0000 0000"))))
        await city.work()
        [row] = await city.rows("SELECT state, error FROM notifications.message")
        assert (row["state"], row["error"]) == ("dead", "sms_not_configured")
        shown = (await city.call("lin", "GET", "/notifications/preferences")).json()
        assert shown["available"] == {"in_app": True, "email": False, "webhook": True, "sms": False}


async def test_an_sms_goes_to_the_gateway_under_its_key(database_url: str) -> None:
    with hook() as gateway:
        async with office(database_url, sms=HttpSms(gateway.url, "secret")) as city:
            await city.send(assigned(to=Recipients(address=Address(phone="+8613800000000", language="en"))))
            await city.work()
            [(headers, body)] = gateway.taken
            assert headers["authorization"] == "Bearer secret"
            assert headers["idempotency-key"] == body["id"]
            assert body["to"] == "+8613800000000"
            assert body["text"].startswith("New case")
            [row] = await city.rows("SELECT address, recipient FROM notifications.message")
            assert row["address"] is None
            assert row["recipient"] == address_key("sms", "+8613800000000")


async def test_a_webhook_that_is_down_for_an_hour_gets_each_notice_once_and_signed(
    database_url: str,
) -> None:
    with hook() as receiver:
        async with office(database_url) as city:
            secret = await city.prefer("lin", webhook_url=receiver.url)
            assert secret is not None
            receiver.status = 503
            await city.send(assigned("a"), assigned("b"))
            for _ in range(12):
                await city.work()
                city.clock.forward(minutes=5)
            # Waits grow: far fewer attempts than rounds of the worker.
            assert 2 * 4 <= receiver.refused <= 2 * 10
            receiver.status = 200
            city.clock.forward(hours=1)
            await city.work()
            assert sorted(body["data"]["title"]["zh"] for _, body in receiver.taken) == [
                "新案件 QD-a：路灯",
                "新案件 QD-b：路灯",
            ]
            headers, body = receiver.taken[0]
            assert headers["webhook-id"] == body["data"]["id"]
            stamp = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
            assert abs(stamp - city.clock.now()) < timedelta(seconds=2)
            told = delivering.orjson.dumps(body).decode()
            signed = Webhook(secret).sign(headers["webhook-id"], stamp, told)
            assert headers["webhook-signature"] == signed


async def test_a_webhook_into_the_inner_network_is_refused(database_url: str) -> None:
    async with office(database_url) as city:
        with pytest.raises(InvalidInput, match="webhook_target_refused"):
            await city.prefer("lin", webhook_url="http://10.0.0.1/hook")


async def test_quiet_hours_hold_mail_back_until_morning_and_urgent_mail_passes(database_url: str) -> None:
    with mail_server() as mail:
        async with office(database_url, Smtp(mail.url, SENDER)) as city:
            await city.prefer("lin", email="lin@city.example", **QUIET)
            city.clock.moment = NIGHT
            await city.send(assigned("calm"), assigned("urgent", urgent=True))
            await city.work()
            assert [m["Subject"] for m in mail.taken] == ["新案件 QD-urgent：路灯"]
            assert len(await city.inbox("lin")) == 2
            city.clock.moment = datetime(2026, 11, 23, 22, 59, tzinfo=UTC)
            await city.work()
            assert len(mail.taken) == 1
            city.clock.forward(minutes=1)  # 07:00
            await city.work()
            assert len(mail.taken) == 2


async def test_a_digest_tells_what_waited_in_one_message(database_url: str) -> None:
    with mail_server() as mail:
        async with office(database_url, Smtp(mail.url, SENDER)) as city:
            await city.prefer("lin", email="lin@city.example", digest="hourly")
            await city.send(*[assigned(f"case:{n}") for n in range(3)], assigned("now", urgent=True))
            await city.work()
            assert [m["Subject"] for m in mail.taken] == ["新案件 QD-now：路灯"]
            city.clock.forward(hours=1)
            await city.work()
            assert mail.taken[1]["Subject"] == "您有 3 条新通知"
            assert mail.taken[1].get_content().count("- 新案件") == 3
            city.clock.forward(hours=2)
            await city.work()
            assert len(mail.taken) == 2


async def test_a_worker_killed_between_sending_and_writing_it_down_sends_the_same_id(
    database_url: str,
) -> None:
    with mail_server() as mail:
        async with office(database_url, Smtp(mail.url, SENDER)) as city:
            await city.prefer("lin", email="lin@city.example")
            await city.send(assigned())
            worker = await worker_process(database_url, mail.url, "killed")
            assert await worker.wait() == -9
            await city.work()
            assert len(mail.taken) == 1  # leased: nobody else sends it yet
            city.clock.forward(seconds=delivering.LEASE.total_seconds() + 1)
            await city.work()
            first, second = mail.taken
            assert first["Message-ID"] == second["Message-ID"]
            assert await city.states("email") == ["sent"]
            assert await city.inbox("lin") == ["新案件 QD-case:1:assigned:1：路灯"]


async def test_the_inbox_counts_what_is_unread_and_shows_nobody_anothers(database_url: str) -> None:
    async with office(database_url) as city:
        await city.send(assigned("a"), assigned("b"), assigned("c", department="shinan"))
        await city.work()
        page = (await city.call("lin", "GET", "/notifications?limit=1")).json()
        assert (len(page["items"]), page["unread"]) == (1, 2)
        item = page["items"][0]
        assert item["title"]["en"].startswith("New case")
        others = (await city.call("fang", "GET", "/notifications")).json()["items"]
        body = {"ids": [item["id"], others[0]["id"]]}
        assert (await city.call("lin", "POST", "/notifications/read", json=body)).json() == {"unread": 1}
        assert (await city.call("fang", "GET", "/notifications")).json()["unread"] == 1
        assert (await city.call("lin", "POST", "/notifications/read", json={})).json() == {"unread": 0}
        following = (await city.call("lin", "GET", f"/notifications?cursor={page['next']}")).json()
        assert len(following["items"]) == 1
        assert (await city.call("nobody", "GET", "/notifications")).status_code == 401


async def test_preferences_choose_channels_by_kind(database_url: str) -> None:
    with mail_server() as mail:
        async with office(database_url, Smtp(mail.url, SENDER)) as city:
            chosen: dict[str, Any] = {
                "language": "en",
                "email": "lin@city.example",
                "channels": {"case_assigned": ["in_app"]},
                "quiet_from": "22:00",
                "quiet_until": "07:00",
            }
            shown = await city.call("lin", "PUT", "/notifications/preferences", json=chosen)
            assert shown.status_code == 200, shown.text
            assert "case_assigned" in {kind["kind"] for kind in shown.json()["kinds"]}
            await city.send(assigned())
            await city.work()
            assert not mail.taken
            assert len(await city.inbox("lin")) == 1
            for wrong in (
                {"channels": {"unheard_of": ["in_app"]}},
                {"quiet_from": "22:00"},
                {"email": "no address"},
                {"email": "a@b.example\nBcc: c@d.example"},
            ):
                refused = await city.call("lin", "PUT", "/notifications/preferences", json=wrong)
                assert refused.status_code == 422, wrong


async def test_a_notice_without_a_template_is_an_error_of_the_caller(database_url: str) -> None:
    async with office(database_url) as city:
        with pytest.raises(InvalidInput, match="notice_template_unknown"):
            await city.send(assigned(template="unheard_of"))
