"""The confound audit: what else than the skin predicts a diagnosis, judged by one protocol.

`run` audits a collection: `samples` reads each picture once (`marker` finds the metal plate on the chest), `inputs` and
`controls` turn it into numbers, `protocol` fits and scores them by the same folds, `comparison` compares the AUCs and
states the verdict, `report` shows them. `networks` does the same with trained networks. Nothing is imported here:
scikit-learn and PyTorch take seconds, and ``--help`` should not.
"""
