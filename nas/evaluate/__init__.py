"""Judging networks by measurement: latency on a device, quality on photographs."""
