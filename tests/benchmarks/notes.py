"""What a reader of the race must know: it stands on top of data/results/race.md."""

NOTES = """\
# The race

Generators of the course and of other libraries at their defaults, between yardsticks. Written by
`make bench` from `race.csv`, which holds one line a run. Numbers are means over so many seeds as
the column says, ± the standard deviation over the seeds.

**One verdict.** "Beats" means: the means over the seeds lie more than two spreads of their
difference apart (the standard error of a difference of two means); else two methods cannot be told
apart. One seed gives no verdict. The sentence above each table is made by that rule alone.

**The tables.**
- Screen time: fitted to the stored year without dates (2,928 rows), judged on a fresh year a seed.
- Screen time, 25 days: 200 rows of the same process, another draw a seed, judged on a fresh year.
  200 rows are too few for boosted trees to tell apart, so C2ST is that of a random forest (300
  trees, 3 rows a leaf, 5 folds) against 200 rows of that year; "C2ST above fresh" is what is left
  when the C2ST of 200 other real rows is taken off. "TSTR share" is TSTR as a share of what the
  same 200 real rows give.
- Adult: 32,561 rows, judged on the 16,281 of the test part. Flights: 14,000 rows, judged on the
  6,000 of the test part. "Fresh real rows" are one half of the test part judged by the other; their
  TSTR is that of the training rows.

**The columns.**
- C2ST is the AUC of boosted trees that tell synthetic rows from unseen real ones (.5: not at all);
  they do all their rounds. TSTR is how well boosted trees that learned from synthetic rows predict
  the target in real ones (accuracy on screen time, AUC elsewhere). Membership AUC is how well an
  attacker guesses who was in training; copies are synthetic rows that equal a training row.
- "Published judge" is the judge of the [published figures](published_adult.md): SDMetrics'
  detection metric with XGBoost, rows against the *training* rows, 2 - 2 AUC (1: cannot tell). It
  cannot tell copies either, so read it beside membership AUC and copies. The published figures are
  other people's: same training and test rows, on their machine, and their TSTR is XGBoost's.
- "Epochs" are the passes over the table that training really made. "Wall s" are seconds on the
  clock, which other programs on the machine may have stretched; "CPU s" are seconds of work, which
  they do not. Each fit ran in a process of its own with one thread, at most two side by side;
  libraries were loaded before the clock started. "Sample, wall s" is for as many rows as were
  fitted, "rows/s" for 100,000 rows more; "peak, MB" is the most memory the process held, with its
  libraries.

**What a fair reader must know.**
- These methods are told which column is the target (App, income, late), and use it: {told}. The
  others, all peers among them, treat it as any column.
- The defaults of the course's generators were developed on the screen-time process, though on other
  draws of it than the race's, and on validation splits of the other tables' training rows. The
  peers' defaults were developed elsewhere.
- The control learns nothing: it counts in each app, smooths, and keeps one matrix of correlations.
- Diffusion on Adult and flights is masked tokens only: their categories have too many combinations
  for its Gaussian half, which is for the numbers of crowded groups.
- SDV's CTGAN has one seed on Adult and flights, because a fit takes long. TabularARGN
  (`mostlyai-engine`), an autoregressive network, has one seed on every table and at most 10 minutes
  a fit; it stops earlier by itself. It protects rare values: these are replaced by other values of
  the column.

**Other libraries that were tried** beside SDV in one environment: `ctgan` alone is the network that
SDV wraps. `mostlyai` is a client; its engine is raced. `realtabformer` 0.2.4 installs and fails: it
passes an argument that `transformers` 5, which pip then chooses and the engine needs, no longer
knows. `be-great` 0.0.14 and `tabpfn-extensions` 0.6.3 can be installed, but start from weights that
they download. `synthcity` 0.2.12 needs numpy below 2 and torch below 2.3.

Machine: {system}. {versions}
"""
