"""What a look for clusters changes: nothing is lost because an account does not answer, or because a run goes on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from upgrade.discovery import DiscoveredCluster, Place, merged
from upgrade.eks import ClusterId

PLACES = [Place(account="111122223333", region=region) for region in ("eu-central-1", "us-east-1")]
IDS = [ClusterId(**place.model_dump(), name=name) for place in PLACES for name in ("a", "b", "c")]

Found = dict[ClusterId, DiscoveredCluster]


@st.composite
def clusters(draw: st.DrawFn) -> Found:
    """Some of the clusters, each with tags of its own."""
    chosen = draw(st.sets(st.sampled_from(IDS)))
    return {one: DiscoveredCluster(id=one, tags={"n": draw(st.sampled_from("12"))}) for one in chosen}


@given(clusters(), clusters(), st.sets(st.sampled_from(PLACES)), st.sets(st.sampled_from(IDS)))
def test_a_look_drops_what_is_gone_and_keeps_what_it_could_not_see(
    known: Found, there: Found, answered: set[Place], busy: set[ClusterId]
) -> None:
    answers = {place: [one for one in there.values() if Place.of(one.id) == place] for place in answered}
    after = {one.id: one for one in merged(known.values(), answers, busy)}
    for cluster in IDS:
        seen = Place.of(cluster) in answered
        if cluster in known and (cluster in busy or not seen):
            assert after[cluster] == known[cluster], "an unfinished run and an account that is silent keep theirs"
        elif seen:
            assert after.get(cluster) == there.get(cluster), "what answers is right about the rest"
        else:
            assert cluster not in after
    assert list(after) == sorted(after, key=str)
