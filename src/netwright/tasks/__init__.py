"""The tasks on which children are trained or looked up: images, texts and tables of benchmarks."""
