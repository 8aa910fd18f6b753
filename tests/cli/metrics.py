#!/usr/bin/python3
"""metrics [NAME LABEL=VALUE...]: OpenMetrics text of standard input, by prometheus_client's strict parser: prints how many families
there are, or the values of samples of that name whose labels are these."""
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families

families = list(text_string_to_metric_families(sys.stdin.read()))
wanted = dict(word.split("=", 1) for word in sys.argv[2:])
if len(sys.argv) == 1:
    print(len(families))
for family in families:
    for sample in family.samples:
        if sys.argv[1:2] == [sample.name] and wanted.items() <= sample.labels.items():
            print(int(sample.value) if sample.value == int(sample.value) else sample.value)
