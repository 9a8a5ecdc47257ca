"""The school: labels, data sets, the network, its trainer, calibration and evaluation.

Torch is needed only by ``network``, ``trainer`` and what builds on them; everything else runs on a bare installation.
"""
