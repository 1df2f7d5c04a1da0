"""The parts of an evaluation, put together: what is made, what is measured, where it is noted."""

from dataclasses import dataclass

from pytest_lipleak.core.conditions import EVERY_CONDITION, Condition, Reference
from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.evaluation.make.artefacts import Artefacts, ClipFaces
from pytest_lipleak.evaluation.make.costs import Stopwatch
from pytest_lipleak.evaluation.make.crops import Crops
from pytest_lipleak.evaluation.make.finished_videos import FinishedOutputs
from pytest_lipleak.evaluation.make.picture_tools import PictureTools
from pytest_lipleak.evaluation.make.planned_inputs import PlannedInputs
from pytest_lipleak.evaluation.make.progress_relay import ProgressRelay
from pytest_lipleak.evaluation.make.scheduler import Scheduler
from pytest_lipleak.evaluation.make.this_process import Files, ThisProcess
from pytest_lipleak.evaluation.make.trial_record import TrialRecord
from pytest_lipleak.evaluation.make.unrelated_speech import UnrelatedSpeech
from pytest_lipleak.evaluation.make.videos import OutputVideos, Videos
from pytest_lipleak.evaluation.on_demand import Measures
from pytest_lipleak.evaluation.results.dose_curves import curve_for
from pytest_lipleak.evaluation.results.provenance import provenance_of
from pytest_lipleak.generators.finished_model import finished_of
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.plan.trials import Trials
from pytest_lipleak.plan.user_choices import Plan
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.expert import SyncExpert
from pytest_lipleak.verdicts.limits import Rules


@dataclass(frozen=True, eq=False)
class Parts:
    """What an evaluation works with.

    Args:
        record: what is known so far.
        trials: what the model is given.
        artefacts: generates, embeds and scores.
        scheduler: decides what is made next, and waits.
        measures: what is measured beside sync scores.
    """

    record: TrialRecord
    trials: Trials
    artefacts: Artefacts
    scheduler: Scheduler
    measures: Measures


def assemble(
    clips: ClipSet,
    model: Model,
    expert: SyncExpert,
    plan: Plan,
    store: Store,
    *,
    rules: Rules,
    process: ThisProcess,
    files: Files,
) -> Parts:
    """Put the parts of an evaluation together; see ``Evaluation`` for the arguments."""
    stopwatch = Stopwatch()
    shown = ProgressRelay(process.progress, stopwatch.seconds)
    tools = PictureTools(files.weights, process.device, plan.protocol, store, files.arcface)
    crops = Crops(
        plan.protocol,
        files.weights,
        plan.face,
        expert,
        retrack=plan.retrack,
        landmarks=lambda clip, boxes: tools.landmarks(clip.digest, lambda: clip.video, boxes),
        store=store,
    )
    faces = ClipFaces(crops, tools, plan)
    about = provenance_of(
        clips,
        model,
        expert,
        plan,
        crop_notes=crops.notes,
        device=process.device,
        arcface=files.arcface,
        sequential=rules.sequential,
    )
    finished = finished_of(model)
    if finished is None:
        videos: OutputVideos = Videos(
            clips, model, store, process, faces.geometry, faces.of, shown.tell, stopwatch
        )
    else:
        assert finished.whole_clips is not None
        planned = PlannedInputs(Trials(finished.whole_clips, about, plan.pairs, plan.partners))
        videos = FinishedOutputs(model, finished, store, crops, faces.geometry, planned)
    artefacts = Artefacts(videos, expert, plan, store, crops, process.device, stopwatch)
    record = TrialRecord(_begun(about, model, files, stopwatch), process.start_share)
    trials = Trials(clips, about, plan.pairs, plan.partners)
    unrelated = UnrelatedSpeech(clips, artefacts.speech, plan.seed)
    return Parts(
        record,
        trials,
        artefacts,
        Scheduler(record, trials, artefacts, shown, files),
        Measures(record, trials, artefacts, unrelated, tools, shown, stopwatch, files.gallery),
    )


def _begun(about: Provenance, model: Model, files: Files, stopwatch: Stopwatch) -> Corpus:
    """The corpus of a model of which nothing is measured yet."""
    supported = model.declared.references
    lacking: dict[Reference | Condition, str] = {
        reference: f"model {model.name!r} declares no {reference} (it supports {', '.join(supported)})"
        for reference in Reference
        if reference not in supported
    }
    corpus = Corpus(
        about,
        not_applicable=lacking | _without_videos(model),
        costs={stopwatch.process: stopwatch.seconds},
    )
    corpus.curve, _ = curve_for(about, files.dose)
    return corpus


def _without_videos(model: Model) -> dict[Reference | Condition, str]:
    """Conditions that no finished videos were made under, and why nothing is said of them."""
    finished = finished_of(model)
    if finished is None:
        return {}
    lacking = (condition for condition in EVERY_CONDITION if condition not in finished.conditions)
    return dict.fromkeys(lacking, f"there are no videos of it in {finished.table.origin}")
