"""The specification of packs: one source of truth.

`scene.py` and `city.py` declare every file of a scene pack and of a city pack. The engine
(`yunnao.scenes`) validates with them, the reference in docs/ and the console's types are
generated from them.
"""
