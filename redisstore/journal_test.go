package redisstore_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/panoplysec/panoply/redisstore"
)

func TestJournal(t *testing.T) {
	s := start(t)
	a, b := limits(t, redisstore.Options{Address: []string{s.addr}}), limits(t, redisstore.Options{Address: []string{s.addr}})
	one, two := a.Journal("ended", 100000), b.Journal("ended", 100000)
	read := func(j *redisstore.Journal, from string) (all []string, last string) {
		t.Helper()
		last, err := j.After(t.Context(), from, func(entry []byte) { all = append(all, string(entry)) })
		if err != nil {
			t.Fatal(err)
		}
		return all, last
	}
	if all, last := read(two, ""); len(all) != 0 || last != "" {
		t.Errorf("After of an empty journal = %v, %q", all, last)
	}
	var want []string
	for i := range 1200 { // more than a page
		entry := fmt.Sprint(i, "\x00\xff")
		want = append(want, entry)
		if err := one.Append(t.Context(), []byte(entry)); err != nil {
			t.Fatal(err)
		}
	}
	all, last := read(two, "")
	if !slices.Equal(all, want) {
		t.Errorf("After = %d entries, want the %d that were appended, in order", len(all), len(want))
	}
	if all, again := read(two, last); len(all) != 0 || again != last {
		t.Errorf("After the last = %v, %q", all, again)
	}
	if err := two.Append(t.Context(), []byte("more")); err != nil {
		t.Fatal(err)
	}
	if all, _ := read(one, last); !slices.Equal(all, []string{"more"}) {
		t.Errorf("After = %v, want what came since", all)
	}
	if all, _ := read(a.Journal("other", 10), ""); len(all) != 0 {
		t.Errorf("another journal has %v", all)
	}
	short := a.Journal("short", 10)
	for range 400 {
		if err := short.Append(t.Context(), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if all, _ := read(short, ""); len(all) < 10 || len(all) > 300 {
		t.Errorf("a journal of about 10 has %d", len(all))
	}
	s.kill()
	if last, err := two.After(context.Background(), last, func([]byte) {}); err == nil || last == "" {
		t.Errorf("After without a server = %q, %v, want an error and the id of before", last, err)
	}
	if err := one.Append(t.Context(), []byte("x")); err == nil {
		t.Error("Append without a server took it")
	}
}
