"""Messages to people and machines: what has happened to the night, said once, by whatever way the observer has named.

The watching process only writes lines into a pipe (``news.py``). A process of its own (``process.py``) decides what is
worth a message (``decisions.py``: pure, fed with news and a clock) and delivers it (``deliveries.py``: one thread a
way, with patience). However slow or broken a way is, no frame waits for it.
"""
