"""The tests of a trained model in words, from its model.json."""

from netwright.architectures.values import JsonObject

OTHER_TESTS = {"test_perplexity": "test perplexity {:.2f}", "test_bleu": "test BLEU {:.1f}"}
"""By the metric of a language model and of a translator."""


def test_lines(model: JsonObject) -> list[str]:
    """Describe the test of any model in lines for people; no line if its model.json is not understood."""
    try:
        metrics = model["metrics"]
        if "test_accuracy" in metrics:
            return image_test_lines(metrics, model["data"], num_tests_of(model))
        return [
            f"{form.format(metrics[name])} on {model['data']}" for name, form in OTHER_TESTS.items() if name in metrics
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        return []


def num_tests_of(model: JsonObject) -> int:
    """Return how often a model was tested on the test images of its own data, by its model.json."""
    counted = model.get("tests", {}).get(model.get("test_sha256"), {})
    return int(counted.get("count", 1))


def image_test_lines(metrics: JsonObject, data: str, num_tests: int | None) -> list[str]:
    """Describe the test of a network for images in lines for the terminal.

    Args:
        metrics: Those of model.json, or of another test; older ones have the accuracy alone.
        data: The name of the data.
        num_tests: How often the network was tested on these images; None if that is not counted.
    """
    low, high = metrics["test_interval"]
    lines = [
        f"test accuracy {metrics['test_accuracy']:.4f} on {data} (95% interval {low:.4f} to {high:.4f}, "
        f"{metrics['num_test_images']:,} images, {_times(num_tests)})"
    ]
    if "largest_class_share" not in metrics:
        return lines
    lines[0] += f"; always naming {metrics['largest_class']!r}, the largest class: {metrics['largest_class_share']:.4f}"
    error, calibrated = metrics["test_calibration_error"], metrics["test_calibration_error_with_temperature"]
    after = "" if calibrated is None else f", {calibrated:.4f} with temperature {metrics['temperature']:.3f}"
    lines.append(
        f"balanced accuracy {metrics['test_balanced_accuracy']:.4f}, macro F1 {metrics['test_macro_f1']:.4f}, "
        f"calibration error {error:.4f}{after}"
    )
    return [*lines, f"note: {metrics['note']}"] if "note" in metrics else lines


def text_test_line(metrics: JsonObject) -> str:
    """Describe the test of a language model on a text, as `nw.evaluate` returns it."""
    unit = metrics["unit"]
    return (
        f"perplexity {metrics['test_perplexity']:.2f}, {metrics[f'test_bits_per_{unit}']:.3f} bits per {unit}, on "
        f"{metrics['data']} ({metrics['num_test_tokens']:,} {unit}s, {metrics['unknown_share']:.1%} of them unknown; "
        f"{_times(metrics['num_tests'])})"
    )


def _times(num_tests: int | None) -> str:
    return {None: "not counted", 1: "tested once"}.get(num_tests, f"tested {num_tests} times")
