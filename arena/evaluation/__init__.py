"""A submission meets a case set: planned into shards, run, recorded, scored."""
