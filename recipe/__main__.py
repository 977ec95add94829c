"""`python -m recipe` is the `recipe` command."""

from recipe.cli import main

main()
