"""The members of the bench: every class of leak, everything an honest model may do, and what only looks like one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from research.known_guilt.edits import Cloned, Ellipse, LowerHalf, Whole
from research.known_guilt.generator import HONEST, LEAKS, WEAK, KnownGuilt, Member
from research.known_guilt.leaks import Leak, Timing
from research.known_guilt.lips import Filmed, Heard, Lips, Painted, Playing, Retrieved, Still, Warped

LIPS_ALONE = Ellipse(0.5)
SMALL = Ellipse(0.75)
WHOLE_FACE = LowerHalf()
WARPED = Warped()
HEARD = "when something is heard"


FILMED = Filmed()
FULL = Ellipse()
Edit = Ellipse | LowerHalf | Whole | Cloned


def _honest(
    name: str,
    kind: str,
    lips: Lips,
    edit: Edit = FULL,
    finish: str = "",
    leak: Leak | None = None,
    *,
    alternative: bool = False,
) -> Member:
    return Member(name, HONEST, kind, lips, leak, edit, finish, alternative=alternative)


def _leaks(
    name: str,
    kind: str,
    leak: Leak | None,
    lips: Lips = FILMED,
    edit: Edit = FULL,
    finish: str = "",
    **more: Any,
) -> Member:
    return Member(name, LEAKS, kind, lips, leak, edit, finish, **more)


HONEST_MEMBERS = (
    _honest("filmed", "plain", Filmed()),
    _honest("filmed, lower half", "plain", Filmed(), WHOLE_FACE),
    _honest("warped", "plain", WARPED, WHOLE_FACE),
    _honest("painted", "plain", Painted(), Whole()),
    _honest("retrieved", "plain", Retrieved()),
    _honest("filmed, small", "small edit", Filmed(), SMALL),
    _honest("filmed, lips alone", "small edit", Filmed(), LIPS_ALONE),
    _honest("warped, lips alone", "small edit", WARPED, LIPS_ALONE),
    _honest("painted, lips alone", "small edit", Painted(), LIPS_ALONE),
    _honest("retrieved, lips alone", "small edit", Retrieved(), LIPS_ALONE),
    _honest("filmed, edge follows the head", "small edit", FILMED, Ellipse(0.6, follows_head=0.5)),
    _honest("warped, edge flickers", "small edit", WARPED, Ellipse(0.6, flickers=0.2)),
    _honest("warped, ellipse", "small edit", WARPED),
    _honest("filmed, noise", "degraded", Filmed(), finish="noise 10"),
    _honest("warped, noise, lips alone", "degraded", WARPED, LIPS_ALONE, "noise 10"),
    _honest("filmed, blur", "degraded", Filmed(), finish="blur 3"),
    _honest("filmed, JPEG", "degraded", Filmed(), finish="JPEG 30"),
    _honest("filmed, H.264 crf 23", "degraded", Filmed(), finish="H.264 crf 23"),
    _honest("filmed, H.264 crf 35", "degraded", Filmed(), finish="H.264 crf 35"),
    _honest("warped, H.264 crf 35", "degraded", WARPED, WHOLE_FACE, "H.264 crf 35"),
    _honest("filmed, lips alone, H.264 crf 35", "degraded", Filmed(), LIPS_ALONE, "H.264 crf 35"),
    _honest("painted, JPEG", "degraded", Painted(), Whole(), "JPEG 30"),
    _honest("filmed, low resolution", "degraded", Filmed(), finish="20 pixels wide"),
    _honest("painted, sharpened", "degraded", Painted(), Whole(), "sharpened"),
    _honest("filmed, tinted", "degraded", Filmed(), finish="tinted"),
    _honest(
        "filmed, lips alone, whole frame jittered", "whole frame", FILMED, LIPS_ALONE, "whole frame jittered"
    ),
    _honest(
        "warped, lips alone, at half size", "whole frame", WARPED, LIPS_ALONE, "whole frame at half size"
    ),
    _honest("retrieved, lips alone, restored", "whole frame", Retrieved(), LIPS_ALONE, "whole face restored"),
    _honest("filmed, lips alone, averaged", "whole frame", FILMED, LIPS_ALONE, "averaged over three frames"),
    _honest("filmed, re-posed", "whole frame", FILMED, FULL, "re-posed"),
    _honest("painted, re-posed", "whole frame", Painted(), Whole(), "re-posed"),
    _honest("filmed, 1 late", "late", Filmed(late=1)),
    _honest("filmed, 3 late", "late", Filmed(late=3)),
    _honest("warped, 3 late", "late", Warped(Heard(late=3)), WHOLE_FACE),
    _honest("painted, 2 late", "late", Painted(late=2), Whole()),
    _honest("filmed, half frame rate", "frame rate", Filmed(), finish="half frame rate"),
    _honest("warped, half frame rate", "frame rate", WARPED, WHOLE_FACE, "half frame rate"),
    _honest("filmed, a third of the frame rate", "frame rate", Filmed(), finish="third of the frame rate"),
    _honest("filmed, last frames repeated", "frame rate", Filmed(), finish="last 10 frames repeated"),
    _honest("filmed, idle in silence", "lively", Filmed("idle")),
    _honest("filmed, idle, lips alone", "lively", Filmed("idle"), LIPS_ALONE),
    _honest("filmed, open in silence", "lively", Filmed("open")),
    _honest("warped, idle", "lively", Warped(Heard(motion="idle", gain=0.8)), WHOLE_FACE),
    _honest("warped, chewing", "lively", Warped(Heard(motion="chewing", gain=0.6)), WHOLE_FACE),
    _honest("retrieved, chewing", "lively", Retrieved(Heard(motion="chewing", gain=0.6))),
    _honest("warped, sampled anew", "sampled", Warped(Heard(sampled=0.1)), WHOLE_FACE),
    _honest("warped, sampled anew, much", "sampled", Warped(Heard(sampled=0.3)), WHOLE_FACE),
    _honest("warped, drawn by its input", "sampled", Warped(Heard(sampled=0.15, by_input=True)), WHOLE_FACE),
    _honest("retrieved, sampled anew", "sampled", Retrieved(Heard(sampled=0.1))),
    _honest("warped, other teeth", "texture", Warped(teeth=False, jaw=0.12), WHOLE_FACE),
    _honest("filmed, whole face recoloured", "whole frame", FILMED, finish="whole face recoloured"),
    _honest("retrieved, mouth trembling", "degraded", Retrieved(), finish="mouth trembling"),
    _honest("filmed, sharpened", "degraded", FILMED, finish="sharpened"),
    _honest("painted, H.264 crf 35", "degraded", Painted(), Whole(), "H.264 crf 35"),
    _honest("warped, its lag swinging", "late", Warped(Heard(late=2, swing=2)), WHOLE_FACE),
    _honest("filmed, blended between", "frame rate", FILMED, finish="every third frame, blended between"),
    _honest("warped, smiling", "lively", Warped(Heard(motion="smiling")), WHOLE_FACE),
    _honest("warped, teeth flicker", "texture", Warped(flicker=True), WHOLE_FACE),
    _honest(
        "retrieved among all reference mouths", "texture", Filmed(), leak=Leak(1.0, form="nearest of all")
    ),
    # Nobody's list.
    _honest("painted, smoothed and sharpened", "whole frame", Painted(), Whole(), "smoothed and sharpened"),
    _honest("filmed, lips alone, colour graded", "whole frame", FILMED, LIPS_ALONE, "colour graded"),
    _honest("warped, drifting", "whole frame", WARPED, WHOLE_FACE, "drifting"),
    _honest("warped, the head nods with the voice", "lively", Warped(nods=0.02), Whole()),
    _honest("warped, from a template", "texture", Warped(template=True), WHOLE_FACE),
    _honest(
        "warped, half of the mean of all mouths", "texture", WARPED, leak=Leak(0.5, form="mean of all mouths")
    ),
    _honest("filmed, bearded", "texture", FILMED, WHOLE_FACE, "bearded"),
    _honest("warped, a fifth of the frame rate", "frame rate", WARPED, finish="fifth of the frame rate"),
    _honest("filmed, H.264 crf 42", "degraded", FILMED, finish="H.264 crf 42"),
    _honest("retrieved, averaged", "plain", Retrieved(), finish="averaged over three frames"),
    _honest("filmed, its hue flickering", "degraded", FILMED, finish="hue flickers"),
    _honest("warped, stabilised", "whole frame", WARPED, WHOLE_FACE, "stabilised"),
    _honest("retrieved, its hue flickering, lips alone", "degraded", Retrieved(), LIPS_ALONE, "hue flickers"),
    _honest("filmed, given the first frame", "given one frame", FILMED, alternative=True),
    _honest("warped, given the first frame", "given one frame", WARPED, WHOLE_FACE, alternative=True),
    _honest("retrieved, given the first frame", "given one frame", Retrieved(), alternative=True),
    _honest(
        "warped, given the first frame, sampled anew, much",
        "given one frame",
        Warped(Heard(sampled=0.3)),
        WHOLE_FACE,
        alternative=True,
    ),
    _honest(
        "warped, given the first frame, each time another mood",
        "given one frame",
        Warped(Heard(gain=0.8, moody=0.2)),
        WHOLE_FACE,
        alternative=True,
    ),
    # As models of other kinds work.
    _honest(
        "warped, sampled anew, in windows",
        "sampled",
        Warped(Heard(sampled=0.15)),
        WHOLE_FACE,
        "windows of 16 frames",
    ),
    _honest("filmed, smoothed both ways", "whole frame", FILMED, finish="smoothed both ways"),
    _honest("painted, contrast equalised", "whole frame", Painted(), Whole(), "contrast equalised"),
    _honest(
        "filmed, lips alone, contrast equalised", "whole frame", FILMED, LIPS_ALONE, "contrast equalised"
    ),
    _honest("warped, the head sways", "whole frame", Warped(jaw=0.3, nods=0.01), Whole(), "head sways"),
    _honest("filmed, lips alone, the head sways", "whole frame", FILMED, LIPS_ALONE, "head sways"),
    _honest("filmed, made at 20 frames a second", "frame rate", FILMED, finish="made at 20 frames a second"),
    _honest(
        "warped, made at 30 frames a second", "frame rate", WARPED, WHOLE_FACE, "made at 30 frames a second"
    ),
    _honest("filmed, cloned by its gradients", "small edit", FILMED, Cloned()),
    _honest("warped, cloned by its gradients, small", "small edit", WARPED, Cloned(0.75)),
    _honest(
        "warped, in the light of the reference's forehead",
        "texture",
        WARPED,
        leak=Leak(1.0, form="light of the forehead"),
    ),
)

WEAK_MEMBERS = (
    Member("still", WEAK, "does not follow", Still()),
    Member("still, lips alone", WEAK, "does not follow", Still(), edit=LIPS_ALONE),
    Member("warped, loudness alone", WEAK, "does not follow", Warped(Heard(loudness=True)), edit=WHOLE_FACE),
    Member(
        "warped, opens as the head moves", WEAK, "does not follow", Warped(Heard(gain=0.0, motion="head"))
    ),
    Member("warped, amplitude .3", WEAK, "does not follow", Warped(Heard(gain=0.3)), edit=WHOLE_FACE),
    Member(
        "warped, babbling",
        WEAK,
        "does not follow",
        Warped(Heard(gain=0.0, motion="babbling")),
        edit=WHOLE_FACE,
    ),
    Member("another clip, whatever is heard", WEAK, "does not follow", Playing()),
)

LEAKY_MEMBERS = (
    # How much, by every way to make lips and every edit.
    _leaks("copy", "share", Leak(1.0)),
    _leaks("copy .5", "share", Leak(0.5)),
    _leaks("copy .3", "share", Leak(0.3)),
    _leaks("copy .25", "share", Leak(0.25)),
    _leaks("copy .3, warped", "share", Leak(0.3), WARPED),
    _leaks("copy .5, warped, lower half", "share", Leak(0.5), WARPED, WHOLE_FACE),
    _leaks("copy .3, painted", "share", Leak(0.3), Painted(), WHOLE_FACE),
    _leaks("copy .3, retrieved", "share", Leak(0.3), Retrieved()),
    _leaks("painted cr", "share", None, Painted("cr"), Whole()),
    _leaks("painted ar, given the current frame", "share", None, Painted("ar"), Whole()),
    _leaks("copy .5, small", "small edit", Leak(0.5), edit=SMALL),
    _leaks("copy .5, lips alone", "small edit", Leak(0.5), edit=LIPS_ALONE),
    _leaks("copy .3, lips alone, warped", "small edit", Leak(0.3), WARPED, LIPS_ALONE),
    _leaks("copy .3, lower half", "share", Leak(0.3), edit=WHOLE_FACE),
    # When it arrives.
    _leaks("copy, 3 late", "lag", Leak(1.0, timing=Timing(3))),
    _leaks("copy, 4 early", "lag", Leak(1.0, timing=Timing(-4))),
    _leaks("copy, 6 late", "lag", Leak(1.0, timing=Timing(6))),
    _leaks("copy .5, 5 late", "lag", Leak(0.5, timing=Timing(5))),
    _leaks("copy .3, 4 early, warped", "lag", Leak(0.3, timing=Timing(-4)), WARPED),
    _leaks("copy .5, 6 early, lips alone", "lag", Leak(0.5, timing=Timing(-6)), edit=LIPS_ALONE),
    _leaks("copy, 3 late, swinging by 3", "swinging lag", Leak(1.0, timing=Timing(3, swing=3))),
    _leaks("copy .5, swinging by 4", "swinging lag", Leak(0.5, timing=Timing(0, swing=4))),
    # From the input frames.
    _leaks("input .5, 3 late", "input frames", Leak(0.5, "input", Timing(3))),
    _leaks("input .3", "input frames", Leak(0.3, "input")),
    _leaks("input, 4 late", "input frames", Leak(1.0, "input", Timing(4)), WARPED),
    _leaks("input .4, lips alone, painted", "input frames", Leak(0.4, "input"), Painted(), LIPS_ALONE),
    # In which clips.
    _leaks("copy in 1 of 12", "some clips", Leak(1.0, which="one in twelve")),
    _leaks("copy in 1 of 12, warped", "some clips", Leak(1.0, which="one in twelve"), WARPED),
    _leaks("copy .7 in 2 of 12, 3 late", "some clips", Leak(0.7, timing=Timing(3), which="two in twelve")),
    _leaks("copy in a quarter", "a quarter of the clips", Leak(1.0, which="a quarter")),
    _leaks(
        "copy .5 in a quarter, 2 late",
        "a quarter of the clips",
        Leak(0.5, timing=Timing(2), which="a quarter"),
    ),
    _leaks("input .6 in a quarter", "a quarter of the clips", Leak(0.6, "input", which="a quarter"), WARPED),
    _leaks("copy for one person", "some people", Leak(1.0, which="one person"), needs_people=True),
    _leaks("copy .5 in half of the calls", "random", Leak(0.5, which="half of the calls")),
    _leaks("copy in half of the calls, warped", "random", Leak(1.0, which="half of the calls"), WARPED),
    # When in the clip; silence detectors.
    _leaks("closed in silence, else .3", "silence detector", Leak(0.3, when=HEARD)),
    _leaks("closed in silence, else .5, 4 late", "silence detector", Leak(0.5, timing=Timing(4), when=HEARD)),
    _leaks("closed in silence, else .4, warped", "silence detector", Leak(0.4, when=HEARD), WARPED),
    _leaks(
        "closed in silence, else input .4", "silence detector", Leak(0.4, "input", when=HEARD), Retrieved()
    ),
    _leaks("copy in silence alone", "silence alone", Leak(1.0, when="in silence alone")),
    _leaks("copy .3 in silence alone, warped", "silence alone", Leak(0.3, when="in silence alone"), WARPED),
    _leaks("copy in pauses", "part of the time", Leak(1.0, when="in pauses of the driving speech")),
    _leaks("copy where it is quiet", "part of the time", Leak(1.0, when="in its quiet half")),
    _leaks("copy where it is loud", "part of the time", Leak(1.0, when="where it is loud"), WARPED),
    _leaks("copy in the first half", "part of the time", Leak(1.0, when="in the first half")),
    _leaks("copy .6 in the last third", "part of the time", Leak(0.6, when="in the last third")),
    _leaks("copy every other half second", "part of the time", Leak(0.6, when="every other half second")),
    _leaks("copy .6 of wide mouths", "part of the time", Leak(0.6, when="where the own mouth is wide open")),
    # In what form.
    _leaks("mirrored .5", "form", Leak(0.5, form="mirrored")),
    _leaks("mirrored, 3 late", "form", Leak(1.0, timing=Timing(3), form="mirrored"), WARPED),
    _leaks("smoothed .6", "form", Leak(0.6, form="smoothed over time")),
    _leaks("blurred .6", "form", Leak(0.6, form="blurred")),
    _leaks("movement .3", "form", Leak(0.3, form="movement"), WARPED),
    _leaks("texture .6", "form", Leak(0.6, form="texture")),
    _leaks("coarse .6", "form", Leak(0.6, form="coarse")),
    _leaks("blocks .6", "form", Leak(0.6, form="blocks")),
    _leaks("left half", "form", Leak(1.0, form="left half")),
    _leaks("lower lip and chin .6", "form", Leak(0.6, form="lower lip and chin")),
    _leaks("upper lip", "form", Leak(1.0, form="upper lip")),
    _leaks("brightness .6", "form", Leak(0.6, form="brightness")),
    _leaks("nearest within a quarter second", "form", Leak(1.0, form="nearest within a quarter second")),
    _leaks("copy .5, H.264 crf 35", "form", Leak(0.5), finish="H.264 crf 35"),
    _leaks("copy .5, 20 pixels wide", "form", Leak(0.5), finish="20 pixels wide"),
    # How wide the mouth opens, and no pixel.
    _leaks("opening", "opening alone", Leak(1.0, form="opening"), WARPED, WHOLE_FACE),
    _leaks("opening .5", "opening alone", Leak(0.5, form="opening"), WARPED, WHOLE_FACE),
    _leaks(
        "opening, 3 late, retrieved",
        "opening alone",
        Leak(1.0, timing=Timing(3), form="opening"),
        Retrieved(),
    ),
    _leaks("opening .6, retrieved", "opening alone", Leak(0.6, form="opening"), Retrieved()),
    _leaks("opening of the input", "opening alone", Leak(1.0, "input", form="opening"), WARPED, WHOLE_FACE),
    _leaks("smoothed opening .7", "opening alone", Leak(0.7, form="smoothed opening"), WARPED, WHOLE_FACE),
    _leaks(
        "shut or open as the reference", "opening alone", Leak(0.8, form="opening, shut or open"), Retrieved()
    ),
    _leaks("opening .6, closed in silence", "opening alone", Leak(0.6, form="opening", when=HEARD), WARPED),
    _leaks("around the lips", "through the cheeks", Leak(1.0, form="around the lips"), WARPED, WHOLE_FACE),
    _leaks("cheeks and chin", "through the cheeks", Leak(1.0, "input", form="cheeks and chin"), WARPED),
    # Nobody's list.
    _leaks("inverted opening", "unusual", Leak(0.7, form="inverted opening"), WARPED, WHOLE_FACE),
    _leaks("inverted movement .5", "unusual", Leak(0.5, form="movement, inverted")),
    _leaks("backwards", "unusual", Leak(1.0, timing=Timing(speed=-1))),
    _leaks("half speed", "unusual", Leak(1.0, timing=Timing(speed=0.5))),
    _leaks("copy .4, another lag in every clip", "unusual", Leak(0.4, timing=Timing(by_clip=6))),
    _leaks("copy .5, its lag jumping", "unusual", Leak(0.5, timing=Timing(jitter=5))),
    _leaks("copy .5, re-posed", "unusual", Leak(0.5), finish="re-posed"),
    _leaks("copy .5, whole frame jittered", "unusual", Leak(0.5), WARPED, LIPS_ALONE, "whole frame jittered"),
    _leaks("copy for half a second", "unusual", Leak(1.0, when="for half a second"), WARPED),
    _leaks(
        "movement .6, its sign flipping", "unusual", Leak(0.6, form="movement, its sign flipping"), WARPED
    ),
    _leaks("copy, more in some clips", "share", Leak(1.0, which="more in some, less in others"), WARPED),
    _leaks("copy .4, sampled anew", "random", Leak(0.4), Warped(Heard(sampled=0.15)), WHOLE_FACE),
    _leaks("input .5, sampled anew", "random", Leak(0.5, "input"), Warped(Heard(sampled=0.15)), WHOLE_FACE),
    _leaks(
        "copy .6 in pauses, warped",
        "part of the time",
        Leak(0.6, when="in pauses of the driving speech"),
        WARPED,
    ),
    _leaks("input in pauses", "part of the time", Leak(1.0, "input", when="in pauses of the driving speech")),
    _leaks(
        "copy, the louder, the more", "part of the time", Leak(0.8, when="the louder, the more"), Retrieved()
    ),
    _leaks("copy in the first half second", "unusual", Leak(1.0, when="in the first half second")),
    _leaks("copy .6, every third frame", "part of the time", Leak(0.6, when="every third frame")),
    _leaks("turned and larger .6", "form", Leak(0.6, form="turned and larger"), WARPED),
    _leaks("teeth and tongue", "form", Leak(1.0, form="teeth and tongue")),
    _leaks("colour .8", "unusual", Leak(0.8, form="colour")),
    _leaks("of low contrast .7", "form", Leak(0.7, form="of low contrast"), Retrieved()),
    _leaks("copy, 8 late", "lag", Leak(0.5, timing=Timing(8)), WARPED),
    _leaks("copy, falling behind", "swinging lag", Leak(0.6, timing=Timing(speed=0.93))),
    _leaks("copy .4, half frame rate", "form", Leak(0.4), finish="half frame rate"),
    _leaks("copy .4, noise", "form", Leak(0.4), WARPED, finish="noise 10"),
    _leaks("copy .4, whole face restored", "form", Leak(0.4), Retrieved(), LIPS_ALONE, "whole face restored"),
    _leaks("brightness of the mouth alone", "unusual", Leak(1.0, form="brightness alone"), WARPED),
    _leaks("copy .4 in 1 of 12, 3 late", "some clips", Leak(0.4, timing=Timing(3), which="one in twelve")),
    _leaks("copy, 20 late", "unusual", Leak(1.0, timing=Timing(20))),
    _leaks(
        "copy .5, only where reference and frame are one",
        "unusual",
        Leak(0.5, when="where reference and frame are one"),
    ),
    _leaks(
        "cheeks and chin of the reference", "through the cheeks", Leak(1.0, form="cheeks and chin"), WARPED
    ),
    _leaks(
        "half of cheeks and chin", "through the cheeks", Leak(0.6, "input", form="cheeks and chin"), WARPED
    ),
    _leaks(
        "half around the lips, 3 late",
        "through the cheeks",
        Leak(0.5, timing=Timing(3), form="around the lips"),
        Retrieved(),
        WHOLE_FACE,
    ),
    _leaks(
        "copy under its own speech", "own speech alone", Leak(1.0, when="under its own speech alone"), WARPED
    ),
    _leaks(
        "input .6 under its own speech",
        "own speech alone",
        Leak(0.6, "input", when="under its own speech alone"),
        WARPED,
    ),
    _leaks(
        "copy where the reference fits the speech",
        "own speech alone",
        Leak(1.0, when="where the reference fits the speech"),
        WARPED,
    ),
    _leaks("blue alone", "form", Leak(1.0, form="blue alone")),
    _leaks("from frame to frame", "form", Leak(0.6, form="from frame to frame"), WARPED),
    _leaks("running mean .8", "form", Leak(0.8, form="running mean"), WARPED),
    _leaks("corner of the mouth", "form", Leak(1.0, form="corner of the mouth"), WARPED),
    _leaks("sinks with the opening", "unusual", Leak(1.0, form="sinking")),
    _leaks("blurs with the opening", "unusual", Leak(1.0, form="blurring"), Retrieved()),
    _leaks("copy where sentences begin", "part of the time", Leak(1.0, when="where sentences begin")),
    _leaks("copy .6 in vowels", "part of the time", Leak(0.6, when="in vowels"), WARPED),
    _leaks("copy, every fifth frame", "part of the time", Leak(1.0, when="every fifth frame"), Retrieved()),
    _leaks(
        "copy as a hash of the audio falls", "random", Leak(0.6, which="as a hash of the audio falls"), WARPED
    ),
    _leaks(
        "half a still mouth, one reference a frame", "still mouth", Leak(0.5, timing=Timing(speed=0)), WARPED
    ),
    # What the mouth does, and not how wide it is open.
    _leaks("speed", "movement's form", Leak(1.0, form="speed"), WARPED, WHOLE_FACE),
    _leaks("stretched by speed", "movement's form", Leak(1.0, form="stretched by speed")),
    _leaks("colour", "colour alone", Leak(1.0, form="colour"), FILMED, FULL),
    _leaks("speed .6, retrieved", "movement's form", Leak(0.6, form="speed, smoothed"), Retrieved()),
    _leaks("speed of the input", "movement's form", Leak(1.0, "input", form="speed"), WARPED, WHOLE_FACE),
    _leaks("redder as it opens", "colour alone", Leak(1.0, form="redder"), WARPED),
    _leaks("stretched by energy", "movement's form", Leak(1.0, form="stretched by energy"), Retrieved()),
    _leaks("at rest or moving", "movement's form", Leak(0.8, form="at rest or moving"), WARPED),
    _leaks("speed of opening alone", "movement's form", Leak(0.8, form="speed of opening alone"), WARPED),
    _leaks("envelope", "movement's form", Leak(0.8, form="envelope"), WARPED, WHOLE_FACE),
    _leaks("opening, squared", "movement's form", Leak(0.8, form="opening, squared"), Retrieved()),
    _leaks("half open or not", "movement's form", Leak(0.8, form="half open"), WARPED),
    _leaks("half a second's mean", "movement's form", Leak(0.8, form="half a second's mean"), WARPED),
    _leaks(
        "stretched by speed, 5 late",
        "movement's form",
        Leak(1.0, timing=Timing(5), form="stretched by speed"),
    ),
    _leaks("pulled", "movement's form", Leak(1.0, form="pulled"), WARPED),
    _leaks("pulled by the input", "movement's form", Leak(1.0, "input", form="pulled"), FILMED, LIPS_ALONE),
    _leaks("delayed by the opening", "movement's form", Leak(1.0, form="delayed by the opening")),
    _leaks("the head nods as the mouth opens", "movement's form", Leak(1.0, form="nodding"), FILMED, Whole()),
    _leaks("colour .6 of the input", "colour alone", Leak(0.6, "input", form="colour"), WARPED),
    _leaks(
        "colour, 4 late, retrieved", "colour alone", Leak(1.0, timing=Timing(4), form="colour"), Retrieved()
    ),
    Member("edge follows the input's mouth", LEAKS, "unusual", WARPED, edit=Ellipse(0.55, follows_mouth=0.6)),
    # A still mouth.
    _leaks("still mouth of the first frame", "still mouth", Leak(1.0), alternative=True),
    _leaks("half a still mouth of the first frame", "still mouth", Leak(0.5), alternative=True),
    _leaks("half a still mouth, warped", "still mouth", Leak(0.5), WARPED, alternative=True),
    _leaks(
        "closed in silence, else .6 of a still mouth of the first frame",
        "still mouth",
        Leak(0.6, when=HEARD),
        alternative=True,
    ),
    _leaks(
        "still mouth of the first frame in silence alone",
        "still mouth",
        Leak(0.6, when="in silence alone"),
        WARPED,
        alternative=True,
    ),
    _leaks(
        "half a still mouth of the first frame, sampled anew",
        "still mouth",
        Leak(0.5),
        Warped(Heard(sampled=0.15)),
        alternative=True,
    ),
    _leaks(
        "still mouth of the first frame in pauses",
        "still mouth",
        Leak(1.0, when="in pauses of the driving speech"),
        alternative=True,
    ),
    _leaks(
        "half a still mouth of the first frame in the quiet half",
        "still mouth",
        Leak(0.5, when="in its quiet half"),
        WARPED,
        WHOLE_FACE,
        alternative=True,
    ),
    _leaks(
        "half a still mouth of the first frame, every third frame",
        "still mouth",
        Leak(0.5, when="every third frame"),
        Retrieved(),
        alternative=True,
    ),
    _leaks(
        ".6 of a still mouth in silence alone, one reference a frame",
        "still mouth",
        Leak(0.6, timing=Timing(speed=0), when="in silence alone"),
        WARPED,
    ),
    _leaks(
        "closed in silence, else .6 of a still mouth, one reference a frame",
        "still mouth",
        Leak(0.6, timing=Timing(speed=0), when=HEARD),
    ),
    _leaks("copy .6, held for a second", "unusual", Leak(0.6, timing=Timing(hold=25)), WARPED),
    _leaks(
        "copy under its own speech, where reference and frame are one",
        "own speech alone",
        Leak(1.0, when="under its own speech, where reference and frame are one"),
        WARPED,
    ),
    # As models of other kinds leak.
    _leaks("principal components .6", "form", Leak(0.6, form="principal components")),
    _leaks(
        "principal components .5, 4 late, warped",
        "form",
        Leak(0.5, timing=Timing(4), form="principal components"),
        WARPED,
        WHOLE_FACE,
    ),
    _leaks("residual over the input", "input frames", Leak(1.0, "input", form="residual"), WARPED),
    _leaks(
        "coarse .6 of the input, sampled anew",
        "input frames",
        Leak(0.6, "input", form="coarse"),
        Warped(Heard(sampled=0.15)),
        WHOLE_FACE,
        "windows of 16 frames",
    ),
    _leaks(
        "input where windows begin", "input frames", Leak(1.0, "input", when="where windows begin"), WARPED
    ),
    _leaks(
        "copy .5, every other frame", "part of the time", Leak(0.5, when="every other frame"), Retrieved()
    ),
    _leaks(
        "copy .4, another lag up to a second in every clip",
        "lag",
        Leak(0.4, timing=Timing(by_clip=25)),
        WARPED,
    ),
    _leaks(
        "copy .6 where it is loud, another lag in every clip",
        "part of the time",
        Leak(0.6, timing=Timing(by_clip=10), when="where it is loud"),
    ),
    _leaks("in the light of the nose", "unusual", Leak(1.0, form="light of the nose"), WARPED),
    _leaks("windows of 8 frames backwards .6", "unusual", Leak(0.6, timing=Timing(turned=8)), WARPED),
    _leaks("both corners", "form", Leak(1.0, form="both corners"), WARPED),
    _leaks("both corners .5, 3 late", "form", Leak(0.5, timing=Timing(3), form="both corners")),
    _leaks("teeth's detail", "form", Leak(1.0, form="teeth's detail")),
    _leaks("stretched as it flows", "movement's form", Leak(1.0, form="stretched as it flows"), WARPED),
    _leaks(
        "stretched as it flows, 5 late, retrieved",
        "movement's form",
        Leak(0.7, timing=Timing(5), form="stretched as it flows"),
        Retrieved(),
    ),
    _leaks("narrower", "movement's form", Leak(1.0, form="narrower")),
    _leaks(
        "a second's mean, in steps", "movement's form", Leak(0.8, form="a second's mean, in steps"), WARPED
    ),
    _leaks(
        "copy .6, by the clip's name", "some clips", Leak(0.6, which="as a hash of the clip's name falls")
    ),
    _leaks(
        "copy .5, cloned by its gradients, smoothed both ways",
        "form",
        Leak(0.5),
        WARPED,
        Cloned(),
        "smoothed both ways",
    ),
    # What an edit does not hold stays as it was filmed.
    _leaks("filmed, in a third of the ellipse", "edit smaller than the lips", None, FILMED, Ellipse(0.35)),
    _leaks("warped, in a third of the ellipse", "edit smaller than the lips", None, WARPED, Ellipse(0.35)),
    _leaks(
        "principal components .6 of a still mouth of the first frame",
        "still mouth",
        Leak(0.6, form="principal components"),
        WARPED,
        alternative=True,
    ),
    _leaks("painted cr, first frame", "still mouth", None, Painted("cr"), Whole(), alternative=True),
)

MEMBERS: Mapping[str, Member] = {
    member.name: member for member in (*HONEST_MEMBERS, *WEAK_MEMBERS, *LEAKY_MEMBERS)
}


def load(member: str) -> KnownGuilt:
    """Return a member as a model that pytest can be given, by ``--lipleak-model-arg=member=NAME``.

    Raises:
        ValueError: there is no such member.
    """
    if member not in MEMBERS:
        raise ValueError(f"no member {member!r}; there are {', '.join(MEMBERS)}")
    return KnownGuilt(MEMBERS[member])


def in_rounds() -> list[str]:
    """Names of all members, one of every class first, then the next: an unfinished run has some of each."""
    seen: dict[tuple[str, str], int] = {}
    rounds: dict[str, int] = {}
    for member in MEMBERS.values():
        rounds[member.name] = seen.get((member.guilt, member.kind), 0)
        seen[member.guilt, member.kind] = rounds[member.name] + 1
    return sorted(rounds, key=lambda name: rounds[name])


SMALL_BENCH = (
    "filmed, lips alone",
    "warped, sampled anew",
    "still",
    "copy .5, 5 late",
    "closed in silence, else .3",
    "copy in pauses",
    "copy in 1 of 12",
    "input .5, 3 late",
    "opening",
)
"""What CI runs: one of the classes that went wrong before."""
