"""The names of the files of a trained model's folder, for code that reads them without torch."""

WEIGHTS, ARCHITECTURE, DESCRIPTION = "model.safetensors", "architecture.json", "model.json"
WORST_ERRORS = "worst_errors.json"
PAGE = "model.html"
