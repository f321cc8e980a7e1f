"""Benchmarks: ratios measured in one run, held against floors."""
