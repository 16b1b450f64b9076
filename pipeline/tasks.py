"""The architecture on one screen: one function an arrow, its signature is the edge.

A task fetches, calls a service, stores and answers. What it does is in ``services/``; when, how often and on which
machine is the ledger's affair.
"""

