package cart

import (
	"testing"

	"hole.test/hole"
)

func TestHole(t *testing.T) { hole.Tested() }
