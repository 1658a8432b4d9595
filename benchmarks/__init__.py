"""What the SDK costs, beside the libraries it stands on and beside other SDKs.

python -m benchmarks [section ...]     prints the tables; `make bench` installs the other SDKs first

answers.py     what the responder answers
responder.py   the other end: a process of its own that answers at once
measure.py     CPU, memory and rate of one subject; what a subject process prints
floor.py       subject: bare aiohttp, a joserfc proof, a msgspec decode
anton.py       subjects: `AntonClient`, everything on
peers.py       subjects: other SDKs, in an environment of their own
decode.py      subjects: reading a page, by library
stalls.py      subject: how long the event loop is held up
imports.py     importing the package, its dependencies, and the other SDKs
"""
