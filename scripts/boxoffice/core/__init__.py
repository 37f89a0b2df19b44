"""What every room uses: paths, whole-or-nothing writing, reports, cores, model files."""
