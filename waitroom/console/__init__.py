"""The console: pages for owners under ``/console``, rendered here, alive by a little script.

Views say who asks and call ``waitroom.control``, ``waitroom.accounts`` and the other parts'
functions; they decide nothing themselves. Everything works without scripts but the live figures.
"""
