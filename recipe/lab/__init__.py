"""The laboratory: what a technique does to your net, in small experiments with seeds and intervals.

Each is a module with a `run(config, folder)`, like a stage. None has a gate, none changes a
config: they show. What they share is in `bench.py`.
"""
