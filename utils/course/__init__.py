"""The tools that keep the course honest: run and check lessons, write README's table, move the
address."""
