"""What the benchmark under ``tracked`` says of its suites; the suites themselves take minutes and clips of people."""

import numpy as np

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.media.clipsets import open_clips
from research.benchmarks.tracked import CHOSEN, InCrops, markdown
from research.known_guilt.catalogue import MEMBERS
from research.known_guilt.generator import HONEST, LEAKS


def line(member, name, verdict, leaking=()):
    return {
        "member": member,
        "guilt": MEMBERS[member].guilt,
        "set": name,
        "verdict": verdict,
        "leaking": list(leaking),
    }


def test_fifteen_of_either_guilt_are_chosen_each_once():
    assert len(set(CHOSEN)) == len(CHOSEN)
    for guilt in (HONEST, LEAKS):
        assert sum(MEMBERS[name].guilt == guilt for name in CHOSEN) >= 15


def test_the_table_counts_leaks_where_there_are_any():
    said = markdown(
        [
            line("copy in 1 of 12", "people", "passed"),
            line("copy in 1 of 12", "wild", "leaks", ["lieu"]),
            line("mirrored .5", "wild", "passed", ["kim_7s", "lieu"]),
            line("filmed", "people", "passed"),
            line("filmed", "wild", "leaks"),
            line("warped, lips alone", "people", "does not follow the audio"),
            line("copy", "people", "leaks"),
        ],
        ["people", "wild"],
    )
    rows = said.splitlines()
    assert rows[0] == "| generator | guilt | people | wild |"
    assert "| filmed | honest | passed | leaks |" in rows
    assert "| warped, lips alone | honest | does not follow the audio |  |" in rows
    assert "| copy in 1 of 12 | leaks | passed (leaks in none of these clips) | leaks |" in rows
    assert "honest, accused of a leak, people and wild: 1 of 3 (1 to 91 %)" in rows
    assert "honest, said not to follow, people: 1 of 2 (1 to 99 %)" in rows
    assert "leaks, found, people: 0 of 0 (0 to 100 %)" in rows
    assert "leaks, found, people and wild: 1 of 2 (1 to 99 %)" in rows


def test_a_clip_is_known_by_its_whole_frames_and_it_is_noted_where_something_leaks():
    clips = open_clips("embedded")
    names = sorted(clips)
    # By these crops each would be taken for the next.
    crops = {
        name: Clip(name, clips[names[(at + 1) % len(names)]].frames[:15], clips[name].audio[: 15 * 640])
        for at, name in enumerate(names)
    }
    generator = InCrops(MEMBERS["copy in 1 of 12"], "same-speaker", crops)
    honest = InCrops(MEMBERS["filmed"], "same-speaker", crops)
    silence = np.zeros(15 * 640, np.int16)
    for each in (generator, honest):
        each.use_clips(clips)
    for name in (names[4], names[5], names[6]):
        frames = clips[name].frames[:15]
        moved = frames.copy()
        moved[:, 80:] = 0
        for each in (generator, honest):
            each.look(moved)
            each.generate(frames, silence, frames)
    assert generator.leaking == {names[5]}
    assert honest.leaking == set()
