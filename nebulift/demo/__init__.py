"""``nebulift demo``: the real daemon on a made-up night whose truth is known, shown as it happens.

``story.py`` says what goes wrong that night, ``camera.py`` takes the frames in a process of its own, ``processes.py``
runs camera and daemon, ``tally.py`` holds the verdicts against the truth, ``screen.py`` shows it, ``run.py`` is the
whole in order.
"""
