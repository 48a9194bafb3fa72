"""BLEU of translations by sacreBLEU (Post 2018), so that it can be compared with published numbers."""

from collections.abc import Sequence

from netwright.errors import ConfigError, install


def bleu(translations: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """Measure the BLEU of a corpus with one reference for each sentence.

    Args:
        translations: Plain text, neither tokenised nor in lower case.
        references: The right translations.

    Returns:
        BLEU from 0 to 100, and sacreBLEU's signature: its version, its tokenisation and the rest of its settings.

    Raises:
        ConfigError: sacreBLEU is not installed.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ModuleNotFoundError:
        raise ConfigError(f"BLEU needs sacreBLEU, not installed here: {install('translation')}") from None
    measure = BLEU()
    score = measure.corpus_score(list(translations), [list(references)])
    return float(score.score), str(measure.get_signature())
