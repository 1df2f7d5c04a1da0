"""The clips that ship with the demo: ``python -m research.rendering.demo_clips [--out fixtures/clips]``."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2

from research.rendering.clips import ClipPlan, render_all
from research.rendering.looks import Look, Shape
from research.rendering.speech import Voice

LOOKS = (
    Look(
        name="anna",
        seed=1,
        upper_face="astronaut",
        hair=(50.0, 9.0, 29.0),
        skin=(81.0, 10.0, 15.0),
        brows=0.25,
        shape=Shape(mouth_width=15.6, upper_lip=3.4, lower_lip=5.2),
        lip_tint=(-5.0, 10.0, 0.0),
        clothes=(34.0, 8.0, -32.0),
        clothes_style="crew",
        background="gradient",
        light=(-0.08, 0.0),
        sensor_noise=0.3,
        detail=1.25,
        effort=1.08,
        background_colours=((68.0, -4.0, -6.0), (52.0, -4.0, -12.0), (60.0, 0.0, 0.0)),
        voice=Voice("en-us+f3", rate=146, pitch=52, pitch_range=60, tract_scale=0.98),
    ),
    Look(
        name="mara",
        seed=2,
        upper_face="admiral",
        lower_mix=1.0,
        skin=(74.0, 14.0, 19.0),
        hair=(72.0, 0.0, 4.0),
        hair_style="curly",
        hairline=27.0,
        shape=Shape(mouth_width=15.0, upper_lip=3.2, lower_lip=4.8),
        lip_tint=(-3.0, 8.0, 0.0),
        clothes=(26.0, 4.0, 10.0),
        clothes_style="jacket",
        shirt=(86.0, 0.0, 6.0),
        background="wall",
        light=(0.06, 0.0),
        sensor_noise=0.3,
        detail=0.8,
        background_colours=((58.0, -2.0, 12.0), (40.0, 0.0, 10.0), (50.0, 0.0, 0.0)),
        voice=Voice("en-gb-x-rp+f2", rate=144, pitch=42, pitch_range=50, tract_scale=0.97, room=0.06),
    ),
    Look(
        name="omar",
        seed=3,
        upper_face="astronaut",
        lower_mix=0.2,
        mirrored=True,
        skin=(58.0, 15.0, 24.0),
        hair=(12.0, 1.0, 3.0),
        hair_style="parted",
        hairline=27.0,
        brows=0.85,
        beard="full",
        beard_density=0.75,
        contrast=0.95,
        shape=Shape(
            face_width=1.03,
            jaw_width=1.1,
            chin=1.5,
            nose_width=1.15,
            brow_height=1.0,
            mouth_width=15.5,
            upper_lip=3.4,
            lower_lip=5.4,
        ),
        lip_tint=(-4.0, 3.0, 0.0),
        clothes=(48.0, -6.0, 6.0),
        clothes_style="vee",
        background="shelves",
        sensor_noise=0.3,
        background_colours=((45.0, 10.0, 22.0), (72.0, 2.0, 10.0), (35.0, -8.0, -12.0)),
        light=(0.1, 0.0),
        opening=12.0,
        effort=1.12,
        voice=Voice("en-us+m3", rate=144, pitch=45, pitch_range=60, room=0.08),
    ),
    Look(
        name="zola",
        seed=4,
        upper_face="astronaut",
        lower_mix=0.12,
        skin=(46.0, 14.0, 21.0),
        hair=(11.0, 1.0, 2.0),
        hair_style="afro",
        hairline=27.0,
        brows=0.5,
        contrast=1.05,
        shape=Shape(
            face_width=1.02, nose_width=1.22, mouth_width=16.0, upper_lip=4.8, lower_lip=6.2, eye_spacing=0.6
        ),
        lip_tint=(-3.0, 2.0, -2.0),
        clothes=(70.0, 8.0, 52.0),
        clothes_style="high",
        background="bokeh",
        light=(-0.1, 0.0),
        sensor_noise=0.3,
        background_colours=((42.0, -16.0, 8.0), (58.0, -12.0, 10.0), (70.0, -6.0, 20.0)),
        opening=11.5,
        effort=1.1,
        voice=Voice("en-029+f4", rate=144, pitch=44, pitch_range=60, tract_scale=0.95, room=0.05),
    ),
)
"""The demo's four speakers."""

SENTENCES = (
    "My brother bought a big blue bag for his birthday, before breakfast on Monday.",
    "The piano teacher opened five bottles of apple juice for all of us in May.",
    "A happy farmer walked home along the river, and above him flew a pair of geese.",
    "Nobody knew why the old museum had moved to the street above the bakery.",
    "We watched a film about bees, and afterwards we baked a warm plum pie.",
    "From the balcony I saw a brown fox hop away behind the wooden barn.",
    "Bob and Emma painted the wooden boat in purple, brown, and bright yellow.",
    "After the storm, my uncle Paul fixed the broken lamp above the kitchen table.",
    "Most people say the weather in Poland is beautiful from May until October.",
    "The bus driver put a very heavy parcel in front of my door this morning.",
    "Remember how we all played football in the park, almost every evening?",
    "Two pilots mapped the whole mountain from above, before it became foggy.",
)


def demo_plans() -> list[ClipPlan]:
    """Three clips of each of the four speakers; no sentence twice."""
    count = len(SENTENCES) // len(LOOKS)
    return [
        ClipPlan(
            f"{look.name}_{number + 1}.mkv",
            look,
            SENTENCES[index * count + number],
            1000 + index * count + number,
        )
        for index, look in enumerate(LOOKS)
        for number in range(count)
    ]


def main() -> None:
    """Render the demo's clips."""
    parser = argparse.ArgumentParser(prog="python -m research.rendering.demo_clips", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "fixtures" / "clips")
    parser.add_argument("--crf", type=int, default=20, help="H.264 quality, lower is better")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows = render_all(demo_plans(), options.out, options.crf)
    print(f"{sum((options.out / str(row['file'])).stat().st_size for row in rows) / 1e6:.2f} MB in all")


if __name__ == "__main__":
    main()
