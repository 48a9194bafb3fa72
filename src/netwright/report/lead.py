"""The sentences at the head of a report: how good the best network is, how many were tried, whether it was tested."""

from collections.abc import Iterator
from dataclasses import dataclass

from netwright.architectures.values import JsonObject
from netwright.report.next_commands import KINDS
from netwright.report.numbers import Form, duration, interval, percent
from netwright.searching.quality import PERPLEXITY
from netwright.searching.results import Results, wilson_interval
from netwright.trials import Trial

NOUNS = {
    "ConvNet": "network",
    "PlainNet": "network",
    "RecurrentCell": "recurrent cell",
    "NasBench201Cell": "cell",
}
"""What the architectures of a family are called; all others are "architectures"."""


@dataclass(frozen=True)
class Lead:
    """The sentences at the head of a report."""

    sentences: tuple[str, ...]
    details: tuple[str, ...] = ()
    """What qualifies them."""
    warning: str = ""
    """What a reader must not overlook; empty where there is nothing."""


def lead(results: Results, model: JsonObject | None, seconds: float | None) -> Lead:
    """Return the first sentences of a run's report.

    Args:
        results: The run.
        model: The model.json of the network that was trained to the end; None if there is none.
        seconds: How long the search took; None if that is unknown.
    """
    ended = sum(trial.state.finished for trial in results.counted)
    state = f"{ended:,} of {results.config['num_trials']:,} trials have ended"
    progress = {"running": f"The search is still running: {state}.", "interrupted": f"The search was stopped: {state}."}
    ranking = results.ranking()
    if not ranking:
        return Lead((progress.get(results.state, f"All {ended:,} trials failed."), "Nothing has been measured yet."))
    found = [_first(results, ranking, seconds), *_tested(results, model, ranking[0])]
    if results.state in progress:
        found.insert(0, progress[results.state])
    if (share := results.largest_class_share) is not None:
        found.append(f"Always naming the largest class would be correct for {percent(share)} of the validation images.")
    return Lead(tuple(found), tuple(_details(results, model, ranking)), _warning(results, ranking[0]))


def noun(results: Results) -> str:
    """Return what an architecture of the run is called."""
    document = results.trials[0].proposal.architecture if results.trials else None
    kind = document.get("type") if isinstance(document, dict) else None
    return NOUNS.get(str(kind), "architecture")


def _first(results: Results, ranking: list[Trial], seconds: float | None) -> str:
    # Those that were stopped early are in no ranking; they were compared with the others all the same.
    count, what = len({trial.fingerprint for trial in results.trials if trial.state.measured}), noun(results)
    of_all = f"The best of {count:,} different {what}s" if count > 1 else f"The only {what} measured"
    so_far = "" if results.state == "finished" else " so far"
    after = f", after {duration(seconds)} of search" if seconds is not None and seconds >= 1 else ""
    return f"{of_all}{so_far} {_predicate(results, ranking[0])}{after}."


def _predicate(results: Results, best: Trial) -> str:
    form, kind = Form(results.quality), results.config["evaluate"]["kind"]
    confirmed = results.shown_confirmed(best)
    is_mean = confirmed is not None and bool(confirmed.scores)
    value = confirmed.mean if confirmed is not None and is_mean else results.shown(best)
    mean = f" on average over {len(confirmed.scores)} trainings with fresh seeds" if confirmed and is_mean else ""
    num_images = best.metrics.get("num_validation_images")
    if results.score_name == "validation_accuracy" and num_images:
        sure = interval(wilson_interval(value, num_images))
        return f"classifies {form(value)} of {num_images:,} validation images correctly{mean} ({sure})"
    if results.score_name == PERPLEXITY:
        return _of_text(results, form, value, mean)
    where = " in the table" if kind == "table" else f" on {num_images:,} validation images" if num_images else ""
    return f"reaches a {results.quality.name} of {form(value)}{where}{mean}"


def _of_text(results: Results, form: Form, value: float, mean: str) -> str:
    in_bits = results.quality.in_bits
    figure = f"{form(value)} bits per character" if in_bits else f"a perplexity of {form(value)}"
    choices = 2**value if in_bits else value
    piece = "piece of a word" if results.config["evaluate"]["kind"] == "translation" else "word"
    unit = "character" if in_bits else piece
    return (
        f"predicts the validation text with {figure}{mean}, as uncertain about the next {unit} as in a choice among "
        f"{choices:.3g} equally probable ones"
    )


def _details(results: Results, model: JsonObject | None, ranking: list[Trial]) -> Iterator[str]:
    confirmed, kind = results.confirmed.get(ranking[0].fingerprint), results.config["evaluate"]["kind"]
    if len(ranking) > 1 and kind not in ("table", "function") and not (confirmed and confirmed.scores):
        yield f"The result of the search is optimistic, since it is the best of {len(ranking):,} noisy measurements."
    if model is None and KINDS[kind].trains is not None:
        yield f"The {noun(results)} has not been trained to the end and tested yet."


def _warning(results: Results, best: Trial) -> str:
    if results.explained_by_largest_class(best):
        return "The result of the search is no better than always naming the largest class, so it should not be quoted."
    share, count = results.largest_class_share, best.metrics.get("num_validation_images")
    if results.score_name != "validation_accuracy" or share is None or not count or results.confirmed:
        return ""
    if wilson_interval(results.shown(best), count)[0] > share:
        return ""
    return "The interval contains the share of the largest class: the network may be no better than always naming it."


def _tested(results: Results, model: JsonObject | None, best: Trial) -> Iterator[str]:
    if model is not None:
        if (sentence := sentence_on_test(model)) is not None:
            yield sentence
    elif results.config["evaluate"]["kind"] == "table" and "test_accuracy" in best.metrics:
        yield f"Its test accuracy in the table is {percent(best.metrics['test_accuracy'])}."


def sentence_on_test(model: JsonObject) -> str | None:
    """Describe the test of a trained network in one sentence; None if its model.json lacks the result."""
    try:
        metrics, origin = model["metrics"], str(model["origin"])
        if "test_accuracy" in metrics:
            return (
                f"Trained to the end, {origin} classifies {percent(metrics['test_accuracy'])} of "
                f"{metrics['num_test_images']:,} test images correctly ({interval(metrics['test_interval'])})."
            )
        if "test_bleu" in metrics:
            return (
                f"Trained to the end, {origin} translates the test sentences with a BLEU of {metrics['test_bleu']:.1f}."
            )
        if "test_bits_per_character" in metrics:
            bits = f"{metrics['test_bits_per_character']:.3f}"
            return f"Trained to the end, {origin} predicts the test text with {bits} bits per character."
        perplexity = f"{metrics['test_perplexity']:,.2f}"
        return f"Trained to the end, {origin} predicts the test text with a perplexity of {perplexity}."
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
