"""What every room uses: paths, whole-or-nothing writing, commands, reports, cores, model files."""
