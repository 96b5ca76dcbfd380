package mirror

import "time"

// Hurry has tries follow each other at once.
func Hurry() { pause = time.Millisecond }
