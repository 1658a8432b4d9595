"""What the SDK costs, beside the libraries it stands on and beside other SDKs.

python -m benchmarks [section ...]     prints the tables; `make bench` installs the other SDKs first

answers.py        what the responder answers
responder.py      the other end: a process of its own that answers at once
run.py            runs subjects in turns, and prints tables
measure.py        CPU, memory and rate of one subject; what a subject process prints
floor.py          subject: bare aiohttp, a joserfc proof, a msgspec decode
anton.py          subjects: `AntonClient`, everything on
peers.py          subjects: other SDKs, in an environment of their own
decode.py         subjects: reading a page, by library
stalls.py         subject: how long the event loop is held up
imports.py        importing the package, its dependencies, and the other SDKs
bulk_overhead.py  a payout in a job beside a plain `create`

Run by themselves, since they take minutes:

bulk_pace.py      how much of the quota a payout job uses
bulk_memory.py    memory of a payout job of a million rows
service_load.py   tasks, sockets and memory of a FastAPI service under load
"""
