package metavuln_test

import (
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"

	"github.com/panoplysec/panoply/internal/metavuln"
	"github.com/panoplysec/panoply/internal/need"
)

// TestTheOrderIsThatOfNode sorts names of every sign that one may have.
func TestTheOrderIsThatOfNode(t *testing.T) {
	const signs = "abzABZ019-_./@~!*'()"
	rnd := rand.New(rand.NewPCG(1, 2))
	var names []string
	for range 2000 {
		name := make([]byte, 1+rnd.IntN(6))
		for i := range name {
			name[i] = signs[rnd.IntN(len(signs))]
		}
		names = append(names, string(name))
	}
	text, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(need.Program(t, "node"), "-e", "console.log(JSON.stringify(JSON.parse(process.argv[1]).sort((a, b) => a.localeCompare(b, 'en'))))", string(text)).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(names, metavuln.Collate)
	for i := range want {
		if names[i] != want[i] {
			t.Fatalf("%d is %q between %q, want %q", i, names[i], names[max(i-2, 0):i+3], want[i])
		}
	}
}
