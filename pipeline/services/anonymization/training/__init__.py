"""Training of the learned detector: ``make train-anonymization``.

``conversations`` invents calls and texts with known personal data. ``values`` is what is said (with ``people``,
``places``, ``mail``, ``dates``, ``numerals``), ``harmless`` what resembles it, ``phrases.*.toml`` what is said around
it, ``writing`` how it is written down. ``public`` reads public text that others have labelled, ``learning`` makes
weights of both, ``measuring`` chooses the limits on what was held out.
"""
