"""Names of files that more than one room spells."""

PAIRWISE_METRICS = "pairwise_registration_metrics.json"
