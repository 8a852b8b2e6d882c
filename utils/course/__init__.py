"""The tools that keep the course honest: they run, check and publish the lessons."""
