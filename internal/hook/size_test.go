package hook

import (
	"testing"
	"unsafe"
)

// Beyond 512 bytes the allocator is slower with what holds pointers.
func TestExchangeIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Exchange{}); n > 512 {
		t.Errorf("an Exchange has %d bytes, want 512 at most", n)
	}
}
