package shield_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/shield"
)

// ten are shields as the wizard writes them.
func ten(t testing.TB) *shield.Guard {
	all := []shield.Shield{
		{Refuse: []shield.Condition{{In: "field", Name: "__proto__"}, {In: "field", Name: "constructor.prototype"}}},
		{Refuse: []shield.Condition{{In: "field", Name: "settings.view options"}}},
		{Refuse: []shield.Condition{{In: "field", Name: "$*"}}},
		{Refuse: []shield.Condition{{In: "header", Name: "User-Agent", Longer: 500}}},
		{Refuse: []shield.Condition{{In: "header", Name: "If-None-Match", Longer: 300}}},
		{Refuse: []shield.Condition{{In: "segment", Longer: 200}}},
		{Only: []shield.Condition{{In: "header", Name: "Upgrade"}}, Refuse: []shield.Condition{{In: "header", More: 1000}}},
		{Refuse: []shield.Condition{{In: "part", Malformed: true}}},
		{Refuse: []shield.Condition{{In: "path", Matches: `^//`}}},
		{Routes: []string{"POST /login"}, Refuse: []shield.Condition{{In: "json", Name: ".user", Unlike: `^[a-z]{1,40}$`}}},
	}
	for i := range all {
		all[i].ID = fmt.Sprint("CVE-", i)
	}
	return of(t, all...)
}

func requests() map[string]*http.Request {
	browser := []string{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "Accept", "text/html", "Accept-Language", "en", "Cookie", "a=b; c=d"}
	return map[string]*http.Request{
		"page":  get("/products/42", browser...),
		"query": get("/search?q=shoes&page=2&sort=price&filter[size]=42", browser...),
	}
}

// TestNothing: a request that no shield can meet costs no memory.
func TestNothing(t *testing.T) {
	g := ten(t)
	for name, r := range requests() {
		if n := testing.AllocsPerRun(200, func() {
			if len(g.Check(r)) > 0 {
				t.Fatal("refused")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	none, err := shield.New(shield.Options{})
	if err != nil {
		b.Fatal(err)
	}
	all := map[string]*shield.Guard{"none": none, "ten": ten(b)}
	for _, guards := range []string{"none", "ten"} {
		for name, r := range requests() {
			b.Run(guards+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					all[guards].Check(r)
				}
			})
		}
	}
	text := `{"items":[` + strings.Repeat(`{"sku":"a-1","count":2,"note":"x"},`, 30) + `{}],"user":"ann"}`
	b.Run("ten/json of 1 KB", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			all["ten"].Check(post(json, text))
		}
	})
}
