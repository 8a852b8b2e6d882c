"""The tools that keep the course honest: run the lessons, check them, write the README's table, move the address."""
