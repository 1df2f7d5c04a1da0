"""The recipes: how the original becomes a file, and what a right reader makes of that file.

A recipe is a row. Most are arguments of the ffmpeg program; what it can't write is made in ``surgery``.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import surgery
from .ffmpeg_program import ffmpeg
from .original import COUNT

Maker = Callable[[Path, Path], Path]
"""From the original file and the target without suffix to the finished file."""


@dataclass(frozen=True)
class Recipe:
    """One kind of file.

    Args:
        group: of the table.
        name: unique.
        make: writes the file.
        frames: which frames of the original it shows, one after the other, at 25 per second; None where ffmpeg
            says where it begins.
        slack: frames that another picture rate may be off by.
        refused: the words of the refusal, a regular expression, where the file must not be read.
        note: words that a note must hold, a regular expression.
        tracks: ffmpeg's names of the right video and audio track.
        delay: milliseconds of sound delay that the codec adds and the file does not tell; ffmpeg plays it likewise.
        within: milliseconds that the sound may be off, beyond that; more than 10 where ffmpeg's libraries, and so
            every reader that uses them, cut it at packets.
        aspect: width by height as seen.
        sound: makes a separate audio file.
        apart: why ffmpeg's own reading is no measure here; empty where it is.
        lossy: largest mean difference from the original's picture, in grey levels.
    """

    group: str
    name: str
    make: Maker
    frames: Sequence[int] | None = range(COUNT)
    slack: int = 0
    refused: str | None = None
    note: str | None = None
    tracks: tuple[str, str] = ("0:V:0", "0:a:0")
    delay: float = 0.0
    within: float = 10.0
    aspect: float = 176 / 144
    sound: Maker | None = None
    apart: str = ""
    lossy: float = 8.0


X264 = "-c:v libx264 -preset ultrafast -crf 18 -g 25 -pix_fmt yuv420p -threads 1"
FULL = "-c:v libx264 -preset fast -crf 18 -pix_fmt yuv420p -threads 1"
AAC = "-c:a aac -ar 48000"
H264_AAC = f"{X264} {AAC}"
MPEG2 = "-c:v mpeg2video -q:v 3 -threads 1"
MPEG4 = "-c:v mpeg4 -q:v 3 -threads 1"
LOSSLESS = "-c:v ffv1 -pix_fmt bgr0 -c:a flac"


def ff(suffix: str, *steps: str) -> Maker:
    """Run ffmpeg once for every step; ``IN`` is the original or the last step's file, and is put first if missing."""

    def make(original: Path, target: Path) -> Path:
        before = original
        for number, step in enumerate(steps):
            words, _, place = step.partition(" > ")
            last = number == len(steps) - 1
            after = target.with_suffix(suffix if last else f".{number}{place or '.mkv'}")
            arguments = shlex.split(words if "IN" in words.split() else f"-i IN {words}")
            ffmpeg(*(str(before) if each == "IN" else each for each in arguments), after)
            before = after
        return before

    return make


def then(maker: Maker, operate: Callable[[Path], None]) -> Maker:
    """Make a file and change it."""

    def make(original: Path, target: Path) -> Path:
        path = maker(original, target)
        operate(path)
        return path

    return make


def simple(group: str, *rows: tuple[str, str, str] | tuple[str, str, str, dict[str, object]]) -> list[Recipe]:
    """Rows of name, suffix, arguments and what else there is to say."""
    return [
        Recipe(group, row[0], ff(row[1], row[2]), **(row[3] if len(row) > 3 else {}))  # type: ignore[arg-type,misc]
        for row in rows
    ]


CONTAINERS = simple(
    "containers and codecs",
    ("MP4, H.264, AAC", ".mp4", H264_AAC),
    ("MP4, index in front", ".mp4", f"{H264_AAC} -movflags +faststart"),
    ("MP4, HEVC 10 bit, AAC", ".mp4", f"-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -tag:v hvc1 -x265-params log-level=error:pools=1 {AAC}"),
    ("MP4, MPEG-4, MP3", ".mp4", f"{MPEG4} -c:a libmp3lame -ar 44100"),
    ("MP4, AV1, Opus", ".mp4", "-c:v libaom-av1 -usage realtime -cpu-used 8 -b:v 1M -threads 1 -pix_fmt yuv420p -c:a libopus -ar 48000"),
    ("MP4, VP9, FLAC", ".mp4", "-c:v libvpx-vp9 -threads 1 -deadline realtime -cpu-used 8 -b:v 1M -c:a flac"),
    ("MP4, H.264, AC-3", ".mp4", f"{X264} -c:a ac3 -ar 48000"),
    ("MP4, H.264, ALAC", ".m4v", f"{X264} -c:a alac -f mp4"),
    ("MOV, H.264, PCM", ".mov", f"{X264} -c:a pcm_s16le -ar 48000 -ac 2"),
    ("MOV, ProRes, PCM 24 bit", ".mov", "-c:v prores_ks -profile:v 0 -threads 1 -c:a pcm_s24le -ar 48000"),
    ("MOV, MJPEG, mu-law (old cameras)", ".mov", "-c:v mjpeg -q:v 3 -pix_fmt yuvj420p -c:a pcm_mulaw -ar 8000 -ac 1"),
    ("MOV, Animation, ALAC", ".mov", "-c:v qtrle -c:a alac"),
    ("MOV, PNG, PCM big endian", ".mov", "-c:v png -c:a pcm_s16be"),
    ("MOV, Sorenson, IMA ADPCM", ".mov", "-c:v svq1 -q:v 2 -pix_fmt yuv410p -c:a adpcm_ima_qt -ar 22050", {"lossy": 14.0}),
    ("MKV, H.264, AAC", ".mkv", H264_AAC),
    ("MKV, FFV1, FLAC", ".mkv", LOSSLESS),
    ("MKV, HEVC, Opus", ".mkv", "-c:v libx265 -preset ultrafast -x265-params log-level=error:pools=1 -c:a libopus -ar 48000"),
    ("MKV, H.264, Vorbis", ".mkv", f"{X264} -c:a libvorbis -ar 44100"),
    ("MKV, MPEG-2, DTS", ".mkv", f"{MPEG2} -c:a dca -strict -2 -ar 48000 -ac 2", {"delay": 10.7}),
    ("MKV, Theora, WavPack", ".mkv", "-c:v libtheora -q:v 8 -c:a wavpack"),
    ("MKV, AV1, TrueHD", ".mkv", "-c:v libaom-av1 -usage realtime -cpu-used 8 -b:v 1M -threads 1 -c:a truehd -strict -2 -ar 48000 -ac 2"),
    ("WebM, VP8, Vorbis", ".webm", "-c:v libvpx -threads 1 -deadline realtime -cpu-used 8 -b:v 1M -c:a libvorbis -ar 48000"),
    ("WebM, VP9, Opus", ".webm", "-c:v libvpx-vp9 -threads 1 -deadline realtime -cpu-used 8 -b:v 1M -c:a libopus -ar 48000"),
    ("WebM, VP9 with hidden frames", ".webm", "-c:v libvpx-vp9 -threads 1 -deadline good -cpu-used 5 -auto-alt-ref 1 -lag-in-frames 16 -b:v 500k -c:a libopus"),
    ("WebM, AV1, Opus", ".webm", "-c:v libaom-av1 -usage realtime -cpu-used 8 -b:v 1M -threads 1 -pix_fmt yuv420p -c:a libopus"),
    ("AVI, MPEG-4, MP3", ".avi", f"{MPEG4} -c:a libmp3lame -ar 44100", {"slack": 1}),
    ("AVI, MPEG-4 with B-frames, MP3", ".avi", f"{MPEG4} -bf 2 -c:a libmp3lame -ar 44100", {"slack": 2}),
    ("AVI, H.264 with B-frames, PCM", ".avi", f"{FULL} -bf 3 -g 50 -c:a pcm_s16le", {"slack": 2}),
    ("AVI, Xvid, AC-3", ".avi", "-c:v libxvid -q:v 3 -c:a ac3 -ar 48000"),
    ("AVI, MJPEG, PCM", ".avi", "-c:v mjpeg -q:v 3 -pix_fmt yuvj420p -c:a pcm_s16le -ar 44100 -ac 2"),
    ("AVI, raw, PCM 8 bit", ".avi", "-c:v rawvideo -pix_fmt bgr24 -c:a pcm_u8"),
    ("AVI, HuffYUV, ADPCM", ".avi", "-c:v huffyuv -c:a adpcm_ms -ar 22050"),
    ("MPEG-PS, MPEG-1, MP2", ".mpg", "-c:v mpeg1video -q:v 3 -threads 1 -c:a mp2 -ar 44100"),
    ("MPEG-PS (VOB), MPEG-2, AC-3", ".vob", f"{MPEG2} -c:a ac3 -ar 48000"),
    ("MPEG-PS, MPEG-2 with B-frames, MP2", ".mpeg", f"{MPEG2} -bf 2 -c:a mp2 -ar 48000 -f vob"),
    ("TS, H.264, AAC", ".ts", H264_AAC),
    ("TS, MPEG-2, MP2", ".ts", f"{MPEG2} -c:a mp2 -ar 48000"),
    ("TS, HEVC, E-AC-3", ".ts", "-c:v libx265 -preset ultrafast -x265-params log-level=error:pools=1 -c:a eac3 -ar 48000"),
    ("TS, H.264, Opus", ".ts", f"{X264} -c:a libopus -ar 48000"),
    ("TS, H.264, AAC in LATM", ".ts", f"{H264_AAC} -mpegts_flags +latm"),
    ("M2TS (camcorder), H.264, AC-3", ".m2ts", f"{X264} -c:a ac3 -ar 48000 -mpegts_m2ts_mode 1"),
    ("FLV, Sorenson, MP3", ".flv", "-c:v flv1 -q:v 3 -c:a libmp3lame -ar 44100"),
    ("FLV, H.264, AAC", ".flv", H264_AAC),
    ("F4V, H.264, AAC", ".f4v", H264_AAC),
    ("WMV, WMV2, WMA", ".wmv", "-c:v wmv2 -q:v 3 -c:a wmav2 -ar 44100"),
    ("ASF, MS-MPEG-4, WMA 1", ".asf", "-c:v msmpeg4 -q:v 3 -c:a wmav1 -ar 44100"),
    ("3GP, H.263, AMR", ".3gp", "-c:v h263 -q:v 3 -c:a libopencore_amrnb -ar 8000 -ac 1 -b:a 12.2k", {"aspect": 4 / 3}),
    ("3GP, MPEG-4, AAC", ".3gp", f"{MPEG4} {AAC}"),
    ("3G2, H.264, AAC", ".3g2", H264_AAC),
    ("OGV, Theora, Vorbis", ".ogv", "-c:v libtheora -q:v 8 -c:a libvorbis -ar 44100"),
    ("OGV, Theora, Opus", ".ogv", "-c:v libtheora -q:v 8 -c:a libopus"),
    ("MXF, MPEG-2, PCM", ".mxf", f"{MPEG2} -c:a pcm_s16le -ar 48000"),
    ("RM, RealVideo, AC-3", ".rm", "-c:v rv20 -q:v 3 -c:a ac3 -ar 44100"),
    ("DV, PAL", ".dv", "-c:v dvvideo -s 720x576 -aspect 4:3 -pix_fmt yuv420p -c:a pcm_s16le -ar 48000 -ac 2", {"aspect": 4 / 3}),
    ("NUT, MPEG-4, FLAC", ".nut", f"{MPEG4} -c:a flac"),
)  # fmt: skip

PIXELS = simple(
    "pixels",
    ("4:2:2", ".mp4", f"-c:v libx264 -preset ultrafast -crf 18 -pix_fmt yuv422p {AAC}"),
    ("4:4:4", ".mp4", f"-c:v libx264 -preset ultrafast -crf 18 -pix_fmt yuv444p {AAC}"),
    ("10 bit", ".mp4", f"-c:v libx264 -preset ultrafast -crf 18 -pix_fmt yuv420p10le {AAC}"),
    ("RGB H.264", ".mkv", f"-c:v libx264rgb -preset ultrafast -crf 10 -pix_fmt rgb24 {AAC}"),
    ("full range", ".mp4", f"-vf scale=out_range=full {X264} -pix_fmt yuvj420p -color_range pc {AAC}"),
    ("BT.709, tagged", ".mp4", f"-vf scale=out_color_matrix=bt709 {X264} -colorspace bt709 -color_primaries bt709 -color_trc bt709 {AAC}"),
    ("alpha", ".mkv", "-c:v ffv1 -pix_fmt yuva420p -c:a flac"),
    ("alpha, RGBA in PNG", ".mov", "-c:v png -pix_fmt rgba -c:a pcm_s16le"),
    ("16 bit grey", ".mkv", "-c:v ffv1 -pix_fmt gray16le -c:a flac", {"lossy": 40.0}),
    ("palette", ".mkv", "-c:v ffv1 -pix_fmt gray -c:a flac", {"lossy": 40.0}),
    ("odd sides", ".mkv", "-vf scale=175:143 -c:v ffv1 -pix_fmt yuv444p -c:a flac"),
    ("interlaced", ".ts", f"{MPEG2} -flags +ildct+ilme -c:a mp2 -ar 48000"),
    ("pixel aspect 2:1 (MP4)", ".mp4", f"-vf scale=88:144,setsar=2/1 {H264_AAC}"),
    ("pixel aspect 2:1 (MKV)", ".mkv", f"-vf scale=88:144,setsar=2/1 {LOSSLESS}"),
    ("pixel aspect 1:2", ".mp4", f"-vf scale=176:72,setsar=1/2 {H264_AAC}"),
    ("pixel aspect of a DVD", ".vob", f"-s 352x288 -aspect 4:3 {MPEG2} -c:a ac3 -ar 48000", {"aspect": 4 / 3}),
    ("pixel aspect of anamorphic HDV", ".ts", f"-vf scale=132:144,setsar=4/3 {H264_AAC}"),
)  # fmt: skip


def _turned(degrees: int, filters: str, suffix: str = ".mp4") -> Maker:
    return ff(suffix, f"-vf {filters} {H264_AAC} > .mp4", f"-display_rotation {degrees} -i IN -c copy")


TURNED = [
    Recipe("orientation", "display matrix 90", _turned(90, "transpose=clock", ".mov"), note="picture .*turned"),
    Recipe("orientation", "display matrix 180", _turned(180, "hflip,vflip"), note="picture .*turned"),
    Recipe("orientation", "display matrix 270", _turned(270, "transpose=cclock"), note="picture .*turned"),
    Recipe(
        "orientation",
        "display matrix, mirrored",
        ff(".mp4", f"-vf hflip {H264_AAC} > .mp4", "-display_hflip -i IN -c copy"),
        note="mirrored",
    ),
    Recipe(
        "orientation",
        "display matrix, upside down mirrored",
        ff(".mp4", f"-vf vflip {H264_AAC} > .mp4", "-display_vflip -i IN -c copy"),
        note="mirrored",
    ),
    Recipe(
        "orientation",
        "display matrix, turned and mirrored",
        ff(
            ".mp4",
            f"-vf hflip,transpose=clock {H264_AAC} > .mp4",
            "-display_rotation 90 -display_hflip -i IN -c copy",
        ),
        note="mirrored",
    ),
    Recipe("orientation", "display matrix in MKV", _turned(90, "transpose=clock", ".mkv"), note="picture .*turned"),
    Recipe(
        "orientation",
        "display matrix and pixel aspect",
        ff(
            ".mp4",
            f"-vf transpose=clock,scale=144:88,setsar=1/2 {H264_AAC} > .mp4",
            "-display_rotation 90 -i IN -c copy",
        ),
        note="picture .*turned",
    ),
]  # fmt: skip

FROZEN = [*range(30), *[29] * 10, *range(40, COUNT)]
"""0.4 s in which no new picture comes."""

RATES = [
    Recipe("frame rates", f"{rate} fps, {suffix[1:]}", ff(suffix, f"-vf fps={rate} {coding}"), slack=slack)
    for rate, suffix, coding, slack in (
        ("10", ".mp4", H264_AAC, 3),
        ("12.5", ".avi", f"{MPEG4} -c:a pcm_s16le", 2),
        ("15", ".mp4", H264_AAC, 2),
        ("24000/1001", ".mp4", H264_AAC, 1),
        ("24000/1001", ".mkv", H264_AAC, 1),
        ("24", ".mov", H264_AAC, 1),
        ("30000/1001", ".mp4", H264_AAC, 1),
        ("30000/1001", ".mpg", f"{MPEG2} -c:a mp2 -ar 48000", 1),
        ("30", ".webm", "-c:v libvpx -threads 1 -deadline realtime -cpu-used 8 -b:v 1M -c:a libopus", 1),
        ("30", ".flv", H264_AAC, 1),
        ("48", ".mkv", H264_AAC, 1),
        ("50", ".ts", H264_AAC, 1),
        ("60000/1001", ".mp4", H264_AAC, 1),
        ("60000/1001", ".ts", H264_AAC, 1),
        ("60", ".mp4", H264_AAC, 1),
        ("120", ".mp4", H264_AAC, 1),
    )
] + [
    Recipe("frame rates", f"VFR, {name}", ff(suffix, f"-vf {filters} -fps_mode vfr {H264_AAC}"), frames, slack)
    for name, suffix, filters, frames, slack in (
        ("every seventh frame missing, MP4", ".mp4", "select='mod(n+1\\,7)'", range(COUNT), 1),
        ("every seventh frame missing, MKV", ".mkv", "select='mod(n+1\\,7)'", range(COUNT), 1),
        ("0.4 s frozen, MP4", ".mp4", "select='not(between(n\\,30\\,39))'", FROZEN, 1),
        ("0.4 s frozen, TS", ".ts", "select='not(between(n\\,30\\,39))'", FROZEN, 1),
        ("jitter of a phone", ".mp4", "settb=1/1000,setpts='N*40+7*sin(N)'", range(COUNT), 1),
        ("30 and 15 fps in turn (screen recorder)", ".mkv", "fps=30,settb=1/1000,select='lt(n\\,45)+not(mod(n\\,2))'", range(COUNT), 2),
    )
]  # fmt: skip

RATES += [
    Recipe("frame rates", "AVI whose clock has 1000 ticks a second (remuxed from MKV)", ff(".avi", f"{MPEG4} -c:a pcm_s16le", "-i IN -c copy")),
    Recipe("frame rates", "VFR, 0.4 s frozen, AVI", ff(".avi", f"-vf select='not(between(n\\,30\\,39))' -fps_mode vfr {MPEG4} -c:a pcm_s16le"), FROZEN, 1),
]  # fmt: skip

SOUND = simple(
    "sound formats",
    ("8 kHz mu-law", ".mkv", f"{X264} -c:a pcm_mulaw -ar 8000"),
    ("8 kHz A-law", ".mov", f"{X264} -c:a pcm_alaw -ar 8000"),
    ("11.025 kHz", ".avi", f"{MPEG4} -c:a pcm_s16le -ar 11025"),
    ("16 kHz AAC", ".mp4", f"{X264} -c:a aac -ar 16000"),
    ("22.05 kHz AAC", ".mp4", f"{X264} -c:a aac -ar 22050"),
    ("32 kHz AAC", ".mp4", f"{X264} -c:a aac -ar 32000"),
    ("44.1 kHz stereo AAC", ".mp4", f"{X264} -c:a aac -ar 44100 -ac 2"),
    ("96 kHz FLAC", ".mkv", f"{X264} -c:a flac -ar 96000"),
    ("192 kHz PCM", ".mov", f"{X264} -c:a pcm_s24le -ar 192000"),
    ("5.1 AC-3", ".mkv", f"{X264} -c:a ac3 -ar 48000 -af pan=5.1|FC=c0"),
    ("5.1 AAC", ".mp4", f"{X264} -c:a aac -ar 48000 -af pan=5.1|FL=c0|FR=c0|FC=c0"),
    ("7.1 FLAC", ".mkv", f"{X264} -c:a flac -af pan=7.1|FC=c0"),
    ("speech in the left channel alone", ".mp4", f"{X264} -c:a aac -af pan=stereo|FL=c0"),
    ("float 32", ".mkv", f"{X264} -c:a pcm_f32le"),
    ("float 64", ".mov", f"{X264} -c:a pcm_f64le"),
    ("integer 32", ".mkv", f"{X264} -c:a pcm_s32le"),
    ("G.722", ".mkv", f"{X264} -c:a adpcm_g722 -ar 16000"),
    ("TTA", ".mkv", f"{X264} -c:a tta"),
    ("MP3 48 kHz in MKV", ".mkv", f"{X264} -c:a libmp3lame -ar 48000"),
    ("MP3 in TS", ".ts", f"{X264} -c:a libmp3lame -ar 48000"),
)  # fmt: skip

PADDED = f"{X264} {AAC}"
STARTS = [
    *simple(
        "starts",
        ("clock starts at 10 s, MKV", ".mkv", f"{H264_AAC} -output_ts_offset 10"),
        ("clock starts at 10 s, MP4", ".mp4", f"{H264_AAC} -output_ts_offset 10"),
        ("clock starts at 1 h, TS", ".ts", f"{H264_AAC} -output_ts_offset 3600"),
        ("clock of 33 bits turns over, TS", ".ts", f"{H264_AAC} -muxdelay 0 -muxpreload 0 -output_ts_offset 95442.2"),
        ("sound begins 0.3 s late, MKV", ".mkv", f"-af atrim=start=0.3 {H264_AAC}"),
        ("sound begins 0.3 s late, MP4", ".mp4", f"-af atrim=start=0.3 {H264_AAC}"),
        ("sound begins 0.3 s late, TS", ".ts", f"-af atrim=start=0.3 {H264_AAC}"),
        ("sound begins 0.3 s late, FLV", ".flv", f"-af atrim=start=0.3 {H264_AAC}"),
        ("picture begins 0.4 s late, MKV", ".mkv", f"-vf trim=start=0.4 {H264_AAC}", {"frames": range(10, COUNT)}),
        ("picture begins 0.4 s late, MP4", ".mp4", f"-vf trim=start=0.4 {H264_AAC}", {"frames": range(10, COUNT)}),
        ("picture begins 0.4 s late, TS", ".ts", f"-vf trim=start=0.4 {H264_AAC}", {"frames": range(10, COUNT)}),
        ("picture begins 0.4 s late, WebM", ".webm", "-vf trim=start=0.4 -c:v libvpx -threads 1 -deadline realtime -b:v 1M -c:a libopus", {"frames": range(10, COUNT)}),
        ("negative times, MKV", ".mkv", f"{H264_AAC} -avoid_negative_ts disabled"),
        ("sound longer by 1 s", ".mp4", f"-vf trim=end=2 {H264_AAC}", {"frames": range(50)}),
        ("sound shorter by 0.1 s", ".mkv", f"-af atrim=end=2.9 {X264} -c:a pcm_s16le", {"frames": range(72)}),
        ("AAC without edit list", ".mp4", f"{H264_AAC} -use_editlist 0", {"slack": 1}),
        ("fragmented MP4", ".mp4", f"{H264_AAC} -movflags +frag_keyframe+empty_moov+default_base_moof", {"slack": 1}),
        ("fragmented MP4, late start", ".mp4", f"{H264_AAC} -movflags +frag_keyframe+empty_moov -output_ts_offset 10", {"slack": 1}),
        ("fragmented MP4, delayed index", ".mp4", f"{FULL} -bf 2 {AAC} -movflags +frag_keyframe+delay_moov"),
        ("CMAF", ".mp4", f"{H264_AAC} -movflags +cmaf+frag_keyframe", {"delay": 21.4}),
        ("hybrid MP4", ".mp4", f"{H264_AAC} -movflags +hybrid_fragmented", {"slack": 1}),
    ),
    # A fragment tells no length for its last frame: this writer takes it from whatever comes next, and encoders that run side by side come in any order.
    Recipe("starts", "fragmented MP4, every frame", ff(".mp4", f"{H264_AAC} > .mp4", "-i IN -c copy -movflags +frag_every_frame+empty_moov"), slack=1),
]  # fmt: skip

GOPS = [
    *simple(
        "groups of pictures",
        ("8 B-frames", ".mp4", f"{FULL} -bf 8 -g 60 -b_strategy 0 {AAC}"),
        ("open GOP H.264", ".mp4", f"{FULL} -bf 3 -g 20 -x264-params open-gop=1 {AAC}"),
        ("open GOP HEVC", ".mp4", f"-c:v libx265 -preset fast -x265-params log-level=error:pools=1:open-gop=1:keyint=20:bframes=4 {AAC}"),
        ("open GOP MPEG-2", ".mpg", f"{MPEG2} -bf 2 -g 12 -c:a mp2 -ar 48000 -f vob"),
        ("no keyframe but the first (intra refresh)", ".mkv", f"{FULL} -bf 0 -x264-params intra-refresh=1:keyint=30 {AAC}"),
        ("one keyframe", ".mp4", f"{FULL} -bf 3 -g 250 {AAC}"),
        ("negative composition offsets", ".mp4", f"{FULL} -bf 3 {AAC} -movflags +negative_cts_offsets"),
    ),
    Recipe("groups of pictures", "TS cut inside a GOP", then(ff(".ts", f"{X264} -g 30 -sc_threshold 0 -c:a mp2 -ar 48000"), surgery.drop_first(0.2, packet=188)), frames=None, slack=1),
    Recipe("groups of pictures", "TS with B-frames cut inside a GOP", then(ff(".ts", f"{FULL} -g 30 -bf 3 -sc_threshold 0 {AAC}"), surgery.drop_first(0.3, packet=188)), frames=None, slack=1),
    Recipe("groups of pictures", "M2TS cut inside a GOP", then(ff(".m2ts", f"{X264} -g 30 -sc_threshold 0 -c:a ac3 -ar 48000 -mpegts_m2ts_mode 1"), surgery.drop_first(0.2, packet=192)), frames=None, slack=1),
    Recipe("groups of pictures", "MPEG-PS cut inside a GOP", then(ff(".mpg", f"{MPEG2} -bf 2 -g 15 -c:a mp2 -ar 48000 -f vob"), surgery.drop_first(0.25, packet=2048)), frames=None, slack=1),
    Recipe("groups of pictures", "MPEG-PS cut at any byte", then(ff(".mpg", f"{MPEG2} -bf 2 -g 15 -c:a mp2 -ar 48000 -f vob"), surgery.drop_first(0.33, packet=1)), frames=None, slack=1),
    Recipe("groups of pictures", "MKV whose first keyframe is lost", ff(".mkv", f"{X264} -g 30 -sc_threshold 0 {AAC}", "-i IN -c copy -bsf:v noise=drop='eq(n\\,0)'"), frames=None, slack=1),
    Recipe("groups of pictures", "open GOP cut at its keyframe", ff(".ts", f"{FULL} -bf 3 -g 20 -x264-params open-gop=1:scenecut=0 -c:a mp2 -ar 48000 > .ts", "-i IN -c copy -copyts -bsf:v noise=drop='lt(n\\,20)'"), frames=None, slack=1),
]  # fmt: skip

CUTS = [
    Recipe("edit lists", "cut at a keyframe without recoding", ff(".mp4", f"{X264} {AAC} > .mp4", "-ss 1 -i IN -c copy"), frames=range(25, COUNT)),
    Recipe("edit lists", "cut between keyframes without recoding", ff(".mp4", f"{X264} {AAC} > .mp4", "-ss 0.6 -i IN -c copy"), frames=range(15, COUNT)),
    Recipe("edit lists", "cut between keyframes, B-frames", ff(".mov", f"{FULL} -bf 3 -g 50 {AAC} > .mov", "-ss 0.6 -i IN -c copy"), frames=range(15, COUNT)),
    Recipe("edit lists", "beginning and end hidden", then(ff(".mp4", f"{X264} -c:a pcm_s16le -f mov"), surgery.edit_list([(0.4, 2.0)])), frames=range(10, 60)),
    Recipe("edit lists", "end hidden", then(ff(".mov", f"{X264} -c:a pcm_s16le"), surgery.edit_list([(0.0, 2.0)])), frames=range(50)),
    Recipe("edit lists", "middle hidden (two edits)", then(ff(".mov", f"{X264} -c:a pcm_s16le -ar 48000"), surgery.edit_list([(0.0, 1.28), (1.92, 1.08)])), frames=[*range(32), *range(48, 75)], within=22.0),
    Recipe("edit lists", "empty edit first", then(ff(".mov", f"{X264} -c:a pcm_s16le"), surgery.edit_list([(None, 0.4), (0.0, 3.0)]))),
    Recipe("edit lists", "cut in MKV without recoding", ff(".mkv", f"{X264} {AAC}", "-ss 1 -i IN -c copy"), frames=range(25, COUNT)),
]  # fmt: skip


def _lost(
    name: str, spans: Sequence[tuple[float, float]], suffix: str = ".mkv", coding: str = H264_AAC
) -> Recipe:
    """The sound's packets within some spans of seconds are missing from a finished stream."""
    when = "+".join(rf"between((pts-startpts)*tb\,{begin}\,{end})" for begin, end in spans)
    return _unsent(name, when, suffix, coding)


def _unsent(name: str, when: str, suffix: str, coding: str) -> Recipe:
    make = ff(suffix, f"{coding} > {suffix}", f"-i IN -c copy -bsf:a noise=drop='{when}'")
    return Recipe("gaps", name, make, note="silence")


OPUS = f"{X264} -c:a libopus -ar 48000"
WEBM = "-c:v libvpx -threads 1 -deadline realtime -cpu-used 8 -b:v 1M"
GAPS = [
    _lost("160 ms of AAC lost, MKV", [(1, 1.16)]),
    _lost("0.5 s of MP2 lost, TS", [(1, 1.5)], ".ts", f"{X264} -c:a mp2 -ar 48000"),
    _lost("0.5 s of AAC lost, TS", [(1, 1.5)], ".ts"),
    _lost("1 s of Opus lost, MKV", [(1, 2)], ".mkv", OPUS),
    _lost("0.5 s of Vorbis lost, WebM", [(1, 1.5)], ".webm", f"{WEBM} -c:a libvorbis"),
    _lost("0.5 s of AAC lost, MP4", [(1, 1.5)], ".mp4"),
    _lost("0.5 s of AAC lost, FLV", [(1, 1.5)], ".flv"),
    _lost("0.5 s of FLAC lost, NUT", [(1, 1.5)], ".nut", f"{X264} -c:a flac"),
    _unsent("every fifth Opus packet unsent (DTX)", r"not(mod(n+1\,5))", ".mkv", OPUS),
    _unsent("two of three Opus packets unsent after 1 s, WebM", r"gt(mod(n\,3)\,0)*gt((pts-startpts)*tb\,1)", ".webm", f"{WEBM} -c:a libopus"),
    _lost("three gaps of PCM", [(0.5, 0.7), (1.5, 1.8), (2.2, 2.3)], ".mkv", f"{X264} -c:a pcm_s16le"),
    Recipe("gaps", "0.4 s of picture and sound lost, TS", ff(".ts", f"{X264} -g 10 -sc_threshold 0 -c:a mp2 -ar 48000 > .ts", r"-i IN -c copy -copyts -bsf:a noise=drop='between((pts-startpts)*tb\,1.2\,1.6)' -bsf:v noise=drop='between(n\,30\,39)'"), FROZEN, 1),
    Recipe("joined", "mono, then stereo, TS", surgery.joined(".ts", (f"-t 1.6 {X264} -c:a mp2 -ar 48000 -ac 1 -output_ts_offset 0.1", f"-ss 1.6 {X264} -c:a mp2 -ar 48000 -ac 2 -output_ts_offset 1.7"), "-muxdelay 0 -muxpreload 0"), apart="it loses the sound where its filter begins anew"),
    Recipe("joined", "48, then 44.1 kHz, TS", surgery.joined(".ts", (f"-t 1.6 {X264} -c:a mp2 -ar 48000 -output_ts_offset 0.1", f"-ss 1.6 {X264} -c:a mp2 -ar 44100 -output_ts_offset 1.7"), "-muxdelay 0 -muxpreload 0"), apart="it loses the sound where its filter begins anew"),
    Recipe("joined", "another picture size from the middle on, TS", surgery.joined(".ts", (f"-t 1.6 {X264} -c:a mp2 -ar 48000", f"-ss 1.6 -vf scale=352:288 {X264} -c:a mp2 -ar 48000 -output_ts_offset 1.7"), "-muxdelay 0 -muxpreload 0"), refused="size changes"),
    Recipe("joined", "two transport streams", surgery.joined(".ts", (f"-t 1.6 {X264} -c:a mp2 -ar 48000", f"-ss 1.6 {X264} -c:a mp2 -ar 48000")), refused="backwards"),
    Recipe("joined", "three transport streams, AAC", surgery.joined(".ts", (f"-t 1 {H264_AAC}", f"-ss 1 -t 1 {H264_AAC}", f"-ss 2 {H264_AAC}")), refused="backwards"),
    Recipe("joined", "two MPEG program streams", surgery.joined(".mpg", (f"-t 1.6 {MPEG2} -c:a mp2 -ar 48000 -f vob", f"-ss 1.6 {MPEG2} -c:a mp2 -ar 48000 -f vob")), refused="backwards"),
    Recipe("joined", "a transport stream and one that goes on 20 s later", surgery.joined(".ts", (f"-t 1.6 {X264} -c:a mp2 -ar 48000", f"-ss 1.6 {X264} -c:a mp2 -ar 48000 -output_ts_offset 21.6")), refused="jump"),
]  # fmt: skip

SILENT_STEREO = "-f lavfi -i anullsrc=r=48000:cl=stereo:d=3"
COVER = "-f lavfi -i color=red:s=500x500:r=1:d=1"
STREAMS = [
    Recipe("streams", "second sound track is the default, MP4", ff(".mp4", f"-i IN {SILENT_STEREO} -map 0:v -map 1:a -map 0:a {H264_AAC} -disposition:a:0 0 -disposition:a:1 default"), tracks=("0:V:0", "0:a:1"), note="track 2 of 2"),
    Recipe("streams", "second sound track is the default, MKV", ff(".mkv", f"-i IN {SILENT_STEREO} -map 0:v -map 1:a -map 0:a {H264_AAC} -disposition:a:0 0 -disposition:a:1 default"), tracks=("0:V:0", "0:a:1"), note="track 2 of 2"),
    Recipe("streams", "a second sound track", ff(".mkv", f"-i IN {SILENT_STEREO} -map 0:v -map 0:a -map 1:a {H264_AAC} -disposition:a:0 default -disposition:a:1 0"), note="track 1 of 2"),
    Recipe("streams", "commentary first, none marked default", ff(".mkv", f"-i IN {SILENT_STEREO} -map 0:v -map 1:a -map 0:a {H264_AAC} -disposition:a:0 comment -disposition:a:1 0"), tracks=("0:V:0", "0:a:1"), note="track 2 of 2"),
    Recipe("streams", "first sound track of one packet", ff(".mkv", f"-i IN -f lavfi -t 0.01 -i anullsrc=r=48000:cl=mono -map 0:v -map 1:a -map 0:a {X264} -c:a pcm_s16le -disposition:a 0"), tracks=("0:V:0", "0:a:1"), note="track 2 of 2"),
    Recipe("streams", "second picture track is the default", ff(".mkv", f"-i IN -f lavfi -i testsrc=s=176x144:r=25:d=3 -map 1:v -map 0:v -map 0:a {H264_AAC} -disposition:v:0 0 -disposition:v:1 default"), tracks=("0:v:1", "0:a:0"), note="track 2 of 2"),
    Recipe("streams", "a second picture track", ff(".mp4", f"-i IN -f lavfi -i testsrc=s=176x144:r=25:d=3 -map 0:v -map 1:v -map 0:a {H264_AAC} -disposition:v:0 default -disposition:v:1 0"), note="track 1 of 2"),
    Recipe("streams", "cover art, MP4", ff(".mp4", f"-i IN {COVER} -map 0:v -map 0:a -map 1:v {H264_AAC} -c:v:1 mjpeg -disposition:v:1 attached_pic")),
    Recipe("streams", "cover art first, MP4", ff(".mp4", f"-i IN {COVER} -map 1:v -map 0:v -map 0:a {H264_AAC} -c:v:0 mjpeg -disposition:v:0 attached_pic -disposition:v:1 default")),
    Recipe("streams", "cover art first, MKV", ff(".mkv", f"-i IN {COVER} -map 1:v -map 0:v -map 0:a {H264_AAC} -c:v:0 png -disposition:v:0 attached_pic -metadata:s:v:0 mimetype=image/png -metadata:s:v:0 filename=cover.png"), tracks=("0:v:1", "0:a:0")),
    Recipe("streams", "subtitles and chapters, MKV", then(ff(".mkv", H264_AAC), surgery.add_subtitles)),
    Recipe("streams", "time code track, MOV", ff(".mov", f"{H264_AAC} -timecode 10:00:00:00")),
    Recipe("streams", "sound before picture, MP4", ff(".mp4", f"-map 0:a -map 0:v {H264_AAC}")),
    Recipe("streams", "two programs, TS", ff(".ts", f"-i IN -f lavfi -i testsrc=s=176x144:r=25:d=3 {SILENT_STEREO} -map 0:v -map 0:a -map 1:v -map 2:a {X264} -c:a mp2 -ar 48000 -program title=a:st=0:st=1 -program title=b:st=2:st=3")),
    Recipe("streams", "first sound track of an unknown codec", then(ff(".mov", f"-i IN -map 0:v -map 0:a -map 0:a {X264} -c:a pcm_s16le"), surgery.rename_first(b"sowt", b"apac")), tracks=("0:V:0", "0:a:1"), note="track 2 of 2"),
]  # fmt: skip

SEPARATE = [
    Recipe("separate sound", name, ff(".mp4", H264_AAC), sound=ff(suffix, arguments), delay=delay)
    for name, suffix, arguments, delay in (
        ("WAV", ".wav", "-vn -c:a pcm_s16le -ar 48000", 0.0),
        ("FLAC", ".flac", "-vn -c:a flac", 0.0),
        ("MP3 with its encoder's delay", ".mp3", "-vn -c:a libmp3lame -ar 44100", 0.0),
        ("M4A with priming", ".m4a", "-vn -c:a aac -ar 44100", 0.0),
        ("Opus with pre-skip", ".opus", "-vn -c:a libopus", 0.0),
        ("Ogg Vorbis", ".ogg", "-vn -c:a libvorbis", 0.0),
        ("WMA", ".wma", "-vn -c:a wmav2 -ar 44100", -46.4),
        ("AMR", ".amr", "-vn -c:a libopencore_amrnb -ar 8000", 0.0),
        ("AIFF", ".aiff", "-vn", 0.0),
        ("raw AAC (ADTS)", ".aac", "-vn -c:a aac -ar 48000", 0.0),
        ("MKA, clock starting at 7 s", ".mka", "-vn -c:a pcm_s16le -output_ts_offset 7", 0.0),
        ("TS, clock starting at 5 s", ".ts", "-vn -c:a mp2 -ar 48000 -output_ts_offset 5", 0.0),
        ("a video's sound", ".mkv", H264_AAC, 0.0),
    )
]

REFUSED = [
    Recipe("refused", "H.264's own display orientation (SEI), which libav knows at keyframes alone", ff(".ts", f"-vf transpose=clock {H264_AAC} -bsf:v h264_metadata=display_orientation=insert:rotate=90"), refused="orientation changes"),
    Recipe("refused", "clock jumps ahead by 20 s", ff(".mkv", H264_AAC, r"-i IN -c copy -bsf setts=ts='if(gt(TS\,1.5/TB)\,TS+20/TB\,TS)'"), refused="jump"),
    Recipe("refused", "clock jumps ahead by 1 h", ff(".mkv", H264_AAC, r"-i IN -c copy -bsf setts=ts='if(gt(TS\,1.5/TB)\,TS+3600/TB\,TS)'"), refused="jump"),
    Recipe("refused", "sound alone jumps ahead by 1 h", ff(".mkv", H264_AAC, r"-i IN -c copy -bsf:a setts=ts='if(gt(TS\,1.5/TB)\,TS+3600/TB\,TS)'"), refused="jump|gap"),
    Recipe("refused", "last picture 10 h late", ff(".mkv", f"{X264} -c:a pcm_s16le", r"-i IN -c copy -bsf:v setts=ts='if(gt(TS\,2.9/TB)\,TS+36000/TB\,TS)'"), refused="jump"),
    Recipe("refused", "sound begins 50 h late", ff(".mkv", H264_AAC, r"-i IN -c copy -bsf:a setts=ts='TS+180000/TB'"), refused="late|start|begin"),
    Recipe("refused", "picture begins 50 h late", ff(".mkv", H264_AAC, r"-i IN -c copy -bsf:v setts=ts='TS+180000/TB'"), refused="late|start|begin|before"),
    Recipe("refused", "picture of 8000 x 8000", ff(".mkv", "-vf scale=8000:8000:flags=neighbor -frames:v 2 -c:v mjpeg -q:v 31 -pix_fmt yuvj420p -c:a flac"), refused="8000"),
    Recipe("refused", "sound ends 1.5 s early", ff(".mkv", f"-af atrim=end=1.5 {X264} -c:a pcm_s16le"), refused="audio ends|sound ends"),
    Recipe("refused", "0.5 s of PCM lost in MOV, which knows no gaps", _lost("", [(1, 1.5)], ".mov", f"{X264} -c:a pcm_s16le").make, refused="audio ends|sound ends"),
    Recipe("refused", "no sound", ff(".mp4", f"-an {X264}"), refused="no audio|no sound"),
    Recipe("refused", "sound only", ff(".mp4", f"-vn {AAC}"), refused="no video|no picture"),
    Recipe("refused", "sound and cover art only", ff(".m4a", f"-i IN {COVER} -map 0:a -map 1:v {AAC} -c:v mjpeg -disposition:v:0 attached_pic -f mp4"), refused="no video|no picture|cover"),
    Recipe("refused", "sound of an unknown codec", then(ff(".mov", f"{X264} -c:a pcm_s16le"), surgery.rename_first(b"sowt", b"apac")), refused="apac|codec|decode"),
    Recipe("refused", "picture of an unknown codec", then(ff(".mov", f"{X264} -c:a pcm_s16le"), surgery.rename_first(b"avc1", b"zzzz")), refused="zzzz|codec|decode|video"),
    Recipe("refused", "truncated MP4 (no index)", then(ff(".mp4", H264_AAC), surgery.keep_first(0.6)), refused="truncated|corrupt|not a"),
    Recipe("refused", "truncated MP4, index in front", then(ff(".mp4", f"{H264_AAC} -movflags +faststart"), surgery.keep_first(0.6)), refused="truncated|corrupt"),
    Recipe("refused", "truncated MXF", then(ff(".mxf", f"{MPEG2} -c:a pcm_s16le -ar 48000"), surgery.keep_first(0.6)), refused="truncated"),
    Recipe("refused", "truncated AVI", then(ff(".avi", f"{MPEG4} -c:a pcm_s16le"), surgery.keep_first(0.6)), refused="truncated"),
    Recipe("refused", "empty file", then(ff(".mp4", H264_AAC), surgery.keep_first(0.0)), refused="empty|0 bytes|no video|read"),
    Recipe("refused", "text called .mp4", then(ff(".mp4", H264_AAC), lambda path: path.write_text("<html>404</html>" * 99) and None), refused="video|read|corrupt"),
    Recipe("refused", "zeros called .avi", then(ff(".avi", f"{MPEG4} -c:a pcm_s16le"), lambda path: path.write_bytes(bytes(50_000)) and None), refused="video|read|corrupt"),
]  # fmt: skip

STILL = [*range(20), *[19] * 15, *range(35, COUNT)]
WAVE = ff(".wav", "-vn -c:a pcm_s16le")
PALETTE = "-vf split[a][b];[a]palettegen[p];[b][p]paletteuse"


def recorded_live(original: Path, target: Path) -> Path:
    """WebM that was written as it came, as browsers record: no duration, no index, clusters of unknown size."""
    path = target.with_suffix(".webm")
    path.write_bytes(
        ffmpeg("-i", original, *WEBM.split(), "-c:a", "libopus", "-live", "1", "-f", "webm", "-")
    )
    return path


ODD = [
    Recipe("oddities", "WebM of a browser's recorder: no duration, no index", recorded_live),
    Recipe("oddities", "the same, cut off", then(recorded_live, surgery.keep_first(0.7)), frames=None),
    Recipe("oddities", "raw H.264 and a WAV file", ff(".h264", f"{X264} -an"), sound=WAVE),
    Recipe("oddities", "raw H.264 of 30 fps with B-frames and a WAV file", ff(".h264", f"-vf fps=30 {FULL} -bf 3 -an"), slack=1, sound=WAVE),
    Recipe("oddities", "raw HEVC of 50 fps and a WAV file", ff(".hevc", "-vf fps=50 -c:v libx265 -preset ultrafast -x265-params log-level=error:pools=1 -pix_fmt yuv420p -an"), slack=1, sound=WAVE),
    Recipe("oddities", "YUV4MPEG and a WAV file", ff(".y4m", "-pix_fmt yuv444p -an"), sound=WAVE),
    Recipe("oddities", "GIF and a WAV file", ff(".gif", f"{PALETTE} -an"), sound=WAVE, lossy=12.0),
    Recipe("oddities", "APNG and a WAV file", ff(".apng", "-an"), sound=WAVE),
    Recipe("oddities", "AVIF animation and a WAV file", ff(".avif", "-c:v libaom-av1 -usage realtime -cpu-used 8 -b:v 2M -threads 1 -pix_fmt yuv420p -an"), tracks=("0:v:1", "0:a:0"), sound=WAVE),
    Recipe("oddities", "HDR10", ff(".mp4", f"-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -x265-params log-level=error:pools=1 {AAC}"), lossy=40.0),
    Recipe("oddities", "VP9 with alpha", ff(".webm", "-c:v libvpx-vp9 -threads 1 -deadline realtime -cpu-used 8 -b:v 1M -pix_fmt yuva420p -c:a libopus")),
    Recipe("oddities", "interlaced H.264", ff(".mp4", f"-c:v libx264 -preset fast -crf 18 -flags +ildct+ilme -x264-params tff=1 -pix_fmt yuv420p {AAC}")),
    Recipe("oddities", "DV, NTSC", ff(".avi", "-c:v dvvideo -s 720x480 -r 30000/1001 -pix_fmt yuv411p -aspect 4:3 -c:a pcm_s16le -ar 48000 -ac 2"), slack=1, aspect=4 / 3),
    Recipe("oddities", "0.6 s of a still picture, WebM", ff(".webm", f"-vf select='not(between(n\\,20\\,34))' -fps_mode vfr {WEBM} -c:a libopus"), STILL, 1),
    Recipe("oddities", "5 fps", ff(".mp4", f"-vf fps=5 {H264_AAC}"), slack=4),
    Recipe("oddities", "240 fps", ff(".mp4", f"-vf fps=240 {H264_AAC}"), slack=1),
    Recipe("oddities", "two pictures at one time, again and again", ff(".mkv", H264_AAC, r"-i IN -c copy -bsf:v setts=ts='if(not(mod(N\,10))*gt(N\,0)\,PREV_INPTS\,PTS)'"), slack=1),
    Recipe("oddities", "sound whose clock runs 0.5 % fast", ff(".mkv", f"{X264} -c:a pcm_s16le", "-i IN -c copy -bsf:a setts=ts='PTS*1.005'"), within=16.0),
    Recipe("oddities", "two sound packets that cannot be decoded", ff(".mkv", f"{X264} -c:a flac", r"-i IN -c copy -bsf:a noise=amount='if(between(n\,4\,5)\,40\,0)'"), note="silence"),
    Recipe("oddities", "first of two tracks turned, the second the default", ff(".mp4", f"-vf transpose=clock {H264_AAC} > .mp4", "-display_rotation 90 -i IN -c copy > .mp4", "-i IN -map 0:v -map 0:v -map 0:a -c:v:0 copy -c:v:1 libx264 -preset ultrafast -crf 18 -c:a copy -disposition:v:0 0 -disposition:v:1 default"), tracks=("0:v:1", "0:a:0")),
    Recipe("oddities", "pixel aspect that changes on the way", surgery.joined(".ts", (f"-t 1.6 {X264} -c:a mp2 -ar 48000", f"-ss 1.6 -vf setsar=2/1 {X264} -c:a mp2 -ar 48000 -output_ts_offset 1.7"), "-muxdelay 0 -muxpreload 0"), refused="aspect of its pixels changes"),
    Recipe("oddities", "encrypted MP4", ff(".mp4", f"{H264_AAC} -encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb -encryption_kid a7e61c373e219033c21091fa607bf3b8"), refused="cannot be decoded"),
    Recipe("oddities", "GIF without sound", ff(".gif", f"{PALETTE} -an"), refused="no audio"),
    Recipe("oddities", "WebP animation", ff(".webp", "-c:v libwebp_anim -an"), refused="not a format"),
]  # fmt: skip

RECIPES = [
    *CONTAINERS, *PIXELS, *TURNED, *RATES, *SOUND, *STARTS, *CUTS, *GOPS, *GAPS, *STREAMS, *SEPARATE, *ODD, *REFUSED,
]  # fmt: skip
