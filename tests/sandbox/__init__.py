"""A small Tavus over real HTTP, with memory, a clock that can run fast, and faults by script. It may import no product code.

A wrong belief about the vendor has to be made twice, here and in the product, to go unseen. Inside, a pure core
(`world`, `api`: time passed in, chance from a seed) is wrapped in a thin shell of HTTP (`server`, `shell`, `admin`).
"""
