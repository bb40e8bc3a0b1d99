"""The digest is made of a fresh look at every cluster; one that cannot be read keeps nothing else back."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from tests.patience import wait_for
from tests.upgrade.fakes import FakeAccess, FakeClusters, FakeDelivery, ManualClock, cluster_named
from tests.upgrade.snapshots import k8s, with_facts
from upgrade.digest import Digest, Offer
from upgrade.digesting import DIGEST, offer_row
from upgrade.eks import ClusterId, OfferedVersion
from upgrade.errors import NotPermitted
from upgrade.service import ConfiguredCluster, UpgradeService
from upgrade.store.sqlite import SqliteStore


class Fleet:
    """Three clusters, of which the tests break some."""

    def __init__(self, folder: Path) -> None:
        clock = ManualClock()
        self.fakes = {name: cluster_named(clock, name) for name in ("one", "two", "three")}
        self.store = SqliteStore(folder / "bot.db")
        self.clusters = FakeClusters(*self.fakes.values())
        self.service = UpgradeService(
            self.store,
            self.clusters,
            [ConfiguredCluster(id=fake.snapshot.cluster) for fake in self.fakes.values()],
            access=FakeAccess(),
            delivery=FakeDelivery(),
            clock=clock,
        )

    @property
    def region(self) -> str:
        return self.fakes["one"].snapshot.cluster.region

    def offer(self, *versions: str) -> None:
        offered = tuple(OfferedVersion(version=k8s(one), status="STANDARD_SUPPORT") for one in versions)
        for fake in self.fakes.values():
            fake.snapshot = with_facts(fake.snapshot, offered_versions=offered)


def test_each_cluster_is_looked_at_now(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    found = fleet.service.digest_now()
    assert found.clusters == 3
    assert found.unread == ()
    assert {one.cluster.name for one in fleet.service.fleet() if one.seen_at == found.at} == {"one", "two", "three"}


def test_a_cluster_that_cannot_be_read_is_named_and_the_others_are_told(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.fakes["two"].raises["describe_cluster"] = [NotPermitted("Not allowed: eks:DescribeCluster.")]
    fleet.fakes["three"].raises["describe_cluster"] = [ZeroDivisionError()]
    found = fleet.service.digest_now()
    (unread,) = found.unread
    assert unread.clusters == ("three", "two")
    assert "ZeroDivisionError" in unread.reason
    assert [line.cluster.name for line in found.lines] == ["one"]


def test_a_cluster_whose_role_cannot_be_taken_is_named_too(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    reading = fleet.clusters.reading

    def refused(cluster: ClusterId) -> Any:
        if cluster.name == "two":
            raise NotPermitted("The role cannot be assumed.")
        return reading(cluster)

    fleet.clusters.reading = refused  # type: ignore[method-assign]
    assert [one.reason for one in fleet.service.digest_now().unread] == ["The role cannot be assumed."]


def test_somebody_who_asks_sees_as_new_what_the_last_digest_told_as_new_and_writes_nothing(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.offer("1.34", "1.35", "1.36")
    assert fleet.service.digest_now().newly == ()
    assert fleet.store.messages(DIGEST) == ()
    fleet.store.save_message(offer_row(Offer(fleet.region, k8s("1.35")), "2026-W47"))
    fleet.store.save_message(offer_row(Offer(fleet.region, k8s("1.36")), "2026-W48"))
    fleet.offer("1.34", "1.35", "1.36", "1.37")
    newly = fleet.service.digest_now().newly
    assert [str(offer.version) for offer in newly] == ["1.36", "1.37"]
    assert [str(offer.version) for offer in fleet.service.digest_now("2026-W49").newly] == ["1.37"]


def test_it_is_made_in_another_thread(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    came: list[tuple[Any, int]] = []
    fleet.service.start_engine()
    try:
        fleet.service.digest(lambda made: came.append((made, threading.get_ident())))
        wait_for(lambda: came)
    finally:
        fleet.service.stop_engine()
    ((made, thread),) = came
    assert isinstance(made, Digest)
    assert thread != threading.get_ident()
