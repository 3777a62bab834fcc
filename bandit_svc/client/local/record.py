"""What the log gets of a local decision."""

from typing import Any

from .model import Choice, LocalModel


def record_of(
    model: LocalModel, decision_id: str, unit_id: str | None, choice: Choice
) -> dict[str, Any]:
    """Return the record of a decision, but for its context and its client."""
    chances: list[dict[str, Any]] = [
        {"variant": key, "probability": probability}
        for key, probability in zip(choice.keys, choice.pmf, strict=True)
    ]
    if choice.treatment is not choice.pmf:
        for one, probability in zip(chances, choice.treatment, strict=True):
            one["treatment"] = probability
    published = model.published
    record: dict[str, Any] = {
        "decision_id": decision_id,
        "experiment": published.experiment,
        "revision": published.revision,
        "model_version": published.version,
        "variants": chances,
        "variant": choice.variant,
        "propensity": choice.propensity,
        "group": choice.group,
        "source": choice.source,
    }
    if unit_id is not None:
        record["unit_id"] = unit_id
    return record
