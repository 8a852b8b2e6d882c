"""What the course promises in numbers, measured by ``make bench``: no test, machines differ."""
