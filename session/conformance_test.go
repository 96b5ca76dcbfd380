package session_test

import (
	"testing"

	"github.com/panoplysec/panoply/session"
	"github.com/panoplysec/panoply/storetest"
)

func TestMemoryConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T) session.Store {
		m, err := session.NewMemory(session.MemoryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	})
}
