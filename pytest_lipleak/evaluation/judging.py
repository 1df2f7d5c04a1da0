"""From a limit to its verdict: the model is measured as far as the limit needs, judged, the verdict remembered."""

import math
from typing import NoReturn

from pytest_lipleak.core.errors import ConfigurationError, LipleakError, NotApplicableError
from pytest_lipleak.core.metrics.default_gates import stands_for
from pytest_lipleak.evaluation.measuring import Measuring
from pytest_lipleak.evaluation.results import preconditions
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.verdicts.limits import Limit, Measurement, Rules, Verdict
from pytest_lipleak.verdicts.value_against_limit import judge, shows_no_single_clip


class Judge:
    """Judges one model.

    Args:
        measuring: measures it.
        rules: how values become verdicts.
        shard: the part of the clips that this run measures, and of how many; None: all.
    """

    def __init__(self, measuring: Measuring, rules: Rules, shard: tuple[int, int] | None) -> None:
        self.verdicts: list[Verdict] = []
        self._measuring = measuring
        self._rules = rules
        self._shard = shard
        self._examined = False

    def judge(self, limit: Limit) -> Verdict:
        """Measure what ``limit`` speaks of and judge it; the verdict is remembered for the reports.

        A run on a part of the clips measures what ``lipleak merge`` will judge, and says so by
        ``NotApplicableError``; so does a default gate on single clips where those can be accused of nothing.

        Raises as ``measure`` does. What could not be measured because something failed is remembered as a
        broken limit: a report must not look as if it had never been asked for.
        """
        limit = self._rules.applied_to(limit)
        if self._shard is not None:
            self._leave_to_merge(limit)
        self._leave_to_other(limit)
        nothing = Measurement(limit.metric, math.nan, None, {}, (), self._measuring.corpus.provenance.expert)
        try:
            # Asked first: a model is not run for hours for an expert that cannot judge its clips, or for nothing.
            unfit = limit.kept_by_nothing or (None if limit.metric.is_picture else self.expert_unfit())
            if unfit:
                verdict = Verdict(limit, nothing, unfit)
            elif self._goes_clip_by_clip(limit):
                verdict = self._settled(limit)
            else:
                measurement = self._measuring.measure(limit.metric, limit.confidence)
                if limit.by_default and (why := shows_no_single_clip(measurement)):
                    # What the other default gates see is a verdict without it.
                    raise NotApplicableError(f"{limit}: {why}")
                verdict = judge(limit, measurement, allow_unscored=self._rules.allow_unscored)
        except NotApplicableError:
            raise
        except LipleakError as error:
            self.verdicts.append(Verdict(limit, nothing, str(error).partition("\n")[0]))
            raise
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # pytest.skip() in a model is none of the errors that models have; without this nothing had been asked.
            why = f"could not be judged: the model raised {type(error).__name__} ({error})"
            self.verdicts.append(Verdict(limit, nothing, why))
            raise
        self.verdicts.append(verdict)
        return verdict

    def _goes_clip_by_clip(self, limit: Limit) -> bool:
        """Whether a sequential run can settle a limit before all clips are measured."""
        metric = limit.metric
        whole = metric.is_picture or metric.is_probe or metric.over_lags
        return self._rules.sequential and not whole and limit.confidence is not None

    def _settled(self, limit: Limit) -> Verdict:
        """Measure and judge clip by clip, until the verdict is settled."""
        allow = self._rules.allow_unscored
        # Whatever other limits have measured already: the verdict follows from the order alone, in every process.
        order = self._measuring.corpus.provenance.in_order
        verdict = judge(limit, measure(self._measuring.corpus, limit.metric, limit.confidence, ()))
        for count in range(1, len(order) + 1):
            self._measuring.need(limit.metric.conditions, order[:count])
            measurement = measure(self._measuring.corpus, limit.metric, limit.confidence, order[:count])
            verdict = judge(limit, measurement, allow_unscored=allow)
            # A clip without a score counts for nothing where that is allowed, and the next one comes.
            if not verdict.inconclusive and (measurement.clips or not (allow or measurement.set_aside)):
                break
        return verdict

    def expert_unfit(self) -> str | None:
        """Return why the sync expert cannot judge these clips, or None when it can; asked before any verdict.

        Real clips must score better with their own audio than with others' of equal length.
        """
        if not self._examined:
            self._measuring.examine()
            self._measuring.corpus.expert_unfit = preconditions.expert_unfit_for(self._measuring.corpus)
            self._examined = True
        return self._measuring.corpus.expert_unfit

    def stood_for(self, limit: Limit) -> str | None:
        """Return why a default gate is not asked of this model, though the model has what it needs; None: it is."""
        other = stands_for(limit.metric) if limit.by_default else None
        if other is None or not self._measuring.has(other):
            return None
        return f"{other.name} stands for it: input frames are the same with either reference; name it to ask both"

    def _leave_to_other(self, limit: Limit) -> None:
        if why := self.stood_for(limit):
            raise NotApplicableError(f"{limit}: {why}")

    def _leave_to_merge(self, limit: Limit) -> NoReturn:
        part, parts = self._shard or (1, 1)
        if limit.metric.over_sets:
            raise ConfigurationError(
                f"{limit}: {limit.metric.family.measure} compares whole sets of frames and cannot be put together from "
                "parts; leave it out, or run without --lipleak-shard"
            )
        self._measuring.corpus.asked[limit.exact] = self._rules.allow_unscored
        self._leave_to_other(limit)
        if not limit.metric.is_picture:
            self._measuring.examine()
        self._measuring.measure(limit.metric)
        raise NotApplicableError(f"part {part}/{parts} is measured; `lipleak merge` judges {limit} over all")
