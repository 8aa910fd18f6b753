#!/usr/bin/python3
"""OpenMetrics text of standard input, by prometheus_client's strict parser, as JSON: a line for each family and for each sample of
it, as "name", "labels" and "value"."""
import json
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families

for family in text_string_to_metric_families(sys.stdin.read()):
    print(json.dumps({"family": family.name}))
    for sample in family.samples:
        print(json.dumps({"name": sample.name, "labels": sample.labels, "value": sample.value}))
