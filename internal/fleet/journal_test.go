package fleet

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T, name string) *Journal {
	t.Helper()
	j, err := OpenJournal(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func entry(key, result string) Entry {
	return Entry{Key: key, At: time.Unix(1, 0).UTC(), Target: "a:1", Result: json.RawMessage(`"` + result + `"`)}
}

func TestJournalIsReadAgain(t *testing.T) {
	name := filepath.Join(t.TempDir(), "j")
	j := open(t, name)
	for _, e := range []Entry{entry("1", "one"), entry("2", "two"), entry("1", "newer")} {
		if err := j.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenJournal(name); !errors.Is(err, ErrInUse) {
		t.Errorf("a second run got %v, want ErrInUse", err)
	}
	j.Close()
	j = open(t, name)
	if e, ok := j.Find("1"); !ok || string(e.Result) != `"newer"` || !e.At.Equal(time.Unix(1, 0)) {
		t.Errorf("Find = %v, %v", e, ok)
	}
	if _, ok := j.Find("3"); ok || j.Len() != 2 {
		t.Errorf("an entry that was never written is there; %d in all", j.Len())
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
}

// TestJournalTornAnywhere cuts a journal at each byte: what was whole stays, what was
// torn is not there, and what comes after is whole again.
func TestJournalTornAnywhere(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "whole")
	j := open(t, name)
	for _, k := range []string{"1", "2", "3"} {
		if err := j.Add(entry(k, "result "+k)); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(text) {
		torn := filepath.Join(dir, "torn")
		if err := os.WriteFile(torn, text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := OpenJournal(torn)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		whole := max(strings.Count(string(text[:cut]), "\n")-1, 0)
		if cut > len(head) && text[cut] == '\n' {
			whole++ // only the end of its line is lacking
		}
		if j.Len() != whole {
			t.Fatalf("cut at %d: %d entries, want %d", cut, j.Len(), whole)
		}
		if err := j.Add(entry("new", "x")); err != nil {
			t.Fatal(err)
		}
		j.Close()
		if j, err = OpenJournal(torn); err != nil || j.Len() != whole+1 {
			t.Fatalf("cut at %d: %d entries after one more, want %d: %v", cut, j.Len(), whole+1, err)
		}
		j.Close()
	}
}

func TestJournalDamaged(t *testing.T) {
	name := filepath.Join(t.TempDir(), "j")
	good, _ := json.Marshal(entry("1", "one"))
	text := head + "{\n" + strings.Repeat("\x00", 5000) + "\n" + `{"key":"","result":1}` + "\n" + strings.Repeat("y", 3<<20) + "\n" + string(good) + "\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	j := open(t, name)
	if _, ok := j.Find("1"); !ok || j.Len() != 1 {
		t.Errorf("%d entries, want the good one", j.Len())
	}
}

func TestJournalTakesNoOtherFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "targets.txt")
	text := "shop.example:443\nwww.example:443 # mine, and longer than a head\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{name, dir} {
		if _, err := OpenJournal(bad); !errors.Is(err, ErrNoJournal) || !strings.Contains(err.Error(), bad) {
			t.Errorf("OpenJournal(%s) = %v", bad, err)
		}
	}
	if got, _ := os.ReadFile(name); string(got) != text {
		t.Errorf("the file became %q", got)
	}
}

func TestKey(t *testing.T) {
	if Key("a", "bc") == Key("ab", "c") || Key("a") == Key("a", "") || Key("a", "b") == Key("b", "a") {
		t.Error("Key does not tell its parts apart")
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(head))
	f.Add([]byte(head + `{"key":"1","at":"2026-01-01T00:00:00Z","target":"a","result":{}}` + "\n{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		name := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := OpenJournal(name)
		if err != nil {
			return
		}
		before := j.Len()
		if err := j.Add(entry("a key of this test", "x")); err != nil {
			t.Fatal(err)
		}
		j.Close()
		if j, err = OpenJournal(name); err != nil || j.Len() < before {
			t.Fatalf("%d entries became %d: %v", before, j.Len(), err)
		}
		if _, ok := j.Find("a key of this test"); !ok {
			t.Fatal("what was added is not there")
		}
		j.Close()
	})
}
