package door

// Poison makes the own loop overwrite what a handler must not keep.
func Poison() { poison = true }
