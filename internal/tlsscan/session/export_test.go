package session

var (
	X448    = x448
	NewAEAD = newAEAD
)
