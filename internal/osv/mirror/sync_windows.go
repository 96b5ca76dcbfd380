package mirror

// syncDir has nothing to do: a rename is in the journal.
func syncDir(string) error { return nil }
