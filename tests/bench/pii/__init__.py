"""What ``bench_anonymization`` measures on, and with: sets with exact personal data, detectors, voices and calls.

Nothing here is shared with the generator that a model is trained on: templates, names and ways to say a value are
written for the measurement alone.
"""
