"""AttributeError while the module is imported."""

import os

from kfp import dsl

X = os.no_such_thing


@dsl.pipeline(name="x")
def p():
    pass
