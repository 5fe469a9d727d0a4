"""Tests of a look at pictures.

`astronaut.jpg` is cut from NASA's portrait of the astronaut Eileen Collins (1999), in the public domain, which scikit-image ships as `astronaut.png`.
"""
