"""The pages of the console, one module a concern; ``blueprint.py`` puts them together."""
