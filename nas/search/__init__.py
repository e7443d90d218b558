"""The search: asks a sampler for architectures, questions them cheapest first and tells what was found."""
