package jsrefs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/jsrefs"
)

func ExampleRoom_Read() {
	var room jsrefs.Room
	s := room.Read("const a = require('express')\nimport b from 'qs'\nload(require)", nil)
	for _, r := range s.Refs {
		fmt.Println(r.Name, r.Line, r.How == jsrefs.Import)
	}
	fmt.Println(s.Doubts[0].Line, s.Doubts[0].Reason)
	// Output:
	// express 1 false
	// qs 2 true
	// 3 hands require on
}

// Behind the brackets of a statement a slash begins an expression, and behind others it
// divides.
func TestSlashes(t *testing.T) {
	for code, want := range map[string]string{
		`if (a) /'/.test(b); require('x'); c('/')`: "x",
		`a = (b) / 2; require('x'); c = d / 3`:     "x",
		`while (a(b)) /[/'"]/g; require("x")`:      "x",
		`for (;;) { if ((a)) /"/; } require("x")`:  "x",
	} {
		var room jsrefs.Room
		var got []string
		for _, r := range room.Read(code, nil).Refs {
			got = append(got, r.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", code, got, want)
		}
	}
}

// The time is in proportion to the length, whatever has no end.
func TestTime(t *testing.T) {
	for _, part := range []string{".createRequire(b).c", "require=/a[", "=/[", "require(/'", "`${/[", "x=(((", "import{"} {
		var room jsrefs.Room
		began := time.Now()
		room.Read("a"+strings.Repeat(part, 2_000_000/len(part)), nil)
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("2 MB of %s took %s", part, took)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("if(a)/'/;require(`x${y}`);(function(require){})(require)")
	f.Fuzz(func(t *testing.T, in string) {
		var room jsrefs.Room
		s, lines := room.Read(in, nil), strings.Count(in, "\n")+1
		for _, r := range s.Refs {
			if r.Line < 1 || r.Line > lines {
				t.Errorf("a module in line %d of %d", r.Line, lines)
			}
		}
		for _, d := range s.Doubts {
			if d.Line < 1 || d.Line > lines || d.Reason == "" {
				t.Errorf("a doubt %q in line %d of %d", d.Reason, d.Line, lines)
			}
		}
	})
}
