"""The specification of packs: one source of truth.

`scene.py` and `city.py` declare every file of a scene pack and of a city pack, `decoders.py` and
`rules.py` the parts of it that are languages of their own. The engine (`yunnao.scenes`) validates
with them, and the reference in docs/ is generated from them.
"""
